"""Frequent subtrees (FREQT: Asai et al. 2002, Zaki 2002; P2 step 3, Table 2).

A subtree is induced and ordered: its edges are edges of the tree and siblings keep their order, but siblings may be
left out. Its support is the number of sentences that hold it, however often.

A subtree is grown at its rightmost branch only: the new node is the last in preorder, so that each subtree comes up
once. Of an occurrence it is enough to know the node of the last one, because its ancestors give the branch. With nodes
numbered breadth first these lists stay sorted by themselves: occurrences that share an ancestor, and would give the
same later siblings, stand side by side, and the first of them gives all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from neuronsig.config.fields import require
from neuronsig.errors import InputError
from neuronsig.miners.brackets import brackets, nodes_of
from neuronsig.miners.compiled import compiled
from neuronsig.miners.mined_patterns import (
    MISSING,
    ROOM,
    Children,
    Codes,
    Limits,
    Patterns,
    PrefixTree,
    grow,
    push,
    raise_support,
    select,
    sentence_support,
)
from neuronsig.miners.trees import Forest


def frequent_subtrees(forest: Forest, min_count: int, limits: Limits | None = None) -> Patterns:
    """All subtrees that `min_count` sentences or more hold.

    A pattern's items are its nodes in preorder, each `depth * forest.n_labels + label`; `subtree_strings` writes them
    as brackets. Raises ConfigError when `min_count` is below 1 or a gap or window limit is set.
    """
    limits = limits or Limits()
    require(min_count >= 1, "min_count", min_count, "1 or more sentences")
    require(limits.max_gap is None, "max_gap", limits.max_gap, "None", "a subtree has no gaps")
    require(limits.max_window is None, "max_window", limits.max_window, "None", "a subtree has no window")
    support = sentence_support(forest.labels, forest.bounds, forest.n_labels)
    codes = np.flatnonzero(support >= min_count)
    labels = numbered(forest, codes)
    parent, node, supports, applied = mine_subtrees(
        labels,
        *(forest.parent, forest.first, forest.last, forest.bounds),
        *(forest.depth, len(codes), min_count, limits.max_length or forest.depth + len(labels) + 1),
        limits.max_patterns or 0,
    )
    depth, label = np.divmod(node.astype(np.int64), max(len(codes), 1))
    tree = PrefixTree(parent, (depth * forest.n_labels + codes[label]).astype(np.int32), supports)

    def parts(tree: PrefixTree, length: Codes) -> Iterator[tuple[Codes, Codes]]:
        return one_node_less(tree, length, forest.n_labels)

    return select(tree, parts, limits, min_count, int(applied))


def subtree_strings(patterns: Patterns, names: Sequence[str]) -> list[str]:
    """The patterns as bracketed strings; `names` are the labels' names, all `n_labels` of them."""
    return [brackets((node // len(names), names[node % len(names)]) for node in pattern) for pattern in patterns]


def subtree_items(text: str, names: Sequence[str]) -> tuple[int, ...]:
    """A bracketed subtree as items, as `frequent_subtrees` gives them.

    Raises InputError for malformed brackets, and for a label that is none of `names`.
    """
    code = {name: i for i, name in enumerate(names)}
    nodes = nodes_of(text)
    for _, label in nodes:
        if label not in code:
            raise InputError(f"subtree {text!r}: no tree has a node labelled {label!r}")
    return tuple(depth * len(names) + code[label] for depth, label in nodes)


def numbered(forest: Forest, codes: Codes) -> Codes:
    """The forest's labels as numbers of `codes`; -1 for others."""
    number = np.full(forest.n_labels + 1, -1, np.int64)
    number[codes] = np.arange(len(codes))
    return number[np.where(forest.labels < 0, forest.n_labels, forest.labels)]


def one_node_less(tree: PrefixTree, length: Codes, n_labels: int) -> Iterator[tuple[Codes, Codes]]:
    """Subtrees and their parts of one node less: a leaf, or a root with one child, left out."""
    children = Children(tree)
    row = np.zeros(len(length), np.int64)  # a pattern's row in its level
    shorter: dict[int, Codes] = {}  # left-out place -> for every pattern of the level below, its part or MISSING
    for size in range(2, int(length.max(initial=0)) + 1):
        level = np.flatnonzero(length == size)
        row[level] = np.arange(len(level))
        parent, node = tree.parent[level].astype(np.int64), tree.item[level].astype(np.int64)
        depth = node // n_labels
        parts = {size - 1: parent}
        # Without the root all stand one higher; a second child would be a second root: never found.
        above = shorter[0][row[parent]] if size > 2 else tree.parent[parent].astype(np.int64)
        parts[0] = children.of(above, node - n_labels)
        for place in range(1, size - 1):
            if place < size - 2:
                above = shorter[place][row[parent]]
            else:
                inner = depth > tree.item[parent] // n_labels  # the node before has this one as its child
                above = np.where(inner, MISSING, tree.parent[parent])
            parts[place] = children.of(above, node)
        for part in parts.values():
            there = part >= 0
            yield level[there], part[there]
        shorter = {place: np.where(part < 0, MISSING, part) for place, part in parts.items()}


@compiled
def mine_subtrees(labels, parent_of, first, last, bounds, deepest, n_labels, min_count, max_length, limit):  # type: ignore[no-untyped-def]
    """The prefix tree of frequent subtrees (parent, depth * n_labels + label, support) and the support applied.

    Depth first, with tasks and states as in `mine_sequences`; a state is the node that the subtree's last one is.
    """
    sentence = np.empty(len(labels), np.int32)
    for s in range(len(bounds) - 1):
        sentence[bounds[s] : bounds[s + 1]] = s

    n = 0
    parent, item, support = np.empty(ROOM, np.int32), np.empty(ROOM, np.int32), np.empty(ROOM, np.int32)
    ends = np.empty(2 * len(labels) + 1, np.int32)
    tasks = np.empty((ROOM, 6), np.int64)  # parent, node, support, length, lo, hi
    tasks[0] = -1
    waiting = 1

    group = 0
    width = (deepest + 2) * n_labels
    seen = np.zeros(width, np.int64)
    count = np.zeros(width, np.int32)
    states = np.zeros(width, np.int32)
    slot = np.full(width, -1, np.int64)
    touched = np.empty(width, np.int64)
    ancestor = np.empty(deepest + 2, np.int64)

    while waiting:
        waiting -= 1
        pattern, newest, having, length, lo, hi = tasks[waiting]
        root = having < 0
        depth = -1
        if root:
            length, lo, hi = 0, 0, len(labels)
        elif having < min_count:
            continue
        else:
            depth = newest // n_labels
            if n == len(parent):
                parent, item, support = grow(parent, n), grow(item, n), grow(support, n)
            parent[n], item[n], support[n] = pattern, newest, having
            pattern = n
            n += 1
        if length == max_length:
            continue
        top = 0 if root else hi

        n_touched = 0
        for placing in range(2):
            before = -1
            for up in range(depth + 1):
                ancestor[up] = -1
            for k in range(lo, hi):
                x = k if root else np.int64(ends[k])
                if sentence[x] != before:
                    group += 1
                    before = sentence[x]
                # The next node is under the last one (up = 0), or a later sibling of it or of one of its ancestors.
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
                        if labels[y] < 0:
                            continue
                        key = base + labels[y]
                        if placing:
                            if slot[key] >= 0:
                                ends[slot[key]] = y
                                slot[key] += 1
                        else:
                            states[key] += 1
                            if seen[key] != group:
                                seen[key] = group
                                if count[key] == 0:
                                    touched[n_touched] = key
                                    n_touched += 1
                                count[key] += 1
            if placing:
                break
            wanted = touched[:n_touched]
            wanted.sort()
            leaves = length + 1 == max_length
            needed = top
            for j in range(n_touched - 1, -1, -1):
                key = wanted[j]
                if count[key] >= min_count:
                    room = 0 if leaves else states[key]
                    tasks = push(tasks, waiting, pattern, key, np.int64(count[key]), length + 1, needed, needed + room)
                    waiting += 1
                    if room:
                        slot[key] = needed
                        needed += room
                count[key] = 0
                states[key] = 0
            if needed > len(ends):
                ends = grow(ends, needed)
            if needed == top:
                break
        for j in range(n_touched):
            slot[touched[j]] = -1

        if limit and n >= 2 * limit:
            n, min_count, number = raise_support(parent, item, support, n, limit, min_count)
            for t in range(waiting):
                if tasks[t, 0] >= 0:  # where a parent is gone, its children are too rare as well
                    tasks[t, 0] = number[tasks[t, 0]]
    if limit and n > limit:
        n, min_count, number = raise_support(parent, item, support, n, limit, min_count)
    return parent[:n].copy(), item[:n].copy(), support[:n].copy(), min_count
