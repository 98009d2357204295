"""FREQT against an enumeration of all connected ordered subtrees."""

import numpy as np
import pytest
from hypothesis import given, settings

from neuronsig.errors import ConfigError
from neuronsig.miners.frequent import frequent_subtrees, subtree_items
from neuronsig.miners.mined_patterns import Limits
from neuronsig.miners.trees import forest
from tests.neuronsig.miners.bracketed import forest_of_brackets, subtree_strings
from tests.neuronsig.miners.examples import forests, limits
from tests.neuronsig.miners.reference import reference_subtrees, subtrees_of

LABELS = 3


def mine(trees, min_count, **kinds):
    forest, names = forest_of_brackets(trees)
    found = frequent_subtrees(forest, min_count, Limits(**kinds))
    return dict(zip(subtree_strings(found, names), found.supports.tolist(), strict=True))


def as_forest(trees):
    heads = [parent + 1 for tree in trees for parent, _ in tree]
    labels = [label for tree in trees for _, label in tree]
    return forest(
        np.array(labels, np.int64), np.array(heads, np.int64), np.cumsum([0] + [len(t) for t in trees]), LABELS
    )


def test_siblings_keep_their_order_and_may_be_left_out():
    found = mine(["(A (B) (C) (D))", "(A (B) (D))"], 2)
    assert found == {"(A (B) (D))": 2, "(A (B))": 2, "(A (D))": 2, "(A)": 2, "(B)": 2, "(D)": 2}
    assert "(A (D) (B))" not in mine(["(A (B) (D))"], 1)


def test_an_edge_is_an_edge_of_the_tree():
    assert "(A (C))" not in mine(["(A (B (C)))"], 1)


def test_a_sentence_counts_once_however_often_it_holds_a_subtree():
    assert mine(["(A (B) (B) (B))", "(A (C))"], 1)["(A (B))"] == 1
    assert mine(["(A (B) (B) (B))"], 1)["(A (B) (B))"] == 1


def test_the_paper_s_noun_phrases_are_found():
    trees = ["(NP (NP (DT a) (NN rise)) (PP (IN of) (NP (NNS prices))))", "(NP (NP (NN)) (PP (IN) (NP (CD))))"]
    found = mine(trees, 2, target="maximal")
    assert found == {"(NP (NP (NN)) (PP (IN) (NP)))": 2}


@settings(deadline=None, max_examples=300)
@given(forests(), limits())
def test_subtrees_equal_the_enumeration(trees, limits):
    for min_count in (1, 2, 3):
        found = frequent_subtrees(as_forest(trees), min_count, limits).counts()
        wanted = reference_subtrees(trees, min_count, limits)
        assert list(found.items()) == [
            (tuple(depth * LABELS + label for depth, label in tree), support) for tree, support in wanted.items()
        ]


def test_the_enumeration_itself_finds_every_part_of_a_small_tree():
    tree = [(-1, 0), (0, 1), (0, 2)]  # (0 (1) (2))
    root, left, right = (0, 0), (1, 1), (1, 2)
    assert subtrees_of(tree, 3) == {
        *(((0, 0),), ((0, 1),), ((0, 2),)),
        *((root, left), (root, right), (root, left, right)),
    }
    assert subtrees_of(tree, 1) == {((0, 0),), ((0, 1),), ((0, 2),)}


def test_a_part_is_not_made_by_moving_a_node_to_another_parent():
    found = mine(["(A (B) (C (D)))", "(A (B (D)))"], 1, target="maximal")
    assert found == {"(A (B) (C (D)))": 1, "(A (B (D)))": 1}


def test_a_root_with_one_child_explains_the_child():
    assert mine(["(A (B (C)))"] * 2, 2, target="closed") == {"(A (B (C)))": 2}
    assert mine(["(A (B) (C))"] * 2 + ["(B)"], 2, target="closed") == {"(A (B) (C))": 2, "(B)": 3}


def test_labels_that_match_nothing_still_hold_the_tree_together():
    heads = np.array([0, 1, 2])  # A -> ? -> B
    trees = forest(np.array([0, -1, 1]), heads, np.array([0, 3]), 2)
    assert frequent_subtrees(trees, 1).counts() == {(0,): 1, (1,): 1}


def test_too_many_subtrees_raise_the_support_and_say_so():
    trees, names = forest_of_brackets(["(A (B) (C))", "(A (B))", "(A)"])
    found = frequent_subtrees(trees, 1, Limits(max_patterns=3))
    assert subtree_strings(found, names) == ["(A)", "(A (B))", "(B)"]
    assert (found.asked, found.applied, found.raised) == (1, 2, True)


def test_a_subtree_as_text_and_as_items_is_the_same():
    trees, names = forest_of_brackets(["(A (B) (C (B)))"])
    found = frequent_subtrees(trees, 1)
    code = {name: i for i, name in enumerate(names)}
    assert [subtree_items(text, code, 3) for text in subtree_strings(found, names)] == list(found)
    assert subtree_items("(A (X (B)))", code, 3) == (0, -1, 2 * 3 + 1)


@pytest.mark.parametrize("limit", ["max_gap", "max_window"])
def test_limits_of_sequences_are_refused(limit):
    with pytest.raises(ConfigError, match=f"^{limit}=2: must be None; a subtree has no"):
        frequent_subtrees(as_forest([]), 1, Limits(**{limit: 2}))


def test_no_tree_is_no_error():
    assert len(frequent_subtrees(as_forest([]), 1)) == 0
    assert len(frequent_subtrees(as_forest([[], []]), 1, Limits(target="closed"))) == 0
