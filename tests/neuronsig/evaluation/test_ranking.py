import numpy as np
import pytest
from scipy.stats import norm, spearmanr

from neuronsig.evaluation.ranking import binormal_variance, judge, spearman

metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed")


def judge_slowly(scores, positive):
    """The definitions, sentence by sentence: (average precision, AUROC); what `judge` must equal."""
    hits = [s for s, p in zip(scores, positive, strict=True) if p]
    misses = [s for s, p in zip(scores, positive, strict=True) if not p]
    precision = [sum(h >= s for h in hits) / sum(x >= s for x in scores) for s in hits]
    pairs = [(h > m) + 0.5 * (h == m) for h in hits for m in misses]
    return sum(precision) / len(hits), sum(pairs) / len(pairs)


def rankings():
    random = np.random.default_rng(1)
    for n, values in ((2, 2), (9, 3), (40, 40), (200, 5), (200, 1000), (60, 1)):
        positive = random.random(n) < 0.3
        positive[:2] = [True, False]
        yield pytest.param(random.integers(0, values, n) + 0.5 * positive, positive, id=f"{n}-{values}")


@pytest.mark.parametrize(("scores", "positive"), rankings())
def test_measures_are_scikit_learn_s_and_the_definitions(scores, positive):
    found = judge(scores, positive)
    expected = (metrics.average_precision_score(positive, scores), metrics.roc_auc_score(positive, scores))
    assert (found.ap.value, found.auroc.value) == pytest.approx(expected, abs=1e-12)
    assert judge_slowly(scores.tolist(), positive.tolist()) == pytest.approx(expected, abs=1e-12)


def test_equal_scores_are_chance():
    found = judge(np.zeros(50), np.arange(50) < 5)
    assert (found.ap.value, found.auroc.value) == (pytest.approx(0.1), 0.5)
    assert found.auroc.error == pytest.approx(0, abs=1e-12)


def test_one_class_alone_cannot_be_judged():
    with pytest.raises(ValueError, match="3 positives and 0 negatives"):
        judge([1, 2, 3], [True] * 3)


def planted(n=400, share=0.1, ties=6, seed=2):
    random = np.random.default_rng(seed)
    positive = np.arange(n) < share * n
    scores = [np.round(random.normal(size=n) * ties / 2 + shift * positive * ties / 2) for shift in (1.0, 0.7)]
    return *scores, positive


def resampled(positive, times, seed=3):
    """Weights of resamples drawn within each class."""
    random = np.random.default_rng(seed)
    for _ in range(times):
        weights = np.zeros(len(positive))
        for kind in (positive, ~positive):
            places = np.flatnonzero(kind)
            weights += np.bincount(random.choice(places, len(places)), minlength=len(positive))
        yield weights


def test_errors_are_those_of_resampling():
    first, second, positive = planted()
    found = [judge(scores, positive) for scores in (first, second)]
    drawn = np.array(
        [
            [measure(positive, s, sample_weight=w) for measure in METRICS for s in (first, second)]
            for w in resampled(positive, 300)
        ]
    )
    errors = [estimate.error for name in ("ap", "auroc") for estimate in (getattr(f, name) for f in found)]
    assert errors == pytest.approx(drawn.std(axis=0), rel=0.12)
    for column, name in ((0, "ap"), (2, "auroc")):
        one, two = (getattr(of, name) for of in found)
        more, low = one.over(two)
        assert more == one.value - two.value
        apart = np.sqrt(np.sum((one.influence - two.influence) ** 2))
        assert apart == pytest.approx((drawn[:, column] - drawn[:, column + 1]).std(), rel=0.12)
        assert 1.96 < (more - low) / apart < 2.1


METRICS = (metrics.average_precision_score, metrics.roc_auc_score)


def delong(scores, positive):
    wins = np.array([[(a > b) + 0.5 * (a == b) for b in scores[~positive]] for a in scores[positive]])
    return wins.mean(1).var(ddof=1) / len(wins) + wins.mean(0).var(ddof=1) / len(wins[0])


def test_the_error_of_auroc_is_delong_s_where_normal_scores_would_have_less():
    scores, _, positive = planted(60, 0.3)
    scores[:12] += 90  # of the positives two thirds beyond all
    assert judge(scores, positive).auroc.error ** 2 == pytest.approx(delong(scores, positive))


def test_the_error_of_auroc_is_no_less_than_halfway_to_that_of_normal_scores():
    random = np.random.default_rng(5)
    positive = np.arange(60) < 12
    scores = random.permutation(60) / 60 + positive  # all positives above, as if there could be no other
    scores[12] = scores[:12].min() + 1e-6
    found = judge(scores, positive).auroc
    expected = binormal_variance(found.value) * (1 / 12 + 1 / 48) * (1 - 60 / 60**3)
    assert found.error**2 == pytest.approx((delong(scores, positive) + expected) / 2)
    assert judge(np.zeros(60), positive).auroc.limits() == (0.5, 0.5)


@pytest.mark.parametrize("shift", [0.0, 0.8, -2.5])
def test_the_binormal_variance_is_that_of_draws(shift):
    drawn = norm.cdf(np.random.default_rng(6).normal(shift, 1, 400_000))
    assert binormal_variance(drawn.mean()) == pytest.approx(drawn.var(), rel=0.02)
    assert binormal_variance(1.0) == binormal_variance(0.0) == 0.0


def test_rank_correlation_is_scipy_s_and_nothing_for_a_constant():
    random = np.random.default_rng(4)
    a = random.integers(0, 5, 100)
    b = a + random.integers(0, 9, 100)
    assert spearman(a, b) == pytest.approx(spearmanr(a, b).statistic)
    assert spearman(a, np.ones(100)) == 0.0
