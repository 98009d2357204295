"""The model's tokens as the annotator's words: both are pieces of the same text, cut in different places."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from neuronsig.letters import composed, letters

NEAR = 12
"""Characters after the last word within which the next one is looked for; beyond, its letters are likely others'."""

Span = tuple[int, int]


def word_spans(text: str, words: Sequence[str]) -> list[Span]:
    """Where each word stands in the text, [start, stop) in characters, from left to right.

    As it is written or in another case, whichever stands earlier: what comes later is likely part of another word. A
    word that is not there (an annotator changed it) has an empty span, and the next ones are looked for further on.
    Words are composed (`letters.composed`), and so are they looked for.
    """
    plain = composed(text)
    if plain == text:
        return _spans(text, words)
    # Of each composed character, where the letter that it is of begins and ends in the text.
    starts: list[int] = []
    stops: list[int] = []
    place = 0
    for letter in letters(text):
        made = len(composed(letter))
        starts += [place] * made
        place += len(letter)
        stops += [place] * made
    starts.append(place)
    found = _spans(plain, [composed(word) for word in words])
    return [(starts[start], stops[stop - 1] if start < stop else starts[start]) for start, stop in found]


def _spans(text: str, words: Sequence[str]) -> list[Span]:
    found: list[Span] = []
    folded = text.lower() if len(text.lower()) == len(text) else text
    cursor = lost = 0
    for word in words:
        window = cursor + NEAR + len(word) + lost
        places = text.find(word, cursor, window), folded.find(word.lower(), cursor, window)
        start = min((place for place in places if place >= 0), default=-1) if word else -1
        if start < 0:
            lost += len(word) + 1
            found.append((cursor, cursor))
            continue
        lost = 0
        cursor = start + len(word)
        found.append((start, cursor))
    return found


def word_of_tokens(tokens: Sequence[Span], words: Sequence[Span]) -> NDArray[np.int64]:
    """The word that each token shares most characters with, the first of equals; -1: none. Both in text order.

    Special tokens have empty spans, and so no word.
    """
    found = np.full(len(tokens), -1, np.int64)
    first = 0
    for place, (start, stop) in enumerate(tokens):
        while first < len(words) and words[first][1] <= start:
            first += 1
        most = 0
        for word in range(first, len(words)):
            if words[word][0] >= stop:
                break
            shared = min(stop, words[word][1]) - max(start, words[word][0])
            if shared > most:
                most, found[place] = shared, word
    return found
