"""Logistic regression of list against rest on a few 0/1 columns, each side counting half; and what a column would add.

With both sides counting half, not knowing costs one bit a sentence. What a model tells is how much less it costs: bits
of information about membership of the list, from 0 to 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.special import betainc, expit, xlogy

from neuronsig.statements.newton import count_dense, count_sparse, fit_each

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
    outside = len(scores) - inside
    levels, group = np.unique(np.round(scores, 9), return_inverse=True)
    if isinstance(columns, sparse.csr_matrix):
        indices, shape = (columns.indptr, columns.indices), (len(levels), columns.shape[1])
        of_list, of_rest = count_sparse(*indices, group, listed, *shape)
    else:
        of_list, of_rest = count_dense(columns, group, listed, len(levels))  # (k, groups)
    all_list, all_rest = (np.bincount(group[of], minlength=len(levels)) for of in (listed, ~listed))
    masses = of_list / inside / 2, of_rest / outside / 2, all_list / inside / 2, all_rest / outside / 2
    gain, weight, shift = fit_each(levels, *masses, RIDGE)
    chance = expit(levels + np.log(inside / outside))
    # Of what nearly all sentences have, those without it are what tells.
    either = [_tail(of_list, of_list + of_rest, chance)]
    either.append(_tail(all_list - of_list, all_list + all_rest - of_list - of_rest, chance))
    return Gains(gain / np.log(2), np.minimum(1, 2 * np.minimum(*either)), weight, shift)


def _tail(listed: Floats, all_of_them: Floats, chance: Floats) -> Floats:
    """Two-sided p value of so many listed, from counts (k, groups) and each group's chance (groups,)."""
    hits, size = listed.sum(1), all_of_them.sum(1)
    expected = np.clip(all_of_them @ chance / np.maximum(size, 1), 0, 1)
    # The binomial's tails as incomplete beta functions: scipy.stats takes a second to import.
    more = hits > size * expected
    tail = np.ones(len(hits))
    tail[more] = betainc(hits[more], (size - hits + 1)[more], expected[more])
    fewer = ~more & (hits < size)
    tail[fewer] = betainc((size - hits)[fewer], (hits + 1)[fewer], 1 - expected[fewer])
    return np.minimum(1, 2 * tail)
