"""In how many sentences given patterns occur: sequences within gaps and windows, itemsets, subtrees.

The patterns are a prefix tree, which block after block of the sentences is taken through: a pattern is looked for only
where its prefix occurs, as the miners do it. An itemset is counted as a sequence of its items in ascending order, in
sentences whose items ascend.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from neuronsig.miners.compiled import compiled
from neuronsig.miners.mined_patterns import ROOM, Codes, Limits, grow, more_rows
from neuronsig.miners.patterns import Pattern, PatternTrie
from neuronsig.miners.sequences import FAR, keep_items, kernel_limits
from neuronsig.miners.subtrees import numbered
from neuronsig.miners.trees import Forest

BLOCK_ITEMS = 1 << 18
"""Items or nodes taken through the patterns at once; keeps memory flat."""


class CountingTrie:
    """Given patterns as a prefix tree in arrays: the children of node u are [first[u], first[u + 1]); 0 is the root.

    Built once for a set of patterns, used for any number of blocks of sentences.
    """

    def __init__(self, patterns: Sequence[Pattern]) -> None:
        """Raises ValueError when two patterns are equal, one is empty, or an item is negative."""
        self._grow(PatternTrie.build(patterns))

    @classmethod
    def of(cls, items: NDArray[np.integer], offsets: NDArray[np.integer]) -> CountingTrie:
        """The trie of patterns given flat: pattern i is `items[offsets[i]:offsets[i + 1]]`. Raises as the other."""
        made, bounds = cls.__new__(cls), np.asarray(offsets, np.int64)
        made._grow(PatternTrie.of(np.asarray(items, np.int64), bounds[1:] - bounds[:-1]))
        return made

    def _grow(self, trie: PatternTrie) -> None:
        ended = sum(int((ends >= 0).sum()) for ends in trie.ends)
        if ended < trie.size or trie.codes.min(initial=0) < 0:
            raise ValueError("patterns to count must be distinct, not empty, and of items of 0 or more")
        self.codes, self.size = trie.codes, trie.size
        self.first, self.item = np.ones(1, np.int64), np.zeros(1, np.int64)
        self.ends = np.full(1, -1, np.int64)
        before = 1  # nodes of the level above
        for edges, ends in zip(trie.children, trie.ends, strict=True):
            parents, items = np.divmod(edges, trie.alphabet)
            starts = np.searchsorted(parents, np.arange(before)) + len(self.item)
            self.first = np.concatenate(
                (self.first[: len(self.first) - before], starts, np.zeros(len(edges), np.int64))
            )
            self.item = np.concatenate((self.item, items))
            self.ends = np.concatenate((self.ends, ends))
            before = len(edges)
        self.first[len(self.first) - before :] = len(self.item)
        self.first = np.append(self.first, len(self.item))

    def counts(self, nodes: NDArray[np.integer]) -> Codes:
        """The counts of all nodes, (nodes, ...), as counts of the patterns in the order given, (patterns, ...)."""
        found = np.zeros((self.size, *nodes.shape[1:]), np.int64)
        last = self.ends >= 0
        found[self.ends[last]] = nodes[last]
        return found


def count_sequences(
    trie: CountingTrie,
    items: NDArray[np.integer],
    offsets: NDArray[np.integer],
    limits: Limits | None = None,
    positions: NDArray[np.integer] | None = None,
    strata: NDArray[np.integer] | None = None,
    n_strata: int = 1,
) -> Codes:
    """In how many sentences each pattern occurs within `max_gap` and `max_window`: int64 (patterns,).

    Sentences are given as to `frequent_sequences`; other limits do not matter here. With `strata` (sentences,), codes
    below `n_strata`, the sentences of each stratum are counted: int64 (patterns, n_strata).
    """
    items = np.array(items, np.int64)
    positions = np.arange(len(items)) if positions is None else np.array(positions, np.int64)
    number = np.full(max(int(items.max(initial=0)), int(trie.codes.max(initial=0))) + 1, -1, np.int32)
    number[trie.codes] = np.arange(len(trie.codes))
    _, gap, window, _ = kernel_limits(limits or Limits())
    of, nodes = _by_stratum(trie, len(offsets) - 1, strata, n_strata)
    for start, stop in _blocks(offsets):
        bounds = np.array(offsets[start : stop + 1], np.int64)
        kept = keep_items(items, bounds, positions, number)
        walk_sequences(*kept, of[start:stop], trie.first, trie.item, len(trie.codes), gap, window, nodes)
    return trie.counts(nodes[:, 0] if strata is None else nodes)


def count_subtrees(
    trie: CountingTrie, forest: Forest, strata: NDArray[np.integer] | None = None, n_strata: int = 1
) -> Codes:
    """In how many sentences each subtree occurs: int64 (patterns,), or (patterns, n_strata) as `count_sequences`.

    A pattern's items are its nodes in preorder, each `depth * forest.n_labels + label`, as `frequent_subtrees` gives
    them and `subtree_items` makes them of a bracketed string.
    """
    of, nodes = _by_stratum(trie, len(forest), strata, n_strata)
    labels = np.unique(trie.codes % forest.n_labels)
    depth, label = np.divmod(trie.codes, forest.n_labels)
    # Nodes of the trie by the forest's kept labels; what stands for the root is never looked at.
    item = (depth * len(labels) + np.searchsorted(labels, label))[trie.item] if len(labels) else trie.item
    deepest = int(depth.max(initial=0))
    kept = numbered(forest, labels)
    for start, stop in _blocks(forest.bounds):
        walk_subtrees(
            *(kept, forest.parent, forest.first, forest.last, forest.bounds[start : stop + 1].copy()),
            *(of[start:stop], deepest, len(labels), trie.first, item, nodes),
        )
    return trie.counts(nodes[:, 0] if strata is None else nodes)


def _by_stratum(
    trie: CountingTrie, sentences: int, strata: NDArray[np.integer] | None, n_strata: int
) -> tuple[NDArray[np.int16], NDArray[np.int32]]:
    """The stratum of every sentence, and room for the counts of all nodes by stratum."""
    of = np.zeros(max(sentences, 0), np.int16) if strata is None else np.array(strata, np.int16)
    return of, np.zeros((len(trie.item), n_strata if strata is not None else 1), np.int32)


def _blocks(offsets: NDArray[np.integer]) -> Iterator[tuple[int, int]]:
    """Sentences [start, stop) of about BLOCK_ITEMS items each."""
    start = 0
    while start < len(offsets) - 1:
        stop = int(np.searchsorted(offsets, offsets[start] + BLOCK_ITEMS, side="right")) - 1
        stop = min(max(stop, start + 1), len(offsets) - 1)
        yield start, stop
        start = stop


@compiled
def walk_sequences(items, at, after, bounds, of, first_child, item, alphabet, max_gap, max_window, found):  # type: ignore[no-untyped-def]
    """Add to `found` (nodes, strata) the sentences in which each node of the trie occurs; `of` is their stratum.

    Tasks and states are as in `mine_sequences`.
    """
    free = max_gap == FAR and max_window == FAR
    sentence = np.empty(len(items), np.int32)
    for s in range(len(bounds) - 1):
        sentence[bounds[s] : bounds[s + 1]] = s
    ends, begins = np.empty(2 * len(items) + 1, np.int32), np.empty(2 * len(items) + 1, np.int32)
    tasks = np.empty((ROOM, 3), np.int64)  # node, lo, hi
    tasks[0, 0], tasks[0, 1], tasks[0, 2] = 0, 0, len(bounds) - 1
    waiting = 1
    group = 0
    seen = np.zeros(len(item), np.int64)
    states = np.zeros(len(item), np.int64)
    slot = np.full(len(item), -1, np.int64)
    child = np.full(alphabet, -1, np.int64)  # item -> the node's child by it
    while waiting:
        waiting -= 1
        node, lo, hi = tasks[waiting]
        root = node == 0
        top = 0 if root else hi
        children = range(first_child[node], first_child[node + 1])
        for c in children:
            child[item[c]] = c
        for placing in range(2):
            before = -1
            for k in range(lo, hi):
                if root:
                    s, begin, start, stop, reach = k, -1, bounds[k], bounds[k + 1], FAR
                else:
                    begin = end = ends[k]
                    s, start, reach = sentence[end], after[end], FAR
                    stop = bounds[s + 1]
                    if not free:
                        begin = begins[k]
                        if k + 1 < hi and ends[k + 1] < stop:
                            stop = after[ends[k + 1]]  # the next state is nearer to what comes from there on
                        reach = min(at[end] + max_gap + 1, at[begin] + max_window - 1)
                if s != before:
                    group += 1
                    before = s
                for i in range(start, stop):
                    if at[i] > reach:
                        break
                    c = child[items[i]]
                    if c < 0:
                        continue
                    new = seen[c] != group
                    seen[c] = group
                    if not placing:
                        states[c] += new or not free
                        found[c, of[s]] += new
                    elif slot[c] >= 0 and (new or not free):
                        ends[slot[c]] = i
                        begins[slot[c]] = i if root else begin
                        slot[c] += 1
            if placing:
                break
            needed = top
            for c in children:
                if states[c] and first_child[c] < first_child[c + 1]:
                    if waiting == len(tasks):
                        tasks = more_rows(tasks, 2 * waiting, waiting)
                    tasks[waiting, 0], tasks[waiting, 1], tasks[waiting, 2] = c, needed, needed + states[c]
                    waiting += 1
                    slot[c] = needed
                    needed += states[c]
                states[c] = 0
            if needed == top:
                break
            if needed > len(ends):
                ends, begins = grow(ends, needed), grow(begins, needed)
        for c in children:
            child[item[c]] = -1


@compiled
def walk_subtrees(labels, parent_of, first, last, bounds, of, deepest, n_labels, first_child, item, found):  # type: ignore[no-untyped-def]
    """As `walk_sequences`, for subtrees; occurrences are as in `mine_subtrees`."""
    offset, n = bounds[0], bounds[-1] - bounds[0]
    sentence = np.empty(n, np.int32)
    for s in range(len(bounds) - 1):
        sentence[bounds[s] - offset : bounds[s + 1] - offset] = s
    ends = np.empty(2 * n + 1, np.int64)
    tasks = np.empty((ROOM, 3), np.int64)  # node, lo, hi
    tasks[0, 0], tasks[0, 1], tasks[0, 2] = 0, offset, offset + n
    waiting = 1
    group = 0
    seen = np.zeros(len(item), np.int64)
    states = np.zeros(len(item), np.int64)
    slot = np.full(len(item), -1, np.int64)
    child = np.full((deepest + 2) * n_labels, -1, np.int64)
    ancestor = np.empty(deepest + 2, np.int64)
    while waiting:
        waiting -= 1
        node, lo, hi = tasks[waiting]
        root = node == 0
        depth = -1 if root else item[node] // n_labels
        top = 0 if root else hi
        children = range(first_child[node], first_child[node + 1])
        for c in children:
            child[item[c]] = c
        for placing in range(2):
            before = -1
            for up in range(depth + 1):
                ancestor[up] = -1
            for k in range(lo, hi):
                x = k if root else ends[k]
                if sentence[x - offset] != before:
                    group += 1
                    before = sentence[x - offset]
                v = x
                for up in range(max(depth + 1, 1)):
                    if root:
                        start, stop = x, x + 1
                    elif up == 0:
                        start, stop = first[x], last[x]
                    else:
                        w = parent_of[v]
                        if ancestor[up] == w:
                            break  # the occurrence before has given these siblings, and all those higher up
                        ancestor[up] = w
                        start, stop = v + 1, last[w]
                        v = w
                    base = (depth + 1 - up) * n_labels
                    for y in range(start, stop):
                        c = child[base + labels[y]] if labels[y] >= 0 else -1
                        if c < 0:
                            continue
                        if placing:
                            if slot[c] >= 0:
                                ends[slot[c]] = y
                                slot[c] += 1
                        else:
                            states[c] += 1
                            found[c, of[before]] += seen[c] != group
                            seen[c] = group
            if placing:
                break
            needed = top
            for c in children:
                if states[c] and first_child[c] < first_child[c + 1]:
                    if waiting == len(tasks):
                        tasks = more_rows(tasks, 2 * waiting, waiting)
                    tasks[waiting, 0], tasks[waiting, 1], tasks[waiting, 2] = c, needed, needed + states[c]
                    waiting += 1
                    slot[c] = needed
                    needed += states[c]
                states[c] = 0
            if needed == top:
                break
            if needed > len(ends):
                ends = grow(ends, needed)
        for c in children:
            child[item[c]] = -1
