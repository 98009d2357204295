from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from scipy.stats import gamma

from neuronsig.config import MiningConfig
from neuronsig.encoding.text import Text
from neuronsig.errors import InputError
from neuronsig.evaluation.classifier import Matches, Vote, bits_by_kind, length_bits, votes_of
from neuronsig.kinds import KINDS, kind_of
from neuronsig.miners.brackets import parse_tree
from tests.neuronsig.evaluation.texts import ANIMALS, table_of

METADATA = [{"topic": ["pets"]}, {"topic": ["pets", "a=b"]}, {}, {}]
TEXT = Text.of(table_of(ANIMALS, METADATA))


def row(kind, pattern, lrc, explained_by=None):
    return {"kind": kind, "pattern": list(pattern), "lrc": lrc, "explained_by": explained_by}


def bits(*votes, **mining):
    votes = [Vote(kind, tuple(pattern), value) for kind, pattern, value in votes]
    votes.sort(key=lambda vote: -vote.bits)
    found = bits_by_kind(votes, Matches(votes, TEXT, MiningConfig(**mining)))
    return {kind: values.tolist() for kind, values in found.items()}


def test_patterns_vote_when_beyond_chance_and_not_explained_single_items_in_their_own_kind():
    rows = [
        row("words", ["cat"], 1.5),
        row("words", ["dog"], 0.0),
        row("words", ["the"], -2.0),
        row("word_sequence", ["cat"], 1.5),
        row("word_sequence", ["the", "cat"], 2.0, ["cat"]),
        row("itemset", ["word=cat"], 1.5),
        row("itemset", ["word=cat", "domain=news"], 3.0, []),
        row("subtree", ["(NN (DT))"], 1.0),
    ]
    assert votes_of(rows) == [
        Vote("itemset", ("word=cat", "domain=news"), 3.0),
        Vote("words", ("cat",), 1.5),
        Vote("subtree", ("(NN (DT))",), 1.0),
    ]


def test_words_add_up_and_of_another_kind_the_strongest_counts():
    found = bits(
        ("words", ["cat"], 1.0),
        ("words", ["the"], 0.5),
        ("word_sequence", ["the", "cat"], 2.0),
        ("word_sequence", ["cat", "ran"], 3.0),
    )
    assert found["words"] == [1.5, 0, 1.5, 0]
    assert found["word_sequence"] == [2, 0, 3, 0]


def test_tags_give_their_mean_over_the_tokens():
    found = bits(("pos", ["VBD"], 2.0), ("pos", ["NN"], 1.0), ("pos", ["XX"], 9.0))
    assert found["pos"] == pytest.approx([4 / 7, 1 / 4, 3 / 6, 2 / 3])


def test_every_kind_is_matched_as_it_was_mined(monkeypatch):
    assert bits(("metadata", ["topic", "a=b"], 2.0), ("metadata", ["topic", "pets"], 1.0))["metadata"] == [1, 2, 0, 0]
    assert bits(("itemset", ["word=ran", "pos=VBD", "domain=news"], 1.0))["itemset"] == [0, 0, 1, 1]
    assert bits(("pos_sequence", ["DT", "NN"], 1.0))["pos_sequence"] == [1, 1, 1, 0]
    assert bits(("pos_sequence", ["DT", "NN"], 1.0), pos_max_gap=0)["pos_sequence"] == [1, 1, 0, 0]
    within_four = replace(kind_of("word_sequence"), limits={"max_window": 4})
    monkeypatch.setitem(KINDS, "word_sequence", within_four)
    assert bits(("word_sequence", ["the", "cat"], 1.0))["word_sequence"] == [1, 0, 1, 0]
    assert bits(("word_sequence", ["the", "ran"], 1.0))["word_sequence"] == [0, 0, 0, 0]
    assert bits(("mixed_sequence", ["not", "pos=DT"], 1.0))["mixed_sequence"] == [0, 1, 0, 0]
    assert bits(("mixed_sequence", ["not", "DT"], 1.0))["mixed_sequence"] == [0, 0, 0, 0]  # DT is no word there
    assert bits(("subtree", ["(NN (DT) (JJ))"], 1.0))["subtree"] == [0, 0, 1, 0]
    assert bits(("subtree", ["(cat (black))"], 1.0), subtree_labels="words")["subtree"] == [0, 0, 1, 0]
    assert bits(("subtree", ["(NN (zebra))"], 1.0))["subtree"] == [0, 0, 0, 0]


def test_subtrees_of_trees_brought_are_looked_for_in_those():
    trees = [
        "(S (NP (DT the) (NN cat)) (VP (VBD sat) (PP (IN on))))",
        None,
        "(S (NP (NN cat)) (VP (VBD ran)))",
        "(X (NN it))",
    ]
    parsed = [parse_tree(tree, words=True) if tree else ([], []) for tree in trees]
    table = table_of(ANIMALS).drop_columns(["heads"])
    for name, column in zip(("nodes", "heads"), zip(*parsed, strict=True), strict=True):
        table = table.append_column(name, pa.array(column))
    text = Text.of(table.take([3, 1, 0, 2]))

    def sentences(pattern):
        vote = Vote("subtree", (pattern,), 1.0)
        return Matches([vote], text, MiningConfig()).sentences(vote).tolist()

    assert sentences("(S (NP) (VP))") == [0, 2]
    assert sentences("(NP (DT) (NN (cat)))") == [0]
    assert sentences("(NN)") == [0, 2, 3]
    assert sentences("(S (NN))") == sentences("(NN (DT))") == sentences("(ADJP)") == []


def test_an_unknown_kind_is_refused():
    with pytest.raises(InputError, match="kind 'limerick' is unknown"):
        bits(("limerick", ["there", "once"], 1.0))


def test_length_gives_bits_to_the_lengths_that_a_profile_has_more_of():
    found = length_bits(TEXT, mean=3.2, sd=0.6)  # words of the sentences: 7, 4, 6, 3
    assert found[3] > found[1] > found[2] > found[0]
    assert found[3] > 0 > found[2]
    lengths = TEXT.lengths
    same = length_bits(TEXT, lengths.mean(), lengths.std())
    assert same.tolist() == pytest.approx([0, 0, 0, 0])
    assert np.isfinite(length_bits(TEXT, mean=4.0, sd=0.0)).all()
    logs = [gamma.logpdf(lengths, (m / s) ** 2, scale=s**2 / m) for m, s in ((3.2, 0.6), (5.0, lengths.std()))]
    assert found.tolist() == pytest.approx(((logs[0] - logs[1]) / np.log(2)).tolist())
