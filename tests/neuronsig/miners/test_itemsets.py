"""Frequent itemsets against their definition."""

import numpy as np
import pytest
from hypothesis import given, settings

from neuronsig.errors import ConfigError
from neuronsig.miners.frequent import frequent_itemsets
from neuronsig.miners.mined_patterns import Limits
from tests.neuronsig.miners.examples import limits, transactions
from tests.neuronsig.miners.reference import reference_itemsets
from tests.neuronsig.miners.test_sequences import encode


def test_order_and_repetition_do_not_matter():
    found = frequent_itemsets(*encode([[2, 1, 2], [1, 3, 2], [3, -1]]), 2)
    assert found.counts() == {(1,): 2, (1, 2): 2, (2,): 2, (3,): 2}


@settings(deadline=None, max_examples=300)
@given(transactions, limits())
def test_itemsets_equal_the_definition(rows, limits):
    for min_count in (1, 2, 20):
        found = frequent_itemsets(*encode(rows), min_count, limits)
        assert list(found.counts().items()) == list(reference_itemsets(rows, min_count, limits).items())


@pytest.mark.parametrize("n", [1, 63, 64, 65, 128, 1000])
def test_every_transaction_has_its_bit(n):
    assert frequent_itemsets(*encode([[5, 7]] * n), n).counts() == {(5,): n, (5, 7): n, (7,): n}
    assert len(frequent_itemsets(*encode([[5, 7]] * n), n + 1)) == 0


def test_an_itemset_may_hold_many_items():
    found = frequent_itemsets(*encode([range(12)] * 3), 2)
    assert (len(found), max(map(len, found))) == (2**12 - 1, 12)
    assert frequent_itemsets(*encode([range(12)] * 3), 2, Limits(target="closed")).counts() == {tuple(range(12)): 3}


def test_the_support_is_raised_rather_than_the_memory():
    rows = [[i for i in range(25) if (row + i) % (i + 2)] for row in range(100)]
    found = frequent_itemsets(*encode(rows), 2, Limits(max_patterns=500))
    assert found.raised
    assert 0 < found.found <= 500
    below = frequent_itemsets(*encode(rows), found.applied - 1, Limits(max_patterns=None))
    assert below.found > 500


@pytest.mark.parametrize("limit", ["max_gap", "max_window"])
def test_limits_of_order_are_refused(limit):
    with pytest.raises(ConfigError, match=f"^{limit}=2: must be None; an itemset has no order$"):
        frequent_itemsets(*encode([[1]]), 1, Limits(**{limit: 2}))


def test_no_transaction_is_no_error():
    assert len(frequent_itemsets(np.zeros(0, np.int64), np.zeros(0, np.int64), 1)) == 0
    assert len(frequent_itemsets(*encode([[], [-1]]), 1, Limits(target="maximal"))) == 0
