"""Any text at all is a pattern that is answered, or an error of one line."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuronsig.find.query import parse
from neuronsig.find.search import search
from tests.fuzzing import ANY, ODD, fuzzed, like, tried
from tests.neuronsig.find.tables import Row, index_of

ROWS: list[Row] = [
    ("L1/U0", "words", ["not"], 2.0),
    ("L1/U0", "word_sequence", ["not", "only", "but"], 3.0),
    ("L2/U7", "pos", ["JJ"], 1.0),
    ("L2/U7", "mixed_sequence", ["not", "pos=JJ"], 1.2),
    ("L2/U8", "itemset", ["word=not", "sentiment=negative"], 4.0),
    ("L1/U0", "metadata", ["sentiment", "negative"], 0.7),
    ("L1/U0", "metadata", ['a"b c', "d=e f"], 0.7),
    ("L1/U0", "words", ["İstanbul"], 0.7),
    ("L1/U0", "words", ["*"], 0.7),
    ("L1/U0", "subtree", ["(VB (RB) (NN))"], 1.1),
]
PIECES = (
    "not", " not", " only", " but", "JJ ", " NN", "VB", "sentiment=negative", "sentiment=", "=negative", "sentiment",
    " (VB", "(VB (RB))", "(", ")", " (", "word:", "words: ", "pos:", "tag: ", "meta:", "tree:", "set: ", "set:",
    '"', " ", ' "not only" ', 'domain="social media"', "İstanbul", "istanbul", "*",
)  # fmt: skip


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return index_of(tmp_path_factory.mktemp("fuzzed"), ROWS)


@fuzzed
@given(text=st.one_of(like(PIECES), ANY, st.sampled_from(ODD)))
def test_any_pattern_is_answered_or_refused_in_one_line(index: Path, text: str) -> None:
    answer = tried(lambda: search(index, text))
    if answer is not None:
        assert answer.query.items
        assert parse(answer.query.text, {"JJ"}).items == answer.query.items
