"""p-values against scipy's binomial, and q by lookup against Benjamini and Hochberg's sort."""

import numpy as np
import pytest
from scipy.stats import binom, false_discovery_control

from neuronsig.mining.keyness import GRID, PValueCounts, lrc, p_value

TABLES = [(30, 100, 10, 1000), (3, 100, 300, 900), (50, 100, 500, 1000), (1, 7, 0, 9), (0, 50, 20, 400), (9, 9, 1, 70)]


@pytest.mark.parametrize("table", TABLES, ids=str)
def test_p_is_twice_the_smaller_binomial_tail(table):
    f1, n1, f2, n2 = table
    tails = [binom.sf(f1 - 1, f1 + f2, n1 / (n1 + n2)), binom.cdf(f1, f1 + f2, n1 / (n1 + n2))]
    assert p_value(*table)[0] == pytest.approx(min(1, 2 * min(tails)))


@pytest.mark.parametrize("table", TABLES, ids=str)
def test_lrc_leaves_zero_exactly_where_p_falls_below_alpha(table):
    p = p_value(*table)[0]
    assert lrc(*table, alpha=p * 1.001)[0] != 0 or p == 1
    assert lrc(*table, alpha=p * 0.999)[0] == 0


def test_nothing_is_known_without_a_reference_or_a_count():
    assert p_value([5, 0, 3], [10, 10, 0], [0, 0, 3], [0, 100, 9]).tolist() == [1.0, 1.0, 1.0]


@pytest.mark.parametrize("untested", [0, 5000])
def test_q_is_at_most_one_bin_above_the_exact_one_and_never_below(untested):
    rng = np.random.default_rng(3)
    p = np.concatenate((rng.random(4000), 10.0 ** -rng.uniform(1, 80, 600), [0.0, 1.0]))
    counts = PValueCounts()
    counts.add(p)
    exact = false_discovery_control(np.concatenate((p, np.ones(untested))))[: len(p)]
    found = counts.q(p, len(p) + untested)
    assert (found >= exact * (1 - 1e-12)).all()
    above = p > 1e-59
    assert (found[above] <= exact[above] * 10 ** (1 / GRID) * (1 + 1e-9)).all()
    assert found[~above].max() < 1e-50


def test_counts_merge_in_any_order_to_those_of_the_whole():
    p = np.random.default_rng(4).random(1000)
    whole, left, right = PValueCounts(), PValueCounts(), PValueCounts()
    whole.add(p)
    right.add(p[300:])
    left.add(p[:300])
    right.bins += left.bins
    assert (right.bins == whole.bins).all()


def test_few_of_the_discoveries_are_false():
    rng = np.random.default_rng(5)
    real = np.arange(5000) < 500
    f1 = rng.poisson(np.where(real, 60, 20))
    p = p_value(f1, 10_000, rng.poisson(600, 5000), 300_000)
    counts = PValueCounts()
    counts.add(p)
    found = counts.q(p, len(p)) < 0.05
    assert found[real].mean() > 0.9
    assert (~real[found]).mean() < 0.06


def test_a_smaller_p_is_never_a_worse_discovery():
    counts = PValueCounts()
    counts.add(np.array([0.03] + [0.04] * 9))
    assert counts.q(0.03, 10)[0] == counts.q(0.04, 10)[0] == pytest.approx(0.04, rel=0.04)  # alone it would be 0.3
