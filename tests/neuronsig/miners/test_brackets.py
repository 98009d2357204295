"""Any text at all is a tree or an error of one line, and a tree is the same when it is written and read again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from neuronsig.miners.brackets import brackets, drawn_tree, nodes_of, parse_tree
from tests.fuzzing import ANY, ODD, fuzzed, like, tried

PIECES = (
    "(",
    "(",
    ")",
    ")",
    " ",
    "(S ",
    "(NP",
    " (VP (VBZ rains))",
    "(())",
    "((",
    "ROOT",
    "-LRB-",
    "it",
    " it)",
    "\x1f",
)


@fuzzed
@given(text=st.one_of(like(PIECES, 12), ANY, st.sampled_from(ODD)), words=st.booleans(), lower=st.booleans())
def test_any_text_is_a_tree_or_refused_in_one_line(text: str, words: bool, lower: bool) -> None:
    if (tree := tried(lambda: parse_tree(text, words, lower))) is None:
        return
    labels, heads = tree
    assert len(labels) == len(heads) > 0
    assert [head for head in heads if head == 0] == [0]
    assert all(head <= place for place, head in enumerate(heads))
    nodes = nodes_of(text)
    assert nodes_of(brackets(nodes)) == nodes
    # A label may hold what ends a line elsewhere.
    assert drawn_tree(text).count("\n") >= len(nodes) - 1


def test_a_tree_as_deep_as_a_text_is_long_is_read_and_drawn() -> None:
    deep = "(A " * 3000 + ")" * 3000
    nodes = nodes_of(deep)
    assert len(nodes) == 3000
    assert nodes_of(brackets(nodes)) == nodes
    assert drawn_tree("(A " * 50 + ")" * 50).count("\n") == 49
