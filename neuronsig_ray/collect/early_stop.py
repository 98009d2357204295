"""The early stop of a collection: neuronsig.collection.early_stop, carried to committed shards in plan order."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

from neuronsig.collection.convergence import TOP
from neuronsig.collection.early_stop import Settling, StopRule
from neuronsig.collection.topk import Keys, dense
from neuronsig.config import CollectConfig
from neuronsig.run.commits import committed
from neuronsig.storage.location import location
from neuronsig.storage.parquet import parquet_file
from neuronsig_ray.job import Job


class Stopped(Exception):  # noqa: N818 - not an error: it ends the scoring when no more is wanted
    """Enough lists have settled; raised where finished shards are counted."""


class EarlyStop:
    """Follows the committed shards of a job; `last` is the shard after which it stops, None while it goes on."""

    def __init__(self, job: Job, rule: StopRule) -> None:
        self.job, self.next = job, 0
        self.settling = Settling(rule, [group.units * len(job.signs) for group in job.groups])
        self.last: int | None = None

    def look(self) -> bool:
        """Take in the shards that are committed without a gap; return whether to stop."""
        while self.last is None and self.next < len(self.job.shards):
            marker = committed(self.job.marker(self.next), self.job.fingerprint)
            if marker is None:
                return False
            file = parquet_file(location(self.job.commits) / marker["file"])
            groups = (self._keys(file.read_row_group(position)) for position in range(len(self.job.groups)))
            if self.settling.add(groups, marker["sentences"]):
                self.last = self.next
            self.next += 1
        return self.last is not None

    def _keys(self, table) -> Keys:  # type: ignore[no-untyped-def]
        lists = table["keys"].combine_chunks()
        return dense(lists.values.to_numpy(), lists.offsets.to_numpy())[:, : self.settling.rule.top]


def stop_rule(config: CollectConfig) -> StopRule | None:
    """The rule that the config asks for; None where all shards are to be read."""
    if not config.stop_fraction:
        return None
    return StopRule(config.stop_fraction, config.stop_sentences, min(TOP, config.k))


def in_plan(config: CollectConfig) -> dict[str, Any]:
    """What the rule adds to a collection's plan: nothing where there is none."""
    rule = stop_rule(config)
    return {"stop": asdict(rule)} if rule else {}


def only_first(job: Job, shards: int) -> Job:
    """The job over its first shards: what a collection that stopped early is a collection of."""
    kept = job.shards[:shards]
    return replace(job, shards=kept, sentences=sum(shard.sentences for shard in kept))


def left_out(job: Job, shards: int) -> dict[str, Any]:
    """What a collection over the job's first shards must say of itself; nothing when these are all."""
    if shards == len(job.shards):
        return {}
    kept = only_first(job, shards)
    return {
        "sentences": kept.sentences,
        "tokens": sum(shard.tokens for shard in kept.shards),
        "shards": shards,
        "inexact, stopped early": {
            "sentences left out": job.sentences - kept.sentences,
            "shards left out": len(job.shards) - shards,
        },
    }


def shards_kept(job: Job, counts: dict[str, Any]) -> Job:
    """The job that a finished stage's counts tell of: over all shards, or the first ones."""
    left = counts.get("inexact, stopped early")
    return only_first(job, len(job.shards) - left["shards left out"]) if left else job
