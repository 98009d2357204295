"""The permutation into shards, the batches of a shard, the plan file."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuronsig.collection.shards import (
    FIRST_SHARD,
    Shard,
    ShardPlan,
    committed_keys,
    in_flight,
    permute,
    rectangles,
    shard_of,
    shard_sizes,
)
from neuronsig.errors import InputError


@given(st.integers(1, 3000), st.integers(0, 5))
def test_the_permutation_is_one_to_one(n, seed):
    assert sorted(permute(np.arange(n), n, seed).tolist()) == list(range(n))


def test_a_position_depends_on_the_id_alone_and_not_on_its_company():
    whole = permute(np.arange(1000), 1000, 7)
    assert permute(np.array([412]), 1000, 7)[0] == whole[412]


def test_another_seed_is_another_permutation():
    assert (permute(np.arange(1000), 1000, 0) != permute(np.arange(1000), 1000, 1)).mean() > 0.9


def test_the_permutation_scatters_neighbours_like_chance():
    places = permute(np.arange(20_000), 20_000, 0)
    assert abs(np.corrcoef(places[:-1], places[1:])[0, 1]) < 0.03
    # the mean distance of two random places is n / 3
    assert np.abs(np.diff(places)).mean() == pytest.approx(20_000 / 3, rel=0.03)


@given(st.integers(1, 5000), st.integers(1, 900))
def test_shards_are_of_the_sizes_planned_and_none_is_too_large(n, size):
    sizes = np.bincount(shard_of(np.arange(n), n, size, seed=0))
    assert sizes.tolist() == shard_sizes(n, size)
    assert sizes.max() - sizes.min() <= 1
    assert sizes.max() <= size


@given(st.integers(1, 3_000_000), st.sampled_from([10_000, 131_072]))
def test_the_first_shards_are_small_and_grow_to_the_usual_size(n, size):
    sizes = shard_sizes(n, size)
    assert sum(sizes) == n
    assert 1 <= min(sizes) <= max(sizes) <= size
    if n > 4 * size:
        assert sizes[0] == FIRST_SHARD
        assert all(b <= 2 * a for a, b in itertools.pairwise(sizes[:-1]))
        assert len(sizes) <= n // size + 6


@given(st.lists(st.integers(1, 60), max_size=300), st.integers(1, 200))
def test_rectangles_hold_every_sentence_once_with_equal_length_within_the_budget(lengths, budget):
    lengths = np.sort(np.array(lengths, dtype=np.int64))
    batches = rectangles(lengths, budget)
    covered = sorted(i for start, stop, _ in batches for i in range(start, stop))
    assert covered == list(range(len(lengths)))
    for start, stop, length in batches:
        assert (lengths[start:stop] == length).all()
        assert (stop - start) * length <= budget or stop - start == 1


def test_rectangles_do_not_come_in_order_of_length():
    lengths = np.repeat(np.arange(1, 101), 5)
    order = [length for _, _, length in rectangles(lengths, 10_000)]
    assert order != sorted(order)
    assert order == [length for _, _, length in rectangles(lengths, 10_000)]


def test_a_plan_file_reads_back(tmp_path):
    plan = ShardPlan("Bert-1", 1, 1, 512, 99, {"truncated": 2}, [Shard(0, "shard-00000.parquet", 3, 12, 6, "ab")])
    plan.write(tmp_path)
    assert ShardPlan.read(tmp_path) == plan
    assert plan.tokens == 12


@pytest.mark.parametrize("text", ["", "{}", '{"shards": 3}'])
def test_a_broken_plan_file_is_named(tmp_path, text):
    (tmp_path / "plan.json").write_text(text)
    with pytest.raises(InputError, match=r"plan\.json is not a shard plan .*run neuronsig tokenize again"):
        ShardPlan.read(tmp_path)


def test_commits_are_counted_as_a_replica_that_knows_its_best_scores_keeps_them():
    k, size, shards = 20, 500, 6
    scores = np.random.default_rng(0).normal(size=(40, shards, size))  # (neurons, shards, sentences)
    kept = 0
    for neuron in scores:
        floor = -np.inf
        for shard in range(shards):
            kept += min(k, int((neuron[shard] > floor).sum()))
            floor = np.sort(neuron[: shard + 1].ravel())[-k]
    assert kept / len(scores) == pytest.approx(committed_keys(k, [size] * shards, in_flight(1)), rel=0.1)


def test_replicas_that_know_nothing_of_each_other_commit_more():
    sizes = [100] * 4
    assert committed_keys(10, sizes, in_flight(3)) == 40
    assert committed_keys(10, sizes, in_flight(1)) == pytest.approx(10 + 10 + 5 + 10 / 3)
    assert committed_keys(1000, sizes, 0) == 400
    assert committed_keys(10, [100], in_flight(8)) == 10
