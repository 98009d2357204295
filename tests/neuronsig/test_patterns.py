"""Exact pattern counts against the definition, and the bound against brute force."""

import itertools

import numpy as np
import pytest

from neuronsig import patterns
from neuronsig.patterns import PatternTrie, closed, count_patterns, count_patterns_slowly, subsequence_bound


def encode(sentences):
    offsets = np.concatenate(([0], np.cumsum([len(s) for s in sentences])))
    return np.array([item for s in sentences for item in s], np.int64), offsets


def test_a_pattern_counts_once_for_a_sentence_over_any_gap():
    sentences = [[1, 9, 9, 2], [1, 2, 1, 2], [2, 1], [1], []]
    counts = count_patterns(PatternTrie.build([(1, 2), (1, 1), (2, 2), (1,), (1, 2, 2)]), *encode(sentences))
    assert counts.tolist() == [2, 1, 1, 4, 1]


def test_unknown_items_and_rare_words_never_match():
    counts = count_patterns(PatternTrie.build([(5, 7), (7,)]), *encode([[5, -1, 7], [-1, -1], [6, 8], [5, 6]]))
    assert counts.tolist() == [1, 1]


def test_no_pattern_and_no_sentence_are_no_error():
    assert count_patterns(PatternTrie.build([]), *encode([[1, 2]])).tolist() == []
    assert count_patterns(PatternTrie.build([(1,)]), *encode([])).tolist() == [0]


@pytest.mark.parametrize("cells", [1 << 24, 0], ids=["addressed", "searched"])
@pytest.mark.parametrize("block", [1 << 17, 16], ids=["one block", "many blocks"])
@pytest.mark.parametrize("seed", range(5))
def test_counts_equal_the_definition_on_random_sentences(monkeypatch, seed, block, cells):
    monkeypatch.setattr(patterns, "BLOCK_ITEMS", block)
    monkeypatch.setattr(patterns, "DENSE_CELLS", cells)
    rng = np.random.default_rng(seed)
    sentences = [rng.integers(-1, 8, rng.integers(0, 12)).tolist() for _ in range(60)]
    wanted = [p for n in (1, 2, 3, 4) for p in itertools.product(range(8), repeat=n) if rng.random() < 0.5 / n**3]
    rng.shuffle(wanted)
    wanted = [tuple(int(item) for item in p) for p in wanted]
    counts = count_patterns(PatternTrie.build(wanted), *encode(sentences))
    assert counts.tolist() == count_patterns_slowly(wanted, sentences)
    assert counts.sum() > 0


def test_closed_drops_a_part_only_when_the_whole_has_its_support():
    found = [(1,), (2,), (1, 2), (1, 3), (1, 2, 3)]
    assert closed(found, [9, 7, 7, 5, 4]).tolist() == [True, False, True, True, True]


@pytest.mark.parametrize("longest", [1, 2, 3])
def test_the_bound_is_never_below_the_number_of_frequent_patterns(longest):
    rng = np.random.default_rng(longest)
    sentences = [rng.integers(0, 4, rng.integers(0, 8)).tolist() for _ in range(40)]
    every = [p for n in range(1, longest + 1) for p in itertools.product(range(4), repeat=n)]
    support = np.array(count_patterns_slowly(every, sentences))
    for min_count in (1, 3, 8):
        bound = subsequence_bound(np.array([len(s) for s in sentences]), longest, min_count)
        assert (support >= min_count).sum() <= bound


def test_the_bound_of_sentences_without_repetition_counts_every_choice_of_items():
    assert subsequence_bound(np.array([3]), 3, 1) == 3 + 3 + 1
    assert subsequence_bound(np.array([3, 2, 0]), 2, 1) == (3 + 3) + (2 + 1)
    assert subsequence_bound(np.array([3, 3]), 9, 2) == 7
    assert subsequence_bound(np.array([], np.int64), 3, 1) == 0
