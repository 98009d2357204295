"""Halves of the corpus: exact lists, signatures as mining makes them, and measures that equal their definitions."""

from __future__ import annotations

import math

import numpy as np
import pytest

from neuronsig.config import MiningConfig, StabilityConfig
from neuronsig.holdout import is_held_out
from neuronsig.miners.mined_patterns import Limits
from neuronsig.mining.halves import Mined, Sample, Settings, half_lists, half_of, mine_sample, signature
from neuronsig.mining.stability import enough, jaccard, rank_biased_overlap, usable_sizes


def test_a_half_list_is_the_exact_top_list_of_that_half() -> None:
    rng = np.random.default_rng(0)
    scores = rng.normal(size=5000)
    order = np.lexsort((np.arange(5000), -scores))
    kept = order[~is_held_out(order, 0.05)]
    for half, found in enumerate(half_lists(order[:1000], np.flatnonzero(is_held_out(np.arange(5000), 0.05)))):
        assert np.array_equal(found, kept[half_of(kept) == half][: len(found)])
        assert 400 < len(found) < 550


def test_halves_have_nothing_to_do_with_what_is_held_out() -> None:
    ids = np.arange(100_000)
    held = is_held_out(ids, 0.05)
    assert half_of(ids).mean() == pytest.approx(0.5, abs=0.01)
    assert half_of(ids[held]).mean() == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize(
    ("asked", "shortest", "sizes"),
    [([10, 20], 20, [10, 20]), ([10, 20, 50], 30, [10, 20, 30]), ([10, 20], 10, [10]), ([100], 30, [30])],
)
def test_sizes_end_at_what_all_lists_have(asked: list[int], shortest: int, sizes: list[int]) -> None:
    assert usable_sizes(asked, shortest) == sizes


def overlap_by_definition(one: str, other: str, p: float, depth: int = 4000) -> float:
    """Both rankings go on, beyond what is seen, agreeing in the share in which they agreed at the end (equation 30)."""
    n = max(len(one), len(other))
    assert len(one) == len(other)
    agreement = [len(set(one[:d]) & set(other[:d])) / d for d in range(1, n + 1)]
    agreement += [agreement[-1]] * (depth - n)
    return (1 - p) * sum(a * p**d for d, a in enumerate(agreement))


@pytest.mark.parametrize(("one", "other"), [("abcd", "abcd"), ("abcd", "badc"), ("abcd", "wxyz"), ("abcd", "awbx")])
def test_overlap_of_rankings_of_one_length_is_its_definition(one: str, other: str) -> None:
    assert rank_biased_overlap(one, other, 0.9) == pytest.approx(overlap_by_definition(one, other, 0.9))


def test_overlap_of_rankings_of_unlike_lengths() -> None:
    # Of 'abc' and 'ab', whose two items agree, all that is extrapolated agrees.
    assert rank_biased_overlap("abc", "ab", 0.9) == pytest.approx(1.0)
    assert rank_biased_overlap("ab", "abc", 0.9) == rank_biased_overlap("abc", "ab", 0.9)
    assert 0 < rank_biased_overlap("abcd", "xb", 0.9) < 0.5


def test_empty_rankings() -> None:
    assert math.isnan(rank_biased_overlap("", "", 0.9))
    assert rank_biased_overlap("a", "", 0.9) == 0
    assert math.isnan(jaccard("", ""))
    assert jaccard("abc", "bcd") == 0.5


def test_first_ranks_weigh_most() -> None:
    assert rank_biased_overlap("abcd", "abdx", 0.9) > rank_biased_overlap("abcd", "xbcd", 0.9)


def test_enough_is_the_fewest_with_the_share_of_the_last() -> None:
    agreement = {100: 0.5, 200: 0.78, 400: 0.8}
    assert enough([100, 200, 400], agreement, 0.95) == 200
    assert enough([100, 200, 400], agreement, 0.99) == 400
    assert enough([100], {100: float("nan")}, 0.95) is None
    assert enough([], {}, 0.95) is None


def sample(sentences: list[list[int]], strata: list[int]) -> Sample:
    words = np.array([word for sentence in sentences for word in sentence])
    return Sample(words, np.cumsum([0, *map(len, sentences)]), np.array(strata))


def test_patterns_are_counted_by_stratum() -> None:
    mined = mine_sample(sample([[0, 1], [0, 2, 1], [1, 0], [0]], [0, 0, 1, 1]), 2, 2, 2, Limits(max_length=2))
    found = dict(zip(mined.patterns, mined.f1.tolist(), strict=True))
    assert found == {(0,): [2, 2], (0, 1): [2, 0], (1,): [2, 1]}
    assert mined.n1.tolist() == [2, 2]


def test_the_first_k_sentences_are_those_of_the_list() -> None:
    first = sample([[0, 1], [2], [3]], [0, 1, 0]).first(2)
    assert (first.words.tolist(), first.offsets.tolist(), first.strata.tolist()) == ([0, 1, 2], [0, 2, 3], [0, 1])


def settings(neurons: int) -> Settings:
    return Settings((100,), StabilityConfig(top=5), MiningConfig(alpha=0.05), neurons)


def test_a_signature_has_words_and_sequences_beyond_chance_strongest_first() -> None:
    sentences = [[0, 1, 9]] * 60 + [[2, 9]] * 40
    mined = mine_sample(sample(sentences, [0] * 100), 1, 5, 10, Limits(max_length=2, target="closed"))
    in_corpus = {(0,): 600, (1,): 600, (0, 1): 61, (2,): 45, (9,): 9000}
    counts = np.array([[in_corpus.get(pattern, 200)] for pattern in mined.patterns])
    found = signature(mined, counts, np.array([10_000]), 1, settings(100))
    assert found["words"][0] == (2,)
    assert (9,) not in found["words"]
    assert found["word_sequence"][0] == (0, 1)


def test_no_frequent_pattern_is_an_empty_signature() -> None:
    mined = mine_sample(sample([[0], [1]], [0, 0]), 1, 2, 2, Limits())
    assert isinstance(mined, Mined)
    found = signature(mined, np.zeros((0, 1), np.int64), np.array([10]), 1, settings(1))
    assert found == {"words": [], "word_sequence": []}
