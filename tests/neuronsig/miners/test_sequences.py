"""Frequent sequences against their definition."""

import numpy as np
import pytest
from hypothesis import given, settings

from neuronsig.errors import ConfigError
from neuronsig.miners.frequent import frequent_sequences, stack
from neuronsig.miners.mined_patterns import Limits
from tests.neuronsig.miners.examples import limits, mixed_sentences, plain_sentences
from tests.neuronsig.miners.reference import reference_sequences


def mine(sentences, min_count, **kinds):
    return frequent_sequences(*encode(sentences), min_count, Limits(**kinds)).counts()


def encode(sentences):
    return np.array([i for s in sentences for i in s], np.int64), np.cumsum([0] + [len(s) for s in sentences])


def test_a_sequence_counts_once_for_a_sentence_over_any_gap():
    found = mine([[1, 9, 8, 2], [1, 2, 1, 2], [2, 1]], 2)
    assert found == {(1,): 3, (1, 2): 2, (2,): 3, (2, 1): 2}


def test_a_gap_limit_counts_skipped_positions_even_those_of_rare_words():
    sentences = [[1, 7, 2], [1, 8, 2], [1, 2]]
    assert (1, 2) not in mine(sentences, 2, max_gap=0)
    assert mine(sentences, 2, max_gap=1)[1, 2] == 3


def test_a_gap_limit_looks_beyond_the_first_occurrence():
    assert mine([[1, 5, 6, 1, 2]], 1, max_gap=0)[1, 2] == 1


def test_a_window_counts_from_first_item_to_last():
    sentences = [[1, 9, 2, 3]]
    assert (1, 2, 3) not in mine(sentences, 1, max_window=3)
    assert mine(sentences, 1, max_window=4)[1, 2, 3] == 1


def test_a_window_takes_the_latest_begin():
    assert mine([[1, 5, 1, 2, 3]], 1, max_window=3)[1, 2, 3] == 1


def test_words_and_tags_mix_but_one_position_gives_one_item():
    not_, good, bad, rb, jj = 1, 2, 3, 11, 12
    words, tags = np.array([not_, good, not_, bad]), np.array([rb, jj, rb, jj])
    items, offsets, positions = stack([words, tags], np.array([0, 2, 4]))
    found = frequent_sequences(items, offsets, 2, Limits(), positions).counts()
    assert found == {(not_,): 2, (not_, jj): 2, (rb,): 2, (rb, jj): 2, (jj,): 2}


def test_stacked_layers_leave_out_rare_words_but_keep_their_position():
    items, offsets, positions = stack([np.array([1, -1, 2]), np.array([11, 12, 11])], np.array([0, 3]))
    assert (items.tolist(), offsets.tolist(), positions.tolist()) == ([1, 11, 12, 2, 11], [0, 5], [0, 0, 1, 2, 2])


@settings(deadline=None, max_examples=300)
@given(plain_sentences, limits(gaps=True))
def test_sequences_equal_the_definition(sentences, limits):
    for min_count in (1, 2, 3):
        found = frequent_sequences(*encode([[i for (i,) in s] for s in sentences]), min_count, limits)
        assert list(found.counts().items()) == list(reference_sequences(sentences, min_count, limits).items())


@settings(deadline=None, max_examples=200)
@given(mixed_sentences, limits(gaps=True))
def test_mixed_sequences_equal_the_definition(sentences, limits):
    offsets = np.cumsum([0] + [len(s) for s in sentences])
    layers = [np.array([position[layer] for s in sentences for position in s], np.int64) for layer in (0, 1)]
    items, offsets, positions = stack(layers, offsets)
    found = frequent_sequences(items, offsets, 2, limits, positions)
    assert list(found.counts().items()) == list(reference_sequences(sentences, 2, limits).items())


def test_closed_keeps_what_is_longer_or_more_frequent_and_maximal_only_what_is_longer():
    sentences = [[1, 2], [1, 2], [1]]
    assert mine(sentences, 2, target="closed") == {(1,): 3, (1, 2): 2}
    assert mine(sentences, 2, target="maximal") == {(1, 2): 2}


def test_under_a_gap_limit_a_part_with_a_hole_is_not_explained_by_the_whole():
    sentences = [[1, 2, 3], [1, 2, 3], [1, 3], [1, 3]]
    found = mine(sentences, 2, max_gap=0, target="closed")
    assert found == {(1,): 4, (1, 2, 3): 2, (1, 3): 2, (3,): 4}


def test_too_many_patterns_raise_the_support_to_the_lowest_that_fits_and_say_so():
    sentences = [[1, 2, 3]] * 3 + [[1, 2]] * 2 + [[1]]
    found = frequent_sequences(*encode(sentences), 1, Limits(max_patterns=6))
    assert found.counts() == {(1,): 6, (1, 2): 5, (2,): 5}
    assert (found.asked, found.applied, found.raised, found.found) == (1, 4, True, 3)
    found = frequent_sequences(*encode(sentences), 1, Limits(max_patterns=7))
    assert (len(found), found.applied, found.raised) == (7, 1, False)


@pytest.mark.parametrize("bound", [1, 3, 10, 200, 3000])
def test_the_support_is_raised_alike_however_often_it_has_to_be(bound):
    rng = np.random.default_rng(0)
    sentences = [rng.geometric(0.15, 12) for _ in range(200)]
    every = frequent_sequences(*encode(sentences), 2, Limits(max_length=3, max_patterns=None))
    found = frequent_sequences(*encode(sentences), 2, Limits(max_length=3, max_patterns=bound))
    wanted = next(c for c in range(2, 300) if (every.supports >= c).sum() <= bound)
    assert found.applied == max(wanted, 2)
    assert found.counts() == {p: f for p, f in every.counts().items() if f >= found.applied}


def test_no_sentence_and_no_item_are_no_error():
    assert len(frequent_sequences(np.zeros(0, np.int64), np.zeros(0, np.int64), 1)) == 0
    assert len(frequent_sequences(np.zeros(0, np.int64), np.zeros(3, np.int64), 1, Limits(target="closed"))) == 0
    assert len(frequent_sequences(np.array([-1, -1]), np.array([0, 2]), 1)) == 0


def test_a_support_of_no_sentence_is_refused():
    with pytest.raises(ConfigError, match=r"^min_count=0: must be 1 or more sentences$"):
        frequent_sequences(np.array([1]), np.array([0, 1]), 0)
