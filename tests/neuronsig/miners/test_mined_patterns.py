"""Limits and supports, and what is said of impossible ones."""

import numpy as np
import pytest

from neuronsig.errors import ConfigError
from neuronsig.miners.mined_patterns import Limits, Patterns, support_count


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
    found = Patterns(np.array([1, 1, 2], np.int32), np.array([0, 1, 3]), np.array([5, 4]), 2, 4, 2)
    assert list(found) == [(1,), (1, 2)]
    assert found.counts() == {(1,): 5, (1, 2): 4}
    assert found.raised
