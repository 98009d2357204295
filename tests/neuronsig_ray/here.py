"""The collection's replicas in this process, for tests of something else: a process each costs seconds of imports."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest import mock

import ray

from neuronsig.collection.job import Job
from neuronsig.finetuning.examples import Split
from neuronsig.run.preflight import describe
from neuronsig_ray.collect import make
from neuronsig_ray.collect.collection import ReplicaActor, Row, take_rows
from neuronsig_ray.collect.scorer import Replica
from neuronsig_ray.finetune.classifier import Classifier
from neuronsig_ray.finetune.trainer import Shape
from neuronsig_ray.finetune.training import Labelled, State, Task, Worker, train
from neuronsig_ray.pool import Pool
from neuronsig_ray.preflight import PACKAGES


def score_here(
    job: Job, pending: list[int], pool: Pool, on_row: Callable[[Row], None], replica: type[Replica] = Replica
) -> None:
    """`collection.score_shards` without Ray: the pool's replicas take turns."""
    replicas = cycle([replica(job) for _ in range(pool.replicas)])
    for index in pending:
        on_row(next(replicas).shard(index))


def score_as_actor(
    job: Job, pending: list[int], pool: Pool, on_row: Callable[[Row], None], replica: type[Replica] = Replica
) -> None:
    """As Ray Data has an actor do it, whose errors come back as rows; but one, in this process."""
    actor = ReplicaActor(job, replica, describe(PACKAGES))
    for index in pending:
        take_rows(actor({"shard": [index]}), on_row)


@contextmanager
def scored_here() -> Iterator[None]:
    """While it lasts, the job `collect` scores in this process; its tree reduce runs on Ray."""
    with mock.patch.object(make, "score_shards", score_here):
        yield


def train_here(
    shape: Shape, asked: Task, examples: Split, pool: Pool, work: Path, name: str
) -> tuple[Classifier, State]:
    """`trainer.fine_tuned` without Ray Train: one worker, in this process."""
    model = shape.classifier(asked.seed)
    sets = (Labelled.of(table, shape.labels) for table in (examples.train, examples.test))
    return model, train(model, asked, *sets, Worker(), lambda *_: None)


class _Method:
    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function

    def remote(self, *given: Any) -> Any:
        return ray.put(self._function(*given))


class _Actor:
    """An object whose methods are called as an actor's are."""

    def __init__(self, made: Any) -> None:
        self._made = made

    def __getattr__(self, name: str) -> _Method:
        return _Method(getattr(self._made, name))


@contextmanager
def _actors(kind: type, *arguments: Any, number: int = 1, **_: int) -> Iterator[list[_Actor]]:
    given = [ray.get(one) if isinstance(one, ray.ObjectRef) else one for one in arguments]
    yield [_Actor(kind(*given)) for _ in range(number)]


@contextmanager
def actors_here(module: ModuleType) -> Iterator[None]:
    """While it lasts, the actors of a module are objects of this process."""
    with mock.patch.object(module, "actors", _actors):
        yield
