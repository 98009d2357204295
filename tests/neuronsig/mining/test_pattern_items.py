"""Parts of sequences and of subtrees, against comparing all pairs."""

from __future__ import annotations

import itertools

import numpy as np

from neuronsig.miners.containment import has_subtree
from neuronsig.mining.redundancy import PatternItems

LABELS = 3


def items_of(patterns, labels=0):
    flat = np.array([item for pattern in patterns for item in pattern], np.int64)
    return PatternItems(flat, np.cumsum([0, *map(len, patterns)]), labels)


def all_parts(items):
    found = set()
    for length in range(1, int(items.lengths.max()) + 1):
        whole, part = items.parts(np.flatnonzero(items.lengths == length))
        found |= set(zip(whole.tolist(), part.tolist(), strict=True))
    return found


def random_tree(rng, nodes):
    depths = [0]
    for _ in range(nodes - 1):
        depths.append(int(rng.integers(1, depths[-1] + 2)))
    return tuple((depth, int(rng.integers(0, LABELS))) for depth in depths)


def test_parts_of_sequences_are_all_those_that_leave_items_out():
    rng = np.random.default_rng(0)
    patterns = sorted({tuple(rng.integers(0, 3, rng.integers(1, 6)).tolist()) for _ in range(120)})
    expected = {
        (i, j)
        for i, whole in enumerate(patterns)
        for j, part in enumerate(patterns)
        if len(part) < len(whole) and part in itertools.combinations(whole, len(part))
    }
    items = items_of(patterns)
    assert all_parts(items) == expected
    everything = np.arange(len(patterns))
    for whole in everything:
        inside = {j for i, j in expected if i == whole}
        assert set(np.flatnonzero(items.within(everything, whole))) == inside


def test_parts_of_long_sequences_are_the_nearly_whole_and_the_single():
    patterns = [(1, 2, 3, 4, 5, 6, 7), (1, 2, 3, 4), (1, 2, 3), (5,)]
    assert all_parts(items_of(patterns)) == {(0, 1), (0, 3), (1, 2)}


def test_parts_of_subtrees_are_their_induced_subtrees():
    rng = np.random.default_rng(1)
    trees = sorted({random_tree(rng, int(rng.integers(1, 6))) for _ in range(150)})
    expected = {
        (i, j)
        for i, whole in enumerate(trees)
        for j, part in enumerate(trees)
        if len(part) < len(whole) and has_subtree(whole, part)
    }
    items = items_of([[depth * LABELS + label for depth, label in tree] for tree in trees], LABELS)
    assert all_parts(items) == expected
    everything = np.arange(len(trees))
    for whole in everything:
        assert set(np.flatnonzero(items.within(everything, whole))) == {j for i, j in expected if i == whole}


def test_half_of_the_items_in_common_is_an_overlap():
    items = items_of([(1, 2, 3), (2, 3, 4), (3, 5, 6), (1, 9), (7,)])
    assert items.overlap(np.arange(1, 5), 0).tolist() == [True, False, True, False]
