"""Which sentences statements hold of, against plain loops; and statements joined."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from neuronsig.errors import InputError
from neuronsig.statements.columns import columns_of
from neuronsig.statements.families import FOUND
from neuronsig.statements.statement import Single, Statement
from neuronsig.statements.tokens import Tokens, affixes, lemma, shapes
from neuronsig.statements.wording import said
from tests.neuronsig.statements.texts import follows, in_a_row, low, make_rows, table_of

ROWS = make_rows(1500, seed=3)
COLUMNS = columns_of(table_of(ROWS), 3)


def tags_below(row: dict, parent: str, child: str) -> bool:
    return any(
        head and row["pos"][head - 1] == parent and tag == child
        for head, tag in zip(row["heads"], row["pos"], strict=True)
    )


PLAIN = {
    Single("word", ("the",)): lambda r: "the" in low(r),
    Single("word", ("the", "×2")): lambda r: low(r).count("the") >= 2,
    Single("lemma", ("go",)): lambda r: any(lemma(t, "en") == "go" for t in r["tokens"]),
    Single("tag", ("NN", "×3")): lambda r: r["pos"].count("NN") >= 3,
    Single("class", ("verb",)): lambda r: any(tag[0] == "V" for tag in r["pos"]),
    Single("shape", ("capitals",)): lambda r: any("capitals" in shapes(t) for t in r["tokens"]),
    Single("affix", ("-tion",)): lambda r: any("-tion" in affixes(t) for t in r["tokens"]),
    Single("first_word", ("the",)): lambda r: low(r)[0] == "the",
    Single("last_mark", ("?",)): lambda r: low(r)[-1] == "?",
    Single("last_tag", ("NN",)): lambda r: (
        [p for t, p in zip(r["tokens"], r["pos"], strict=True) if t.isalnum()][-1:] == ["NN"]
    ),
    Single("early_word", ("of",)): lambda r: "of" in low(r)[:3],
    Single("late_word", ("of",)): lambda r: "of" in low(r)[-3:],
    Single("words_in_a_row", ("of", "the")): lambda r: in_a_row(low(r), "of", "the"),
    Single("word_pair", ("of", "the")): lambda r: follows(low(r), "of", "the", 2),
    Single("tag_pair", ("JJ", "NN")): lambda r: follows(r["pos"], "JJ", "NN", 2),
    Single("two_tags", ("DT", "NN", "×2")): lambda r: sum(p == ("DT", "NN") for p in pairwise(r["pos"])) >= 2,
    Single("three_tags", ("DT", "JJ", "NN")): lambda r: in_a_row(r["pos"], "DT", "JJ", "NN"),
    Single("four_tags", ("DT", "NN", "IN", "DT")): lambda r: in_a_row(r["pos"], "DT", "NN", "IN", "DT"),
    Single("tag_edge", ("NN", "DT")): lambda r: tags_below(r, "NN", "DT"),
    Single("metadata", ("topic=art",)): lambda r: r["metadata"][0][1] == ["art"],
    Single("metadata", ("domain=book",)): lambda r: r["domain"] == "book",
    Single("length", ("at least", "10")): lambda r: len(r["tokens"]) >= 10,
    Single("length", ("at most", "9")): lambda r: len(r["tokens"]) <= 9,
    Single("position", ("at most", "2")): lambda r: r["position"] <= 2,
}


def test_columns_are_in_the_order_of_the_text_in_whatever_process():
    """A set's order is another in every process, and the weights of a regression follow the order of its columns."""
    row = {**ROWS[0], "metadata": [(f"field{i}", [f"value{i}"]) for i in range(40)]}
    columns = columns_of(table_of([row] * 3), 3, kinds=["metadata"])
    fields = [single.pattern[0] for single in columns.singles if not single.pattern[0].startswith("domain")]
    assert fields == [f"field{i}=value{i}" for i in range(40)]


@pytest.mark.parametrize("single", list(PLAIN), ids=lambda single: f"{single.kind} {' '.join(single.pattern)}")
def test_a_statement_holds_where_a_plain_loop_says_so(single: Single) -> None:
    expected = np.array([bool(PLAIN[single](row)) for row in ROWS])
    assert 3 <= expected.sum() < len(ROWS)
    np.testing.assert_array_equal(COLUMNS.dense([single])[:, 0], expected)


def test_every_family_finds_something_and_every_statement_has_enough_sentences() -> None:
    assert {single.kind for single in COLUMNS.singles} == set(FOUND)
    assert len(set(COLUMNS.singles)) == len(COLUMNS.singles)
    assert np.asarray(COLUMNS.matrix.sum(axis=0)).min() >= 3


def test_statements_are_counted_where_they_are_fitted_and_hold_elsewhere_too() -> None:
    counted = np.arange(len(ROWS)) < 400
    some = columns_of(table_of(ROWS), 3, counted, ["word", "three_tags"])
    assert np.asarray(some.matrix[:400].sum(axis=0)).min() >= 3
    expected = np.array([in_a_row(row["pos"], "DT", "NN", "DT") for row in ROWS])
    np.testing.assert_array_equal(some.dense([Single("three_tags", ("DT", "NN", "DT"))])[:, 0], expected)


@pytest.mark.parametrize(
    ("operation", "words", "expected", "text"),
    [
        ("or", ("the", "of"), lambda a, b: a or b, "with “the” or “of”"),
        ("and", ("the", "of"), lambda a, b: a and b, "with “the” and “of”"),
        ("but_not", ("the", "of"), lambda a, b: a and not b, "with “the”, but without “of”"),
        ("either", ("the", "of"), lambda a, b: a != b, "either with “the” or with “of”, not both"),
    ],
)
def test_joined_statements(operation, words, expected, text) -> None:
    parts = tuple(Single("word", (word,)) for word in words)
    found = Statement(operation, parts).joined(COLUMNS.dense(parts).T)
    assert found.tolist() == [expected(*(word in low(row) for word in words)) for row in ROWS]
    assert said(Statement(operation, parts)) == text


def test_statements_are_said_as_a_reader_wants_them() -> None:
    def single(kind: str, *pattern: str) -> Statement:
        return Statement("", (Single(kind, pattern),))

    assert said(single("tag", "JJ", "×2")) == "with an adjective (2 times or more)"
    assert said(single("tag", "JJ", "×3"), False) == "with an adjective (fewer than 3 times)"
    assert said(single("word", "×2")) == "with “×2”"
    assert said(single("word", "the"), False) == "without “the”"
    assert said(single("metadata", "topic=art"), False) == "whose topic is not art"
    assert said(single("last_word", "boat"), False) == "whose last word is not “boat”"
    assert said(single("length", "at least", "10"), False) == "of at most 9 words"
    assert said(single("shape", "capitals")) == "with a word in capitals"
    bounds = (Single("length", ("at most", "12")), Single("length", ("at least", "10")))
    assert said(Statement("and", bounds)) == "of 10 to 12 words"
    assert said(single("tag_edge", "NN", "XX")) == "with a noun that a word tagged XX hangs on"


def test_a_sentence_without_a_tag_for_each_token_is_named() -> None:
    rows = [row | {"pos": row["pos"][:-1]} if row["sentence_id"] == 7 else row for row in ROWS[:20]]
    with pytest.raises(InputError, match="sentence_id 7 has not one pos a token"):
        Tokens.of(table_of(rows))
