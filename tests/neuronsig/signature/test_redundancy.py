"""What says the same again stands under what it repeats."""

from __future__ import annotations

import pytest

from neuronsig.miners.brackets import drawn_tree
from neuronsig.signature.entries import without_redundancy
from neuronsig.signature.view import Evidence


def row(text: str, lrc: float = 1.0, by: str = "") -> Evidence:
    return Evidence("word_sequence", tuple(text.split()), 5, 10, 1, 100, 3.0, lrc, explained_by=tuple(by.split()))


def test_rows_within_chance_are_not_listed_beside_those_beyond_it() -> None:
    beyond, within = row("a b"), row("c d", lrc=0.0)
    assert [entry.row for entry in without_redundancy([within, beyond], 10)] == [beyond]
    assert [entry.row for entry in without_redundancy([within], 10)] == [within]


def test_explained_rows_stand_under_what_explains_them_and_take_no_place() -> None:
    first, again, other = row("not only"), row("not only but", by="not only"), row("x y")
    entries = without_redundancy([first, again, other], 2)
    assert [(entry.row, entry.repeated) for entry in entries] == [(first, (again,)), (other, ())]


def test_what_explains_may_come_later_and_be_explained_itself() -> None:
    third, second, first = row("a b c d", by="a b c"), row("a b c", by="a b"), row("a b")
    assert [(entry.row, entry.repeated) for entry in without_redundancy([third, second, first], 5)] == [
        (first, (third, second))
    ]


def test_rows_that_explain_each_other_end() -> None:
    assert without_redundancy([row("a b", by="c d"), row("c d", by="a b")], 5) == []


def test_a_row_explained_by_a_word_of_another_table_is_left_out() -> None:
    plain = row("x y")
    assert [entry.row for entry in without_redundancy([row("not a", by="not"), plain], 5)] == [plain]


@pytest.mark.parametrize(
    ("pattern", "lines"),
    [
        ("(VB)", ["VB"]),
        ("(VB (RB) (NN (DT)))", ["VB", "├ RB", "└ NN", "  └ DT"]),
        ("(VB (NN (DT) (JJ)) (PP))", ["VB", "├ NN", "│ ├ DT", "│ └ JJ", "└ PP"]),
        ("(S (A (B (C))) (D))", ["S", "├ A", "│ └ B", "│   └ C", "└ D"]),
    ],
)
def test_a_tree_is_drawn_with_a_line_a_node(pattern: str, lines: list[str]) -> None:
    assert drawn_tree(pattern).split("\n") == lines
