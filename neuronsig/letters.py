"""Letters as a reader sees them: a combining mark belongs to the letter before it, of whatever script."""

import itertools
import unicodedata

JOINERS = "\u200c\u200d"
"""Between or after letters they say how these are joined; they part no word."""


def composed(text: str) -> str:
    """The text in Unicode's form C: a letter and its marks as one character, where there is one."""
    return unicodedata.normalize("NFC", text)


def is_mark(character: str) -> bool:
    """Whether it is written on the letter before it: an accent, a vowel sign, or a joiner."""
    return unicodedata.category(character).startswith("M") or character in JOINERS


def is_alpha(word: str) -> bool:
    """`str.isalpha`, marks being parts of letters: vowel signs of Indic scripts are no letters to Python."""
    return word.isalpha() or _without_marks(word).isalpha()


def is_alnum(word: str) -> bool:
    """`str.isalnum`, marks being parts of letters."""
    return word.isalnum() or _without_marks(word).isalnum()


def letters(text: str) -> list[str]:
    """The characters, each with its marks; put together they are the text, and composed one by one the composed text.

    >>> letters("cafe\\u0301s") == ["c", "a", "f", "e\\u0301", "s"]
    True
    """
    if text.isascii():
        return list(text)
    starts = [place for place, character in enumerate(text) if not place or not _continues(character)]
    return [text[start:stop] for start, stop in itertools.pairwise([*starts, len(text)])]


def _continues(character: str) -> bool:
    # Vowels and last consonants of Korean syllables are letters, which compose with those before them.
    return is_mark(character) or "\u1160" <= character <= "\u11ff"


def _without_marks(word: str) -> str:
    return word if word.isascii() else "".join(one for one in word if not is_mark(one))
