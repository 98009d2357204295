"""Frequent patterns on integer-encoded sentences: exact counting of given patterns, closedness, and bounds.

A pattern is a tuple of item codes that must occur in a sentence in that order, with any number of other items
between them, and counts once for a sentence: PrefixSpan's semantics (P1 3.2). An itemset is the same thing over
the sentence's *sorted distinct* items, so one counter serves words, tags and itemsets.

Sentences come as one flat array of codes (`items`, negative codes never match) and `offsets` (sentence i is
`items[offsets[i]:offsets[i + 1]]`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.int64]
Pattern = tuple[int, ...]

DENSE_CELLS = 1 << 24
"""Child tables up to this many cells (4 bytes each) are addressed directly; larger ones are searched."""

BLOCK_ITEMS = 1 << 17
"""Items of the sentences expanded at once; keeps the counter's memory flat."""


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
        """The trie of distinct, non-empty patterns; counts come in the order given."""
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


def count_patterns(trie: PatternTrie, items: NDArray[np.integer], offsets: NDArray[np.integer]) -> Codes:
    """In how many sentences each pattern of the trie occurs: int64 (patterns,).

    Level by level over all sentences together: a state is (trie node, sentence, where its last item stands). With
    free gaps the earliest occurrence of a prefix is enough, so a sentence holds at most one state for a node.
    """
    counts = np.zeros(trie.size, np.int64)
    if trie.size == 0 or len(offsets) < 2:
        return counts
    offsets = np.asarray(offsets, np.int64)
    tables = [_child_table(trie, depth) for depth in range(len(trie.children))]
    first = 0
    while first < len(offsets) - 1:
        last = int(np.searchsorted(offsets, offsets[first] + BLOCK_ITEMS, side="right")) - 1
        last = min(max(last, first + 1), len(offsets) - 1)
        block = np.asarray(items[offsets[first] : offsets[last]], np.int64)
        _count_block(trie, tables, block, offsets[first : last + 1] - offsets[first], counts)
        first = last
    return counts


def _count_block(
    trie: PatternTrie, tables: list[NDArray[np.int32] | None], items: Codes, offsets: Codes, counts: Codes
) -> None:
    local = np.searchsorted(trie.codes, items)
    local[local == len(trie.codes)] = 0
    known = trie.codes[local] == items
    sentence = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))[known]
    local = local[known]  # (kept,) items that occur in some pattern, text order
    bounds = np.searchsorted(sentence, np.arange(len(offsets)))  # sentence i keeps [bounds[i], bounds[i + 1])
    state_node = np.zeros(len(offsets) - 1, np.int64)
    state_sentence = np.arange(len(offsets) - 1)
    state_next = bounds[:-1]  # the first place where the next item may stand
    for depth, edges in enumerate(trie.children):
        room = bounds[state_sentence + 1] - state_next
        total = int(room.sum())
        if total == 0:
            return
        state = np.repeat(np.arange(len(room)), room)
        begin = np.cumsum(room) - room
        place = np.arange(total) - np.repeat(begin - state_next, room)
        child = _lookup(tables[depth], edges, trie.alphabet, state_node[state], local[place])
        hit = np.flatnonzero(child >= 0)
        child, place, sentences = child[hit], place[hit], state_sentence[state[hit]]
        # The earliest place of every (child, sentence): np.unique keeps the first of equal keys, and within one
        # (child, sentence) places come in ascending order because they stem from one state.
        _, firsts = np.unique(child * len(offsets) + sentences, return_index=True)
        state_node, state_sentence, state_next = child[firsts], sentences[firsts], place[firsts] + 1
        ended = trie.ends[depth][state_node]
        np.add(counts, np.bincount(ended[ended >= 0], minlength=trie.size), out=counts)


def _child_table(trie: PatternTrie, depth: int) -> NDArray[np.int32] | None:
    parents = 1 if depth == 0 else len(trie.children[depth - 1])
    if parents * trie.alphabet > DENSE_CELLS:
        return None
    table = np.full(parents * trie.alphabet, -1, np.int32)
    table[trie.children[depth]] = np.arange(len(trie.children[depth]))
    return table


def _lookup(table: NDArray[np.int32] | None, edges: Codes, alphabet: int, node: Codes, item: Codes) -> Codes:
    keys = node * alphabet + item
    if table is not None:
        return table[keys].astype(np.int64)
    found = np.searchsorted(edges, keys)
    found[found == len(edges)] = 0
    return np.where(edges[found] == keys, found, -1)


def count_patterns_slowly(patterns: Iterable[Pattern], sentences: Iterable[Sequence[int]]) -> list[int]:
    """The definition of the count, one pattern and one sentence at a time; what `count_patterns` must equal."""
    kept = [list(sentence) for sentence in sentences]
    return [sum(_occurs(pattern, sentence) for sentence in kept) for pattern in patterns]


def _occurs(pattern: Pattern, sentence: Sequence[int]) -> bool:
    rest = iter(sentence)
    return all(item in rest for item in pattern)


def closed(patterns: Sequence[Pattern], support: Sequence[int]) -> NDArray[np.bool_]:
    """Which patterns no pattern of one item more contains with the same support: bool (patterns,).

    The one-item-longer patterns must be among those given, so patterns of the greatest length are always closed.
    A sub-pattern with equal support occurs in exactly the same sentences and says less.
    """
    number = {pattern: i for i, pattern in enumerate(patterns)}
    keep = np.ones(len(patterns), bool)
    for pattern, f in zip(patterns, support, strict=True):
        for skip in range(len(pattern)):
            shorter = number.get(pattern[:skip] + pattern[skip + 1 :])
            if shorter is not None and support[shorter] == f:
                keep[shorter] = False
    return keep


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
