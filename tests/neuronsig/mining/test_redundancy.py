"""What explains what, against the definition walked slowly, and on the cases a reader knows."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from neuronsig.mining import redundancy
from neuronsig.mining.keyness import lift, log_ratio
from neuronsig.mining.redundancy import LEAST_LIFT, SAME, Counts, PatternItems, explain

NONE = np.zeros(0, int)


def slow_part(part, whole):
    return len(part) < len(whole) and any(c == part for c in itertools.combinations(whole, len(part)))


def slow_explain(order, selective, patterns, f1, n1, f2, n2, alpha, wanted, shortest):
    """(kept, explained_by), one comparison at a time."""
    level, kept, explained = alpha / len(patterns), [], {}
    chance = lambda *table: lift(*table, level)[1][0] <= 0  # noqa: E731
    ranked = [i for i in order if selective[i]]
    for i in sorted(ranked, key=lambda i: len(patterns[i])):
        if len(patterns[i]) < shortest:
            continue
        for j in ranked:  # the strongest first
            table = (f1[i], f1[j], f2[i], f2[j])
            able = j not in explained and slow_part(patterns[j], patterns[i])
            if able and (lift(*table)[0][0] < LEAST_LIFT or chance(*table)):
                explained[i] = j
                break
    for i in ranked:
        if i in explained or len(patterns[i]) < shortest:
            continue
        if len(kept) == wanted:
            break
        for j in kept:
            table = (max(f1[i] - f1[j], 0), n1, max(f2[i] - f2[j], 0), n2)
            owes = slow_part(patterns[i], patterns[j]) and (log_ratio(*table)[0] < LEAST_LIFT or chance(*table))
            near = abs(f1[i] - f1[j]) <= SAME * f1[j] and abs(f2[i] - f2[j]) <= SAME * f2[j]
            if owes or (near and 2 * sum(item in patterns[j] for item in patterns[i]) >= len(patterns[i])):
                explained[i] = j
                break
        else:
            kept.append(i)
    return kept, explained


def items_of(patterns):
    flat = np.array([item for pattern in patterns for item in pattern], np.int64)
    return PatternItems(flat, np.cumsum([0, *map(len, patterns)]))


def explained(patterns, counts, order=None, selective=None, shortest=1, more=NONE, wanted=99):
    n = len(patterns)
    order = np.arange(n) if order is None else np.array(order)
    selective = np.ones(n, bool) if selective is None else np.array(selective)
    return explain(order, selective, items_of(patterns), counts, wanted, more, shortest)[1].tolist()


@pytest.mark.parametrize("shortest", [1, 2, 3])
@pytest.mark.parametrize("block", [3, 512])
def test_the_walk_equals_its_definition_on_random_patterns(monkeypatch, block, shortest):
    monkeypatch.setattr(redundancy, "BLOCK", block)
    rng = np.random.default_rng(7)
    reasons = set()
    for _ in range(60):
        patterns = sorted({tuple(rng.integers(0, 4, rng.integers(1, 4)).tolist()) for _ in range(40)})
        f1 = np.array([rng.choice([40, 41, 90, 300]) // len(p) for p in patterns], float)
        f2 = np.array([rng.choice([3.5, 40.0, 300.0]) / len(p) for p in patterns])
        order, selective = rng.permutation(len(patterns)), rng.random(len(patterns)) < 0.9
        wanted = int(rng.choice([4, 100]))
        counts = Counts(f1, 1000, f2, 9000.0, 0.05)
        plain, explained_by = explain(order, selective, items_of(patterns), counts, wanted, NONE, shortest)
        kept, why = slow_explain(order, selective, patterns, f1, 1000, f2, 9000.0, 0.05, wanted, shortest)
        assert plain.tolist() == kept
        assert {i: j for i, j in enumerate(explained_by.tolist()) if j >= 0} == why
        reasons |= {np.sign(len(patterns[i]) - len(patterns[j])) for i, j in why.items()}
    assert reasons == ({0, 1} if shortest == 3 else {-1, 0, 1})


NOT_ONLY = [(1, 2), (1, 2, 3)]  # not only, not only ... but


@pytest.mark.parametrize(
    ("f1", "f2", "expected"),
    [
        ((500, 400), (100, 80), [-1, 0]),  # but is as likely after not only there as here
        ((500, 400), (100, 20), [-1, -1]),  # it is four times as likely here
        ((500, 6), (100, 0.5), [-1, 0]),  # too few to say
    ],
    ids=["same", "more", "few"],
)
@pytest.mark.parametrize("order", [[0, 1], [1, 0]], ids=["part first", "whole first"])
def test_not_only_but_is_explained_by_not_only_unless_but_selects_further(f1, f2, expected, order):
    counts = Counts(np.array(f1, float), 10_000, np.array(f2, float), 300_000)
    assert explained(NOT_ONLY, counts, order) == expected


def test_a_part_that_owes_all_to_the_whole_is_explained_by_it():
    f2 = np.array([3100.0, 100.0])
    owes = Counts(np.array([900.0, 800.0]), 10_000, f2, 300_000)  # without the whole 100 of 10,000 here, 3,000 there
    own = Counts(np.array([2000.0, 800.0]), 10_000, f2, 300_000)
    assert explained([(1,), (1, 2)], owes, [1, 0]) == [1, -1]
    assert explained([(1,), (1, 2)], own, [1, 0]) == [-1, -1]


def test_small_lifts_do_not_add_up_to_an_explanation():
    # each word adds a factor of 1.15 to the one before, both together 1.3
    patterns = [(1,), (1, 2), (1, 2, 3)]
    counts = Counts(np.array([90_000.0, 69_000, 53_000]), 1e5, np.array([3000.0, 2000, 1333]), 1e6)
    assert explained(patterns, counts) == [-1, 0, -1]


def test_a_single_word_explains_its_sequences_and_takes_no_place():
    patterns = [(1,), (1, 2), (3, 1), (4, 5)]  # united, united states, the united, dear sir
    counts = Counts(np.array([900.0, 800, 600, 500]), 10_000, np.array([300.0, 30, 200, 50]), 300_000)
    plain, explained_by = explain(np.arange(4), np.ones(4, bool), items_of(patterns), counts, 9, NONE, shortest=2)
    assert (plain.tolist(), explained_by.tolist()) == ([1, 3], [-1, -1, 0, -1])


def test_pieces_of_a_phrase_longer_than_any_pattern_are_one_but_not_any_two_alike_in_counts():
    patterns = [(1, 2, 3), (2, 3, 4), (1, 5, 6)]
    counts = Counts(np.array([300.0, 301, 302]), 10_000, np.array([20.0, 20, 20]), 300_000)
    assert explained(patterns, counts) == [-1, 0, -1]


def test_patterns_after_the_last_kept_one_are_explained_only_where_asked_for():
    patterns = [(1, 2, 3), (1, 2), (1, 3), (2, 3)]
    counts = Counts(np.array([90.0, 91, 91, 91]), 100, np.array([9.0, 200, 200, 200]), 1000)
    assert explained(patterns, counts, more=np.array([2]), wanted=1) == [-1, -1, 0, -1]


def test_what_is_within_chance_neither_explains_nor_is_explained():
    counts = Counts(np.array([90.0, 30]), 100, np.array([9.0, 3]), 1000)
    for selective in ([False, True], [True, False]):
        assert explained([(1,), (1, 2)], counts, selective=selective, more=np.arange(2)) == [-1, -1]


def test_lift_covers_the_truth_as_often_as_its_level_says():
    rng = np.random.default_rng(1)
    part1, part2, p1, p2 = 400, 900, 0.3, 0.1
    _, low = lift(rng.binomial(part1, p1, 4000), part1, rng.binomial(part2, p2, 4000), part2, alpha=0.1)
    assert 0.03 < (low > math.log2(p1 / p2)).mean() < 0.07  # one side of a two-sided 10 %
