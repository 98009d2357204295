"""Which sentences hold which patterns: sequences within gaps, itemsets, subtrees.

Each sentence looks only at the patterns whose rarest item it has, and then at whether it has all their items; only
what is left is matched. Counting alone is `neuronsig.miners.counting`'s.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neuronsig.encoding.text import Codes, Items
from neuronsig.miners.compiled import compiled
from neuronsig.miners.growth import FAR
from neuronsig.miners.output import grow
from neuronsig.miners.siblings import children_fit
from neuronsig.miners.trees import Forest

MAX_NODES = 62
"""Nodes of a subtree that can be matched: a bit each."""


@dataclass(frozen=True)
class Postings:
    """Sentences that hold each pattern: of pattern i, ascending, `sentences[offsets[i]:offsets[i + 1]]`."""

    sentences: NDArray[np.int32]
    offsets: Codes  # (patterns + 1,)

    def of(self, pattern: int) -> NDArray[np.int32]:
        return self.sentences[self.offsets[pattern] : self.offsets[pattern + 1]]


@dataclass(frozen=True)
class Rarest:
    """Patterns as flat codes, and under each code the patterns of which it is the rarest."""

    codes: Codes
    offsets: Codes  # (patterns + 1,)
    first: Codes  # (codes + 1,) into `patterns`
    patterns: Codes

    @classmethod
    def of(cls, patterns: Sequence[Sequence[int]], sentences: Codes) -> Rarest:
        """`sentences` (codes,) says in how many sentences each code is. A pattern with a code below 0 is in none."""
        lengths = np.array([len(p) for p in patterns], np.int64)
        offsets = np.concatenate(([0], np.cumsum(lengths)))
        codes = np.array([code for p in patterns for code in p], np.int64)
        rarest = np.full(len(patterns), -1, np.int64)
        for i, pattern in enumerate(patterns):
            if len(pattern) and min(pattern) >= 0:
                rarest[i] = min(pattern, key=lambda code: sentences[code])
        order = np.argsort(rarest, kind="stable")
        order = order[rarest[order] >= 0]
        first = np.searchsorted(rarest[order], np.arange(len(sentences) + 1))
        return cls(codes, offsets, first, order)


def sequence_postings(
    patterns: Sequence[Sequence[int]],
    items: Items,
    n_codes: int,
    max_gap: int | None = None,
    max_window: int | None = None,
) -> Postings:
    """Sentences that hold each pattern of codes in order, at most `max_gap` positions skipped between neighbours and
    at most `max_window` from first to last. Where an item is of no sentence its code is -1."""
    if not patterns:
        return Postings(np.zeros(0, np.int32), np.zeros(1, np.int64))
    rarest = Rarest.of(patterns, _held_by(items, n_codes))
    limits = [FAR if limit is None else np.int64(limit) for limit in (max_gap, max_window)]
    found = find_items(
        *(items.codes, items.positions, items.offsets),
        *(rarest.codes, rarest.offsets, rarest.first, rarest.patterns, True, *limits),
    )
    return _postings(found, len(patterns))


def set_postings(patterns: Sequence[Sequence[int]], items: Items, n_codes: int) -> Postings:
    """Sentences that hold all codes of each pattern."""
    if not patterns:
        return Postings(np.zeros(0, np.int32), np.zeros(1, np.int64))
    rarest = Rarest.of(patterns, _held_by(items, n_codes))
    found = find_items(
        *(items.codes, items.positions, items.offsets),
        *(rarest.codes, rarest.offsets, rarest.first, rarest.patterns, False, FAR, FAR),
    )
    return _postings(found, len(patterns))


def subtree_postings(
    patterns: Sequence[Sequence[tuple[int, int]]], trees: Forest, words: Codes, tags: Codes, n_codes: int
) -> Postings:
    """Sentences whose tree holds each pattern: nodes (depth, code) in preorder, induced and ordered.

    A tree's labels are numbers of tokens; a pattern's node fits a token whose word, or whose tag, is its code. Trees
    that were brought have nodes for tokens, and one code for both (Text.node_items). Raises ValueError for a pattern of
    more than MAX_NODES nodes.
    """
    if not patterns:
        return Postings(np.zeros(0, np.int32), np.zeros(1, np.int64))
    if (largest := max(len(p) for p in patterns)) > MAX_NODES:
        raise ValueError(f"a subtree of {largest} nodes; {MAX_NODES} can be matched")
    word, tag = words[trees.labels], tags[trees.labels]  # (nodes,)
    stacked = np.stack((word, tag), axis=1).reshape(-1)
    items = Items(stacked, np.zeros_like(stacked), 2 * trees.bounds)
    rarest = Rarest.of([[code for _, code in p] for p in patterns], _held_by(items, n_codes))
    parent = np.concatenate([parents_of(p) for p in patterns])
    found = find_subtrees(
        *(word, tag, trees.first, trees.last, trees.bounds),
        *(rarest.codes, parent, rarest.offsets, rarest.first, rarest.patterns),
    )
    return _postings(found, len(patterns))


def parents_of(pattern: Sequence[tuple[int, int]]) -> Codes:
    """Place of each node's parent in the pattern; -1 for the root."""
    above: dict[int, int] = {-1: -1}
    found = []
    for place, (depth, _) in enumerate(pattern):
        above[depth] = place
        found.append(above[depth - 1])
    return np.array(found, np.int64)


def _held_by(items: Items, n_codes: int) -> Codes:
    """In how many sentences each code is, (n_codes,)."""
    rows = np.repeat(np.arange(len(items.offsets) - 1), np.diff(items.offsets))
    known = items.codes >= 0
    keys = np.unique(items.codes[known] * len(items.offsets) + rows[known])
    return np.bincount(keys // len(items.offsets), minlength=n_codes)


def _postings(found: tuple[NDArray[np.int32], NDArray[np.int32]], n_patterns: int) -> Postings:
    pattern, sentence = found
    order = np.argsort(pattern, kind="stable")
    counts = np.bincount(pattern, minlength=n_patterns)
    return Postings(sentence[order], np.concatenate(([0], np.cumsum(counts))))


@compiled
def find_items(items, at, offsets, codes, bounds, first, by_rarest, ordered, max_gap, max_window):  # type: ignore[no-untyped-def]
    """(pattern, sentence) of every sequence, or where not `ordered` set, that each sentence holds, one by one."""
    free = max_gap == FAR and max_window == FAR
    longest = 0
    for s in range(len(offsets) - 1):
        longest = max(longest, offsets[s + 1] - offsets[s])
    begin, before = np.empty(longest, np.int64), np.empty(longest, np.int64)
    met = np.full(len(first) - 1, -1, np.int64)
    asked = np.full(len(first) - 1, -1, np.int64)
    pattern, sentence = np.empty(1 << 16, np.int32), np.empty(1 << 16, np.int32)
    n = 0
    for s in range(len(offsets) - 1):
        start, stop = offsets[s], offsets[s + 1]
        for i in range(start, stop):
            if items[i] >= 0:
                met[items[i]] = s
        for k in range(start, stop):
            x = items[k]
            if x < 0 or asked[x] == s:
                continue
            asked[x] = s
            for b in range(first[x], first[x + 1]):
                p = by_rarest[b]
                lo, hi = bounds[p], bounds[p + 1]
                held = True
                for j in range(lo, hi):
                    if met[codes[j]] != s:
                        held = False
                        break
                if held and ordered and hi - lo > 1:
                    if free:
                        j, last = lo, -1
                        for i in range(start, stop):
                            if items[i] == codes[j] and at[i] > last:
                                last = at[i]
                                j += 1
                                if j == hi:
                                    break
                        held = j == hi
                    else:
                        # begin[i]: the latest place where a prefix that ends in item i may begin, -1 for none.
                        for i in range(start, stop):
                            begin[i - start] = at[i] if items[i] == codes[lo] else -1
                        for j in range(lo + 1, hi):
                            held = False
                            for i in range(start, stop):
                                before[i - start] = begin[i - start]
                            for i in range(stop - 1, start - 1, -1):
                                best = -1
                                if items[i] == codes[j]:
                                    for h in range(i - 1, start - 1, -1):
                                        if at[i] - at[h] - 1 > max_gap:
                                            break
                                        if at[h] < at[i] and before[h - start] > best:
                                            best = before[h - start]
                                    if best >= 0 and at[i] - best + 1 > max_window:
                                        best = -1
                                begin[i - start] = best
                                held = held or best >= 0
                            if not held:
                                break
                if held:
                    if n == len(pattern):
                        pattern, sentence = grow(pattern, n), grow(sentence, n)
                    pattern[n], sentence[n] = p, s
                    n += 1
    return pattern[:n].copy(), sentence[:n].copy()


@compiled
def find_subtrees(word, tag, first_child, last_child, trees, codes, parent, bounds, first, by_rarest):  # type: ignore[no-untyped-def]
    """(pattern, sentence) of every subtree that a sentence's tree holds, sentence by sentence.

    fits[v] has a bit for each node of the pattern whose whole branch fits at the tree's node v. Children come after
    their parents in both, so both are gone through from the end.
    """
    widest = 0
    for s in range(len(trees) - 1):
        widest = max(widest, trees[s + 1] - trees[s])
    fits = np.zeros(widest, np.int64)
    met = np.full(len(first) - 1, -1, np.int64)
    asked = np.full(len(first) - 1, -1, np.int64)
    pattern, sentence = np.empty(1 << 16, np.int32), np.empty(1 << 16, np.int32)
    n = 0
    for s in range(len(trees) - 1):
        start, stop = trees[s], trees[s + 1]
        for v in range(start, stop):
            met[word[v]] = s
            met[tag[v]] = s
        for k in range(2 * (stop - start)):
            x = word[start + k // 2] if k % 2 == 0 else tag[start + k // 2]
            if asked[x] == s:
                continue
            asked[x] = s
            for b in range(first[x], first[x + 1]):
                p = by_rarest[b]
                lo, hi = bounds[p], bounds[p + 1]
                held = True
                for j in range(lo, hi):
                    if met[codes[j]] != s:
                        held = False
                        break
                if held and hi - lo > 1:
                    held = False
                    for v in range(stop - 1, start - 1, -1):
                        fits[v - start] = 0
                        for q in range(hi - 1, lo - 1, -1):
                            if codes[q] != word[v] and codes[q] != tag[v]:
                                continue
                            if children_fit(fits, start, first_child, last_child, v, parent, lo, hi, q):
                                fits[v - start] |= np.int64(1) << (q - lo)
                        if fits[v - start] & 1:
                            held = True
                            break
                if held:
                    if n == len(pattern):
                        pattern, sentence = grow(pattern, n), grow(sentence, n)
                    pattern[n], sentence[n] = p, s
                    n += 1
    return pattern[:n].copy(), sentence[:n].copy()
