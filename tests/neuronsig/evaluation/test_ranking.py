import numpy as np
import pytest
from scipy.stats import spearmanr

from neuronsig.evaluation.ranking import judge, spearman

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
            for w in resampled(positive, 600)
        ]
    )
    errors = [estimate.error for name in ("ap", "auroc") for estimate in (getattr(f, name) for f in found)]
    assert errors == pytest.approx(drawn.std(axis=0), rel=0.12)
    for column, name in ((0, "ap"), (2, "auroc")):
        more, low = getattr(found[0], name).over(getattr(found[1], name))
        assert more == getattr(found[0], name).value - getattr(found[1], name).value
        assert (more - low) / 1.96 == pytest.approx((drawn[:, column] - drawn[:, column + 1]).std(), rel=0.12)


METRICS = (metrics.average_precision_score, metrics.roc_auc_score)


def test_the_error_of_auroc_is_delong_s():
    scores, _, positive = planted(60, 0.3)
    wins = np.array([[(a > b) + 0.5 * (a == b) for b in scores[~positive]] for a in scores[positive]])
    variance = wins.mean(1).var(ddof=1) / len(wins) + wins.mean(0).var(ddof=1) / len(wins[0])
    assert judge(scores, positive).auroc.error ** 2 == pytest.approx(variance)


def test_limits_stay_within_the_measure_and_hold_the_estimate():
    scores, _, positive = planted(40, 0.1)
    for estimate in (judge(scores, positive).ap, judge(np.where(positive, 9.0, scores / 9), positive).auroc):
        low, high = estimate.limits()
        assert 0 <= low <= estimate.value <= high <= 1
    assert judge(positive, positive).ap.limits() == (1.0, 1.0)


def test_rank_correlation_is_scipy_s_and_nothing_for_a_constant():
    random = np.random.default_rng(4)
    a = random.integers(0, 5, 100)
    b = a + random.integers(0, 9, 100)
    assert spearman(a, b) == pytest.approx(spearmanr(a, b).statistic)
    assert spearman(a, np.ones(100)) == 0.0
