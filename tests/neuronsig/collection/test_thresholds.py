"""Thresholds from a few scores of each shard: never above the true K-th best, and close to it."""

from __future__ import annotations

import numpy as np
import pytest

from neuronsig.collection.thresholds import ScoreQuantiles, scores_at_ranks
from neuronsig.collection.topk import EMPTY, Keys, dense, pack, ragged, union, unpack

ROWS = 5


def thresholds(keys: Keys, k: int) -> np.ndarray:
    """Score of the k-th key of every row, (rows,) float32; -inf for a row of fewer keys.

    A sentence that scores lower cannot enter the top k; one that ties still may, by its id.
    """
    result = np.full(len(keys), -np.inf, np.float32)
    if keys.shape[1] >= k:
        kth = keys[:, k - 1]
        full = kth != EMPTY
        result[full] = unpack(kth[full])[0]
    return result


def shard_keys(random, first_id, size, k, ties=False):
    scores = random.normal(size=(ROWS, size)).astype(np.float32)
    if ties:
        scores = np.round(scores)
    return union([pack(scores, np.arange(first_id, first_id + size))], k)


@pytest.mark.parametrize("k", [1, 2, 7, 100, 1000])
@pytest.mark.parametrize("ties", [False, True], ids=["distinct", "ties"])
def test_a_floor_is_never_above_the_k_th_best_of_what_was_added(k, ties):
    random = np.random.default_rng(k)
    quantiles, known = ScoreQuantiles(ROWS, k), np.zeros((ROWS, 0), np.uint64)
    first = 0
    for size in (3, 40, 100, 700, 900, 50, 2000):
        keys = shard_keys(random, first, size, k, ties)
        first += size
        quantiles.add(scores_at_ranks(*ragged(keys), k))
        known = union([known, keys], k)
        assert (quantiles.floor() <= thresholds(known, k)).all()


def test_it_is_close_to_the_k_th_best_after_many_shards():
    random = np.random.default_rng(1)
    k, size, shards = 1000, 2000, 60
    quantiles, known = ScoreQuantiles(ROWS, k), np.zeros((ROWS, 0), np.uint64)
    for i in range(shards):
        keys = shard_keys(random, i * size, size, k)
        quantiles.add(scores_at_ranks(*ragged(keys), k))
        known = union([known, keys], k)
    expected = thresholds(known, k)
    # How many of a fresh million each threshold lets through: the price of a coarse one.
    fresh = random.normal(size=1_000_000)
    let_through = (fresh >= quantiles.floor()[:, None]).sum() / (fresh >= expected[:, None]).sum()
    assert 1 <= let_through < 1.15


def test_shards_shorter_than_k_add_up_to_a_floor():
    k = 100
    random = np.random.default_rng(2)
    quantiles = ScoreQuantiles(ROWS, k)
    for i in range(12):
        quantiles.add(scores_at_ranks(*ragged(shard_keys(random, i * 10, 10, k)), k))
        assert np.isneginf(quantiles.floor()).all() == (i < 9)


def test_memory_does_not_grow_with_the_number_of_shards():
    random = np.random.default_rng(3)
    quantiles, widths = ScoreQuantiles(ROWS, 500), []
    for i in range(80):
        quantiles.add(scores_at_ranks(*ragged(shard_keys(random, i * 600, 600, 500)), 500))
        widths.append(quantiles.scores.shape[1])
    assert max(widths[-40:]) <= max(widths[:40]) <= 200


def test_an_empty_row_stays_open():
    quantiles = ScoreQuantiles(2, 3)
    keys = np.zeros((2, 4), np.uint64)
    keys[0] = union([pack(np.array([[4, 3, 2, 1]], np.float32), np.arange(4))], 4)
    quantiles.add(scores_at_ranks(*ragged(keys), 3))
    assert quantiles.floor().tolist() == [2.0, -np.inf]


def test_thresholds_are_the_kth_scores_and_unknown_for_short_rows():
    keys = dense(np.sort(pack(np.float32([5, 4, 3]), np.arange(3)))[::-1], np.array([0, 2, 3]))
    assert thresholds(keys, 2).tolist() == [4.0, -np.inf]
    assert thresholds(keys, 3).tolist() == [-np.inf, -np.inf]
