"""Which sentences of a text hold the patterns of a signature, of every kind."""

from dataclasses import replace

import pyarrow as pa
import pytest

from neuronsig.config import MiningConfig
from neuronsig.encoding.text import Text
from neuronsig.evaluation.classifier import Matches, Vote
from neuronsig.kinds import KINDS, kind_of
from tests.neuronsig.evaluation.texts import ANIMALS, table_of

TEXT = Text.of(table_of(ANIMALS))


def held(kind, pattern, text=TEXT, **mining):
    vote = Vote(kind, (pattern,) if kind == "subtree" else tuple(pattern.split()), 1.0)
    settings = MiningConfig(**{"mixed_max_gap": -1, **mining})
    return Matches([vote], text, settings).sentences(vote).tolist()


@pytest.mark.parametrize(
    ("pattern", "sentences"),
    [("the cat", [0, 2]), ("cat the", [0]), ("the pos=JJ cat", [2]), ("the zebra", []), ("pos=NN", [0, 1, 2])],
)
def test_sequences_may_skip_words_and_mix_words_with_tags(pattern, sentences):
    assert held("mixed_sequence", pattern) == sentences


def test_a_word_and_its_own_tag_are_no_sequence():
    assert held("mixed_sequence", "cat pos=NN") == [0]  # cat ... mat; not sentence 2, where cat is the only NN


def test_gap_and_window_limit_what_a_sequence_may_skip(monkeypatch):
    for gap, window, sentences in ((1, 0, []), (4, 0, [0, 2]), (3, 0, [2]), (-1, 6, [2]), (2, 6, [2])):
        limited = replace(kind_of("word_sequence"), limits={"max_window": window})
        monkeypatch.setitem(KINDS, "word_sequence", limited)
        assert held("word_sequence", "the cat .", word_max_gap=gap) == sentences, (gap, window)


def test_sets_are_in_any_order_and_hold_metadata():
    assert held("itemset", "word=cat pos=VBD domain=news") == [0, 2]
    assert held("itemset", "word=ran word=cat word=Cat") == [2]
    assert held("itemset", "word=dog domain=nowhere") == []
    assert held("metadata", "domain news") == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("pattern", "sentences"),
    [
        ("(VBD (NN (DT)))", [0, 2]),
        ("(VBD (DT))", []),
        ("(NN (JJ) (JJ))", [2]),
        ("(VBD (.) (NN))", []),
        ("(VBD (NN (DT)) (NN))", [0]),
        ("(VBD (XX))", []),
    ],
)
def test_subtrees_may_leave_out_children_but_keep_their_order_and_edges(pattern, sentences):
    assert held("subtree", pattern) == sentences


def test_subtrees_of_words_are_found_where_their_labels_are_words():
    assert held("subtree", "(sat (mat (the)))", subtree_labels="words") == [0]
    assert held("subtree", "(sat (mat (the)))") == []


def test_different_patterns_of_the_same_items_are_found_alike():
    votes = [Vote("words", (word,), 1.0) for word in ("cat", "Cat", "zebra")]
    assert [Matches(votes, TEXT, MiningConfig()).sentences(vote).tolist() for vote in votes] == [[0, 2], [0, 2], []]


def test_no_patterns_and_no_sentences_are_no_error():
    Matches([], TEXT, MiningConfig())
    empty = Text.of(table_of(ANIMALS).slice(0, 0))
    assert held("word_sequence", "the cat", empty) == held("subtree", "(NN (DT))", empty) == []


def test_a_sentence_without_a_tree_holds_no_subtree():
    table = table_of(ANIMALS)
    heads = [of if i != 0 else [] for i, of in enumerate(table["heads"].to_pylist())]
    table = table.set_column(7, table.schema.field("heads"), pa.array(heads, pa.list_(pa.int32())))
    text = Text.of(table)
    assert held("subtree", "(cat)", text, subtree_labels="words") == [2]
    assert held("subtree", "(NN)", text) == [1, 2]
