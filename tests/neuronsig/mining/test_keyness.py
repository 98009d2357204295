"""Keyness against scipy's own tests and independent formulas."""

import math

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.stats import binom, chi2_contingency, entropy

from neuronsig.mining.keyness import Keyness, binary_divergence, g2, information, log_ratio, lrc

TABLES = [(30, 100, 10, 1000), (3, 100, 300, 900), (50, 100, 500, 1000), (1, 7, 0, 9), (0, 50, 20, 400), (9, 9, 1, 70)]


def slow_lrc(f1: int, n1: int, f2: int, n2: int, tests: int, alpha: float) -> float:
    """Clopper and Pearson's limits by root finding on binomial tails, then the log ratio's limit nearest zero."""
    n, tail = f1 + f2, alpha / tests / 2
    low = brentq(lambda p: binom.sf(f1 - 1, n, p) - tail, 1e-12, 1 - 1e-12, xtol=1e-15) if f1 else 0.0
    high = brentq(lambda p: binom.cdf(f1, n, p) - tail, 1e-12, 1 - 1e-12, xtol=1e-15) if f2 else 1.0
    to_ratio = lambda p: -math.inf if p == 0 else math.inf if p == 1 else math.log2(p / (1 - p) * n2 / n1)  # noqa: E731
    if to_ratio(low) > 0:
        return to_ratio(low)
    return min(to_ratio(high), 0.0)


def test_log_ratio_counts_doublings_and_takes_zero_as_one_half():
    found = log_ratio([20, 5, 0, 8], 100, [10, 10, 8, 0], 200)
    assert found == pytest.approx([2.0, 0.0, math.log2(0.5 / 100 * 200 / 8), math.log2(8 / 100 * 200 / 0.5)])


@pytest.mark.parametrize("table", TABLES, ids=str)
def test_g2_equals_the_log_likelihood_test_of_scipy(table):
    f1, n1, f2, n2 = table
    expected = chi2_contingency([[f1, n1 - f1], [f2, n2 - f2]], correction=False, lambda_="log-likelihood").statistic
    assert g2(f1, n1, f2, n2)[0] == pytest.approx(expected, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("tests", [1, 1000])
@pytest.mark.parametrize("table", TABLES, ids=str)
def test_lrc_equals_root_finding_on_binomial_tails(table, tests):
    assert lrc(*table, tests=tests)[0] == pytest.approx(slow_lrc(*table, tests, 0.05), rel=1e-6, abs=1e-9)


def test_lrc_is_between_zero_and_the_log_ratio_and_shrinks_with_the_number_of_tests():
    f1, f2 = np.arange(1, 60), np.arange(60)[::-1][:59] * 12
    ratio = log_ratio(f1, 100, f2, 2000)
    few, many = lrc(f1, 100, f2, 2000, tests=1), lrc(f1, 100, f2, 2000, tests=10**6)
    assert (np.abs(many) <= np.abs(few)).all()
    assert (np.abs(few) <= np.abs(ratio) + 1e-9).all()
    assert ((few == 0) | (np.sign(few) == np.sign(ratio))).all()
    assert (many == 0).any()
    assert (many > 0).any()


def test_lrc_of_something_absent_from_the_reference_is_finite_and_grows_with_the_evidence():
    limit = lrc([5, 50, 500], 1000, 0, 10_000, tests=100)
    assert np.isfinite(limit).all()
    assert 0 < limit[1] < limit[2]


def test_an_empty_reference_says_nothing():
    for measure in (log_ratio, lrc, g2):
        assert measure(3, 10, 0, 0)[0] == 0


@pytest.mark.parametrize(("p1", "p2"), [(0.6, 0.01), (0.5, 0.5), (0.0, 0.3), (1.0, 0.3)])
def test_binary_divergence_equals_the_entropy_of_scipy(p1, p2):
    assert binary_divergence(p1, p2) == pytest.approx(entropy([p1, 1 - p1], [p2, 1 - p2], base=2), abs=1e-12)


def test_information_prefers_coverage_with_contrast_to_rare_exclusives_and_gives_chance_nothing():
    common, rare, chance = information([600, 10, 500], 1000, [5.9, 6.6, 0.0])
    assert common == pytest.approx(3.0, abs=0.05)
    assert rare == pytest.approx(0.05, abs=0.01)
    assert chance == 0


def test_the_order_breaks_ties_of_lrc_by_signed_evidence_then_count():
    conservative = np.array([0.0, 1.0, 0.0, 0.0, 0.0])
    ratio, evidence = np.array([-2.0, 3.0, 1.0, 1.0, 1.0]), np.array([9.0, 5.0, 4.0, 6.0, 4.0])
    assert Keyness((0, 0, 0, 0), ratio, conservative, evidence).order([1, 1, 2, 1, 5]).tolist() == [1, 3, 4, 2, 0]
