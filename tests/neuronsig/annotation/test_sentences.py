"""The rules of P1 4.1 on literal sentences."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuronsig.annotation.sentences import (
    EMPTY,
    SYMBOLS,
    TOO_LONG,
    TOO_SHORT,
    judge,
    normalize,
    one_root,
    paragraphs,
)


def normalize_reference(text: str) -> str:
    """`normalize` one character at a time."""
    out: list[str] = []
    for character in text:
        blank = character.isspace() or ord(character) < 32 or 127 <= ord(character) < 160
        character = " " if blank or character in "\u200b\ufeff" else character
        if out and character == out[-1] and (character == " " or character in SYMBOLS):
            continue
        out.append(character)
    return "".join(out).strip()


def words(texts: list[str]) -> list[int]:
    return [len(text.split()) for text in texts]


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("from +++ to +", "from + to +"),
        ("So what ?!!!", "So what ?!"),
        ("-->> ==> ok...", "->> => ok."),
        ("aaa 1000 ''", "aaa 1000 ''"),
        ("a\t b\n\nc\x00d\x07", "a b c d"),
        ("  ", ""),
        ("_-_-__--", "_-_-_-"),
    ],
    ids=["paper", "mixed", "not listed", "letters stay", "blanks", "blank", "alternating"],
)
def test_runs_of_one_symbol_become_one_and_blanks_become_one_blank(text, clean):
    assert normalize(text) == clean


@given(st.text(alphabet=st.sampled_from([*SYMBOLS, "a", " ", "\n", "\x00", "\u200b", "\u00a0", "é"]), max_size=30))
def test_the_regular_expression_equals_one_character_at_a_time(text):
    assert normalize(text) == normalize_reference(text)


@given(st.text(max_size=60))
def test_normalising_twice_changes_nothing(text):
    assert normalize(normalize(text)) == normalize(text)


def test_a_blank_line_ends_a_paragraph_and_a_single_break_does_not():
    assert paragraphs("one\ntwo\r\nthree\n \t\nfour\r\n\r\nfive\n\n\n") == ["one two three", "four", "five"]


def test_a_document_without_visible_text_has_no_paragraph():
    assert paragraphs(" \n\n\t\n ") == []


def test_every_sentence_gets_the_first_reason_that_applies():
    judged = judge(["a b c", "\x00", "x" * 21, "a b", "Stop !!! now"], words, min_pieces=3, max_characters=20)
    assert judged == [
        ("a b c", None),
        ("", EMPTY),
        ("x" * 21, TOO_LONG),
        ("a b", TOO_SHORT),
        ("Stop ! now", None),
    ]


def test_overlong_text_never_reaches_the_tokenizer():
    seen: list[str] = []

    def count(texts: list[str]) -> list[int]:
        seen.extend(texts)
        return [9] * len(texts)

    judge(["x" * 100, "fine"], count, min_pieces=3, max_characters=50)
    assert seen == ["fine"]


@pytest.mark.parametrize(
    ("heads", "mended"),
    [([2, 0], [2, 0]), ([0, 0, 2], [0, 1, 2]), ([2, 0, 0, 3, 0], [2, 0, 2, 3, 2]), ([], [])],
    ids=["one root", "two roots", "three roots", "no word"],
)
def test_later_roots_hang_on_the_first(heads, mended):
    assert one_root(heads) == mended
