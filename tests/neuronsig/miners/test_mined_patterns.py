"""Limits and supports, and what is said of impossible ones."""

import itertools

import numpy as np
import pytest

from neuronsig.errors import ConfigError
from neuronsig.miners.mined_patterns import Limits, MinedPatterns, subsequence_bound, support_count
from tests.neuronsig.miners.reference import sequences_of


@pytest.mark.parametrize(
    ("kinds", "line"),
    [
        ({"min_length": 0}, "min_length=0: must be 1 or more items"),
        ({"max_length": 0}, "max_length=0: must be 1 or more"),
        ({"min_length": 3, "max_length": 2}, "max_length=2: must be 1 or more, and min_length or more"),
        ({"max_gap": -1}, "max_gap=-1: must be 0 or more skipped positions"),
        ({"max_window": 0}, "max_window=0: must be 1 or more positions"),
        ({"target": "free"}, "target=free: must be one of all, closed, maximal"),
        ({"max_patterns": 0}, "max_patterns=0: must be 1 or more"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_impossible_limits_are_refused_in_one_line(kinds, line):
    with pytest.raises(ConfigError) as raised:
        Limits(**kinds)
    assert str(raised.value) == line


@pytest.mark.parametrize("share", [0, -0.1, 1.01, float("nan")])
def test_a_share_of_nothing_or_of_more_than_all_is_refused(share):
    with pytest.raises(ConfigError, match=r"^word_min_support=.*: must be above 0 and at most 1; it is a share"):
        support_count(share, 100, key="word_min_support")


def test_a_share_is_rounded_up_as_the_decimal_fraction_that_it_is():
    assert [support_count(0.07, 100), support_count(0.071, 100), support_count(1, 3)] == [7, 8, 3]
    assert [support_count(0.01, 10, least=5), support_count(0.5, 0)] == [5, 1]


def test_patterns_are_flat_arrays_and_tuples():
    found = MinedPatterns(np.array([1, 1, 2], np.int32), np.array([0, 1, 3]), np.array([5, 4]), 2, 4, 2)
    assert list(found) == [(1,), (1, 2)]
    assert found.counts() == {(1,): 5, (1, 2): 4}
    assert found.raised


@pytest.mark.parametrize("longest", [1, 2, 3])
def test_the_bound_is_never_below_the_number_of_frequent_patterns(longest):
    rng = np.random.default_rng(longest)
    sentences = [rng.integers(0, 4, rng.integers(0, 8)).tolist() for _ in range(40)]
    every = [p for n in range(1, longest + 1) for p in itertools.product(range(4), repeat=n)]
    held = [sequences_of([(item,) for item in sentence], Limits(max_length=longest)) for sentence in sentences]
    support = np.array([sum(pattern in found for found in held) for pattern in every])
    for min_count in (1, 3, 8):
        bound = subsequence_bound(np.array([len(s) for s in sentences]), longest, min_count)
        assert (support >= min_count).sum() <= bound


def test_the_bound_of_sentences_without_repetition_counts_every_choice_of_items():
    assert subsequence_bound(np.array([3]), 3, 1) == 3 + 3 + 1
    assert subsequence_bound(np.array([3, 2, 0]), 2, 1) == (3 + 3) + (2 + 1)
    assert subsequence_bound(np.array([3, 3]), 9, 2) == 7
    assert subsequence_bound(np.array([], np.int64), 3, 1) == 0
