"""Which words of a sentence are part of an occurrence of a pattern: of any of them all.

A sentence's words have two codes each, either of which an item may be: the word itself and its tag.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neuronsig.miners.compiled import compiled

MAX_NODES = 62
"""Nodes of a subtree that can be marked: a bit each."""


class Words(NamedTuple):
    """The words of sentences; sentence s has [bounds[s], bounds[s + 1])."""

    word: NDArray[np.int64]  # (words,)
    tag: NDArray[np.int64]  # (words,)
    bounds: NDArray[np.int64]  # (sentences + 1,)


class Nodes(NamedTuple):
    """The nodes of their trees, breadth first, as in Forest."""

    word: NDArray[np.int64]  # (nodes,) the place among all words
    first: NDArray[np.int64]  # (nodes,)
    last: NDArray[np.int64]  # (nodes,)
    bounds: NDArray[np.int64]  # (sentences + 1,)


@compiled
def mark_items(word, tag, codes, part):  # type: ignore[no-untyped-def]
    """Set `part` (words,) where a word of a sentence has one of the codes."""
    for i in range(len(word)):
        for code in codes:
            if word[i] == code or tag[i] == code:
                part[i] = True


@compiled
def mark_sequence(word, tag, codes, gap, window, part):  # type: ignore[no-untyped-def]
    """Set `part` (words,) where a word is part of the sequence, within its gap and window (FAR: any).

    A word is, as its item j, if the items up to j can end there and those from j on begin there, near enough. Both are
    the same question, the second one asked from the end.
    """
    n, m = len(word), len(codes)
    begins = latest_begins(word, tag, codes, gap)
    ends = latest_begins(word[::-1], tag[::-1], codes[::-1], gap)
    for j in range(m):
        for i in range(n):
            end = ends[m - 1 - j, n - 1 - i]
            if begins[j, i] >= 0 and end >= 0 and n - 1 - end - begins[j, i] < window:
                part[i] = True


@compiled
def latest_begins(word, tag, codes, gap):  # type: ignore[no-untyped-def]
    """The latest word at which the items up to j can begin when item j is word i; -1: they cannot. (items, words)"""
    begins = np.full((len(codes), len(word)), -1, np.int64)
    for j in range(len(codes)):
        last = -1  # the word nearest before that ends the items up to j - 1: it has the latest begin
        for i in range(len(word)):
            if word[i] == codes[j] or tag[i] == codes[j]:
                if j == 0:
                    begins[j, i] = i
                elif last >= 0 and i - last - 1 <= gap:
                    begins[j, i] = begins[j - 1, last]
            if j > 0 and begins[j - 1, i] >= 0:
                last = i
    return begins


@compiled
def mark_subtree(words, nodes, s, codes, parents, part):  # type: ignore[no-untyped-def]
    """Set `part` (words,) where a word of sentence s is part of the subtree; `parents` are places in it, -1 the root's.

    From the roots of its occurrences down: a child plays a sibling if those before it and those after it find room on
    its either side.
    """
    base, stop = nodes.bounds[s], nodes.bounds[s + 1]
    fits = branches_that_fit(words, nodes, base, stop, codes, parents)
    played = fits & 1
    siblings = np.empty(len(codes), np.int64)
    early, late = np.empty(len(codes), np.int64), np.empty(len(codes), np.int64)
    for v in range(base, stop):
        if not played[v - base]:
            continue
        part[nodes.word[v] - words.bounds[s]] = True
        for q in range(len(codes)):
            if not (played[v - base] >> q) & 1:
                continue
            n = 0
            for r in range(q + 1, len(codes)):
                if parents[r] == q:
                    siblings[n] = r
                    n += 1
            c = nodes.first[v]
            for k in range(n):
                while not (fits[c - base] >> siblings[k]) & 1:
                    c += 1
                early[k] = c
                c += 1
            c = nodes.last[v] - 1
            for k in range(n - 1, -1, -1):
                while not (fits[c - base] >> siblings[k]) & 1:
                    c -= 1
                late[k] = c
                c -= 1
            for k in range(n):
                for c in range(early[k], late[k] + 1):
                    if (fits[c - base] >> siblings[k]) & 1:
                        played[c - base] |= np.int64(1) << siblings[k]


@compiled
def branches_that_fit(words, nodes, base, stop, codes, parents):  # type: ignore[no-untyped-def]
    """For each node of a tree a bit for each node of the subtree whose whole branch fits there: int64 (nodes,).

    Children come after their parents in both, so both are gone through from the end. Siblings of the subtree take the
    first of the tree's siblings that fits and comes after the one before: none leaves more room for those that follow.
    """
    word, tag, first, last = words.word, words.tag, nodes.first, nodes.last
    fits = np.zeros(stop - base, np.int64)
    for v in range(stop - 1, base - 1, -1):
        token = nodes.word[v]
        for q in range(len(codes) - 1, -1, -1):
            if codes[q] != word[token] and codes[q] != tag[token]:
                continue
            c, fit = first[v], True
            for r in range(q + 1, len(codes)):
                if parents[r] == q:
                    while c < last[v] and not (fits[c - base] >> r) & 1:
                        c += 1
                    if c == last[v]:
                        fit = False
                        break
                    c += 1
            if fit:
                fits[v - base] |= np.int64(1) << q
    return fits
