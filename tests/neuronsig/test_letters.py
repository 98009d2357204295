"""Marks are parts of letters."""

import unicodedata

from hypothesis import example, given
from hypothesis import strategies as st

from neuronsig.letters import composed, is_alnum, is_alpha, letters
from neuronsig.statements.tokens import affixes, shapes

HINDI, NFD, PERSIAN = "हिन्दी", "de\u0301ja\u0300", "می\u200cخواهم"

# Letters, marks that compose with them, marks that do not, parts of Korean syllables, signs that are others' doubles.
ODD = "aeA 1-\u0301\u0327\u0338\u09c7\u09be\u0b95\u0bc6\u1100\u1161\u11a8\uac00\u212b\u2126\u093f\u3099か\u200d"


@given(st.one_of(st.text(max_size=12), st.text(st.sampled_from(ODD), max_size=12)))
@example("\u1100\u1161\u11a8 \uac00\u11a8 か\u3099 \u09c7\u09be")
def test_letters_are_the_text_and_compose_one_by_one(text: str) -> None:
    assert "".join(letters(text)) == text
    assert "".join(map(composed, letters(text))) == unicodedata.normalize("NFC", text)


def test_words_of_any_script_are_words() -> None:
    assert all(map(is_alpha, ("abc", HINDI, NFD, PERSIAN)))
    assert not any(map(is_alpha, ("", "a-b", "a1", "\u0301", "7")))
    assert is_alnum("कि3")
    assert not any(map(is_alnum, ("", "\u0301", "कि-")))


def test_what_a_reader_sees_of_a_word_does_not_depend_on_how_it_is_composed() -> None:
    assert "joined" not in shapes(HINDI)
    assert "joined" in shapes("हिन्दी-कि")
    assert affixes(HINDI) == ["हिन्-", "-न्दी"]
    assert affixes(NFD) == ["de\u0301-", "-ja\u0300", "de\u0301j-", "-e\u0301ja\u0300"]
