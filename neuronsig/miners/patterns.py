"""Patterns as a prefix tree, and a bound of how many there can be.

A pattern is a tuple of item codes that must occur in a sentence in that order (P1 3.2), or, of an itemset, in
whatever order; `neuronsig.miners.counting` counts the patterns of a tree.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.int64]
Pattern = tuple[int, ...]


@dataclass
class PatternTrie:
    """Patterns as a prefix tree, level by level.

    `children[d]` holds the edges from depth d to d + 1: sorted keys `parent * alphabet + item`, and the child with
    key i has number i in its level. `ends[d][i]` is the pattern that ends in that child, or -1.
    """

    alphabet: int
    codes: Codes  # (alphabet,) item code of every local number, ascending
    children: list[Codes] = field(default_factory=list)
    ends: list[Codes] = field(default_factory=list)
    size: int = 0

    @classmethod
    def build(cls, patterns: Sequence[Pattern]) -> PatternTrie:
        """The trie of distinct, non-empty patterns; their numbers are their places among those given."""
        lengths = np.fromiter((len(p) for p in patterns), np.int64, len(patterns))
        return cls.of(np.fromiter((item for p in patterns for item in p), np.int64, int(lengths.sum())), lengths)

    @classmethod
    def of(cls, flat: Codes, lengths: Codes) -> PatternTrie:
        """The trie of patterns that stand one after the other in `flat`."""
        codes, local = np.unique(flat, return_inverse=True)
        trie = cls(alphabet=max(len(codes), 1), codes=codes, size=len(lengths))
        starts = np.cumsum(lengths) - lengths
        parents = np.zeros(len(lengths), np.int64)
        for depth in range(int(lengths.max(initial=0))):
            alive = np.flatnonzero(lengths > depth)
            keys = parents[alive] * trie.alphabet + local[starts[alive] + depth]
            edges, child = np.unique(keys, return_inverse=True)
            parents[alive] = child
            ends = np.full(len(edges), -1, np.int64)
            last = alive[lengths[alive] == depth + 1]
            ends[parents[last]] = last
            trie.children.append(edges)
            trie.ends.append(ends)
        return trie


def subsequence_bound(lengths: NDArray[np.integer], longest: int, min_count: int) -> float:
    """An upper bound of the number of frequent patterns of 1 to `longest` items, known before mining.

    A sentence of m items holds at most C(m, 1) + ... + C(m, longest) patterns, and a frequent pattern is held by
    at least `min_count` sentences, so there are at most the sum over sentences divided by `min_count`.
    """
    m = np.asarray(lengths, np.float64)
    held, term = np.zeros(m.shape), np.ones(m.shape)
    for size in range(1, min(longest, int(m.max(initial=0))) + 1):
        term = term * np.maximum(m - size + 1, 0) / size
        held += term
    return float(held.sum()) / max(min_count, 1)
