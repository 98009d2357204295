"""In how many sentences given patterns occur, and in which: sequences within gaps and windows, itemsets, subtrees.

The patterns are a prefix tree, which block after block of the sentences is taken through: a pattern is looked for only
where its prefix occurs, as the miners do it. An itemset is counted as a sequence of its items in ascending order, in
sentences whose items ascend.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neuronsig.miners.compiled import compiled
from neuronsig.miners.frequent import keep_items, nodes_in, positions_of, reach_of
from neuronsig.miners.growth import (
    FAR,
    NO_EDGES,
    NO_ORDER,
    Edges,
    Order,
    Places,
    no_tallies,
    place,
    rooms,
    what_follows,
)
from neuronsig.miners.mined_patterns import Codes, Limits, numbers_of
from neuronsig.miners.output import ROOM, grow, more_rows
from neuronsig.miners.trees import Forest
from neuronsig.miners.trie import CountingTrie, Trie
from neuronsig.ragged import Integers

BLOCK_ITEMS = 1 << 18
"""Items or nodes taken through the patterns at once; keeps memory flat."""


@dataclass(frozen=True)
class Postings:
    """Sentences that hold each pattern: of pattern i, ascending, `sentences[offsets[i]:offsets[i + 1]]`."""

    sentences: NDArray[np.int32]
    offsets: Codes  # (patterns + 1,)

    def of(self, pattern: int) -> NDArray[np.int32]:
        """The sentences of one pattern, ascending."""
        return self.sentences[self.offsets[pattern] : self.offsets[pattern + 1]]


def count_sequences(
    trie: CountingTrie,
    items: Integers,
    offsets: Integers,
    limits: Limits | None = None,
    positions: Integers | None = None,
    strata: Integers | None = None,
    n_strata: int = 1,
) -> Codes:
    """In how many sentences each pattern occurs within `max_gap` and `max_window`: int64 (patterns,).

    Sentences are given as to `frequent_sequences`; other limits do not matter here. With `strata` (sentences,), codes
    below `n_strata`, the sentences of each stratum are counted: int64 (patterns, n_strata).
    """
    blocks = _blocks_of_sequences(trie, items, offsets, limits, positions)
    return _counts(trie, blocks, len(offsets) - 1, strata, n_strata)


def count_subtrees(trie: CountingTrie, forest: Forest, strata: Integers | None = None, n_strata: int = 1) -> Codes:
    """In how many sentences each subtree occurs: int64 (patterns,), or (patterns, n_strata) as `count_sequences`.

    A pattern's items are its nodes in preorder, each `depth * forest.n_labels + label`, as `frequent_subtrees` gives
    them and `subtree_items` makes them of a bracketed string.
    """
    return _counts(trie, _blocks_of_subtrees(trie, forest), len(forest), strata, n_strata)


def find_sequences(
    trie: CountingTrie,
    items: Integers,
    offsets: Integers,
    limits: Limits | None = None,
    positions: Integers | None = None,
) -> Postings:
    """Which sentences hold each pattern that `count_sequences` counts."""
    return _postings(trie, _blocks_of_sequences(trie, items, offsets, limits, positions))


def find_subtrees(trie: CountingTrie, forest: Forest) -> Postings:
    """Which sentences hold each subtree that `count_subtrees` counts."""
    return _postings(trie, _blocks_of_subtrees(trie, forest))


class _Block(NamedTuple):
    """Sentences as `walk` takes them; `first`: the number of the one that is numbered 0 in it."""

    places: Places
    order: Order
    edges: Edges
    trie: Trie
    n_keys: int
    first: int


def _blocks_of_sequences(
    trie: CountingTrie, items: Integers, offsets: Integers, limits: Limits | None, positions: Integers | None
) -> Iterator[_Block]:
    items = np.array(items, np.int64)
    positions = positions_of(items, positions)
    nodes = Trie(*map(np.array, trie.trie))  # a kernel is compiled again for arrays that cannot be written, as Ray's
    number = numbers_of(trie.codes, max(int(items.max(initial=0)), int(trie.codes.max(initial=0))) + 1)
    for start, stop in _blocks(offsets):
        places, at, after = keep_items(items, np.array(offsets[start : stop + 1], np.int64), positions, number)
        yield _Block(places, Order(at, after, *reach_of(limits or Limits())), NO_EDGES, nodes, len(trie.codes), start)


def _blocks_of_subtrees(trie: CountingTrie, forest: Forest) -> Iterator[_Block]:
    labels = np.unique(trie.codes % forest.n_labels)
    depth, label = np.divmod(trie.codes, forest.n_labels)
    n_labels = max(len(labels), 1)
    # Nodes of the trie by the forest's kept labels; what stands for the root is never looked at.
    keys = (depth * n_labels + np.searchsorted(labels, label))[trie.trie.key] if len(labels) else trie.trie.key
    nodes = Trie(np.array(trie.trie.first), keys, np.array(trie.trie.ends))
    edges = Edges(forest.parent, forest.first, forest.last, n_labels)
    places, n_keys = nodes_in(forest, labels), (int(depth.max(initial=0)) + 2) * n_labels
    for start, stop in _blocks(forest.bounds):
        block = places._replace(bounds=places.bounds[start : stop + 1].copy())
        yield _Block(block, NO_ORDER, edges, nodes, n_keys, 0)


def _counts(
    trie: CountingTrie, blocks: Iterator[_Block], sentences: int, strata: Integers | None, n_strata: int
) -> Codes:
    """The counts of the patterns in the order given: (patterns,), or with strata (patterns, n_strata)."""
    of = np.zeros(max(sentences, 0), np.int16) if strata is None else np.array(strata, np.int16)
    nodes = np.zeros((len(trie.trie.key), 1 if strata is None else n_strata), np.int32)
    for *block, first in blocks:
        walk(*block, of[first:], nodes, False)
    counts, last = np.zeros((trie.size, nodes.shape[1]), np.int64), trie.trie.ends >= 0
    counts[trie.trie.ends[last]] = nodes[last]
    return counts[:, 0] if strata is None else counts


def _postings(trie: CountingTrie, blocks: Iterator[_Block]) -> Postings:
    nowhere = np.zeros(0, np.int16), np.zeros((0, 1), np.int32)
    pairs = [np.zeros((0, 2), np.int32)]
    for *block, first in blocks:
        pairs.append(walk(*block, *nowhere, True) + np.array([0, first], np.int32))
    pattern, sentence = np.concatenate(pairs).T
    counts = np.bincount(pattern, minlength=trie.size)
    return Postings(sentence[np.argsort(pattern, kind="stable")], np.concatenate(([0], np.cumsum(counts))))


def _blocks(offsets: Integers) -> Iterator[tuple[int, int]]:
    """Sentences [start, stop) of about BLOCK_ITEMS items each."""
    start = 0
    while start < len(offsets) - 1:
        stop = int(np.searchsorted(offsets, offsets[start] + BLOCK_ITEMS, side="right")) - 1
        stop = min(max(stop, start + 1), len(offsets) - 1)
        yield start, stop
        start = stop


@compiled
def walk(places, order, edges, trie, n_keys, of, found, listing):  # type: ignore[no-untyped-def]
    """Take sentences through the trie, as `growth.mine` does it with patterns that are not given.

    Adds to `found` (nodes, strata) the sentences in which each node occurs, `of` their strata; or, when `listing`,
    returns rows of (pattern, sentence).
    """
    once = edges.labels == 0 and order.gap == FAR and order.window == FAR
    ends, begins, spans = rooms(places)
    tasks, waiting = np.zeros((ROOM, 3), np.int64), 1  # node, lo, hi
    tallies, group = no_tallies(n_keys), 0
    child = np.full(n_keys, -1, np.int64)  # key -> the node's child by it
    pairs, n = np.empty((ROOM if listing else 0, 2), np.int32), 0
    while waiting:
        waiting -= 1
        node, lo, hi = tasks[waiting]
        if listing and trie.ends[node] >= 0:
            pairs, n = listed(trie.ends[node], ends[lo:hi], places.sentence, pairs, n)
        children = range(trie.first[node], trie.first[node + 1])
        if not len(children):
            continue
        for c in children:
            child[trie.key[c]] = c
        spans, n_spans = what_follows(lo, hi, trie.key[node], places, order, edges, ends, begins, spans)
        group = count(spans, n_spans, places.item, tallies, group, once, child, of, found)
        tasks, waiting, top = allot_children(tasks, waiting, children, trie, listing, tallies, hi)
        if top > len(ends):
            ends, begins = grow(ends, top), grow(begins, top)
        if top > hi:
            group = place(spans, n_spans, places.item, tallies, group, once, ends, begins)
        for c in children:
            child[trie.key[c]] = -1
            tallies.slot[trie.key[c]] = -1
    return pairs[:n].copy()


@compiled
def count(spans, n_spans, item, tallies, group, once, child, of, found):  # type: ignore[no-untyped-def]
    """Count what is in the spans and leads to a child; returns the last group."""
    seen, states = tallies.seen, tallies.states
    counting = len(found) > 0
    before = -1
    for r in range(n_spans):
        s, base = spans[r, 0], spans[r, 2]
        if s != before:
            group += 1
            before = s
        for i in range(spans[r, 3], spans[r, 4]):
            if item[i] < 0 or child[base + item[i]] < 0:
                continue
            key = base + item[i]
            new = seen[key] != group
            seen[key] = group
            states[key] += new or not once
            if counting and new:
                found[child[key], of[s]] += 1
    return group


@compiled
def allot_children(tasks, waiting, children, trie, listing, tallies, top):  # type: ignore[no-untyped-def]
    """Give the children of a node that follow anywhere their task and, from `top` on, their slots; forget the tallies.

    Those without children need none, but when `listing` the sentences they are in.
    """
    states, slot = tallies.states, tallies.slot
    for c in children:
        key = trie.key[c]
        if states[key] and (listing or trie.first[c] < trie.first[c + 1]):
            if waiting == len(tasks):
                tasks = more_rows(tasks, 2 * waiting, waiting)
            tasks[waiting, 0], tasks[waiting, 1], tasks[waiting, 2] = c, top, top + states[key]
            waiting += 1
            slot[key] = top
            top += states[key]
        states[key] = 0
    return tasks, waiting, top


@compiled
def listed(pattern, ends, sentence, pairs, n):  # type: ignore[no-untyped-def]
    """The pairs, and their number, with those of the pattern and the sentences in which it ends."""
    if n + len(ends) > len(pairs):
        pairs = more_rows(pairs, 2 * (n + len(ends)), n)
    before = -1
    for end in ends:
        if sentence[end] != before:
            before = sentence[end]
            pairs[n, 0], pairs[n, 1] = pattern, before
            n += 1
    return pairs, n
