"""Updates of the top lists, counted fast and counted plainly; and what a random stream would give."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pytest

from neuronsig.collection.convergence import ALL, ShardUpdates, add_shard, expected, table


def reference(shards: Iterable[Sequence[set[int]]], top: int) -> list[list[int]]:
    """Slow and plain: new entries of every neuron for each shard, shards as one set of keys a neuron."""
    lists: list[list[int]] = []
    found = []
    for shard in shards:
        before = lists or [[] for _ in shard]
        lists = [sorted({*old, *new}, reverse=True)[:top] for old, new in zip(before, shard, strict=True)]
        found.append([len(set(now) - set(old)) for now, old in zip(lists, before, strict=True)])
    return found


def as_rows(sets: list[set[int]]) -> np.ndarray:
    """Sets of keys as rows that end in EMPTY, sorted descending."""
    keys = np.zeros((len(sets), max(map(len, sets), default=0)), np.uint64)
    for row, held in zip(keys, sets, strict=True):
        row[: len(held)] = sorted(held, reverse=True)
    return keys


def count(shards: list[list[set[int]]], top: int) -> list[list[int]]:
    lists = np.zeros((len(shards[0]), 0), np.uint64)
    found = []
    for shard in shards:
        lists, new = add_shard(lists, as_rows(shard), top)
        found.append(new.tolist())
    return found


def test_an_entry_that_stays_is_no_update_and_one_that_falls_out_is_none():
    shards = [[{50, 40, 30}], [{45, 20}], [{10}], [{60, 55, 52}]]
    assert count(shards, 3) == [[3], [1], [0], [3]]


def test_a_shard_that_is_given_twice_updates_nothing():
    assert count([[{5, 3}], [{5, 3}], [{5, 4}]], 3) == [[2], [0], [1]]


def test_a_neuron_without_a_key_in_the_shard_is_unchanged():
    assert count([[{5}, set()], [set(), {7}], [set(), set()]], 2) == [[1, 0], [0, 1], [0, 0]]


@pytest.mark.parametrize("top", [1, 4, 30, 1000])
def test_random_shards_of_any_size_give_what_sets_give(top):
    random = np.random.default_rng(top)
    shards = [
        [set((random.choice(5000, int(random.integers(0, 60)), replace=False) + 1).tolist()) for _ in range(7)]
        for _ in range(9)
    ]
    assert count(shards, top) == reference(shards, top)


def test_the_expectation_is_that_of_sentences_in_random_order():
    random = np.random.default_rng(0)
    found = []
    for _ in range(3000):
        stream = (random.permutation(200) + 1).tolist()
        parts = [[set(stream[a:b])] for a, b in ((0, 8), (8, 50), (50, 60), (60, 200))]
        found.append([new for (new,) in reference(parts, 10)])
    wanted = [expected(a, b, 10) for a, b in ((0, 8), (8, 50), (50, 60), (60, 200))]
    assert wanted == pytest.approx([8, 8.4, 10 / 6, 7.0])
    assert np.mean(found, axis=0) == pytest.approx(wanted, rel=0.03)


def test_the_table_scales_to_a_neuron_and_100_000_sentences():
    groups = [
        ("hidden-L01", 2, [ShardUpdates(0, 20, 2), ShardUpdates(1, 3, 1)]),
        ("hidden-L02", 3, [ShardUpdates(0, 30, 3), ShardUpdates(1, 7, 2)]),
    ]
    rows = table(groups, [50, 200], before=0, top=10).to_pylist()
    assert [(row["group"], row["shard"], row["sentences"], row["new_entries"]) for row in rows[:2]] == [
        (ALL, 0, 50, 50),
        (ALL, 1, 250, 10),
    ]
    last = rows[1]
    assert (last["neurons"], last["changed_lists"], last["shard_sentences"], last["top"]) == (5, 3, 200, 10)
    assert last["new_per_100k"] == pytest.approx(10 / 5 / 200 * 100_000)
    assert last["expected_per_100k"] == pytest.approx(10 * 200 / 250 / 200 * 100_000)
    assert [row["group"] for row in rows] == [ALL, ALL, "hidden-L01", "hidden-L01", "hidden-L02", "hidden-L02"]


def test_shards_after_a_finished_table_count_its_sentences():
    (row, _) = table([("hidden-L01", 1, [ShardUpdates(4, 1, 1)])], [100], before=900, top=10).to_pylist()
    assert (row["shard"], row["sentences"]) == (4, 1000)
    assert row["expected_per_100k"] == pytest.approx(1 / 100 * 100_000)
