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
from neuronsig.miners.growth import FAR, NO_EDGES, Order, Places, mine
from neuronsig.miners.mined_patterns import Limits, MinedPatterns, PrefixTree, frequent_items, one_item_less, select


def frequent_sequences(
    items: NDArray[np.integer],
    offsets: NDArray[np.integer],
    min_count: int,
    limits: Limits | None = None,
    positions: NDArray[np.integer] | None = None,
) -> MinedPatterns:
    """All sequences that `min_count` sentences or more hold, in lexicographic order.

    `items` are codes of 0 or more, a negative one never matches but takes its place; sentence i is
    `items[offsets[i]:offsets[i + 1]]`. `positions` (items,) ascends within a sentence and is equal for items that are
    alternatives; without it every item has a position of its own. Raises ConfigError when `min_count` is below 1.
    """
    limits = limits or Limits()
    require(min_count >= 1, "min_count", min_count, "1 or more sentences")
    items = np.array(items, np.int64)
    offsets = np.array(offsets if len(offsets) else [0], np.int64)
    codes, number = frequent_items(items, offsets, min_count)
    places, at, after = keep_items(items, offsets, positions_of(items, positions), number)
    longest = int(FAR) if limits.max_length is None else limits.max_length
    order = Order(at, after, *reach_of(limits))
    rows, applied = mine(places, order, NO_EDGES, len(codes), min_count, longest, limits.max_patterns or 0)
    parts = partial(one_item_less, ends_only=limits.max_gap is not None)
    return select(PrefixTree.of(rows, codes), parts, limits, min_count, int(applied))


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


def reach_of(limits: Limits) -> tuple[int, int]:
    """The gap and window of the limits, as the kernels take them."""
    gap, window = (int(FAR) if limit is None else limit for limit in (limits.max_gap, limits.max_window))
    return gap, window


def positions_of(items: NDArray[np.integer], positions: NDArray[np.integer] | None) -> NDArray[np.int64]:
    """The positions of items; without any given, each has its own."""
    return np.arange(len(items)) if positions is None else np.array(positions, np.int64)


@compiled
def keep_items(items, offsets, positions, number):  # type: ignore[no-untyped-def]
    """The places of the items whose code has a number, in that numbering: the arrays of Places and of Order."""
    kept, sentence = np.empty(len(items), np.int32), np.empty(len(items), np.int32)
    at, after = np.empty(len(items), np.int64), np.empty(len(items), np.int32)
    bounds = np.zeros(len(offsets), np.int32)
    n = 0
    for s in range(len(offsets) - 1):
        for i in range(offsets[s], offsets[s + 1]):
            if items[i] >= 0 and number[items[i]] >= 0:
                kept[n] = number[items[i]]
                at[n] = positions[i]
                sentence[n] = s
                n += 1
        bounds[s + 1] = n
        for i in range(n - 1, bounds[s] - 1, -1):
            alternatives = i + 1 < n and at[i + 1] == at[i]
            after[i] = after[i + 1] if alternatives else i + 1
    return Places(kept[:n].copy(), sentence[:n].copy(), bounds), at[:n].copy(), after[:n].copy()
