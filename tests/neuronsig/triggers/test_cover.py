import itertools
from dataclasses import replace

import numpy as np
import pytest

from neuronsig.config import MiningConfig
from neuronsig.encoding.text import Text
from neuronsig.kinds import KINDS, kind_of
from neuronsig.triggers.cover import CodedVotes, cover
from neuronsig.triggers.votes import Vote
from tests.neuronsig.evaluation.texts import ANIMALS, table_of

TEXT = Text.of(table_of(ANIMALS))


def covered(votes, sentence, trigger, mining=None, text=TEXT):
    """(pattern or None, offset) of one neuron's votes in one sentence."""
    votes = [
        Vote(kind, tuple(pattern.split()) if kind != "subtree" else (pattern,), bits) for kind, pattern, bits in votes
    ]
    patterns = CodedVotes([votes], text, MiningConfig(**mining or {}))
    found = cover(patterns, text, np.array([0]), np.array([sentence]), np.array([trigger]))
    (vote,), (offset,) = found.vote.tolist(), found.offset.tolist()
    return (" ".join(votes[vote].pattern) if vote >= 0 else None), offset


def test_the_strongest_pattern_that_holds_the_trigger_is_told():
    votes = [("words", "cat", 5.0), ("word_sequence", "the cat", 4.0), ("words", "the", 3.0)]
    assert covered(votes, 2, 3) == ("cat", 0)
    assert covered(votes, 2, 0) == ("the cat", 0)


def test_else_the_nearest_one_with_its_distance_before_or_after():
    votes = [("words", "the", 5.0), ("words", ".", 4.0)]
    assert covered(votes, 2, 3) == (".", 2)  # The big black [cat] ran .
    assert covered(votes, 2, 1) == ("the", -1)
    assert covered(votes, 3, 0, text=TEXT) == (".", 2)


def test_of_equally_near_ones_the_stronger():
    assert covered([("words", "ran", 5.0), ("words", "black", 4.0)], 2, 3) == ("ran", 1)


def test_patterns_that_are_not_there_or_have_no_place_hold_nothing():
    votes = [("words", "dog", 9.0), ("metadata", "domain news", 8.0), ("word_sequence", "cat the black", 7.0)]
    assert covered(votes, 2, 3) == (None, 0)
    assert covered([("words", "cat", 5.0)], 0, -1) == (None, 0)


def test_an_itemset_holds_its_words_and_tags_where_the_sentence_has_all_of_it():
    votes = [("itemset", "word=the domain=news pos=VBD", 5.0)]
    assert [covered(votes, 0, t)[1] for t in range(7)] == [0, -1, 0, -1, 0, -1, -2]  # as near: before
    assert covered(votes, 3, 1) == (None, 0)


def test_a_mixed_sequence_holds_words_and_tags_within_its_gap():
    votes = [("mixed_sequence", "the pos=JJ cat", 5.0)]
    assert [covered(votes, 2, t) for t in range(4)] == [("the pos=JJ cat", 0)] * 4
    assert [covered(votes, 2, t, {"mixed_max_gap": 0})[0] for t in range(4)] == [None] * 4
    assert [covered(votes, 2, t, {"mixed_max_gap": 1})[1] for t in range(4)] == [0, 0, 0, 0]


def test_a_subtree_holds_only_the_children_it_takes():
    assert [covered([("subtree", "(NN (DT) (JJ))", 5.0)], 2, t)[1] for t in range(6)] == [0, 0, 0, 0, -1, -2]
    # the second JJ can be taken only as the second one
    assert [covered([("subtree", "(NN (JJ) (JJ))", 5.0)], 2, t)[1] for t in range(4)] == [1, 0, 0, 0]
    assert covered([("subtree", "(NN (VBD))", 5.0)], 2, 3) == (None, 0)
    mining = {"subtree_labels": "words"}
    assert [covered([("subtree", "(sat (mat (the)))", 5.0)], 0, t, mining)[1] for t in (2, 4, 5, 1)] == [0, 0, 0, 1]


def test_subtrees_of_trees_brought_hold_no_word():
    votes = [("subtree", "(NN (DT) (JJ))", 5.0), ("words", "ran", 1.0)]
    assert covered(votes, 2, 3) == ("(NN (DT) (JJ))", 0)
    assert covered(votes, 2, 3, {"trees": "trees.parquet"}) == ("ran", 1)


@pytest.mark.parametrize(("gap", "window"), [(-1, 0), (0, 0), (1, 0), (-1, 3), (1, 4)])
def test_words_of_a_sequence_are_those_of_all_its_occurrences(monkeypatch, gap, window):
    random = np.random.default_rng(7)
    sentences = [" ".join(f"{random.choice(list('abc'))}/X/0" for _ in range(n)) for n in random.integers(1, 9, 30)]
    text = Text.of(table_of(sentences))
    limited = replace(kind_of("word_sequence"), limits={"max_window": window})
    monkeypatch.setitem(KINDS, "word_sequence", limited)
    for pattern in itertools.chain(itertools.product("abc", repeat=2), itertools.product("abc", repeat=3)):
        patterns = CodedVotes([[Vote("word_sequence", pattern, 1.0)]], text, MiningConfig(word_max_gap=gap))
        for number, sentence in enumerate(sentences):
            words = [token[0] for token in sentence.split()]
            held = set()
            for places in itertools.combinations(range(len(words)), len(pattern)):
                near = all(gap < 0 or b - a - 1 <= gap for a, b in itertools.pairwise(places))
                near &= window == 0 or places[-1] - places[0] < window
                if near and tuple(words[place] for place in places) == pattern:
                    held.update(places)
            triggers = np.arange(len(words))
            found = cover(patterns, text, np.zeros_like(triggers), np.full_like(triggers, number), triggers)
            inside = (found.vote >= 0) & (found.offset == 0)
            assert np.flatnonzero(inside).tolist() == sorted(held), (pattern, words)
            assert ((found.vote >= 0) == bool(held)).all()


def test_neurons_have_their_own_votes():
    votes = [[Vote("words", ("cat",), 2.0)], [Vote("words", ("zebra",), 3.0), Vote("pos", ("VBD",), 1.0)]]
    found = cover(
        CodedVotes(votes, TEXT, MiningConfig()), TEXT, np.array([1, 0, 1]), np.array([0, 0, 2]), np.array([2, 1, 3])
    )
    assert found.vote.tolist() == [1, 0, 1]
    assert found.offset.tolist() == [0, 0, 1]


def test_the_share_of_words_that_any_vote_holds_is_what_chance_would_cover():
    votes = [[Vote("word_sequence", ("the", "cat"), 2.0), Vote("words", (".",), 1.0)], [Vote("words", ("zebra",), 1.0)]]
    patterns = CodedVotes(votes, TEXT, MiningConfig())
    found = cover(patterns, TEXT, np.array([0, 0, 1]), np.array([2, 3, 2]), np.array([1, -1, 0]))
    assert found.words.tolist() == [3 / 6, 1 / 3, 0]
    assert found.vote.tolist() == [0, -1, -1]
