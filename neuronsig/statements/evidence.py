"""How much likelier a statement is in a list than outside it: odds ratios, and limits that hold for any frequency."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaincinv, logit

Floats = NDArray[np.float64]


def log_odds(f1: ArrayLike, n1: int, f2: ArrayLike, n2: int) -> Floats:
    """log2 of the odds ratio of f1 of n1 against f2 of n2, half a sentence added to each (Haldane, Anscombe)."""
    f1, f2 = np.asarray(f1, np.float64), np.asarray(f2, np.float64)
    ratio = (f1 + 0.5) * (n2 - f2 + 0.5) / ((n1 - f1 + 0.5) * (f2 + 0.5))
    return np.asarray(np.log2(ratio))


def log_odds_limit(f1: ArrayLike, n1: int, f2: ArrayLike, n2: int, alpha: float) -> Floats:
    """The limit of log2 of the odds ratio that is nearer to 0, at error `alpha`; 0 where the limits hold both signs.

    The limits of both shares are Clopper and Pearson's (1934), each at half of alpha, so that the ratio's are no
    narrower than they say.
    """
    low1, high1 = _shares(f1, n1, alpha / 2)
    low2, high2 = _shares(f2, n2, alpha / 2)
    with np.errstate(divide="ignore"):
        low = (logit(low1) - logit(high2)) / np.log(2)
        high = (logit(high1) - logit(low2)) / np.log(2)
    return np.asarray(np.where(low > 0, low, np.where(high < 0, high, 0.0)))


def _shares(f: ArrayLike, n: int, alpha: float) -> tuple[Floats, Floats]:
    f = np.asarray(f, np.float64)
    low = np.where(f > 0, betaincinv(np.maximum(f, 1), n - f + 1, alpha / 2), 0.0)
    high = np.where(f < n, betaincinv(f + 1, np.maximum(n - f, 1), 1 - alpha / 2), 1.0)
    return low, high
