"""Rows of a signature from counts by stratum: what is kept, in which order, and on what evidence."""

import dataclasses

import numpy as np
import pytest

from neuronsig.mining.keyness import PValueCounts, g2, log_ratio, lrc, match_reference
from neuronsig.mining.pattern_keyness import JudgeRules, NeuronPatterns, judge, p_values

RULES = JudgeRules(tests=1000, alpha=0.05, patterns_kept=2, frequent_kept=1, shortest=1)


def patterns_of(rows, n1=(600, 400), total=(50_000, 10_000)):
    """rows: (items, f1 by stratum, corpus by stratum)."""
    items, f1, corpus = zip(*rows, strict=True)
    offsets = np.cumsum([0, *map(len, items)])
    flat = np.array([item for pattern in items for item in pattern])
    return NeuronPatterns(flat, offsets, np.array(f1), np.array(corpus), np.array(n1), np.array(total), bins=2)


def judged(patterns, rules=RULES):
    counts = PValueCounts()
    counts.add(p_values(patterns, rules.shortest))
    return {name: column.tolist() for name, column in judge(patterns, rules, counts).items()}


STRONG, SECOND, THIRD = ((1, 2), (100, 50), (150, 60)), ((3,), (90, 40), (400, 100)), ((4,), (60, 40), (600, 200))
COMMON = ((5,), (500, 390), (41_000, 9_700))


def test_the_strongest_come_first_and_the_most_frequent_besides_under_its_own_rank():
    found = judged(patterns_of([COMMON, THIRD, SECOND, STRONG]))
    assert found["pattern"] == [3, 2, 0]
    assert found["rank"] == [0, 1, 3]
    assert found["explained_by"] == [-1, -1, -1]


def test_statistics_are_of_the_matched_reference_and_counts_stay_raw():
    patterns = patterns_of([SECOND])
    found = judged(patterns)
    matched = match_reference([[90, 40]], [[400, 100]], [600, 400], [50_000, 10_000], 2)
    share = 0.6 * 310 / 49_400 + 0.4 * 60 / 9_600
    assert (found["f1"], found["n1"], found["f2"], found["n2"]) == ([130], [1000], [370], [59_000])
    assert found["matched"] == [pytest.approx(share)]
    assert matched.size == pytest.approx(1 / (0.36 / 49_400 + 0.16 / 9_600))
    assert found["log_ratio"] == pytest.approx(log_ratio(130, 1000, share * matched.size, matched.size))
    table = 130, 1000, *matched.evidence
    assert found["g2"] == pytest.approx(g2(*table))
    assert found["lrc"] == pytest.approx(lrc(*table, tests=1000))


def test_a_word_of_long_sentences_is_nothing_to_a_neuron_that_likes_them_long():
    # 30 % of long sentences have it and 3 % of short ones, whoever's they are; the neuron's are mostly long
    found = judged(patterns_of([((1,), (3, 270), (1500, 3000))], n1=(100, 900)))
    assert found["log_ratio"][0] == pytest.approx(0, abs=0.02)
    assert found["lrc"] == [0]
    assert log_ratio(273, 1000, 4227, 59_000)[0] > 1.9


def test_an_explained_pattern_leaves_its_place_to_the_next_and_says_by_what():
    whole = ((1, 2, 9), (60, 30), (92, 38))
    found = judged(patterns_of([STRONG, whole, SECOND]))
    assert found["pattern"] == [0, 1, 2]
    assert found["explained_by"] == [-1, 0, -1]


def test_single_items_explain_but_make_no_rows_and_take_no_rank():
    alone, pair = ((7,), (100, 60), (500, 200)), ((7, 8), (60, 40), (300, 140))
    rules = JudgeRules(tests=1000, alpha=0.05, patterns_kept=2, frequent_kept=1)
    found = judged(patterns_of([alone, pair, STRONG]), rules)
    assert found["pattern"] == [2, 1]
    assert found["rank"] == [0, 1]
    assert found["explained_by"] == [-1, 0]


def test_the_most_frequent_besides_may_be_asked_to_be_longer():
    pair = ((7, 8), (300, 190), (30_000, 6_000))
    rules = dataclasses.replace(RULES, frequent_shortest=2)
    assert judged(patterns_of([COMMON, THIRD, SECOND, STRONG, pair]))["pattern"] == [3, 2, 0]
    assert judged(patterns_of([COMMON, THIRD, SECOND, STRONG, pair]), rules)["pattern"] == [3, 2, 4]


def test_q_of_a_discovery_is_small_and_of_chance_is_not():
    found = judged(patterns_of([STRONG, COMMON]))
    assert found["q"][0] < 1e-6
    assert found["q"][1] == 1


def test_single_items_that_make_no_rows_are_no_discoveries():
    # they are no hypotheses of the kind either: counted in, they would halve the q of the only pair
    pair, alone = ((7, 8), (27, 17), (700, 300)), STRONG[1:]
    singles = [((item,), *alone) for item in range(10, 19)]
    rules = JudgeRules(tests=1000, alpha=0.05, patterns_kept=2, frequent_kept=1)
    with_singles, without = (judged(patterns_of(rows), rules)["q"] for rows in ([pair, *singles], [pair]))
    assert 1e-3 < without[0] < 0.9
    assert with_singles == without


def test_no_pattern_is_no_row():
    empty = NeuronPatterns(
        np.zeros(0, int), np.zeros(1, int), np.zeros((0, 2), int), np.zeros((0, 2), int), np.array([5, 5]),
        np.array([50, 50]), bins=2,
    )  # fmt: skip
    assert all(column == [] for column in judged(empty).values())
