"""The early stop is decided by shards in plan order alone, as a plain reading of the rule decides it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from neuronsig.collection.convergence import StopRule, UnchangedLists
from tests.neuronsig.collection.test_convergence import as_rows


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


def stopped_after(rule: StopRule, shards: list[tuple[int, list[set[int]]]], cut: int = 2) -> int | None:
    """The shard after which the rule stops; the neurons in two groups."""
    neurons = len(shards[0][1])
    lists = UnchangedLists(rule, [cut, neurons - cut])
    for index, (sentences, keys) in enumerate(shards):
        if lists.add([as_rows(keys[:cut]), as_rows(keys[cut:])], sentences):
            return index
    return None


def test_it_stops_when_enough_lists_are_quiet_for_long_enough():
    quiet: list[set[int]] = [set(), set(), set(), set()]
    shards = [(10, [{5}, {6}, {7}, {8}]), (10, quiet), (10, [{9}, set(), set(), set()]), (10, quiet), (10, quiet)]
    assert stopped_after(StopRule(0.75, 20, 1), shards) == 2
    assert stopped_after(StopRule(0.76, 20, 1), shards) == 4
    assert stopped_after(StopRule(1.0, 21, 1), shards) is None
    assert stopped_after(StopRule(0.5, 40, 1), shards) == 4


def test_a_sentence_below_a_full_list_leaves_it_unchanged():
    shards = [(10, [{5}, {5}, {5}]), (10, [{3}, {4}, {1}])]
    assert stopped_after(StopRule(1.0, 10, 1), shards) == 1
    assert stopped_after(StopRule(1.0, 10, 2), shards) is None


@pytest.mark.parametrize("seed", range(12))
def test_random_shards_stop_where_a_plain_reading_of_the_rule_stops(seed):
    random = np.random.default_rng(seed)
    shards = [
        (
            int(random.integers(1, 30)),
            [set((random.choice(400, int(random.integers(0, 6)), replace=False) + 1).tolist()) for _ in range(8)],
        )
        for _ in range(15)
    ]
    rule = StopRule(float(random.uniform(0.1, 0.8)), int(random.integers(1, 60)), int(random.integers(1, 8)))
    assert stopped_after(rule, shards) == reference(rule, shards)
