"""Patterns that say what another one says: a neuron's list without repetitions, and with the reasons.

A pattern that stands out is *explained*

- by a part of it, when what it adds selects no further: among the sentences with the part, those with the whole are
  not more frequent, beyond chance and by LEAST_LIFT, than they are in the reference. Parts are asked from the shortest
  on, whatever their rank, and only one that no part explains can explain;
- by a pattern before it that it is a part of, when it owes its selectivity to that: the sentences that have the part
  but not the whole are not more frequent, beyond chance and by LEAST_LIFT, than in the reference;
- by a pattern before it with half of its items or more and the same counts within SAME: pieces of one longer phrase.

"Beyond chance" is at level `alpha` divided by the number of the neuron's patterns (Bonferroni).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from neuronsig.miners.containment import has_subtree
from neuronsig.mining.keyness import lift, log_ratio
from neuronsig.splitmix import STEP, mixed

LACKING = 3
"""A part lacks so many items at most, or is a single item: all parts of patterns of five items and less."""

LEAST_LIFT = 0.25
"""Bits, a factor of 1.19: what adds less to a part is not worth a reader's line, however certain it is."""

SAME = 0.02
"""Overlapping patterns whose counts differ by no more than this share are one."""

BLOCK = 512
"""Patterns of the walk looked at together: mostly all that is needed of a neuron's thousands."""

Codes = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


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

    def part_explains(self, whole: Codes, part: Codes) -> Flags:
        """For pairs of a pattern and a part of it: does the part account for the whole?"""
        ratio, limit = lift(self.f1[whole], self.f1[part], self.f2[whole], self.f2[part], self.level)
        return (ratio < LEAST_LIFT) | (limit <= 0)

    def whole_explains(self, whole: int, part: Codes) -> Flags:
        """Which of some parts of a pattern it accounts for."""
        f1 = np.maximum(self.f1[part] - self.f1[whole], 0.0)
        f2 = np.maximum(self.f2[part] - self.f2[whole], 0.0)
        _, limit = lift(f1, self.n1, f2, self.n2, self.level)
        return (log_ratio(f1, self.n1, f2, self.n2) < LEAST_LIFT) | (limit <= 0)

    def same(self, rows: Codes, other: int) -> Flags:
        """Which of `rows` have the counts of `other`, within SAME."""
        near1 = np.abs(self.f1[rows] - self.f1[other]) <= SAME * self.f1[other]
        near2 = np.abs(self.f2[rows] - self.f2[other]) <= SAME * self.f2[other]
        return np.asarray(near1 & near2)


def explain(
    order: Codes, selective: Flags, items: PatternItems, counts: Counts, wanted: int, more: Codes, shortest: int
) -> tuple[Codes, Codes]:
    """Go through the patterns from the strongest (`order`, all patterns) until `wanted` unexplained ones are found.

    Returns these in order, and `explained_by` (patterns,): another one or -1; patterns after the last kept one are
    explained by it or those before it only where they are among `more`. Only `selective` patterns, those beyond chance,
    explain or are explained. Patterns under `shortest` items explain longer ones but are neither kept nor explained:
    they are reported elsewhere.
    """
    explained = explained_by_parts(order, selective, items, counts, shortest)
    walk = order[selective[order] & (items.lengths[order] >= shortest) & (explained[order] < 0)]
    kept: list[int] = []

    def mark(rows: Codes, by: int) -> None:
        rows = rows[explained[rows] < 0]
        parts = rows[items.within(rows, by)]
        explained[parts[counts.whole_explains(by, parts)]] = by
        alike = rows[counts.same(rows, by)]
        explained[alike[items.overlap(alike, by)]] = by

    looked = 0
    while looked < len(walk) and len(kept) < wanted:
        block = walk[looked : looked + BLOCK]
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
    for by in kept:
        mark(rest, by)
    return np.array(kept, np.int64), explained


def explained_by_parts(order: Codes, selective: Flags, items: PatternItems, counts: Counts, shortest: int) -> Codes:
    """(patterns,) for each selective pattern the part that explains it, of several the strongest; -1 for none.

    A part that is itself explained by one of its parts explains nothing, so that small lifts cannot add up unseen.
    """
    explained = np.full(len(order), -1, np.int64)
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    for length in range(max(shortest, 2), int(items.lengths.max(initial=0)) + 1):
        whole, part = items.parts(np.flatnonzero(selective & (items.lengths == length)))
        able = selective[part] & (explained[part] < 0)
        whole, part = whole[able], part[able]
        able = counts.part_explains(whole, part)
        whole, part = whole[able], part[able]
        weakest_first = np.argsort(-place[part], kind="stable")  # the strongest is written last
        explained[whole[weakest_first]] = part[weakest_first]
    return explained


class PatternItems:
    """Patterns as rows of items: which are parts of which, without comparing all pairs.

    A sequence's part leaves items out, as an itemset's does (its items are sorted). With `labels` above 0 patterns are
    subtrees, nodes `depth * labels + label` in preorder (neuronsig.miners.frequent), and a part is an induced subtree.
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
        self._index: dict[int, tuple[NDArray[np.uint64], Codes]] = {}

    def parts(self, rows: Codes) -> tuple[Codes, Codes]:
        """All pairs of a pattern of `rows`, which are of one length, and a pattern that is a proper part of it.

        Parts that lack more than LACKING items are left out, but for single items.
        """
        length = int(self.lengths[rows[0]]) if len(rows) else 0
        nodes = self.nodes[rows, :length]
        whole, part = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
        for kept in _kept(length):
            wanted = nodes[:, kept]
            usable = np.ones(len(rows), bool)
            if self.labels:
                usable = self._connected(nodes, kept)
                wanted = wanted - wanted[:, :1] // self.labels * self.labels
            found = self._find(wanted[usable])
            there = found >= 0
            whole.append(rows[usable][there])
            part.append(found[there])
        pairs = np.unique(np.stack((np.concatenate(whole), np.concatenate(part))), axis=1)
        return pairs[0], pairs[1]

    def within(self, rows: Codes, whole: int) -> Flags:
        """Which of `rows` are proper parts of pattern `whole`."""
        items, lengths = self.items[rows], self.lengths[rows]
        ended = np.concatenate((items, np.full((len(rows), 1), -2)), axis=1)
        found, row = np.zeros(len(rows), np.int64), np.arange(len(rows))
        for item in self.items[whole, : self.lengths[whole]]:
            found += ended[row, found] == item
        inside = (found == lengths) & (lengths < self.lengths[whole])
        if self.labels:  # labels in order are necessary but not enough: the few that pass are compared as trees
            for i in np.flatnonzero(inside):
                inside[i] = has_subtree(self._tree(whole), self._tree(int(rows[i])))
        return inside

    def overlap(self, rows: Codes, other: int) -> Flags:
        """Which of `rows` have half of their items (labels) or more in common with pattern `other`."""
        common = np.isin(self.items[rows], self.items[other, : self.lengths[other]]).sum(axis=1)
        return np.asarray(2 * common >= self.lengths[rows])

    def _find(self, wanted: Codes) -> Codes:
        """The pattern of each row of items, -1 where there is none: all of one length, wanted (rows, length)."""
        length = wanted.shape[1]
        if length not in self._index:
            rows = np.flatnonzero(self.lengths == length)
            hashes = _hash(self.nodes[rows, :length])
            order = np.argsort(hashes, kind="stable")
            self._index[length] = hashes[order], rows[order]
        hashes, rows = self._index[length]
        if not len(rows):
            return np.full(len(wanted), -1, np.int64)
        place = np.minimum(np.searchsorted(hashes, _hash(wanted)), len(rows) - 1)
        same = (self.nodes[rows[place], :length] == wanted).all(axis=1)
        return np.where(same, rows[place], -1)

    def _connected(self, nodes: Codes, kept: Sequence[int]) -> Flags:
        """Of subtrees (rows, length), those whose nodes at the places `kept` are one tree."""
        depth = nodes // self.labels
        fine = np.ones(len(nodes), bool)
        for place in kept[1:]:
            parent = np.full(len(nodes), -1)
            for before in range(place):
                parent[depth[:, before] == depth[:, place] - 1] = before
            fine &= np.isin(parent, kept)
        return fine

    def _tree(self, row: int) -> list[tuple[int, int]]:
        return [divmod(int(node), self.labels) for node in self.nodes[row, : self.lengths[row]]]


def _kept(length: int) -> Iterator[list[int]]:
    for size in range(1, length):
        if size == 1 or length - size <= LACKING:
            yield from map(list, combinations(range(length), size))


def _hash(rows: Codes) -> NDArray[np.uint64]:
    """One number for each row (rows, length): splitmix64 of its items, one after the other."""
    found = np.zeros(len(rows), np.uint64)
    for column in rows.T:
        found = mixed((found ^ column.astype(np.uint64)) + STEP)
    return found
