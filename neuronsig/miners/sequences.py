"""Frequent sequences (PrefixSpan, Pei et al. 2001; P1 3.2), with optional limits of gap and window.

A pattern is a list of items that occur in a sentence in that order, with other items between them, and counts once
for a sentence. Without a gap or window limit this is what Spark MLlib's PrefixSpan finds.

At one position there may be several items to choose from, such as a word and its tag: `stack` makes such sentences,
and patterns then mix both, as in `not ... JJ`.

The miner keeps, for every pattern, where it ends: in each sentence the earliest place when gaps are free, and else
every place, with the latest place where it may have begun. As the latest begin grows with the end, the place nearest
before a position is the one from which both limits are easiest to keep; so each position is looked at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from neuronsig.config.fields import require
from neuronsig.miners.compiled import compiled
from neuronsig.miners.mined_patterns import (
    ROOM,
    Limits,
    Patterns,
    PrefixTree,
    grow,
    one_item_less,
    push,
    raise_support,
    select,
    sentence_support,
)

FAR = np.int64(2**62)
"""Stands for a limit that is not set."""


def frequent_sequences(
    items: NDArray[np.integer],
    offsets: NDArray[np.integer],
    min_count: int,
    limits: Limits | None = None,
    positions: NDArray[np.integer] | None = None,
) -> Patterns:
    """All sequences that `min_count` sentences or more hold, in lexicographic order.

    `items` are codes of 0 or more, a negative one never matches but takes its place; sentence i is
    `items[offsets[i]:offsets[i + 1]]`. `positions` (items,) ascends within a sentence and is equal for items that are
    alternatives; without it every item has a position of its own. Raises ConfigError when `min_count` is below 1.
    """
    limits = limits or Limits()
    require(min_count >= 1, "min_count", min_count, "1 or more sentences")
    cut = KeptItems(items, offsets, min_count, positions)
    parent, item, support, applied = mine_sequences(
        cut.items, cut.at, cut.after, cut.bounds, len(cut.codes), min_count, *kernel_limits(limits)
    )
    tree = PrefixTree(parent, cut.codes[item].astype(np.int32), support)
    parts = partial(one_item_less, ends_only=limits.max_gap is not None)
    return select(tree, parts, limits, min_count, int(applied))


def stack(
    layers: Sequence[NDArray[np.integer]], offsets: NDArray[np.integer]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Sentences with several items at each position: `items`, `offsets` and `positions` of `frequent_sequences`.

    The layers, such as words and tags, are equally long and share their offsets; codes of different layers must
    differ. A negative code is no item.
    """
    stacked = np.stack([np.asarray(layer, np.int64) for layer in layers], axis=1)  # (positions, layers)
    there = stacked >= 0
    before = np.concatenate(([0], np.cumsum(there.sum(axis=1))))
    position = np.broadcast_to(np.arange(len(stacked))[:, None], stacked.shape)[there]
    return stacked[there], before[np.asarray(offsets, np.int64)], position


class KeptItems:
    """Sentences cut down to the items that can be in a frequent pattern, as the kernels take them.

    `items` (kept,) int32 numbers of `codes`; `at` (kept,) int64 position; `after` (kept,) int32 the next kept item at
    a later position, or at the sentence's end; `bounds` (sentences + 1,) int32 in kept items; `codes` ascending.
    """

    def __init__(
        self,
        items: NDArray[np.integer],
        offsets: NDArray[np.integer],
        min_count: int,
        positions: NDArray[np.integer] | None = None,
    ) -> None:
        items = np.array(items, np.int64)
        offsets = np.array(offsets if len(offsets) else [0], np.int64)
        positions = np.arange(len(items)) if positions is None else np.array(positions, np.int64)
        support = sentence_support(items, offsets, int(items.max(initial=-1)) + 1)
        self.codes = np.flatnonzero(support >= min_count)
        number = np.full(len(support), -1, np.int32)
        number[self.codes] = np.arange(len(self.codes))
        self.items, self.at, self.after, self.bounds = keep_items(items, offsets, positions, number)


@compiled
def keep_items(items, offsets, positions, number):  # type: ignore[no-untyped-def]
    """The arrays of `KeptItems`: those items whose code has a number, in that numbering."""
    kept = np.empty(len(items), np.int32)
    at, after = np.empty(len(items), np.int64), np.empty(len(items), np.int32)
    bounds = np.zeros(len(offsets), np.int32)
    n = 0
    for s in range(len(offsets) - 1):
        for i in range(offsets[s], offsets[s + 1]):
            if items[i] >= 0 and number[items[i]] >= 0:
                kept[n] = number[items[i]]
                at[n] = positions[i]
                n += 1
        bounds[s + 1] = n
        for i in range(n - 1, bounds[s] - 1, -1):
            alternatives = i + 1 < n and at[i + 1] == at[i]
            after[i] = after[i + 1] if alternatives else i + 1
    return kept[:n].copy(), at[:n].copy(), after[:n].copy(), bounds


def kernel_limits(limits: Limits) -> tuple[int, int, int, int]:
    """The limits as the kernel takes them: length, gap, window, patterns; 0 patterns for no bound."""
    values = (limits.max_length, limits.max_gap, limits.max_window)
    longest, gap, window = (int(FAR) if value is None else value for value in values)
    return longest, gap, window, limits.max_patterns or 0


@compiled
def mine_sequences(items, at, after, bounds, alphabet, min_count, max_length, max_gap, max_window, limit):  # type: ignore[no-untyped-def]
    """The prefix tree of frequent sequences (parent, item, support) and the support applied.

    Depth first. A task is a pattern that is still to be written down and grown; its states, `ends[lo:hi]` and
    `begins[lo:hi]`, are kept items. Tasks are taken from the top, where the states are too, so that the states of
    all patterns that wait are one stack.
    """
    free = max_gap == FAR and max_window == FAR
    sentence = np.empty(len(items), np.int32)
    for s in range(len(bounds) - 1):
        sentence[bounds[s] : bounds[s + 1]] = s

    n = 0
    parent, item, support = np.empty(ROOM, np.int32), np.empty(ROOM, np.int32), np.empty(ROOM, np.int32)
    ends, begins = np.empty(2 * len(items) + 1, np.int32), np.empty(2 * len(items) + 1, np.int32)
    tasks = np.empty((ROOM, 6), np.int64)  # parent, item, support, length, lo, hi
    tasks[0] = -1
    waiting = 1

    group = 0  # the sentence being looked at, anew for every pattern: what `seen` is compared with
    seen = np.zeros(alphabet, np.int64)
    count = np.zeros(alphabet, np.int32)  # sentences of the pattern in which the item can follow
    states = np.zeros(alphabet, np.int32)  # places where it can
    slot = np.full(alphabet, -1, np.int64)
    touched = np.empty(alphabet, np.int64)

    while waiting:
        waiting -= 1
        pattern, last, having, length, lo, hi = tasks[waiting]
        root = having < 0
        if root:
            length, lo, hi = 0, 0, len(bounds) - 1
        elif having < min_count:
            continue
        else:
            if n == len(parent):
                parent, item, support = grow(parent, n), grow(item, n), grow(support, n)
            parent[n], item[n], support[n] = pattern, last, having
            pattern = n
            n += 1
        if length == max_length:
            continue
        top = 0 if root else hi

        n_touched = 0
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
                if placing:
                    for i in range(start, stop):
                        if at[i] > reach:
                            break
                        x = items[i]
                        if slot[x] >= 0 and not (free and seen[x] == group):
                            seen[x] = group
                            ends[slot[x]] = i
                            begins[slot[x]] = i if root else begin
                            slot[x] += 1
                else:
                    for i in range(start, stop):
                        if at[i] > reach:
                            break
                        x = items[i]
                        states[x] += 1
                        if seen[x] != group:
                            seen[x] = group
                            if count[x] == 0:
                                touched[n_touched] = x
                                n_touched += 1
                            count[x] += 1
            if placing:
                break
            # Between the two looks: the frequent items get their task and their room for states.
            wanted = touched[:n_touched]
            wanted.sort()
            leaves = length + 1 == max_length
            needed = top
            for j in range(n_touched - 1, -1, -1):
                x = wanted[j]
                if count[x] >= min_count:
                    room = 0 if leaves else (count[x] if free else states[x])
                    tasks = push(tasks, waiting, pattern, x, np.int64(count[x]), length + 1, needed, needed + room)
                    waiting += 1
                    if room:
                        slot[x] = needed
                        needed += room
                count[x] = 0
                states[x] = 0
            if needed > len(ends):
                ends, begins = grow(ends, needed), grow(begins, needed)
            if needed == top:
                break
        for j in range(n_touched):
            slot[touched[j]] = -1

        if limit and n >= 2 * limit:
            n, min_count, number = raise_support(parent, item, support, n, limit, min_count)
            for t in range(waiting):
                if tasks[t, 0] >= 0:
                    tasks[t, 0] = number[tasks[t, 0]]
                    # A parent that is gone takes its children with it: they are as rare.
    if limit and n > limit:
        n, min_count, number = raise_support(parent, item, support, n, limit, min_count)
    return parent[:n].copy(), item[:n].copy(), support[:n].copy(), min_count
