"""Patterns as a prefix tree."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neuronsig.miners.mined_patterns import Codes


class Trie(NamedTuple):
    """Patterns as a prefix tree: the children of node u are [first[u], first[u + 1]); 0 is the root."""

    first: NDArray[np.int64]  # (nodes + 1,)
    key: NDArray[np.int64]  # (nodes,) number of the node's item among the codes; 0: the root
    ends: NDArray[np.int64]  # (nodes,) the pattern that ends there, or -1


class CountingTrie:
    """Given patterns as a prefix tree; built once for a set of patterns, used for any number of blocks of sentences."""

    def __init__(self, patterns: Sequence[Sequence[int]]) -> None:
        """Raises ValueError when two patterns are equal, one is empty, or an item is negative."""
        lengths = np.fromiter((len(p) for p in patterns), np.int64, len(patterns))
        self._grow(np.fromiter((item for p in patterns for item in p), np.int64, int(lengths.sum())), lengths)

    @classmethod
    def of(cls, items: NDArray[np.integer], offsets: NDArray[np.integer]) -> CountingTrie:
        """The trie of patterns given flat: pattern i is `items[offsets[i]:offsets[i + 1]]`. Raises as the other."""
        made, bounds = cls.__new__(cls), np.asarray(offsets, np.int64)
        made._grow(np.asarray(items, np.int64), bounds[1:] - bounds[:-1])
        return made

    def _grow(self, flat: Codes, lengths: Codes) -> None:
        self.codes, local = np.unique(flat, return_inverse=True)
        self.size = len(lengths)
        alphabet, starts = max(len(self.codes), 1), np.cumsum(lengths) - lengths
        level, n = np.zeros(1, np.int64), 1  # the nodes of the level above; all nodes
        first, keys, ends = [], [np.zeros(1, np.int64)], [np.full(1, -1)]
        node = np.zeros(len(lengths), np.int64)  # that a pattern's items have led to
        for depth in range(int(lengths.max(initial=0))):
            alive = np.flatnonzero(lengths > depth)
            edges, child = np.unique(node[alive] * alphabet + local[starts[alive] + depth], return_inverse=True)
            above, key = np.divmod(edges, alphabet)
            node[alive] = n + child
            last = alive[lengths[alive] == depth + 1]
            first.append(n + np.searchsorted(above, level))
            keys.append(key)
            ends.append(np.full(len(edges), -1))
            ends[-1][node[last] - n] = last
            level = np.arange(n, n + len(edges))
            n += len(edges)
        first.append(np.full(len(level) + 1, n))
        self.trie = Trie(np.concatenate(first), np.concatenate(keys), np.concatenate(ends))
        if (self.trie.ends >= 0).sum() < self.size or self.codes.min(initial=0) < 0:
            raise ValueError("patterns to count must be distinct, not empty, and of items of 0 or more")
