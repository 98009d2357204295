"""Patterns grown item by item, depth first: PrefixSpan and FREQT in one, for mining and for counting given patterns.

Sequences grow at their end (PrefixSpan, Pei et al. 2001), subtrees at their rightmost branch (FREQT, Asai et al. 2002):
all that differs is what can follow a place where a pattern ends. A task is a pattern that is still to be grown; its
states, [lo, hi) of `ends`, are the places where it ends. What follows them is tallied; once it is known what of it is
wanted, its states are placed. Tasks are taken from the top, where their states are too, so that the states of all
patterns that wait are one stack.

Each step takes whole tasks, not single states: a compiled function that is called with arrays in an inner loop, even
inlined, counts references there (measured: 1.3 to 2.7 times slower).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neuronsig.miners.compiled import compiled
from neuronsig.miners.output import ROOM, at_most, grow, push, raise_support, written

FAR = np.int64(2**62)
"""Stands for a limit that is not set."""


class Places(NamedTuple):
    """What patterns are grown of: the items of sentences, or the nodes of their trees."""

    item: NDArray[np.int32]  # (places,) number of its item or label; -1: of none that counts
    sentence: NDArray[np.int32]  # (places,)
    bounds: NDArray[np.int32]  # (sentences + 1,)


class Order(NamedTuple):
    """How the items of a sequence follow each other; in trees the arrays are empty."""

    at: NDArray[np.int32]  # (places,) position in the sentence
    after: NDArray[np.int32]  # (places,) the next place at a later position, or the sentence's end
    gap: int  # positions that may be skipped; FAR: any
    window: int  # positions from first to last; FAR: any


class Edges(NamedTuple):
    """How the nodes of a subtree hang together, breadth first; in sequences the arrays are empty and `labels` is 0."""

    parent: NDArray[np.int64]  # (places,)
    first: NDArray[np.int64]  # (places,) children of a node are [first, last)
    last: NDArray[np.int64]
    labels: int


NO_ORDER = Order(np.zeros(0, np.int32), np.zeros(0, np.int32), int(FAR), int(FAR))
NO_EDGES = Edges(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.int64), 0)


class Tallies(NamedTuple):
    """What can follow the pattern at hand, by key: an item, or `depth * labels + label` of a node."""

    seen: NDArray[np.int64]  # (keys,) the group, one sentence of one pattern, in which the key came last
    counts: NDArray[np.int32]  # (keys,) sentences in which it can follow
    states: NDArray[np.int32]  # (keys,) places where it can
    slot: NDArray[np.int64]  # (keys,) where its next state goes; -1: it is not wanted
    touched: NDArray[np.int64]  # keys with a count


@compiled
def mine(places, order, edges, n_keys, min_count, max_length, limit):  # type: ignore[no-untyped-def]
    """The prefix tree of frequent patterns, rows of (parent, key, support), and the support applied."""
    once = edges.labels == 0 and order.gap == FAR and order.window == FAR
    tree, n = np.empty((ROOM, 3), np.int32), 0
    ends, begins, spans = rooms(places)
    tasks, waiting = np.empty((ROOM, 6), np.int64), 1  # parent, key, support, length, lo, hi
    tasks[0] = -1
    tallies, group = no_tallies(n_keys), 0
    while waiting:
        waiting -= 1
        pattern, newest, having, length, lo, hi = tasks[waiting]
        if having < 0:
            length, lo, hi = 0, 0, 0
        elif having < min_count:
            continue
        else:
            tree = written(tree, n, pattern, newest, having)
            pattern = n
            n += 1
        if length == max_length:
            continue
        leaves = length + 1 == max_length
        spans, n_spans = what_follows(lo, hi, newest, places, order, edges, ends, begins, spans)
        n_touched, group = tally(spans, n_spans, places.item, tallies, group, not (leaves or once))
        tasks, waiting, top = allot(tasks, waiting, pattern, length, leaves, once, min_count, tallies, n_touched, hi)
        if top > len(ends):
            ends, begins = grow(ends, top), grow(begins, top)
        if top > hi:
            group = place(spans, n_spans, places.item, tallies, group, once, ends, begins)
        for j in range(n_touched):
            tallies.slot[tallies.touched[j]] = -1
        if limit and n >= 2 * limit:
            n, min_count = raise_support(tree, n, limit, min_count, tasks, waiting)
    return at_most(tree, n, limit, min_count, tasks, waiting)


@compiled
def rooms(places):  # type: ignore[no-untyped-def]
    """Arrays for the ends and begins of states, and for spans."""
    n = 2 * (places.bounds[-1] - places.bounds[0]) + 1
    return np.empty(n, np.int32), np.empty(n, np.int32), np.empty((n, 5), np.int32)


@compiled
def no_tallies(keys):  # type: ignore[no-untyped-def]
    """Tallies of a pattern that nothing has been found to follow."""
    counts = np.zeros(keys, np.int32), np.zeros(keys, np.int32)
    return Tallies(
        np.zeros(keys, np.int64), counts[0], counts[1], np.full(keys, -1, np.int64), np.empty(keys, np.int64)
    )


@compiled
def what_follows(lo, hi, newest, places, order, edges, ends, begins, spans):  # type: ignore[no-untyped-def]
    """Spans of what can follow the states [lo, hi), rows of (sentence, begin, base, start, stop), and their number.

    The places [start, stop) follow; their keys are `base` and their item. `begin` is where the pattern begins. Without
    states the pattern is the empty one.
    """
    if lo == hi:
        return all_of(places, spans)
    if edges.labels:
        return later_nodes(lo, hi, newest // edges.labels, places, edges, ends, spans)
    return later_items(lo, hi, places, order, ends, begins, spans)


@compiled
def all_of(places, spans):  # type: ignore[no-untyped-def]
    """The spans of the empty pattern: whole sentences."""
    bounds = places.bounds
    if len(bounds) > len(spans):
        spans = np.empty((len(bounds), 5), np.int32)
    n = 0
    for s in range(len(bounds) - 1):
        if bounds[s] < bounds[s + 1]:
            spans[n, 0], spans[n, 1], spans[n, 2] = places.sentence[bounds[s]], -1, 0
            spans[n, 3], spans[n, 4] = bounds[s], bounds[s + 1]
            n += 1
    return spans, n


@compiled
def later_items(lo, hi, places, order, ends, begins, spans):  # type: ignore[no-untyped-def]
    """The spans of a sequence that ends in `ends[lo:hi]` and begins in `begins[lo:hi]`.

    In each sentence that is the earliest place when gaps are free, and else every place, with the latest place where
    it may have begun. As the latest begin grows with the end, the place nearest before a position is the one from
    which both limits are easiest to keep; so each position is looked at once.
    """
    at, after, gap, window = order
    sentence, bounds = places.sentence, places.bounds
    free = gap == FAR and window == FAR
    if hi - lo > len(spans):
        spans = np.empty((2 * (hi - lo), 5), np.int32)
    n = 0
    for k in range(lo, hi):
        begin = end = ends[k]
        s, start = sentence[end], after[end]
        stop = bounds[s + 1]
        if not free:
            far = at[end] + gap + 1
            if window != FAR:
                begin = begins[k]
                far = min(far, at[begin] + window - 1)
            if k + 1 < hi and ends[k + 1] < stop:
                stop = after[ends[k + 1]]  # the next state is nearer to what comes from there on
            i = start
            while i < stop and at[i] <= far:
                i += 1
            stop = i
        if start < stop:
            spans[n, 0], spans[n, 1], spans[n, 2], spans[n, 3], spans[n, 4] = s, begin, 0, start, stop
            n += 1
    return spans, n


@compiled
def later_nodes(lo, hi, depth, places, edges, ends, spans):  # type: ignore[no-untyped-def]
    """The spans of a subtree whose last node, at this depth, is one of `ends[lo:hi]`.

    The next node is under the last one, or a later sibling of it or of one of its ancestors. Occurrences that share an
    ancestor, and would give the same later siblings, stand side by side, because nodes are numbered breadth first: the
    first of them gives all.
    """
    parent, first, last, labels = edges
    if (hi - lo) * (depth + 1) > len(spans):
        spans = np.empty((2 * (hi - lo) * (depth + 1), 5), np.int32)
    ancestor = np.full(depth + 1, -1, np.int64)
    n = 0
    for k in range(lo, hi):
        x = v = ends[k]
        start, stop = first[x], last[x]
        for up in range(depth + 1):
            if up:
                w = parent[v]
                if ancestor[up] == w:
                    break  # the occurrence before has given these siblings, and all those higher up
                ancestor[up] = w
                start, stop = v + 1, last[w]
                v = w
            if start < stop:
                spans[n, 0], spans[n, 1], spans[n, 2] = places.sentence[x], -1, (depth + 1 - up) * labels
                spans[n, 3], spans[n, 4] = start, stop
                n += 1
    return spans, n


@compiled
def tally(spans, n_spans, item, tallies, group, all_places):  # type: ignore[no-untyped-def]
    """Tally what is in the spans: its sentences, and with `all_places` its states.

    Returns the number of keys touched and the last group.
    """
    seen, count, states, _, touched = tallies
    n_touched, before = 0, -1
    for r in range(n_spans):
        if spans[r, 0] != before:
            group += 1
            before = spans[r, 0]
        base = spans[r, 2]
        for i in range(spans[r, 3], spans[r, 4]):
            if item[i] < 0:
                continue
            key = base + item[i]
            if all_places:
                states[key] += 1
            if seen[key] != group:
                seen[key] = group
                if count[key] == 0:
                    touched[n_touched] = key
                    n_touched += 1
                count[key] += 1
    return n_touched, group


@compiled
def allot(tasks, waiting, pattern, length, leaves, once, min_count, tallies, n_touched, top):  # type: ignore[no-untyped-def]
    """Give what follows `pattern` often enough its task and, from `top` on, its slots; forget the tallies.

    No slots for `leaves`; `once`: one for each sentence. Returns tasks, their number, and the end of the slots.
    """
    _, count, states, slot, touched = tallies
    wanted = touched[:n_touched]
    wanted.sort()
    for j in range(n_touched - 1, -1, -1):
        key = wanted[j]
        if count[key] >= min_count:
            room = 0 if leaves else (count[key] if once else states[key])
            tasks = push(tasks, waiting, pattern, key, np.int64(count[key]), length + 1, top, top + room)
            waiting += 1
            if room:
                slot[key] = top
                top += room
        count[key] = 0
        states[key] = 0
    return tasks, waiting, top


@compiled
def place(spans, n_spans, item, tallies, group, once, ends, begins):  # type: ignore[no-untyped-def]
    """Put the states of what is in the spans into their slots; returns the last group."""
    seen, slot = tallies.seen, tallies.slot
    before = -1
    for r in range(n_spans):
        if spans[r, 0] != before:
            group += 1
            before = spans[r, 0]
        begin, base = spans[r, 1], spans[r, 2]
        for i in range(spans[r, 3], spans[r, 4]):
            if item[i] < 0:
                continue
            key = base + item[i]
            if slot[key] >= 0 and not (once and seen[key] == group):
                seen[key] = group
                ends[slot[key]] = i
                begins[slot[key]] = i if begin < 0 else begin
                slot[key] += 1
    return group
