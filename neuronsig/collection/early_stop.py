"""When to stop early: enough lists have not changed for enough sentences (P1 4.2). What is collected so is inexact.

The rule looks at shards in plan order and at nothing else, so that it stops after the same shard on any machine, with
any number of replicas, and after any interruption.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from neuronsig.collection.convergence import TOP, add_shard
from neuronsig.collection.job import Job
from neuronsig.collection.shard_lists import keys_of
from neuronsig.collection.topk import Keys
from neuronsig.config import CollectConfig
from neuronsig.run.commits import committed
from neuronsig.storage.location import location
from neuronsig.storage.parquet import parquet_file


@dataclass(frozen=True)
class StopRule:
    """Stop when `fraction` of the lists of the `top` best sentences have not changed for `sentences` sentences."""

    fraction: float
    sentences: int
    top: int


class UnchangedLists:
    """The lists of all neurons, in groups, while shards are added; holds 8 bytes x neurons x `top`."""

    def __init__(self, rule: StopRule, neurons: Sequence[int]) -> None:
        self.rule, self.seen = rule, 0
        self.lists = [np.zeros((n, 0), np.uint64) for n in neurons]
        self.changed = [np.zeros(n, np.int64) for n in neurons]  # sentences seen when each list last changed

    def add(self, groups: Iterable[Keys], sentences: int) -> bool:
        """Take in the next shard's keys, (neurons, m) for each group; return whether to stop after it."""
        self.seen += sentences
        for position, keys in enumerate(groups):
            self.lists[position], new = add_shard(self.lists[position], keys, self.rule.top)
            self.changed[position][new > 0] = self.seen
        return self.unchanged >= self.rule.fraction * sum(map(len, self.changed))

    @property
    def unchanged(self) -> int:
        """Lists that have not changed for the rule's sentences."""
        return sum(int((self.seen - changed >= self.rule.sentences).sum()) for changed in self.changed)


class Stopped(Exception):  # noqa: N818 - not an error: it ends the scoring when no more is wanted
    """Enough lists have not changed for long enough; raised where finished shards are counted."""


class EarlyStop:
    """Follows the committed shards of a job; `last` is the shard after which it stops, None while it goes on."""

    def __init__(self, job: Job, rule: StopRule) -> None:
        self.job, self.next = job, 0
        self.lists = UnchangedLists(rule, [group.units * len(job.signs) for group in job.groups])
        self.last: int | None = None

    def look(self) -> bool:
        """Take in the shards that are committed without a gap; return whether to stop."""
        while self.last is None and self.next < len(self.job.shards):
            marker = committed(self.job.marker(self.next), self.job.fingerprint)
            if marker is None:
                return False
            file = parquet_file(location(self.job.commits) / marker["file"])
            lists = (keys_of(file, position) for position in range(len(self.job.groups)))
            if self.lists.add((keys[:, : self.lists.rule.top] for keys in lists), marker["sentences"]):
                self.last = self.next
            self.next += 1
        return self.last is not None


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


def reference(rule: StopRule, shards: Sequence[tuple[int, Sequence[set[int]]]]) -> int | None:
    """Slow and plain: the shard after which to stop, of shards (sentences, a set of keys a neuron); None for none."""
    history: list[tuple[int, list[list[int]]]] = [(0, [[] for _ in shards[0][1]])]
    for index in range(len(shards)):
        so_far = [shard for _, shard in shards[: index + 1]]
        lists = [sorted(set().union(*keys), reverse=True)[: rule.top] for keys in zip(*so_far, strict=True)]
        history.append((sum(size for size, _ in shards[: index + 1]), lists))
        quiet = 0
        for neuron in range(len(lists)):
            same = [at for at, then in history if then[neuron] == lists[neuron]]
            quiet += history[-1][0] - min(same) >= rule.sentences
        if quiet >= rule.fraction * len(lists):
            return index
    return None
