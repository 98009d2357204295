"""Which sentences of a text hold the patterns that were mined, of every kind."""

from dataclasses import replace

import pyarrow as pa
import pytest

from neuronsig.config import MiningConfig
from neuronsig.encoding.text import Text
from neuronsig.kinds import KINDS, kind_of
from neuronsig.statements.columns import columns_of
from neuronsig.statements.mined import find_patterns, with_mined
from neuronsig.statements.statement import Single
from tests.neuronsig.evaluation.texts import ANIMALS, table_of

TEXT = Text.of(table_of(ANIMALS))


def held(kind, pattern, text=TEXT, **mining):
    wanted = (pattern,) if kind == "subtree" else tuple(pattern.split())
    settings = MiningConfig(**{"mixed_max_gap": -1, **mining})
    (found,) = find_patterns(text, kind_of(kind), [wanted], settings)
    return found.tolist()


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
    found = find_patterns(TEXT, kind_of("words"), [("cat",), ("Cat",), ("zebra",)], MiningConfig())
    assert [places.tolist() for places in found] == [[0, 2], [0, 2], []]


def test_no_patterns_and_no_sentences_are_no_error():
    assert find_patterns(TEXT, kind_of("words"), [], MiningConfig()) == []
    empty = Text.of(table_of(ANIMALS).slice(0, 0))
    assert held("word_sequence", "the cat", empty) == held("subtree", "(NN (DT))", empty) == []


def test_mined_patterns_are_columns_where_enough_sentences_hold_them():
    table = table_of(ANIMALS)
    columns = columns_of(table, 1, kinds=["word"])
    patterns = [Single("word_sequence", ("the", "cat")), Single("subtree", ("(NN (DT))",)), Single("words", ("cat",))]
    found = with_mined(columns, table, patterns, MiningConfig(), 2)
    assert found.singles == [
        *columns.singles,
        Single("subtree", ("(NN (DT))",)),
        Single("word_sequence", ("the", "cat")),
    ]
    assert found.dense(patterns[:2]).tolist() == [[True, True], [False, True], [True, True], [False, False]]
    assert with_mined(columns, table, patterns, MiningConfig(), 3).singles[len(columns.singles) :] == [patterns[1]]
    trees = MiningConfig(trees="elsewhere.jsonl", kinds=["subtree"])
    assert with_mined(columns, table, patterns[1:2], trees, 1) is columns


def test_a_sentence_without_a_tree_holds_no_subtree():
    table = table_of(ANIMALS)
    heads = [of if i != 0 else [] for i, of in enumerate(table["heads"].to_pylist())]
    table = table.set_column(7, table.schema.field("heads"), pa.array(heads, pa.list_(pa.int32())))
    text = Text.of(table)
    assert held("subtree", "(cat)", text, subtree_labels="words") == [2]
    assert held("subtree", "(NN)", text) == [1, 2]
