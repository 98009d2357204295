"""Itemsets grown item by item (Eclat, Zaki 2000) over bit sets: what occurs together in a sentence, in whatever order.

Without size limits this is what Spark MLlib's FPGrowth finds. An item's bit set says which sentences hold it, and an
itemset's is the intersection of its items': for the 10,000 sentences of a neuron that is 157 machine words, so that
a support costs some tens of nanoseconds, however dense the tags and metadata values are.
"""

from __future__ import annotations

import numpy as np

from neuronsig.miners.compiled import compiled
from neuronsig.miners.output import ROOM, more_rows, push, raise_support, written


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
    if limit and n > limit:
        n, min_count = raise_support(tree, n, limit, min_count, tasks, waiting)
    return tree[:n].copy(), min_count


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
