"""Limits by scipy's distributions, at their edges, and by simulation: that they cover what they say."""

from itertools import product

import numpy as np
import pytest
from scipy import stats

from benchmarks.coverage import KINDS, LEVELS, POSITIVES, coverage, half_of, law
from neuronsig.evaluation.intervals import Estimate
from neuronsig.evaluation.ranking import judge


def sample(n: int = 300, positives: int = 30, shift: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    positive = np.arange(n) < positives
    return np.random.default_rng(2).normal(size=n) + shift * positive, positive


def quantile(influence: np.ndarray, positives: int) -> float:
    variance = sum(i**2 for i in influence)
    degrees = 2 * variance**2 / sum(i**4 for i in influence)
    return float(stats.t.ppf(0.975, min(degrees, positives - 1)))


def test_limits_are_the_binomial_ones_of_as_many_tries_as_have_that_variance():
    for found in (judge(*sample()).ap, judge(*sample()).auroc):
        value, error = found.value, found.error * quantile(found.influence, 30) / stats.norm.ppf(0.975)
        tries = value * (1 - value) / error**2
        low = stats.beta.ppf(0.025, tries * value, tries * (1 - value) + 1)
        high = stats.beta.ppf(0.975, tries * value + 1, tries * (1 - value))
        assert found.limits() == pytest.approx((low, high))


def test_the_limit_of_a_difference_is_student_s_and_paired():
    scores, positive = sample()
    other = scores + np.random.default_rng(3).normal(size=len(scores))
    one, two = judge(scores, positive).ap, judge(other, positive).ap
    apart = one.influence - two.influence
    more, low = one.over(two)
    assert more == one.value - two.value
    assert low == pytest.approx(more - quantile(apart, 30) * np.sqrt(sum(apart**2)))
    assert one.over(one) == (0.0, 0.0)


def test_few_sentences_that_carry_the_variance_make_limits_wide():
    many, one = np.full(100, 0.01), np.append(np.full(99, 0.001), 0.1)
    wide, narrow = (Estimate(0.3, influence, 50).limits() for influence in (one, many))
    assert Estimate(0.3, one, 50).error == pytest.approx(Estimate(0.3, many, 50).error, rel=0.01)
    assert wide[0] < narrow[0] < narrow[1] < wide[1]


def test_what_a_sample_cannot_tell_is_not_claimed():
    perfect, reverse = judge(np.arange(100) < 20, np.arange(100) < 20), judge(np.arange(100) >= 20, np.arange(100) < 20)
    assert perfect.ap.limits() == perfect.auroc.limits() == pytest.approx((0.025 ** (1 / 20), 1.0))
    assert reverse.auroc.limits() == pytest.approx((0.0, 1 - 0.025 ** (1 / 20)))
    alone = judge(np.arange(100), np.arange(100) == 90)
    assert alone.ap.limits() == (0.0, 1.0)
    assert alone.ap.over(alone.ap)[1] == -1.0
    nothing = judge(np.zeros(100), np.arange(100) < 20)
    assert nothing.ap.limits() == pytest.approx((0.2, 0.2))
    for estimate in (judge(*sample(40, 4)).ap, judge(*sample(40, 4, 4.0)).auroc):
        low, high = estimate.limits()
        assert 0 <= low <= estimate.value <= high <= 1


@pytest.mark.parametrize(("kind", "level"), product(("normal", "rounded", "told"), (0.1, 0.5)))
def test_limits_cover_the_truth_at_twenty_positives(kind, level):
    of = law(kind, level, 20)
    found = coverage(of, of, 20, 150)
    assert min(found.ap, found.auroc, found.difference) >= 0.92
    assert max(found.ap_low, found.difference_low) <= 0.05


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "positives", "level"), product(KINDS, POSITIVES, LEVELS))
def test_limits_cover_the_truth(kind, positives, level):
    if kind == "found" and level is None:
        pytest.skip("one in a thousand positives is found: no sample of 20 tells of them")
    of = law(kind, level, positives)
    for other in (of, law(kind, half_of(level, positives), positives)):
        found = coverage(of, other, positives, 400)
        # What is found for certain, and is in no sample of 20, no limit can know.
        assert found.ap >= (0.87 if (kind, positives, level) == ("found", 20, 0.1) else 0.925)
        assert found.auroc >= 0.925
        assert max(found.ap_low, found.difference_low) <= 0.045
