"""Marked words are those of the signature, and the text stays the text."""

from __future__ import annotations

import pytest

from neuronsig.signature.highlight import PATTERN, PLAIN, WORD, Highlighter, cut_segments
from neuronsig.signature.view import Evidence, Segment


def evidence(*pattern: str, lrc: float = 2.0, kind: str = "words") -> Evidence:
    return Evidence(kind, pattern, 5, 10, 1, 100, 3.0, lrc)


def test_words_that_stand_out_are_marked_whatever_their_case() -> None:
    highlighter = Highlighter([evidence("wait"), evidence("the", lrc=0.0)], [])
    segments = highlighter.segments("Wait, the end", ["Wait", ",", "the", "end"])
    assert segments == (Segment("Wait", WORD), Segment(", the end", PLAIN))


def test_a_gapped_pattern_marks_its_closest_occurrence() -> None:
    highlighter = Highlighter([], [evidence("not", "but", kind="word_sequence")])
    tokens = ["not", "this", ",", "not", "only", "that", "but", "more"]
    assert [i for i, mark in enumerate(highlighter.marks(tokens)) if mark == PATTERN] == [3, 6]


def test_an_incomplete_pattern_marks_nothing() -> None:
    highlighter = Highlighter([], [evidence("not", "but", kind="word_sequence")])
    assert highlighter.marks(["but", "not"]) == [PLAIN, PLAIN]


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("don't stop", ["do", "n't", "stop"]),
        ("İ stop", ["İ", "stop"]),
        ("changed by the annotator stop", ["CHANGED", "differently", "stop"]),
        ("", []),
        ("stop", ["", "stop"]),
        ("これは stop", ["これは", "stop"]),
    ],
)
def test_the_pieces_always_join_to_the_text(text: str, tokens: list[str]) -> None:
    segments = Highlighter([evidence("stop")], []).segments(text, tokens)
    assert "".join(piece.text for piece in segments) == text
    assert Segment("stop", WORD) in segments or not text


def test_a_token_in_another_case_is_found_where_it_stands_and_not_inside_a_later_word() -> None:
    segments = Highlighter([evidence("he"), evidence("ran")], []).segments("He ran to the end", ["he", "ran", "to"])
    assert segments == tuple(
        Segment(*piece) for piece in (("He", WORD), (" ", PLAIN), ("ran", WORD), (" to the end", PLAIN))
    )


def test_a_token_that_is_gone_does_not_swallow_the_rest() -> None:
    highlighter = Highlighter([evidence("the"), evidence("one")], [])
    segments = highlighter.segments("one two three four five six the", ["one", "the", "six"])
    assert segments == (Segment("one", WORD), Segment(" two three four five six the", PLAIN))


def test_a_long_sentence_is_cut_at_a_space_and_says_how_much_is_left_out() -> None:
    kept, left_out = cut_segments(
        [Segment("one two three", PLAIN, 2), Segment("four", WORD), Segment("five", PLAIN)], 9
    )
    assert kept == [Segment("one two", PLAIN, 2)]
    assert left_out == len(" three") + len("four") + len("five")


def test_tokens_are_shaded_by_their_activation_and_the_trigger_is_told() -> None:
    segments = Highlighter([evidence("stop")], []).segments("Please stop now", ["Please", "stop", "now"], [4, 1, 0], 0)
    assert segments == (
        Segment("Please", PLAIN, 4, True),
        Segment(" ", PLAIN),
        Segment("stop", WORD, 1),
        Segment(" now", PLAIN),
    )


def test_activations_of_other_tokens_than_the_sentences_are_not_shown() -> None:
    assert Highlighter([], []).segments("a b", ["a", "b"], [4]) == (Segment("a b", PLAIN),)
