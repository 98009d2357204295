"""Trees as arrays, from heads and from brackets."""

import numpy as np
import pytest

from neuronsig.errors import InputError
from neuronsig.miners.brackets import brackets, nodes_of, parse_tree
from neuronsig.miners.trees import forest
from tests.neuronsig.miners.bracketed import forest_of_brackets


def test_nodes_are_breadth_first_and_children_in_text_order():
    # "the cat sat down": the <- cat <- sat -> down
    found = forest(np.array([10, 11, 12, 13]), np.array([2, 3, 0, 3]), np.array([0, 4]), 14)
    assert found.labels.tolist() == [12, 11, 13, 10]
    assert found.parent.tolist() == [-1, 0, 0, 1]
    assert list(zip(found.first.tolist(), found.last.tolist(), strict=True)) == [(1, 3), (3, 4), (4, 4), (4, 4)]
    assert (found.bounds.tolist(), found.depth, found.lost, len(found)) == ([0, 4], 2, 0, 1)


def test_a_sentence_may_have_several_roots_or_no_word():
    found = forest(np.array([1, 2, 3]), np.array([0, 0, 2]), np.array([0, 0, 3, 3]), 4)
    assert found.parent.tolist() == [-1, -1, 1]
    assert found.bounds.tolist() == [0, 0, 3, 3]


def test_words_whose_heads_go_in_a_circle_are_left_out_and_counted():
    found = forest(np.array([1, 2, 3, 4]), np.array([0, 3, 2, 4]), np.array([0, 4]), 5)
    assert (found.labels.tolist(), found.bounds.tolist(), found.lost) == ([1], [0, 1], 3)


@pytest.mark.parametrize(
    ("heads", "line"),
    [([0, 1, 3], "sentence 1: head 3 is outside its 2 words"), ([0, -1, 0], "sentence 1: head -1 is outside its 2")],
)
def test_a_head_outside_its_sentence_is_an_error(heads, line):
    with pytest.raises(InputError, match=line):
        forest(np.zeros(3, np.int64), np.array(heads), np.array([0, 1, 3]), 1)


def test_a_label_without_a_name_is_an_error():
    with pytest.raises(InputError, match=r"^label 2 is not below the number of labels, 2$"):
        forest(np.array([2]), np.array([0]), np.array([0, 1]), 2)


def test_brackets_become_labels_and_heads_without_the_words():
    text = "(S (NP (PRP it)) (VP (VBZ rains)))"
    assert parse_tree(text) == (["S", "NP", "PRP", "VP", "VBZ"], [0, 1, 2, 1, 4])
    assert parse_tree(text, words=True) == (["S", "NP", "PRP", "it", "VP", "VBZ", "rains"], [0, 1, 2, 3, 1, 5, 6])


def test_words_may_be_lower_cased_and_labels_stay():
    labels = ["S", "NP", "PRP", "it", "VP", "VBZ", "rains"]
    assert parse_tree("(S (NP (PRP It)) (VP (VBZ RAINS)))", words=True, lower=True)[0] == labels


def test_an_outermost_bracket_without_a_label_is_the_root():
    assert parse_tree("( (S (NP)) )") == (["ROOT", "S", "NP"], [0, 1, 2])


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("(S (NP)", "bracketed tree, character 8: 1 ')' missing, near '(S (NP)'"),
        ("(S))", "bracketed tree, character 4: ')' without its '(', near '(S))'"),
        ("(S ())", "bracketed tree, character 5: a bracket without a label, near '(S ())'"),
        ("(S ((NP)))", "bracketed tree, character 5: '(' where a label should stand, near '(S ((NP)))'"),
        ("(S) (S)", "bracketed tree, character 5: a second tree; give one a line, near '(S) (S)'"),
        ("S (NP)", "bracketed tree, character 1: 'S' outside of all brackets, near 'S (NP)'"),
        ("", "bracketed tree, character 1: no bracket, near ''"),
    ],
)
def test_malformed_brackets_are_refused_in_one_line(text, line):
    with pytest.raises(InputError) as raised:
        parse_tree(text)
    assert str(raised.value) == line


def test_the_malformed_tree_of_many_is_named():
    with pytest.raises(InputError, match=r"^tree 2: bracketed tree, character 3: 1 '\)' missing"):
        forest_of_brackets(["(S)", "", "(S"])


def test_a_label_without_a_code_matches_nothing():
    found, names = forest_of_brackets(["(S (NP))", ""], names=["NP"])
    assert (found.labels.tolist(), names, found.bounds.tolist()) == ([-1, 0], ["NP"], [0, 2, 2])


@pytest.mark.parametrize("text", ["(A)", "(A (B))", "(A (B (C)) (D))", "(A (B (C (D))) (E (F)) (G))"])
def test_brackets_and_nodes_are_inverses(text):
    assert brackets(nodes_of(text)) == text


def test_a_word_s_own_brackets_are_written_as_in_a_treebank():
    assert brackets([(0, "("), (1, "a b")]) == "(-LRB- (a_b))"
