"""The collection's replicas in this process, for tests of something else: a process each costs seconds of imports."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import cycle
from unittest import mock

from neuronsig.collection.job import Job
from neuronsig_ray.collect import make
from neuronsig_ray.collect.collection import Row
from neuronsig_ray.collect.scorer import Replica
from neuronsig_ray.session import Pool


def score_here(
    job: Job, pending: list[int], pool: Pool, on_row: Callable[[Row], None], replica: type[Replica] = Replica
) -> None:
    """`collection.score_shards` without Ray: the pool's replicas take turns."""
    replicas = cycle([replica(job) for _ in range(pool.replicas)])
    for index in pending:
        on_row(next(replicas).shard(index))


@contextmanager
def scored_here() -> Iterator[None]:
    """While it lasts, the job `collect` scores in this process; its tree reduce runs on Ray."""
    with mock.patch.object(make, "score_shards", score_here):
        yield
