"""What a miner's kernel writes: the tree of the patterns found, and the tasks that wait."""

import numpy as np

from neuronsig.miners.compiled import compiled

ROOM = 4096
"""Patterns and tasks that fit before their arrays first grow."""

NO_TASKS = np.zeros((0, 6), np.int64), 0
"""Tasks, and their number, for `raise_support` where none wait."""


@compiled
def written(tree, n, parent, item, support):  # type: ignore[no-untyped-def]
    """The tree, rows of (parent, item, support), with a pattern in row `n`."""
    if n == len(tree):
        tree = more_rows(tree, 2 * n, n)
    tree[n, 0], tree[n, 1], tree[n, 2] = parent, item, support
    return tree


@compiled
def push(tasks, waiting, parent, item, support, length, lo, hi):  # type: ignore[no-untyped-def]
    """Put a task on top of those waiting; returns the tasks, which may have grown."""
    if waiting == len(tasks):
        tasks = more_rows(tasks, 2 * len(tasks), waiting)
    task = tasks[waiting]
    task[0], task[1], task[2] = parent, item, support
    task[3], task[4], task[5] = length, lo, hi
    return tasks


@compiled
def grow(array, size):  # type: ignore[no-untyped-def]
    """The array with room for twice as much, and for `size` at least."""
    larger = np.empty(max(2 * len(array), size), array.dtype)
    for i in range(len(array)):  # numba takes two seconds to compile the assignment of a slice
        larger[i] = array[i]
    return larger


@compiled
def more_rows(table, rows, used):  # type: ignore[no-untyped-def]
    """The table (rows, columns) with so many rows; the first `used` are kept."""
    larger = np.empty((rows, table.shape[1]), table.dtype)
    for i in range(used):
        for j in range(table.shape[1]):
            larger[i, j] = table[i, j]
    return larger


@compiled
def raise_support(tree, n, limit, min_count, tasks, waiting):  # type: ignore[no-untyped-def]
    """Keep of the first `n` patterns those of the lowest support, `min_count` or more, that leaves `limit` at most.

    The patterns found so far are some of all, so the support that all of them need is never lower: a miner may go
    on with it and still end at the lowest. Tasks get their patterns' new numbers. Returns the patterns left and the
    support.
    """
    most = 0
    for i in range(n):
        most = max(most, tree[i, 2])
    having = np.zeros(most + 2, np.int64)
    for i in range(n):
        having[tree[i, 2]] += 1
    left, needed = 0, most + 1
    while needed > min_count and left + having[needed - 1] <= limit:
        needed -= 1
        left += having[needed]
    number = np.full(n, -1, np.int32)
    left = 0
    for i in range(n):
        if tree[i, 2] >= needed:
            number[i] = left
            parent = tree[i, 0]
            tree[left, 0] = number[parent] if parent >= 0 else -1
            tree[left, 1] = tree[i, 1]
            tree[left, 2] = tree[i, 2]
            left += 1
    for t in range(waiting):
        if tasks[t, 0] >= 0:  # where a parent is gone, its children are too rare as well
            tasks[t, 0] = number[tasks[t, 0]]
    return left, needed


@compiled
def at_most(tree, n, limit, min_count, tasks, waiting):  # type: ignore[no-untyped-def]
    """The first `n` patterns, of more than `limit` (0: any number) what `raise_support` leaves, and the support."""
    if limit and n > limit:
        n, min_count = raise_support(tree, n, limit, min_count, tasks, waiting)
    return tree[:n].copy(), min_count
