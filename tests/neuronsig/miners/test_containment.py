"""What plain Python decides: does a sequence, sentence or tree hold another."""

from __future__ import annotations

import itertools
import random

from neuronsig.miners.brackets import nodes_of
from neuronsig.miners.containment import closest_occurrence, has_subtree, in_order
from tests.neuronsig.miners.reference import subtrees_of


def test_a_sequence_contains_what_stands_in_it_in_order() -> None:
    assert in_order("abc", "ac")
    assert not in_order("abc", "ca")
    assert not in_order("ab", "aa")


def test_a_tree_contains_exactly_its_induced_ordered_subtrees() -> None:
    draw = random.Random(0)

    def tree(size: int) -> tuple[tuple[int, str], ...]:
        depths = [0]
        for _ in range(size - 1):
            depths.append(draw.randint(1, depths[-1] + 1))
        return tuple((depth, draw.choice("ab")) for depth in depths)

    trees = [tree(draw.randint(1, 5)) for _ in range(40)]
    within = 0
    for large, small in itertools.product(trees, trees):
        parents, last = [], {-1: -1}
        for number, (depth, label) in enumerate(large):
            parents.append((last[depth - 1], label))
            last[depth] = number
        expected = small in subtrees_of(parents, len(small))  # type: ignore[comparison-overlap, arg-type]
        assert has_subtree(large, small) == expected
        within += expected
    assert 40 < within < 1600


def test_children_of_a_tree_may_be_left_out_but_not_turned() -> None:
    large = nodes_of("(VB (RB) (NN (DT)) (PP))")
    assert has_subtree(large, nodes_of("(VB (RB) (PP))"))
    assert has_subtree(large, nodes_of("(NN (DT))"))
    assert not has_subtree(large, nodes_of("(VB (PP) (RB))"))
    assert not has_subtree(large, nodes_of("(VB (DT))"))  # a grandchild is no child


def test_the_closest_occurrence_of_a_pattern_is_told_and_of_equals_the_first() -> None:
    assert closest_occurrence(["a", "x", "b", "a", "b", "a", "b"], ["a", "b"]) == [3, 4]
    assert closest_occurrence(["b", "a", "a", "x", "b"], ["a", "b"]) == [2, 4]
    assert closest_occurrence(["b", "a"], ["a", "b"]) == []
