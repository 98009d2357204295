"""How often the 95 % limits of average precision, AUROC and differences hold the truth, of rankings that are known.

    python -m benchmarks.coverage          # 1,000 samples of 3,000 sentences for each row: about 10 minutes on one core

The truth is that of the two laws that scores of positives and of the others are drawn from, which are known. Of each
pair of limits the percentage of samples in which they hold it, and of those in which the lower one is above it (2.5).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import ndtr
from scipy.stats import norm

from neuronsig.evaluation.ranking import judge

N = 3000
POSITIVES = (20, 50, 200)
LEVELS = (None, 0.1, 0.2, 0.5)
"""Average precisions; None: nearly chance."""
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Law:
    """Which scores positives and negatives have: values (k,), ascending, and the probability of each, (k,)."""

    values: Floats
    positive: Floats
    negative: Floats

    def precision(self, share: float) -> float:
        """Average precision where `share` of all are positives, with no end of them."""
        hits, misses = (np.cumsum(of[::-1])[::-1] for of in (share * self.positive, (1 - share) * self.negative))
        return float(self.positive @ (hits / np.maximum(hits + misses, 1e-300)))

    @property
    def auroc(self) -> float:
        """The share of the pairs in which the positive is above, ties one half."""
        return float(self.positive @ (np.cumsum(self.negative) - self.negative / 2))

    def scores(self, quantiles: Floats, positives: int) -> Floats:
        """(n,) scores, of positives first, at quantiles (n,) of their classes."""
        found = np.empty(len(quantiles))
        for of, part in ((self.positive, slice(positives)), (self.negative, slice(positives, None))):
            places = np.searchsorted(np.cumsum(of), quantiles[part])
            found[part] = self.values[np.minimum(places, len(self.values) - 1)]
        return found


def _law(values: Floats, positive: Floats, negative: Floats) -> Law:
    return Law(values, positive / positive.sum(), negative / negative.sum())


def normal(shift: float) -> Law:
    """Two normal distributions, nearly without ties."""
    values = np.linspace(-6, 12, 18_001)
    return _law(values, norm.pdf(values - shift), norm.pdf(values))


def rounded(shift: float) -> Law:
    """The same, rounded to whole numbers: a dozen distinct ones."""
    values = np.arange(-6.0, 13.0)
    return _law(values, *(np.diff(norm.cdf(np.append(values, 13.0) - of)) for of in (shift, 0.0)))


STATEMENTS = np.array([0.3, 0.2, 0.12, 0.08, 0.05, 0.03, 0.02, 0.01, 0.008, 0.005])
HOLD = np.array(list(itertools.product([0, 1], repeat=len(STATEMENTS))))


def told(strength: float) -> Law:
    """Sums of ten statements that hold of 30 % to 0.5 % of the negatives, weighed by log odds of about `strength`."""
    weights = np.linspace(0.5, 1.5, len(STATEMENTS))
    odds = STATEMENTS / (1 - STATEMENTS) * np.exp(strength * weights)
    sums, place = np.unique(np.round(HOLD @ weights, 1), return_inverse=True)
    shares = (np.where(HOLD, of, 1 - of).prod(axis=1) for of in (odds / (1 + odds), STATEMENTS))
    return _law(sums, *(np.bincount(place, share) for share in shares))


def found(share: float) -> Law:
    """A share of the positives is far above nearly all negatives, the others are as these."""
    values = np.linspace(-6, 12, 18_001)
    return _law(values, (1 - share) * norm.pdf(values) + share * norm.pdf(values - 4), norm.pdf(values))


KINDS: dict[str, tuple[Callable[[float], Law], float]] = {
    "normal": (normal, 6.0),
    "rounded": (rounded, 6.0),
    "told": (told, 12.0),
    "found": (found, 1.0),
}


def law(kind: str, level: float | None, positives: int) -> Law:
    """The law of a kind with this average precision; None: a thousandth better than chance."""
    make, most = KINDS[kind]
    share = positives / N
    wanted = share * 1.001 if level is None else level
    return make(brentq(lambda strength: make(strength).precision(share) - wanted, 0, most))


def half_of(level: float | None, positives: int) -> float | None:
    """Half the average precision, or chance where that is more."""
    return level / 2 if level and level / 2 > positives / N else None


@dataclass(frozen=True)
class Coverage:
    """Of samples, the shares whose limits hold the truth, and whose lower limit is above it."""

    ap: float
    ap_low: float
    auroc: float
    auroc_low: float
    difference: float
    difference_low: float


def coverage(
    first: Law, second: Law, positives: int, samples: int, correlation: float = 0.7, seed: int = 0
) -> Coverage:
    """How often limits of the first ranking hold, and of the difference to the second, over `samples` samples."""
    random = np.random.default_rng(seed)
    positive = np.arange(N) < positives
    ap, other = (of.precision(positives / N) for of in (first, second))
    within = []
    for _ in range(samples):
        drawn = random.normal(size=(2, N))
        drawn[1] = correlation * drawn[0] + np.sqrt(1 - correlation**2) * drawn[1]
        one, two = (
            judge(of.scores(ndtr(z), positives), positive) for of, z in zip((first, second), drawn, strict=True)
        )
        (_, low), (_, minus_high) = one.ap.over(two.ap), two.ap.over(one.ap)
        pairs = ((*one.ap.limits(), ap), (*one.auroc.limits(), first.auroc), (low, -minus_high, ap - other))
        within.append([held for low, high, truth in pairs for held in (low <= truth <= high, low > truth)])
    return Coverage(*np.mean(within, axis=0).tolist())


def main(samples: int) -> None:
    """A row for each kind, number of positives and average precision; differences to an equal and to a weaker one."""
    print("| ranking | positives | AP | its limits | AUROC | its limits | to an equal one | to one of half that AP |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for kind, positives, level in itertools.product(KINDS, POSITIVES, LEVELS):
        if kind == "found" and level is None:
            continue
        of = law(kind, level, positives)
        one = coverage(of, of, positives, samples)
        two = coverage(of, law(kind, half_of(level, positives), positives), positives, samples, seed=1)
        limits = (
            (one.ap, one.ap_low),
            (one.auroc, one.auroc_low),
            (one.difference, one.difference_low),
            (two.difference, two.difference_low),
        )
        ap, auroc, equal, weaker = (f"{100 * held:.1f} ({100 * low:.1f})" for held, low in limits)
        truth = of.precision(positives / N)
        print(
            f"| {kind} | {positives} | {truth:.3f} | {ap} | {of.auroc:.3f} | {auroc} | {equal} | {weaker} |", flush=True
        )


if __name__ == "__main__":
    main(1000)
