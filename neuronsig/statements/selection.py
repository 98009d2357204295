"""Statements chosen one after the other, each by the bits that it adds to those before it; and how they are joined.

Of the statements that add about as much the simplest is taken: that of the earliest family. Two are joined into one
where that predicts as well as both with a weight each: then the one says what both did. What is told of words, tags or
fields takes in others of its kind that tell the same way: any of them.

A list has statements where one is credible among all statements of all lists. It is no chance then, and of the further
ones a share of FALSE, in expectation, says nothing (Benjamini and Hochberg 1995, in each family).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.special import expit

from neuronsig.statements.classes import MEMBERS
from neuronsig.statements.families import BOUNDS, FAMILIES
from neuronsig.statements.logistic import Floats, Gains, Model, fit, gains, halves
from neuronsig.statements.statement import Mask, Single, Statement, joined

ALPHA = 0.01
"""Chance that, of all lists, one of no meaning has a statement."""
FALSE = 0.05
"""Share, of the further statements of a list that could be told, of those that say nothing."""
ALIKE = 0.99
"""Share of the best statement's bits with which a simpler one is taken in its place."""
AS_GOOD, BETTER = 0.9, 1.05
"""A joined statement tells at least so much of what both parts do with a weight each, and of the better part."""
JOINED = 120
"""Statements that are tried in pairs, those that tell most."""
HALVING = 60
"""Simple statements that are tried beside them, those nearest to half of the sentences: of two that exclude each other
neither need tell anything alone."""
SIMPLE = frozenset(("word", "lemma", "tag", "class", "shape"))
SHORTLIST = 12
WORTH = 1.02
SEEN = 10
"""Sentences with both parts, at least, before it is said that they exclude each other."""
LEAST_BITS = 0.002


@dataclass(frozen=True)
class Selected:
    """A statement, of which sentences of the fitted text it holds, and the bits that it added."""

    statement: Statement
    holds: Mask
    bits: float


def halving(singles: Sequence[Single], share: Floats) -> NDArray[np.int64]:
    """The simple statements nearest to half of the sentences; `share` (singles,) of sentences that each holds of."""
    near = np.array([single.kind in SIMPLE for single in singles]) * np.minimum(share, 1 - share)
    return np.argsort(-near, kind="stable")[:HALVING]


def discoveries(p_value: Floats, tests: float) -> Mask:
    """(n,) which are discoveries among so many tests at the rate FALSE; tests that are not here found nothing."""
    ascending = np.sort(p_value[p_value <= FALSE])
    of_rate = np.flatnonzero(ascending * tests <= FALSE * np.arange(1, len(ascending) + 1))
    return p_value <= ascending[of_rate[-1]] if len(of_rate) else np.zeros(len(p_value), bool)


class Selection:
    """Chooses statements for one list."""

    def __init__(
        self,
        columns: sparse.csc_matrix,
        singles: Sequence[Single],
        listed: Mask,
        looked_at: Mapping[str, int],
        lists: int,
    ) -> None:
        """`columns` (sentences, singles) may be chosen, of so many `looked_at` of each kind, for one of `lists` lists.

        For the first statement each kind has the same share of the error: one of few tags needs less evidence than one
        of many pairs.
        """
        self._singles, self._listed = singles, listed
        self._by_row = columns.tocsr()
        self._holds = columns.toarray(order="F").astype(bool)  # (sentences, singles)
        self._halving = halving(singles, self._holds.mean(axis=0))
        self._family = np.array([list(FAMILIES).index(single.kind) for single in singles])
        self._of_family: dict[int, tuple[NDArray[np.int64], sparse.csr_matrix]] = {}
        self._looked_at = np.array([looked_at[single.kind] for single in singles])
        self._first = ALPHA / lists / (len(FAMILIES) + 1)
        self._joined = 2 * (JOINED + HALVING) ** 2  # pairs that are looked at
        self._mass = halves(listed)

    def choose(self, most: int) -> tuple[list[Selected], Model]:
        """Up to `most` statements, those that add most first, and the model of them."""
        found: list[Selected] = []
        model = Model(0.0, np.zeros(0), 0.0)
        scores = np.zeros(len(self._listed))
        while len(found) < most:
            chosen = self._next(scores, first=not found)
            if chosen is None:
                break
            design = np.stack([*(one.holds for one in found), chosen[1]], axis=1)
            further = fit(design, self._listed, model.weights)
            if further.bits - model.bits < LEAST_BITS:
                break
            found.append(Selected(*chosen, further.bits - model.bits))
            model, scores = further, further.scores(design)
        return found, model

    def _next(self, scores: Floats, first: bool) -> tuple[Statement, Mask] | None:
        alone = gains(scores, self._listed, self._by_row)
        credible = alone.p_value < self._first / self._looked_at if first else self._discovered(alone.p_value)
        best = self._simplest(alone, credible)
        pair = self._pair(scores, alone, first)
        if pair is None and best is None:
            return None
        if pair is None or (best is not None and alone.bits[best] * BETTER >= pair[2]):
            assert best is not None
            operation: str = ""
            parts: tuple[int, ...] = (best,)
        else:
            operation, parts = pair[:2]
        if operation in ("", "or") and self._singles[parts[0]].kind not in BOUNDS:
            return self._extended(scores, parts)
        return self._join(operation, parts)

    def _discovered(self, p_value: Floats) -> Mask:
        """(singles,) which of the p values are discoveries in their family at the rate FALSE."""
        found = np.zeros(len(p_value), bool)
        for family in np.unique(self._family[p_value <= FALSE]):
            of = np.flatnonzero(self._family == family)
            found[of] = discoveries(p_value[of], float(self._looked_at[of[0]]))
        return found

    def _simplest(self, alone: Gains, credible: Mask) -> int | None:
        if not credible.any():
            return None
        bits = np.where(credible, alone.bits, 0.0)
        alike = np.flatnonzero(bits >= ALIKE * bits.max())
        return int(alike[np.lexsort((-bits[alike], alone.weight[alike] <= 0, self._family[alike]))[0]])

    def _join(self, operation: str, parts: Sequence[int]) -> tuple[Statement, Mask]:
        """The parts as one statement, and where it holds."""
        holds = self._holds[:, list(parts)]
        return Statement(operation, tuple(self._singles[part] for part in parts)), joined(operation, holds.T)

    def _pair(self, scores: Floats, alone: Gains, first: bool) -> tuple[str, tuple[int, ...], float] | None:
        """The best joined statement, and its bits, that is as good as its parts apart."""
        limit = self._first if first else FALSE / (len(FAMILIES) + 1)
        top = self._candidates(alone)
        holds = self._holds[:, top]
        shortlist = self._shortlist(scores, holds.astype(np.float32))
        if not shortlist:
            return None
        columns = np.stack([joined(operation, (holds[:, a], holds[:, b])) for operation, a, b in shortlist], axis=1)
        found = gains(scores, self._listed, columns)
        bits, weights = alone.bits[top], alone.weight[top]
        for place in np.argsort(-found.bits, kind="stable")[: 2 * SHORTLIST]:
            operation, a, b = shortlist[place]
            better = found.bits[place] >= BETTER * max(bits[a], bits[b])
            if not better or found.p_value[place] > limit / self._joined or found.weight[place] <= 0:
                continue
            if operation == "or" and (
                self._singles[top[a]].kind != self._singles[top[b]].kind or min(weights[a], weights[b]) <= 0
            ):
                continue
            if operation == "either" and not self._exclusive(scores, holds[:, a], holds[:, b], found.bits[place]):
                continue
            one, other = (a, b) if bits[a] >= bits[b] else (b, a)
            offset = scores + alone.shift[top[one]] + weights[one] * holds[:, one]
            further = gains(offset, self._listed, holds[:, [other]])
            # Of two that exclude each other the other tells nothing alone: both together must, beside the one.
            tested = gains(offset, self._listed, columns[:, [place]]) if operation == "either" else further
            tests = self._joined if operation == "either" else self._looked_at[top[other]]
            if tested.p_value[0] * tests >= FALSE / (len(FAMILIES) + 1):
                continue
            if found.bits[place] >= AS_GOOD * (bits[one] + further.bits[0]):
                return operation, (int(top[a]), int(top[b])), float(found.bits[place])
        return None

    def _candidates(self, alone: Gains) -> NDArray[np.int64]:
        """Columns that are tried in pairs: those that tell most, and those that halve the text best."""
        return np.union1d(np.argsort(-alone.bits, kind="stable")[:JOINED], self._halving)

    def _exclusive(self, scores: Floats, a: Mask, b: Mask, bits: float) -> bool:
        """Whether both together are seen, and one of both without the other tells more than one at least."""
        if np.count_nonzero(a & b) < SEEN:
            return False
        return bool(bits >= WORTH * gains(scores, self._listed, (a | b)[:, None]).bits[0])

    def _shortlist(self, scores: Floats, dense: NDArray[np.float32]) -> list[tuple[str, int, int]]:
        """Pairs of places (operation, first, second) whose score tests are the highest, of each operation."""
        p = expit(scores)
        spread = self._mass * p * (1 - p)
        # What draws a weight up is of the list, what draws it down of the rest: each is a sum of squares.
        up, down = self._listed, ~self._listed
        g_and = _both(dense[up], self._mass[up] * (1 - p[up])) - _both(dense[down], self._mass[down] * p[down])
        h_and = _both(dense, spread)
        g, h, whole = np.diag(g_and), np.diag(h_and), spread.sum()
        pairs = {
            "or": (g[:, None] + g - g_and, h[:, None] + h - h_and),
            "and": (g_and, h_and),
            "but_not": (g[:, None] - g_and, h[:, None] - h_and),
            "either": (g[:, None] + g - 2 * g_and, h[:, None] + h - 2 * h_and),
        }
        found: list[tuple[str, int, int]] = []
        for operation, (toward_pair, of_pair) in pairs.items():
            variance = of_pair - of_pair**2 / whole
            test = np.where((toward_pair > 0) & (variance > 1e-9), toward_pair**2 / np.maximum(variance, 1e-9), 0.0)
            if operation != "but_not":
                test = np.triu(test, 1)
            np.fill_diagonal(test, 0.0)
            best = _highest(test.ravel(), SHORTLIST)
            found += [(operation, int(i // len(g)), int(i % len(g))) for i in best if test.flat[i] > 0]
        return found

    def _alike(self, family: int) -> tuple[NDArray[np.int64], sparse.csr_matrix]:
        """Places of a family's statements, and their columns."""
        if family not in self._of_family:
            places = np.flatnonzero(self._family == family)
            self._of_family[family] = places, self._by_row[:, places]
        return self._of_family[family]

    def _extended(self, scores: Floats, parts: Sequence[int]) -> tuple[Statement, Mask]:
        """Any of `parts`, and of further ones of their kind, as long as each makes the whole tell more."""
        members = list(parts)
        alike, by_row = self._alike(int(self._family[members[0]]))
        _, holds = self._join("or", members)
        now = gains(scores, self._listed, holds[:, None])
        while len(members) < MEMBERS:
            offset = scores + now.shift[0] + now.weight[0] * holds
            more = gains(offset, self._listed, by_row)
            credible = discoveries(more.p_value, float(self._looked_at[members[0]]))
            worth = np.flatnonzero(credible & (more.weight * now.weight[0] > 0))
            worth = worth[np.argsort(-more.bits[worth], kind="stable")[:SHORTLIST]]
            if not len(worth):
                break
            wider = self._holds[:, alike[worth]] | holds[:, None]
            found = gains(scores, self._listed, wider)
            best = int(np.argmax(found.bits))
            if found.bits[best] < WORTH * now.bits[0]:
                break
            members.append(int(alike[worth[best]]))
            holds = wider[:, best]
            now = gains(scores, self._listed, holds[:, None])
        return self._join("or" if len(members) > 1 else "", members)


def _both(dense: NDArray[np.float32], mass: Floats) -> Floats:
    """(columns, columns) mass (n,) of the rows that have both of two columns (n, columns) of 0 and 1.

    As a matrix times itself, which BLAS does in a fifth of the time of two different ones.
    """
    weighed = dense * np.sqrt(mass)[:, None].astype(np.float32)
    return np.asarray(weighed.T @ weighed, np.float64)


def _highest(values: Floats, most: int) -> NDArray[np.int64]:
    """Places of the `most` highest values (n,), the highest first, of equal ones the first."""
    if most < len(values):
        least = np.partition(values, len(values) - most)[len(values) - most]
        places = np.flatnonzero(values >= least)
    else:
        places = np.arange(len(values))
    return places[np.argsort(-values[places], kind="stable")][:most]
