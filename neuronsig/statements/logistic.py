"""Logistic regression of list against rest on a few 0/1 columns, each side counting half; and what a column would add.

With both sides counting half, not knowing costs one bit a sentence. What a model tells is how much less it costs: bits
of information about membership of the list, from 0 to 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.special import betainc, expit, xlogy

Floats = NDArray[np.float64]
RIDGE = 1e-4
"""Of each weight's square, beside a likelihood of at most one bit: it bounds weights of columns that separate."""
STEPS = 30


@dataclass(frozen=True)
class Model:
    """`weights` (columns,) in natural log odds, and what they tell in bits."""

    intercept: float
    weights: Floats
    bits: float

    def scores(self, columns: NDArray[np.bool_]) -> Floats:
        """Log odds (n,) of sentences with columns (n, columns)."""
        return np.asarray(self.intercept + columns @ self.weights)


def halves(listed: NDArray[np.bool_]) -> Floats:
    """The weight (n,) of each sentence: list and rest count half each. Raises ValueError where one is empty."""
    inside = int(listed.sum())
    outside = len(listed) - inside
    if not inside or not outside:
        raise ValueError(f"{inside} sentences listed and {outside} not: both are needed")
    return np.where(listed, 0.5 / inside, 0.5 / outside)


def fit(columns: NDArray[np.generic], listed: NDArray[np.bool_], start: Floats | None = None) -> Model:
    """The model of columns (n, k) by Newton's method; `start` are weights to begin with."""
    mass, sign = halves(listed), np.where(listed, 1.0, -1.0)
    design = np.column_stack([np.ones(len(listed)), np.asarray(columns, np.float64)])
    theta = np.zeros(design.shape[1])
    if start is not None:
        theta[1 : 1 + len(start)] = start
    penalty = np.full(len(theta), RIDGE)
    penalty[0] = 1e-9
    cost = _cost(design, theta, mass, sign, penalty)
    for _ in range(STEPS):
        p = expit(design @ theta)
        gradient = design.T @ (mass * (p - listed)) + penalty * theta
        hessian = (design * (mass * p * (1 - p))[:, None]).T @ design + np.diag(penalty)
        step = np.linalg.solve(hessian, gradient)
        size = 1.0
        while (further := _cost(design, theta - size * step, mass, sign, penalty)) > cost and size > 1e-3:
            size /= 2
        theta = theta - size * step
        if cost - further < 1e-9:
            break
        cost = further
    return Model(float(theta[0]), theta[1:], told_bits(design @ theta, listed))


def _cost(design: Floats, theta: Floats, mass: Floats, sign: Floats, penalty: Floats) -> float:
    return float(mass @ np.logaddexp(0, -sign * (design @ theta)) + penalty @ theta**2 / 2)


def told_bits(scores: Floats, listed: NDArray[np.bool_]) -> float:
    """One bit less what log odds (n,) cost: what they tell of a sentence's membership of the list."""
    lost = np.logaddexp(0, np.where(listed, -scores, scores)) / np.log(2)
    return float(1 - halves(listed) @ lost)


def information(f1: Floats, n1: int, f2: Floats, n2: int) -> Floats:
    """Bits that a statement tells by itself: f1 of n1 sentences of the list have it, f2 of n2 of the rest."""
    inside, outside = f1 / n1 / 2, f2 / n2 / 2
    return np.asarray(_known(inside, outside) + _known(0.5 - inside, 0.5 - outside))


def _known(inside: Floats, outside: Floats) -> Floats:
    whole = inside + outside
    return (
        whole
        + xlogy(inside, inside / np.where(whole > 0, whole, 1)) / np.log(2)
        + (xlogy(outside, outside / np.where(whole > 0, whole, 1)) / np.log(2))
    )


@dataclass(frozen=True)
class Gains:
    """Of each column: the bits that it adds to a model, and the chance that as much comes from no relation."""

    bits: Floats  # (columns,)
    p_value: Floats
    weight: Floats  # natural log odds; above 0: for the list
    shift: Floats  # what is added to every sentence's log odds with it


def gains(scores: Floats, listed: NDArray[np.bool_], columns: sparse.csr_matrix | NDArray[np.generic]) -> Gains:
    """What each column (n, k) would add to a model that gives the log odds `scores`, its intercept fitted anew.

    Sentences of one score are looked at together, so that each column costs its groups and not its sentences. The p
    value is that of a binomial tail: so many of the sentences that a statement holds of (or does not) are listed, where
    each is with the chance that the model gives it.
    """
    inside = int(listed.sum())
    levels, group = np.unique(np.round(scores, 9), return_inverse=True)
    n = len(scores)
    by_group = sparse.csr_matrix((np.ones(n), (group, np.arange(n))), shape=(len(levels), n))
    own = sparse.csr_matrix((listed.astype(float), (group, np.arange(n))), shape=(len(levels), n))
    with_list, with_any = _dense(own @ columns), _dense(by_group @ columns)  # (groups, k)
    all_list, all_any = np.asarray(own.sum(1)), np.asarray(by_group.sum(1))  # (groups, 1)
    half = (0.5 / inside, 0.5 / (n - inside))
    bits, weight, shift = _two_parameters(
        levels[:, None], with_list, with_any - with_list, all_list, all_any - all_list, half
    )
    chance = expit(levels + np.log(inside / (n - inside)))[:, None]
    # Of what nearly all sentences have, those without it are what tells.
    either = [_tail(with_list, with_any, chance), _tail(all_list - with_list, all_any - with_any, chance)]
    return Gains(bits, np.minimum(1, 2 * np.minimum(*either)), weight, shift)


def _tail(listed: Floats, all_of_them: Floats, chance: Floats) -> Floats:
    """Two-sided p value of so many listed, from counts (groups, k) and each group's chance (groups, 1)."""
    hits, size = listed.sum(0), all_of_them.sum(0)
    expected = np.clip((all_of_them * chance).sum(0) / np.maximum(size, 1), 0, 1)
    # The binomial's tails as incomplete beta functions: scipy.stats takes a second to import.
    more = np.where(hits > 0, betainc(np.maximum(hits, 1), size - hits + 1, expected), 1.0)
    fewer = np.where(hits < size, betainc(np.maximum(size - hits, 1), hits + 1, 1 - expected), 1.0)
    return np.asarray(np.minimum(1, 2 * np.minimum(more, fewer)))


def _two_parameters(
    levels: Floats, inside: Floats, outside: Floats, all_inside: Floats, all_outside: Floats, half: tuple[float, float]
) -> tuple[Floats, Floats, Floats]:
    """(bits, weight, shift) of each column by Newton's method in weight and intercept, from counts (groups, k)."""
    a1, b1 = inside * half[0], outside * half[1]
    a0, b0 = all_inside * half[0] - a1, all_outside * half[1] - b1
    weight, shift = np.zeros(inside.shape[1]), np.zeros(inside.shape[1])

    def cost(weight: Floats, shift: Floats) -> Floats:
        none = levels + shift
        one = none + weight
        # log(1 + exp(-x)) is log(1 + exp(x)) - x: one logarithm for both sides.
        lost = (a1 + b1) * _softplus(one) - a1 * one + (a0 + b0) * _softplus(none) - a0 * none
        return np.asarray(lost.sum(0) + RIDGE * weight**2 / 2)

    start = cost(weight, shift)
    best = start
    for _ in range(12):
        p1, p0 = expit(levels + shift + weight), expit(levels + shift)
        r1 = (p1 * (a1 + b1) - a1).sum(0)
        r0 = (p0 * (a0 + b0) - a0).sum(0)
        h1 = (p1 * (1 - p1) * (a1 + b1)).sum(0) + RIDGE
        h0 = (p0 * (1 - p0) * (a0 + b0)).sum(0) + 1e-12
        # The Hessian is [[h1, h1], [h1, h1 + h0]]: the intercept moves where the statement does not hold.
        down = r0 / h0
        across = (r1 + RIDGE * weight) / h1 - down
        down, across = np.clip(down, -2, 2), np.clip(across, -2, 2)
        further = cost(weight - across, shift - down)
        better = further < best
        weight, shift = np.where(better, weight - across, weight), np.where(better, shift - down, shift)
        if not np.any(best - further > 1e-7):
            break
        best = np.where(better, further, best)
    return (start - best) / np.log(2), weight, shift


def _softplus(x: Floats) -> Floats:
    """log(1 + exp(x)); numpy's logaddexp takes twice as long."""
    return np.asarray(np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x))))


def _dense(product: Any) -> Floats:
    return np.asarray(product.toarray() if sparse.issparse(product) else product, np.float64)
