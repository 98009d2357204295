"""What explains what, against the definition walked slowly, and on the cases a reader knows."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from neuronsig import folding
from neuronsig.folding import LEAST_LIFT, SAME, Counts, PatternItems, fold, has_subtree
from neuronsig.statistics import lift, log_ratio


def slow_part(part, whole):
    return len(part) < len(whole) and any(c == part for c in itertools.combinations(whole, len(part)))


def slow_fold(order, telling, patterns, f1, n1, f2, n2, alpha, wanted, shortest):
    """(kept, explained_by) of every telling pattern, one comparison at a time."""
    level, kept, explained, singles = alpha / len(patterns), [], {}, []
    chance = lambda *table: lift(*table, level)[1][0] <= 0  # noqa: E731
    for i in order:
        if not telling[i]:
            continue
        if len(patterns[i]) < shortest:
            singles += [i] * (len(patterns[i]) == 1)
            continue
        if len(kept) == wanted:
            break
        for j in singles + kept:
            if slow_part(patterns[j], patterns[i]):
                table = (f1[i], f1[j], f2[i], f2[j])
                accounted = lift(*table)[0][0] < LEAST_LIFT or chance(*table)
            elif slow_part(patterns[i], patterns[j]):
                table = (max(f1[i] - f1[j], 0), n1, max(f2[i] - f2[j], 0), n2)
                accounted = log_ratio(*table)[0] < LEAST_LIFT or chance(*table)
            else:
                accounted = False
            near = (
                len(patterns[j]) >= shortest
                and abs(f1[i] - f1[j]) <= SAME * f1[j]
                and abs(f2[i] - f2[j]) <= SAME * f2[j]
            )
            if accounted or (near and set(patterns[i]) & set(patterns[j])):
                explained[i] = j
                break
        else:
            kept.append(i)
    return kept, explained


def items_of(patterns, labels=0):
    flat = np.array([item for pattern in patterns for item in pattern], np.int64)
    return PatternItems(flat, np.cumsum([0, *map(len, patterns)]), labels)


@pytest.mark.parametrize("shortest", [1, 2, 3])
@pytest.mark.parametrize("block", [3, 512])
def test_the_walk_equals_its_definition_on_random_patterns(monkeypatch, block, shortest):
    monkeypatch.setattr(folding, "BLOCK", block)
    rng = np.random.default_rng(7)
    reasons = set()
    for _ in range(60):
        patterns = sorted({tuple(rng.integers(0, 4, rng.integers(1, 4)).tolist()) for _ in range(40)})
        f1 = np.array([rng.choice([40, 41, 90, 300]) // len(p) for p in patterns], float)
        f2 = np.array([rng.choice([3.5, 40.0, 300.0]) / len(p) for p in patterns])
        order, telling = rng.permutation(len(patterns)), rng.random(len(patterns)) < 0.9
        wanted = int(rng.choice([4, 100]))
        counts = Counts(f1, 1000, f2, 9000.0, 0.05)
        found = fold(order, telling, items_of(patterns), counts, wanted, np.zeros(0, int), shortest)
        kept, explained = slow_fold(order, telling, patterns, f1, 1000, f2, 9000.0, 0.05, wanted, shortest)
        assert found.kept.tolist() == kept
        assert {i: j for i, j in enumerate(found.explained_by.tolist()) if j >= 0} == explained
        reasons |= {np.sign(len(patterns[i]) - len(patterns[j])) for i, j in explained.items()}
    assert reasons == ({0, 1} if shortest == 3 else {-1, 0, 1})


def test_not_only_but_is_explained_by_not_only_unless_but_selects_further():
    patterns = [(1, 2), (1, 2, 3)]  # not only, not only ... but
    order, telling, none = np.array([0, 1]), np.ones(2, bool), np.zeros(0, int)
    same = Counts(np.array([500.0, 400.0]), 10_000, np.array([100.0, 80.0]), 300_000)
    more = Counts(np.array([500.0, 400.0]), 10_000, np.array([100.0, 20.0]), 300_000)
    few = Counts(np.array([500.0, 6.0]), 10_000, np.array([100.0, 0.5]), 300_000)
    assert fold(order, telling, items_of(patterns), same, 9, none).explained_by.tolist() == [-1, 0]
    assert fold(order, telling, items_of(patterns), more, 9, none).explained_by.tolist() == [-1, -1]
    assert fold(order, telling, items_of(patterns), few, 9, none).explained_by.tolist() == [-1, 0]  # within chance


def test_a_single_word_explains_its_sequences_and_takes_no_place():
    patterns = [(1,), (1, 2), (3, 1), (4, 5)]  # united, united states, the united, dear sir
    counts = Counts(np.array([900.0, 800, 600, 500]), 10_000, np.array([300.0, 30, 200, 50]), 300_000)
    found = fold(np.arange(4), np.ones(4, bool), items_of(patterns), counts, 9, np.zeros(0, int), shortest=2)
    assert (found.kept.tolist(), found.explained_by.tolist()) == ([1, 3], [-1, -1, 0, -1])


def test_a_part_that_owes_all_to_the_whole_is_explained_by_it():
    patterns = [(1,), (1, 2)]
    order = np.array([1, 0])
    f1, f2 = np.array([900.0, 800.0]), np.array([3100.0, 100.0])
    owes = Counts(f1, 10_000, f2, 300_000)  # 100 of 10,000 without the whole here, 3,000 of 300,000 there
    assert fold(order, np.ones(2, bool), items_of(patterns), owes, 9, np.zeros(0, int)).explained_by.tolist() == [1, -1]
    own = Counts(np.array([2000.0, 800.0]), 10_000, f2, 300_000)
    assert fold(order, np.ones(2, bool), items_of(patterns), own, 9, np.zeros(0, int)).explained_by.tolist() == [-1, -1]


def test_patterns_after_the_last_kept_one_are_explained_only_where_asked_for():
    patterns = [(1,), (1, 2), (1, 3), (1, 4)]
    counts = Counts(np.array([90.0, 30, 30, 30]), 100, np.array([9.0, 3, 3, 3]), 1000)
    found = fold(np.arange(4), np.ones(4, bool), items_of(patterns), counts, 1, np.array([2]))
    assert (found.kept.tolist(), found.explained_by.tolist()) == ([0], [-1, -1, 0, -1])


def test_what_is_within_chance_neither_explains_nor_is_explained():
    counts = Counts(np.array([90.0, 30]), 100, np.array([9.0, 3]), 1000)
    for telling in ([False, True], [True, False]):
        found = fold(np.arange(2), np.array(telling), items_of([(1,), (1, 2)]), counts, 9, np.arange(2))
        assert found.explained_by.tolist() == [-1, -1]


def test_a_subtree_is_induced_and_ordered():
    whole = [(0, 5), (1, 1), (2, 3), (1, 2), (1, 4)]  # 5(1(3) 2 4)
    assert has_subtree(whole, [(0, 5), (1, 1), (1, 4)])
    assert has_subtree(whole, [(0, 1), (1, 3)])
    assert not has_subtree(whole, [(0, 5), (1, 3)])  # a grandchild is no child
    assert not has_subtree(whole, [(0, 5), (1, 2), (1, 1)])  # siblings in another order
    assert not has_subtree(whole, [(0, 5), (1, 2), (2, 4)])


def test_parts_of_subtrees_are_told_from_labels_that_only_come_in_order():
    labels = 10
    node = lambda depth, label: depth * labels + label  # noqa: E731
    items = items_of([(node(0, 5), node(1, 1), node(2, 3)), (node(0, 5), node(1, 3)), (node(0, 1), node(1, 3))], labels)
    rows = np.array([1, 2])
    assert items.within(rows, 0).tolist() == [False, True]
    assert items.contain(np.array([0]), 2).tolist() == [True]
    assert items.contain(np.array([0]), 1).tolist() == [False]
    assert items.overlap(np.array([2]), 1).tolist() == [True]


def test_lift_covers_the_truth_as_often_as_its_level_says():
    rng = np.random.default_rng(1)
    part1, part2, p1, p2 = 400, 900, 0.3, 0.1
    _, low = lift(rng.binomial(part1, p1, 4000), part1, rng.binomial(part2, p2, 4000), part2, alpha=0.1)
    assert 0.03 < (low > math.log2(p1 / p2)).mean() < 0.07  # one side of a two-sided 10 %
