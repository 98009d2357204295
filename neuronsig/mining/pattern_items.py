"""Which of many patterns are parts of which: sequences, itemsets and subtrees alike, without comparing all pairs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from neuronsig.miners.reference import has_subtree
from neuronsig.splitmix import STEP, mixed

Codes = NDArray[np.int64]

LACKING = 3
"""A part lacks so many items at most, or is a single item: all parts of patterns of five items and less."""


class PatternItems:
    """Patterns as rows of items.

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

    def within(self, rows: Codes, whole: int) -> NDArray[np.bool_]:
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

    def overlap(self, rows: Codes, other: int) -> NDArray[np.bool_]:
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

    def _connected(self, nodes: Codes, kept: Sequence[int]) -> NDArray[np.bool_]:
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
    """Places that a part of a pattern keeps."""
    for size in range(1, length):
        if size == 1 or length - size <= LACKING:
            yield from map(list, combinations(range(length), size))


def _hash(rows: Codes) -> NDArray[np.uint64]:
    """One number for each row (rows, length): splitmix64 of its items, one after the other."""
    found = np.zeros(len(rows), np.uint64)
    for column in rows.T:
        found = mixed((found ^ column.astype(np.uint64)) + STEP)
    return found
