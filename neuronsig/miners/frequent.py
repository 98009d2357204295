"""The miners: frequent sequences, itemsets and subtrees of the sentences of one neuron.

A sequence (PrefixSpan, Pei et al. 2001; P1 3.2) is a list of items that occur in a sentence in that order, with other
items between them, within optional limits of gap and window. Without these it is what Spark MLlib's PrefixSpan finds.
At one position there may be several items to choose from, such as a word and its tag: `stack` makes such sentences,
and patterns then mix both, as in `not ... JJ`.

An itemset (Eclat, Zaki 2000) is a set of items that a sentence holds in whatever order. Without size limits this is
what MLlib's FPGrowth finds. An item's bit set says which sentences hold it, and an itemset's is the intersection of its
items': for the 10,000 sentences of a neuron that is 157 machine words, so that a support costs some tens of
nanoseconds, however dense the tags and metadata values are.

A subtree (FREQT: Asai et al. 2002, Zaki 2002; P2 step 3, Table 2) is induced and ordered: its edges are edges of the
tree and siblings keep their order, but siblings may be left out. It is grown at its rightmost branch only: the new node
is the last in preorder, so that each subtree comes up once.

Each counts once for a sentence, however often it is there.
"""

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from neuronsig.config.fields import require
from neuronsig.miners.brackets import nodes_of
from neuronsig.miners.compiled import compiled
from neuronsig.miners.growth import FAR, NO_EDGES, NO_ORDER, Edges, Order, Places, mine
from neuronsig.miners.mined_patterns import (
    Codes,
    Limits,
    MinedPatterns,
    PrefixTree,
    frequent_items,
    numbers_of,
    one_item_less,
    select,
)
from neuronsig.miners.output import ROOM, at_most, more_rows, push, raise_support, written
from neuronsig.miners.trees import Forest
from neuronsig.ragged import Integers


def frequent_sequences(
    items: Integers, offsets: Integers, min_count: int, limits: Limits | None = None, positions: Integers | None = None
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


def frequent_itemsets(
    items: Integers, offsets: Integers, min_count: int, limits: Limits | None = None
) -> MinedPatterns:
    """All sets of items that `min_count` transactions or more hold, each ascending, in lexicographic order.

    `items` are codes of 0 or more, negative ones never match; transaction i is `items[offsets[i]:offsets[i + 1]]`, in
    any order, and an item given twice counts once. Memory is (frequent items) x (transactions) / 8 bytes for every
    level. Raises ConfigError when `min_count` is below 1 or a gap or window limit is set.
    """
    limits = limits or Limits()
    require(min_count >= 1, "min_count", min_count, "1 or more transactions")
    require(limits.max_gap is None, "max_gap", limits.max_gap, "None", "an itemset has no order")
    require(limits.max_window is None, "max_window", limits.max_window, "None", "an itemset has no order")
    items, offsets = np.array(items, np.int64), np.array(offsets if len(offsets) else [0], np.int64)
    codes, number = frequent_items(items, offsets, min_count)
    rows, applied = mine_itemsets(
        *bit_sets(items, offsets, number, len(codes)),
        min_count,
        limits.max_length or len(codes),
        limits.max_patterns or 0,
    )
    return select(PrefixTree.of(rows, codes), one_item_less, limits, min_count, int(applied))


def frequent_subtrees(forest: Forest, min_count: int, limits: Limits | None = None) -> MinedPatterns:
    """All subtrees that `min_count` sentences or more hold.

    A pattern's items are its nodes in preorder, each `depth * forest.n_labels + label`; `brackets` writes them.
    Raises ConfigError when `min_count` is below 1 or a gap or window limit is set.
    """
    limits = limits or Limits()
    require(min_count >= 1, "min_count", min_count, "1 or more sentences")
    require(limits.max_gap is None, "max_gap", limits.max_gap, "None", "a subtree has no gaps")
    require(limits.max_window is None, "max_window", limits.max_window, "None", "a subtree has no window")
    codes, _ = frequent_items(forest.labels, forest.bounds, min_count)
    # One label at least: without any a kernel would take the trees for sequences.
    labels, keys = max(len(codes), 1), (np.arange(forest.depth + 2)[:, None] * forest.n_labels + codes).reshape(-1)
    longest = int(FAR) if limits.max_length is None else limits.max_length
    bounds = len(keys), min_count, longest, limits.max_patterns or 0
    edges = Edges(forest.parent, forest.first, forest.last, labels)
    rows, applied = mine(nodes_in(forest, codes), NO_ORDER, edges, *bounds)
    tree = PrefixTree.of(rows, keys)
    return select(tree, partial(one_item_less, labels=forest.n_labels), limits, min_count, int(applied))


def stack(
    layers: Sequence[Integers], offsets: Integers
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


def positions_of(items: Integers, positions: Integers | None) -> NDArray[np.int64]:
    """The positions of items; without any given, each has its own."""
    return np.arange(len(items)) if positions is None else np.array(positions, np.int64)


def subtree_items(text: str, code: Mapping[str, int], n_labels: int) -> tuple[int, ...]:
    """A bracketed subtree as items, as `frequent_subtrees` gives them, -1 for a label without a code.

    Raises InputError for malformed brackets.
    """
    nodes = [(depth, code.get(label, -1)) for depth, label in nodes_of(text)]
    return tuple(depth * n_labels + label if label >= 0 else -1 for depth, label in nodes)


def nodes_in(forest: Forest, codes: Codes) -> Places:
    """The nodes of a forest as the kernels take them, their labels numbered by `codes`."""
    number = numbers_of(codes, forest.n_labels + 1)
    sentence = np.repeat(np.arange(len(forest), dtype=np.int32), np.diff(forest.bounds))
    return Places(number[np.where(forest.labels < 0, -1, forest.labels)], sentence, forest.bounds.astype(np.int32))


@compiled
def keep_items(items, offsets, positions, number):  # type: ignore[no-untyped-def]
    """The places of the items whose code has a number, in that numbering: the arrays of Places and of Order."""
    kept, sentence = np.empty(len(items), np.int32), np.empty(len(items), np.int32)
    at, after = np.empty(len(items), np.int32), np.empty(len(items), np.int32)
    bounds = np.zeros(len(offsets), np.int32)
    n = 0
    for s in range(len(offsets) - 1):
        for i in range(offsets[s], offsets[s + 1]):
            if items[i] >= 0 and number[items[i]] >= 0:
                kept[n] = number[items[i]]
                at[n] = positions[i] - positions[offsets[s]]
                sentence[n] = s
                n += 1
        bounds[s + 1] = n
        for i in range(n - 1, bounds[s] - 1, -1):
            alternatives = i + 1 < n and at[i + 1] == at[i]
            after[i] = after[i + 1] if alternatives else i + 1
    return Places(kept[:n].copy(), sentence[:n].copy(), bounds), at[:n].copy(), after[:n].copy()


@compiled
def bit_sets(items, offsets, number, n_items):  # type: ignore[no-untyped-def]
    """Which transactions hold each item that has a number: uint64 (items, words), and their count (items,)."""
    bits = np.zeros((n_items, (len(offsets) + 62) // 64), np.uint64)
    support = np.zeros(n_items, np.int64)
    for t in range(len(offsets) - 1):
        bit = np.uint64(1) << np.uint64(t & 63)
        for i in range(offsets[t], offsets[t + 1]):
            if items[i] >= 0 and number[items[i]] >= 0:
                row = number[items[i]]
                if not bits[row, t >> 6] & bit:
                    bits[row, t >> 6] |= bit
                    support[row] += 1
    return bits, support


@compiled
def mine_itemsets(bits, support_of, min_count, max_length, limit):  # type: ignore[no-untyped-def]
    """The prefix tree of frequent itemsets, rows of (parent, item, support), and the support applied.

    Depth first. A task is an itemset that is still to be written down and grown, and `rows` holds its bit set under
    the task's own number. Tasks stand in groups of one parent, largest item lowest, so that what can follow an
    itemset is what waits right below it.
    """
    n_items, n_words = bits.shape
    tree, n = np.empty((ROOM, 3), np.int32), 0
    tasks = np.empty((ROOM, 6), np.int64)  # parent, item, support, length, lowest of the group, -
    rows = np.empty((2 * n_items + 1, n_words), np.uint64)
    waiting = 0
    none = np.int64(-1)  # numba would compile `push` once for every literal
    for x in range(n_items - 1, -1, -1):
        tasks = push(tasks, waiting, none, x, support_of[x], -none, none + 1, none)
        intersect(bits[x], bits[x], rows[waiting])
        waiting += 1

    own = np.empty(n_words, np.uint64)
    while waiting:
        waiting -= 1
        pattern, last, having, length, lowest, _ = tasks[waiting]
        if having < min_count:
            continue
        tree = written(tree, n, pattern, last, having)
        pattern = n
        n += 1
        if length < max_length:
            intersect(rows[waiting], rows[waiting], own)
            first = waiting
            leaves = length + 1 == max_length
            siblings = range(lowest, first)
            if not leaves and first + len(siblings) > len(rows):
                rows = more_rows(rows, 2 * len(rows) + len(siblings), first)
            for t in siblings:
                if tasks[t, 2] < min_count:
                    continue
                if leaves:
                    both = size_of_both(own, rows[t])
                else:
                    both = intersect(own, rows[t], rows[waiting])
                if both >= min_count:
                    tasks = push(tasks, waiting, pattern, tasks[t, 1], both, length + 1, first, none)
                    waiting += 1
        if limit and n >= 2 * limit:
            n, min_count = raise_support(tree, n, limit, min_count, tasks, waiting)
    return at_most(tree, n, limit, min_count, tasks, waiting)


@compiled
def size_of_both(one, other):  # type: ignore[no-untyped-def]
    """Number of bits set in both."""
    size = np.uint64(0)
    for i in range(len(one)):
        size += bits_set(one[i] & other[i])
    return np.int64(size)


@compiled
def intersect(one, other, both):  # type: ignore[no-untyped-def]
    """Write the intersection into `both`; number of bits set in it."""
    size = np.uint64(0)
    for i in range(len(one)):
        word = one[i] & other[i]
        both[i] = word
        size += bits_set(word)
    return np.int64(size)


@compiled
def bits_set(word):  # type: ignore[no-untyped-def]
    """Number of bits set in a uint64, in the form that LLVM knows as one instruction."""
    word = word - ((word >> np.uint64(1)) & np.uint64(0x5555555555555555))
    word = (word & np.uint64(0x3333333333333333)) + ((word >> np.uint64(2)) & np.uint64(0x3333333333333333))
    word = (word + (word >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return (word * np.uint64(0x0101010101010101)) >> np.uint64(56)
