"""Packed keys, selection and the merge law (design section 4.1)."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from neuronsig.collection import topk
from neuronsig.errors import InputError

FLOATS = st.floats(width=32, allow_nan=False)
# Few distinct values, so that ties are the rule.
TIED = st.sampled_from([-1.5, -0.0, 0.0, 1e-40, 2.0, float("inf"), -float("inf")])


def score_tables(rows: int = 3) -> st.SearchStrategy[np.ndarray]:
    shape = st.tuples(st.integers(1, rows), st.integers(1, 40))
    return st.one_of(hnp.arrays(np.float32, shape, elements=FLOATS), hnp.arrays(np.float32, shape, elements=TIED))


def assert_equals_reference(keys: np.ndarray, scores: np.ndarray, ids: np.ndarray, k: int) -> None:
    found_scores, found_ids = topk.unpack(keys)
    wanted_scores, wanted_ids = topk.reference(scores, ids, k)
    assert np.array_equal(found_ids, wanted_ids)
    assert np.array_equal(found_scores.view(np.uint32), wanted_scores.view(np.uint32))


@given(score_tables(), st.integers(0, topk.MAX_ID - 50))
def test_unpack_returns_what_was_packed(scores, first):
    ids = np.arange(first, first + scores.shape[1])
    found_scores, found_ids = topk.unpack(topk.pack(scores, ids))
    assert np.array_equal(found_scores, scores)
    assert (found_ids == ids).all()


@given(score_tables(), st.integers(1, 60))
def test_selection_equals_a_full_sort(scores, k):
    ids = np.arange(scores.shape[1]) * 7 + 3
    keys = topk.pack(scores, ids)
    assert_equals_reference(topk.union([keys], k), scores, ids, k)


@settings(max_examples=60)
@given(score_tables(), st.integers(1, 60), st.randoms(use_true_random=False), st.integers(1, 6))
def test_any_cut_into_shards_merged_in_any_order_equals_a_full_sort(scores, k, random, shards):
    n = scores.shape[1]
    ids = np.arange(n)
    owner = np.array([random.randrange(shards) for _ in range(n)])
    parts = [topk.union([topk.pack(scores[:, owner == s], ids[owner == s])], k) for s in range(shards)]
    parts.append(parts[random.randrange(shards)])  # a shard that is delivered twice
    while len(parts) > 1:
        random.shuffle(parts)
        parts.append(topk.union([parts.pop(), parts.pop()], k))
    kept = min(k, n)
    assert (parts[0][:, kept:] == topk.EMPTY).all()
    assert_equals_reference(parts[0][:, :kept], scores, ids, k)


def test_ties_go_to_the_lower_sentence_id():
    keys = topk.pack(np.float32([[1, 2, 2, 1]]), np.array([4, 9, 3, 2]))
    assert topk.unpack(topk.union([keys], 4))[1].tolist() == [[3, 9, 2, 4]]


def test_negative_zero_ties_with_zero():
    keys = topk.pack(np.float32([[0.0, -0.0]]), np.array([7, 5]))
    scores, ids = topk.unpack(topk.union([keys], 2))
    assert ids.tolist() == [[5, 7]]
    assert not np.signbit(scores).any()


def test_merging_a_list_with_itself_changes_nothing():
    keys = topk.union([topk.pack(np.float32([[3, 1, 2], [0, 0, 0]]), np.arange(3))], 2)
    assert (topk.union([keys, keys], 2) == keys).all()


def test_no_score_packs_to_the_empty_key():
    lowest = topk.pack(np.float32([[-np.inf]]), np.array([topk.MAX_ID]))
    assert lowest[0, 0] > topk.EMPTY


def test_nan_names_the_sentence_and_the_row():
    with pytest.raises(InputError, match="sentence_id=11: the score of row 1 is NaN"):
        topk.pack(np.float32([[1, 2], [3, np.nan]]), np.array([10, 11]))


@pytest.mark.parametrize("wrong", [-1, topk.MAX_ID + 1])
def test_ids_beyond_32_bits_are_refused(wrong):
    with pytest.raises(InputError, match=f"sentence_id={wrong}: must be from 0 to 4294967295"):
        topk.pack(np.float32([[1]]), np.array([wrong]))


@given(score_tables(), st.integers(1, 10))
def test_ragged_rows_come_back_dense(scores, k):
    keys = topk.union([topk.pack(scores, np.arange(scores.shape[1]))], k)
    keys[0, 1:] = topk.EMPTY
    back = topk.dense(*topk.ragged(keys))
    assert (back == keys[:, : back.shape[1]]).all()
    assert (keys[:, back.shape[1] :] == topk.EMPTY).all()
