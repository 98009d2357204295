"""Whether a machine has room for a collection at all, before its corpus is annotated."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from neuronsig.collection.shards import SHORTEST, Shard, ShardPlan, shard_sizes
from neuronsig.config import Config
from neuronsig.errors import MachineError
from neuronsig.run.directory import RunDirectory
from neuronsig_ray.collect.prepare import make_job, replica_bound
from neuronsig_ray.job import Group
from neuronsig_ray.model.inference import DeviceClass
from neuronsig_ray.session import Pool, available_memory


def least_memory(config: Config, pool: Pool, folder: Path, groups: Sequence[Group], sentences: int) -> int:
    """Bytes of this machine's memory that `jobs.collect` will ask for, of a corpus of `sentences` or more.

    It is `prepare.replica_bound` with the shortest inputs that there can be: what grows with a sentence's length is
    left out.
    """
    largest = max(shard_sizes(sentences, config.tokenize.shard_sentences), default=0)
    shards = ShardPlan("", 0, 0, 0, 0, {}, [Shard(0, "", largest, SHORTEST * largest, SHORTEST, "")])
    device = DeviceClass("cuda" if pool.gpus else "cpu", "", "", 0)
    job = make_job(config, RunDirectory(config.run), shards, "", folder, "", device, tuple(groups), pool.cpus)
    return replica_bound(job, folder).host * pool.most


def require_memory(config: Config, pool: Pool, folder: Path, groups: Sequence[Group], sentences: int) -> None:
    """Raise MachineError where this machine's replicas can never hold the lists of a corpus of `sentences` or more.

    GPUs are not asked for theirs: that would hold a part of each for as long as this process lives.
    """
    needed, free = least_memory(config, pool, folder, groups, sentences), available_memory()
    if needed > free:
        neurons = len(config.collect.signs) * sum(group.units for group in groups)
        raise MachineError(
            f"collect.k={config.collect.k} for {neurons:,} neurons needs {needed / 2**20:,.0f} MiB of memory or more "
            f"for {pool.most} replica{'s' if pool.most > 1 else ''}, {free / 2**20:,.0f} MiB are free; set a smaller "
            "collect.k, fewer collect.sites, collect.signs or collect.layers, or ray.replicas=1"
        )
