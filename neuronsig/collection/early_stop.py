"""When to stop early: enough lists have not changed for enough sentences (P1 4.2). What is collected so is inexact.

The rule looks at shards in plan order and at nothing else, so that it stops after the same shard on any machine, with
any number of replicas, and after any interruption.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from neuronsig.collection.convergence import add_shard
from neuronsig.collection.topk import Keys


@dataclass(frozen=True)
class StopRule:
    """Stop when `fraction` of the lists of the `top` best sentences have not changed for `sentences` sentences."""

    fraction: float
    sentences: int
    top: int


class Settling:
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
        return self.settled >= self.rule.fraction * sum(map(len, self.changed))

    @property
    def settled(self) -> int:
        """Lists that have not changed for the rule's sentences."""
        return sum(int((self.seen - changed >= self.rule.sentences).sum()) for changed in self.changed)


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
