"""Counts of given patterns against the definition, and against what the miners find."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neuronsig.miners import counting
from neuronsig.miners.counting import count_sequences, count_subtrees, find_sequences, find_subtrees
from neuronsig.miners.frequent import frequent_sequences, frequent_subtrees, stack
from neuronsig.miners.mined_patterns import Limits
from neuronsig.miners.trie import CountingTrie
from tests.neuronsig.miners.examples import few, forests, mixed_sentences, plain_sentences
from tests.neuronsig.miners.reference import sequences_of, subtrees_of
from tests.neuronsig.miners.test_sequences import encode
from tests.neuronsig.miners.test_subtrees import LABELS, as_forest

near = st.builds(Limits, max_gap=few(0, 1, 2), max_window=few(1, 2, 3, 5))
items = st.integers(0, 5) | st.integers(10, 12)
patterns = st.lists(st.lists(items, min_size=1, max_size=4).map(tuple), max_size=30, unique=True)


def places(sentences, wanted, limits):
    held = [sequences_of(sentence, limits) for sentence in sentences]
    return [[i for i, found in enumerate(held) if pattern in found] for pattern in wanted]


def counted(sentences, wanted, limits):
    return list(map(len, places(sentences, wanted, limits)))


def found_in(postings, patterns):
    return [postings.of(i).tolist() for i in range(len(patterns))]


@pytest.mark.parametrize("block", [1, 8, 1 << 18])
def test_counts_equal_the_definition_whatever_the_block(monkeypatch, block):
    monkeypatch.setattr(counting, "BLOCK_ITEMS", block)

    @settings(deadline=None, max_examples=100)
    @given(plain_sentences, patterns, near)
    def check(sentences, wanted, limits):
        found = count_sequences(CountingTrie(wanted), *encode([[i for (i,) in s] for s in sentences]), limits)
        assert found.tolist() == counted(sentences, wanted, limits)
        found = find_sequences(CountingTrie(wanted), *encode([[i for (i,) in s] for s in sentences]), limits)
        assert found_in(found, wanted) == places(sentences, wanted, limits)

    check()


@settings(deadline=None, max_examples=100)
@given(mixed_sentences, patterns, near)
def test_counts_of_mixed_patterns_equal_the_definition(sentences, wanted, limits):
    offsets = np.cumsum([0] + [len(s) for s in sentences])
    layers = [np.array([position[layer] for s in sentences for position in s], np.int64) for layer in (0, 1)]
    flat, offsets, positions = stack(layers, offsets)
    found = count_sequences(CountingTrie(wanted), flat, offsets, limits, positions)
    assert found.tolist() == counted(sentences, wanted, limits)
    found = find_sequences(CountingTrie(wanted), flat, offsets, limits, positions)
    assert found_in(found, wanted) == places(sentences, wanted, limits)


@pytest.mark.parametrize("block", [1, 8, 1 << 18])
def test_counts_of_subtrees_equal_the_enumeration_whatever_the_block(monkeypatch, block):
    monkeypatch.setattr(counting, "BLOCK_ITEMS", block)

    @settings(deadline=None, max_examples=100)
    @given(forests(), forests(most=4), st.randoms(use_true_random=False))
    def check(trees, others, random):
        held = [subtrees_of(tree, 4) for tree in trees]
        every = sorted(set().union(*held, *(subtrees_of(tree, 4) for tree in others)))
        wanted = random.sample(every, min(len(every), 30))
        trie = CountingTrie([tuple(depth * LABELS + label for depth, label in tree) for tree in wanted])
        assert count_subtrees(trie, as_forest(trees)).tolist() == [sum(t in h for h in held) for t in wanted]
        expected = [[i for i, h in enumerate(held) if t in h] for t in wanted]
        assert found_in(find_subtrees(trie, as_forest(trees)), wanted) == expected

    check()


def test_what_a_miner_finds_is_counted_alike():
    rng = np.random.default_rng(0)
    sentences = [rng.geometric(0.2, rng.integers(1, 20)) for _ in range(300)]
    for limits in (Limits(max_length=3), Limits(max_length=3, max_gap=1, max_window=4)):
        found = frequent_sequences(*encode(sentences), 5, limits)
        assert len(found) > 100
        assert (
            count_sequences(CountingTrie(list(found)), *encode(sentences), limits).tolist() == found.supports.tolist()
        )
    trees = as_forest(
        [[(rng.integers(-1, i), rng.integers(0, 3)) if i else (-1, 0) for i in range(9)] for _ in range(99)]
    )
    found = frequent_subtrees(trees, 5, Limits(max_length=4))
    assert len(found) > 50
    assert count_subtrees(CountingTrie(list(found)), trees).tolist() == found.supports.tolist()


@pytest.mark.parametrize("block", [8, 1 << 18])
def test_every_stratum_is_counted_as_if_it_were_alone(monkeypatch, block):
    monkeypatch.setattr(counting, "BLOCK_ITEMS", block)
    rng = np.random.default_rng(4)
    sentences = [rng.integers(0, 4, rng.integers(0, 9)) for _ in range(60)]
    trees = [[(rng.integers(-1, i), rng.integers(0, 3)) if i else (-1, 0) for i in range(6)] for _ in sentences]
    strata = rng.integers(0, 3, 60)
    trie = CountingTrie(sorted({tuple(rng.integers(0, 4, rng.integers(1, 4)).tolist()) for _ in range(40)}))
    subtrees = CountingTrie(list(frequent_subtrees(as_forest(trees), 3, Limits(max_length=3))))
    limits = Limits(max_gap=1)
    by_stratum = count_sequences(trie, *encode(sentences), limits, strata=strata, n_strata=4)
    trees_by_stratum = count_subtrees(subtrees, as_forest(trees), strata, 4)
    for stratum in range(4):
        alone = [i for i in range(60) if strata[i] == stratum]
        expected = count_sequences(trie, *encode([sentences[i] for i in alone]), limits)
        assert by_stratum[:, stratum].tolist() == expected.tolist()
        expected = count_subtrees(subtrees, as_forest([trees[i] for i in alone]))
        assert trees_by_stratum[:, stratum].tolist() == expected.tolist()
    assert (by_stratum[:, :3].sum(axis=0) > 0).all()


def test_patterns_share_their_beginnings_and_keep_their_numbers():
    trie = CountingTrie([(7, 9), (7,), (9, 7, 7), (7, 9, 9)])
    assert trie.codes.tolist() == [7, 9]
    assert trie.trie.key.tolist() == [0, 0, 1, 1, 0, 1, 0]
    assert trie.trie.first.tolist() == [1, 3, 4, 5, 6, 7, 7, 7]
    assert trie.trie.ends.tolist() == [-1, 1, -1, 0, -1, 3, 2]


def test_flat_patterns_make_the_same_trie():
    wanted = [(3, 1), (2,), (3, 1, 2), (1, 1)]
    one, other = CountingTrie(wanted), CountingTrie.of(np.array([3, 1, 2, 3, 1, 2, 1, 1]), np.array([0, 2, 3, 6, 8]))
    for ours, theirs in zip((one.codes, *one.trie), (other.codes, *other.trie), strict=True):
        assert ours.tolist() == theirs.tolist()
    with pytest.raises(ValueError, match="distinct, not empty"):
        CountingTrie.of(np.array([1, 1]), np.array([0, 1, 2]))


@pytest.mark.parametrize("wanted", [[(1,), (1,)], [()], [(1, -1)]], ids=["equal", "empty", "negative"])
def test_patterns_that_cannot_be_counted_are_refused(wanted):
    with pytest.raises(ValueError, match="distinct, not empty, and of items of 0 or more"):
        CountingTrie(wanted)


def test_no_pattern_and_no_sentence_are_no_error():
    none = np.zeros(0, np.int64)
    assert count_sequences(CountingTrie([]), np.array([1]), np.array([0, 1])).tolist() == []
    assert count_sequences(CountingTrie([(1,)]), none, none).tolist() == [0]
    assert count_subtrees(CountingTrie([]), as_forest([[(-1, 0)]])).tolist() == []
    assert count_subtrees(CountingTrie([(1,)]), as_forest([])).tolist() == [0]
