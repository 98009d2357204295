"""Average precision and AUROC of a ranking, exact with ties, and what each sentence contributes to them.

Both are averages over sentences, so each sentence has an influence on them: the derivative by its weight (infinitesimal
jackknife, Efron 1982). The sum of the squared influences is the variance; for AUROC it is DeLong's (1988), with
mid-ranks (Sun and Xu 2014). Two rankings of the same sentences are compared by the difference of their influences, as
DeLong's test does. The number of positives is given by construction, so influences are centred within each class.

DeLong's variance is too small where most of a few positives are above nearly all negatives: a low one, which has not
been drawn, would make it larger. The influences on AUROC are therefore as large as make the variance no less than the
mean of it and of that of two normal distributions with this AUROC (binormal, of equal widths), corrected for ties as
Wilcoxon's test is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, ndtri, owens_t

from neuronsig.analysis.rankings import rank_from_most
from neuronsig.evaluation.intervals import Estimate, Floats


@dataclass(frozen=True)
class Judged:
    """How well one ranking puts the positives first."""

    ap: Estimate
    auroc: Estimate


def judge(scores: ArrayLike, positive: ArrayLike) -> Judged:
    """Average precision and AUROC of scores (n,), the higher the sooner, for `positive` (n,) bool.

    Average precision is the mean, over positives, of the precision among all sentences with at least their score;
    sentences with equal scores come in together. Raises ValueError unless there are positives and negatives.
    """
    scores, positive = np.asarray(scores, np.float64), np.asarray(positive, bool)
    p = int(positive.sum())
    n = len(positive) - p
    if not p or not n:
        raise ValueError(f"{p} positives and {n} negatives: both are needed")
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    last = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)  # (groups,) the last of each equal score
    group = np.empty(len(scores), np.int64)
    group[order] = np.repeat(np.arange(len(last)), np.diff(last, prepend=-1))
    hits = np.cumsum(positive[order])[last].astype(np.float64)  # (groups,) positives with at least this score
    misses = last + 1 - hits
    new_hits, new_misses = np.diff(hits, prepend=0.0), np.diff(misses, prepend=0.0)

    precision = hits / (last + 1)
    ap = float(new_hits @ precision) / p
    # What one more hit, or miss, at this score or above changes in the precision of each group.
    gain = _from_here_on(new_hits * misses / (last + 1.0) ** 2)
    loss = _from_here_on(new_hits * hits / (last + 1.0) ** 2)
    by_group = np.where(positive, (precision + gain)[group] - ap, -loss[group]) / p

    # Of the other class, the share that this one is on the right side of; ties count one half.
    lower = (n - misses + new_misses / 2) / n  # (groups,)
    higher = (hits - new_hits / 2) / p
    right = np.where(positive, lower[group], higher[group])
    auroc = float(new_hits @ lower) / p
    apart = 1 - float(np.sum((np.diff(last, prepend=-1) / len(scores)) ** 3))
    model = binormal_variance(auroc) * (1 / p + 1 / n) * apart
    by_pair = _no_narrower(_centred(right / np.where(positive, p, n), positive), model)
    return Judged(Estimate(ap, _centred(by_group, positive), p), Estimate(auroc, by_pair, p))


def binormal_variance(auroc: float) -> float:
    """How much the share of the negatives that a positive is above varies from one positive to the next.

    Of scores that are normal in both classes, with equal widths, and have this AUROC, from 0 to 1.
    """
    apart = abs(float(ndtri(auroc)))
    below = float(ndtr(-apart))
    if not below:
        return 0.0
    # That one positive is below each of two negatives: both differences are normal, with correlation 1/2.
    return below - 2 * float(owens_t(apart, 1 / np.sqrt(3))) - below**2


def _no_narrower(influence: Floats, variance: float) -> Floats:
    """Influences as large as make their variance no less than the mean of it and of `variance`."""
    found = float(influence @ influence)
    return influence * np.sqrt((1 + variance / found) / 2) if 0 < found < variance else influence


def best(activations: NDArray[np.floating], positives: int) -> NDArray[np.int64]:
    """The places of the highest of activations (sentences,), highest first; of equal ones the first."""
    return np.argsort(-activations, kind="stable")[:positives]


def spearman(first: ArrayLike, second: ArrayLike) -> float:
    """Rank correlation with mid-ranks; 0 where one of both is constant."""
    a, b = (rank_from_most(np.asarray(values)) - (np.size(values) + 1) / 2 for values in (first, second))
    size = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / size if size else 0.0


def _from_here_on(values: Floats) -> Floats:
    return np.cumsum(values[::-1])[::-1]


def _centred(influence: Floats, positive: NDArray[np.bool_]) -> Floats:
    """Influences within each class around their mean, and for a class drawn anew, not known (n / (n - 1))."""
    found = np.empty_like(influence)
    for kind in (positive, ~positive):
        size = int(kind.sum())
        found[kind] = (influence[kind] - influence[kind].mean()) * np.sqrt(size / max(size - 1, 1))
    return found
