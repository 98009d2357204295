"""The prefix tree of patterns, and the bound of their number against brute force."""

import itertools

import numpy as np
import pytest

from neuronsig.miners.mined_patterns import Limits
from neuronsig.miners.patterns import PatternTrie, subsequence_bound
from neuronsig.miners.reference import sequences_of


def test_patterns_share_their_beginnings_and_keep_their_numbers():
    trie = PatternTrie.build([(7, 9), (7,), (9, 7, 7), (7, 9, 9)])
    assert trie.codes.tolist() == [7, 9]
    assert [len(edges) for edges in trie.children] == [2, 2, 2]
    assert [ends.tolist() for ends in trie.ends] == [[1, -1], [0, -1], [3, 2]]
    assert trie.children[1].tolist() == [0 * 2 + 1, 1 * 2 + 0]


@pytest.mark.parametrize("longest", [1, 2, 3])
def test_the_bound_is_never_below_the_number_of_frequent_patterns(longest):
    rng = np.random.default_rng(longest)
    sentences = [rng.integers(0, 4, rng.integers(0, 8)).tolist() for _ in range(40)]
    every = [p for n in range(1, longest + 1) for p in itertools.product(range(4), repeat=n)]
    held = [sequences_of([(item,) for item in sentence], Limits(max_length=longest)) for sentence in sentences]
    support = np.array([sum(pattern in found for found in held) for pattern in every])
    for min_count in (1, 3, 8):
        bound = subsequence_bound(np.array([len(s) for s in sentences]), longest, min_count)
        assert (support >= min_count).sum() <= bound


def test_the_bound_of_sentences_without_repetition_counts_every_choice_of_items():
    assert subsequence_bound(np.array([3]), 3, 1) == 3 + 3 + 1
    assert subsequence_bound(np.array([3, 2, 0]), 2, 1) == (3 + 3) + (2 + 1)
    assert subsequence_bound(np.array([3, 3]), 9, 2) == 7
    assert subsequence_bound(np.array([], np.int64), 3, 1) == 0
