"""Patterns that say what another one says: a neuron's list without repetitions, and with the reasons.

Going from the strongest pattern down, one is *explained* by an earlier one that was itself not explained, when

- the earlier one is a part of it, and what it adds selects no further: among the sentences with the part, those with
  the whole are not more frequent, beyond chance and by LEAST_LIFT, than they are in the reference;
- or it is a part of the earlier one, and owes its selectivity to it: the sentences that have the part but not the
  whole are not more frequent, beyond chance and by LEAST_LIFT, than in the reference;
- or both share an item and have the same counts within SAME: they are pieces of one phrase or template.

"Beyond chance" is at level `alpha` divided by the number of the neuron's patterns (Bonferroni).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neuronsig.statistics import lift, log_ratio

LEAST_LIFT = 0.25
"""Bits, a factor of 1.19: what adds less to a part is not worth a reader's line, however certain it is."""

SAME = 0.02
"""Overlapping patterns whose counts differ by no more than this share are one."""

BLOCK = 512
"""Patterns of the walk looked at together: mostly all that is needed of a neuron's thousands."""

Codes = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass
class Counts:
    """How a neuron's patterns were counted: f1 of n1 sentences, f2 of n2 (matched, so not whole) in the reference."""

    f1: Floats  # (patterns,)
    n1: float
    f2: Floats  # (patterns,)
    n2: float
    alpha: float = 0.05

    @property
    def level(self) -> float:
        """The level of one comparison."""
        return self.alpha / max(len(self.f1), 1)

    def part_explains(self, whole: Codes, part: Codes | int) -> NDArray[np.bool_]:
        """For pairs of a pattern and a part of it: does the part account for the whole?"""
        ratio, limit = lift(self.f1[whole], self.f1[part], self.f2[whole], self.f2[part], self.level)
        return (ratio < LEAST_LIFT) | (limit <= 0)

    def whole_explains(self, whole: Codes | int, part: Codes) -> NDArray[np.bool_]:
        """For pairs of a pattern and a part of it: does the whole account for the part?"""
        f1 = np.maximum(self.f1[part] - self.f1[whole], 0.0)
        f2 = np.maximum(self.f2[part] - self.f2[whole], 0.0)
        _, limit = lift(f1, self.n1, f2, self.n2, self.level)
        return (log_ratio(f1, self.n1, f2, self.n2) < LEAST_LIFT) | (limit <= 0)

    def same(self, rows: Codes, other: int) -> NDArray[np.bool_]:
        """Which of `rows` have the counts of `other`, within SAME."""
        near1 = np.abs(self.f1[rows] - self.f1[other]) <= SAME * self.f1[other]
        near2 = np.abs(self.f2[rows] - self.f2[other]) <= SAME * self.f2[other]
        return np.asarray(near1 & near2)


class PatternItems:
    """Patterns as rows of items, and which are parts of which.

    A sequence's part leaves items out, as an itemset's does (its items are sorted). With `labels` above 0 patterns are
    subtrees, nodes `depth * labels + label` in preorder (neuronsig.miners.subtrees), and a part is an induced subtree.
    """

    def __init__(self, items: NDArray[np.integer], offsets: NDArray[np.integer], labels: int = 0) -> None:
        bounds = np.asarray(offsets, np.int64)
        self.lengths: Codes = bounds[1:] - bounds[:-1]
        self.labels = labels
        row = np.repeat(np.arange(len(self.lengths)), self.lengths)
        place = np.arange(len(row)) - np.repeat(bounds[:-1], self.lengths)
        shape = (len(self.lengths), int(self.lengths.max(initial=0)))
        self.nodes = np.full(shape, -1, np.int64)  # (patterns, longest)
        self.nodes[row, place] = items
        self.items = np.where(self.nodes >= 0, self.nodes % labels, -1) if labels else self.nodes

    def contain(self, rows: Codes, part: int) -> NDArray[np.bool_]:
        """Which of `rows` have pattern `part` as a proper part."""
        length = int(self.lengths[part])
        wanted = np.append(self.items[part, :length], -2)
        found = np.zeros(len(rows), np.int64)
        for column in self.items[rows].T:
            found += column == wanted[found]
        return self._checked((found == length) & (self.lengths[rows] > length), rows, part, True)

    def within(self, rows: Codes, whole: int) -> NDArray[np.bool_]:
        """Which of `rows` are proper parts of pattern `whole`."""
        items, lengths = self.items[rows], self.lengths[rows]
        ended = np.concatenate((items, np.full((len(rows), 1), -2)), axis=1)
        found, row = np.zeros(len(rows), np.int64), np.arange(len(rows))
        for item in self.items[whole, : self.lengths[whole]]:
            found += ended[row, found] == item
        return self._checked((found == lengths) & (lengths < self.lengths[whole]), rows, whole, False)

    def overlap(self, rows: Codes, other: int) -> NDArray[np.bool_]:
        """Which of `rows` share an item (a label) with pattern `other`."""
        return np.asarray(np.isin(self.items[rows], self.items[other, : self.lengths[other]]).any(axis=1))

    def _checked(self, found: NDArray[np.bool_], rows: Codes, other: int, rows_are_wholes: bool) -> NDArray[np.bool_]:
        """Of subtrees, labels in order are necessary but not enough: the few that pass are compared as trees."""
        if self.labels:
            for i in np.flatnonzero(found):
                whole, part = (rows[i], other) if rows_are_wholes else (other, rows[i])
                found[i] = has_subtree(self._nodes(whole), self._nodes(part))
        return found

    def _nodes(self, row: int) -> list[tuple[int, int]]:
        return [divmod(int(node), self.labels) for node in self.nodes[row, : self.lengths[row]]]


def has_subtree(whole: Sequence[tuple[int, int]], part: Sequence[tuple[int, int]]) -> bool:
    """Whether a tree holds another as an induced ordered subtree; nodes are (depth, label) in preorder."""

    def children(tree: Sequence[tuple[int, int]], node: int) -> list[int]:
        below = []
        for i in range(node + 1, len(tree)):
            if tree[i][0] <= tree[node][0]:
                break
            if tree[i][0] == tree[node][0] + 1:
                below.append(i)
        return below

    def matches(w: int, p: int) -> bool:
        if whole[w][1] != part[p][1]:
            return False
        # The first sibling that will do is the best: whether two subtrees match does not depend on others.
        room = iter(children(whole, w))
        return all(any(matches(below, wanted) for below in room) for wanted in children(part, p))

    return any(matches(w, 0) for w in range(len(whole)))


@dataclass
class Folded:
    """`kept`: the unexplained patterns in order, as many as were wanted; `explained_by` (patterns,): another one or -1.

    Of patterns after the last kept one only those in `more` were looked at.
    """

    kept: Codes
    explained_by: Codes


def fold(
    order: Codes,
    telling: NDArray[np.bool_],
    items: PatternItems,
    counts: Counts,
    wanted: int,
    more: Codes,
    shortest: int = 1,
) -> Folded:
    """Walk the patterns from the strongest (`order`, all patterns) until `wanted` unexplained ones are found.

    Only `telling` patterns, those beyond chance, explain or are explained; `more` are patterns whose explanation is
    wanted wherever they stand in the order. Patterns under `shortest` items explain longer ones, when they are single
    items, but are neither kept nor explained: they are reported elsewhere.
    """
    explained = np.full(len(order), -1, np.int64)
    place = np.full(len(order), len(order), np.int64)
    ranked = order[telling[order]]
    place[ranked] = np.arange(len(ranked))
    walk = ranked[items.lengths[ranked] >= shortest]
    single = _singles(items, ranked) if shortest > 1 else np.zeros(0, np.int64)
    kept: list[int] = []

    def mark(rows: Codes, by: int) -> None:
        rows = rows[explained[rows] < 0]
        wholes, parts = rows[items.contain(rows, by)], rows[items.within(rows, by)]
        explained[wholes[counts.part_explains(wholes, by)]] = by
        explained[parts[counts.whole_explains(by, parts)]] = by
        alike = rows[counts.same(rows, by)]
        explained[alike[items.overlap(alike, by)]] = by

    def mark_by_singles(rows: Codes) -> None:
        codes = items.items[rows]  # (rows, longest)
        part = np.where((codes >= 0) & (codes < len(single)), single[np.clip(codes, 0, len(single) - 1)], -1)
        row, column = np.nonzero((part >= 0) & (place[part] < place[rows][:, None]))
        whole, by = rows[row], part[row, column]
        found = np.flatnonzero(counts.part_explains(whole, by))
        found = found[np.argsort(-place[by[found]], kind="stable")]  # of several the strongest is written last
        explained[whole[found]] = by[found]

    looked = 0
    while looked < len(walk) and len(kept) < wanted:
        block = walk[looked : looked + BLOCK]
        if len(single):
            mark_by_singles(block)
        for by in kept:
            mark(block, by)
        for i, pattern in enumerate(block):
            looked += 1
            if explained[pattern] >= 0:
                continue
            kept.append(int(pattern))
            if len(kept) == wanted:
                break
            mark(block[i + 1 :], int(pattern))
    explained[walk[looked:]] = -1
    rest = more[np.isin(more, walk[looked:])]
    if len(single):
        mark_by_singles(rest)
    for by in kept:
        mark(rest, by)
    return Folded(np.array(kept, np.int64), explained)


def _singles(items: PatternItems, ranked: Codes) -> Codes:
    """The pattern that is the item alone, by item; -1 where it is not among `ranked`."""
    alone = ranked[items.lengths[ranked] == 1]
    codes = items.items[alone, 0]
    single = np.full(int(codes.max(initial=-1)) + 1, -1, np.int64)
    single[codes] = alone
    return single
