"""What the miners and counters must find, straight from the definitions, in plain Python."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from neuronsig.miners.containment import has_subtree, in_order
from neuronsig.miners.mined_patterns import Limits

Pattern = tuple[int, ...]


def reference_sequences(
    sentences: Sequence[Sequence[Iterable[int]]], min_count: int, limits: Limits
) -> dict[Pattern, int]:
    """Frequent sequences of sentences whose positions are item sets: every choice of positions, each item there."""
    held = Counter(pattern for sentence in sentences for pattern in sequences_of(sentence, limits))
    return _wanted(held, min_count, limits, _in_one_piece if limits.max_gap is not None else in_order)


def sequences_of(sentence: Sequence[Iterable[int]], limits: Limits) -> set[Pattern]:
    """All sequences within the gap, window and greatest length that one sentence holds."""
    found: set[Pattern] = set()
    for length in range(1, min(len(sentence), limits.max_length or len(sentence)) + 1):
        for places in itertools.combinations(range(len(sentence)), length):
            skipped = max((b - a - 1 for a, b in itertools.pairwise(places)), default=0)
            near = limits.max_gap is None or skipped <= limits.max_gap
            if near and (limits.max_window is None or places[-1] - places[0] < limits.max_window):
                found.update(itertools.product(*(sentence[place] for place in places)))
    return {pattern for pattern in found if min(pattern) >= 0}


def reference_itemsets(transactions: Iterable[Iterable[int]], min_count: int, limits: Limits) -> dict[Pattern, int]:
    """Frequent itemsets, each ascending: every subset of every transaction."""
    held: Counter[Pattern] = Counter()
    for transaction in transactions:
        items = sorted({item for item in transaction if item >= 0})
        for size in range(1, min(len(items), limits.max_length or len(items)) + 1):
            held.update(itertools.combinations(items, size))
    return _wanted(held, min_count, limits, in_order)


Node = tuple[int, int]
"""Depth (root 0) and label; a tree or subtree is the tuple of its nodes in preorder."""


def reference_subtrees(
    forests: Iterable[Sequence[tuple[int, int]]], min_count: int, limits: Limits
) -> dict[tuple[Node, ...], int]:
    """Frequent induced ordered subtrees of forests, each a list of (parent, label), children in order, root -1."""
    held = Counter(subtree for forest in forests for subtree in subtrees_of(forest, limits.max_length or len(forest)))
    return _wanted(held, min_count, limits, has_subtree)


def subtrees_of(forest: Sequence[tuple[int, int]], most: int) -> set[tuple[Node, ...]]:
    """All induced ordered subtrees of at most `most` nodes in one forest: connected, with or without each child."""
    children: dict[int, list[int]] = {}
    for node, (parent, _) in enumerate(forest):
        children.setdefault(parent, []).append(node)

    def rooted(node: int, room: int) -> set[tuple[Node, ...]]:
        if room < 1:
            return set()
        found: set[tuple[Node, ...]] = {((0, forest[node][1]),)}
        for child in children.get(node, []):
            lower = {tuple((depth + 1, label) for depth, label in part) for part in rooted(child, room - 1)}
            found |= {tree + part for tree in found for part in lower if len(tree) + len(part) <= room}
        return found

    return {tree for node in range(len(forest)) for tree in rooted(node, most)}


def _wanted(held: Mapping, min_count: int, limits: Limits, contains) -> dict:  # type: ignore[no-untyped-def, type-arg]
    """Those of the support that `max_patterns` leaves, that the target asks for, and that are long enough."""
    if limits.max_patterns is not None:
        while sum(support >= min_count for support in held.values()) > limits.max_patterns:
            min_count += 1
    found = {pattern: support for pattern, support in held.items() if support >= min_count}
    if limits.target != "all":
        parts = {
            small
            for small, large in itertools.permutations(found, 2)
            if len(small) < len(large)
            and (limits.target == "maximal" or found[small] == found[large])
            and contains(large, small)
        }
        found = {pattern: support for pattern, support in found.items() if pattern not in parts}
    return {pattern: support for pattern, support in sorted(found.items()) if len(pattern) >= limits.min_length}


def _in_one_piece(large: Pattern, small: Pattern) -> bool:
    return any(large[i : i + len(small)] == small for i in range(len(large) - len(small) + 1))
