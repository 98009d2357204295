"""Sentences to parse: of plain English, and of words that a parser's rules of numbers, affixes and marks are about."""

from __future__ import annotations

import random

ENGLISH = (
    "The cat sat on the mat .",
    "I did n't like it , but my sister 's friends from Paris loved every minute of the film !",
    "When the rain had finally stopped , we walked slowly home through the empty streets .",
    "In 1999 , 45 of the 1,200 workers who lost their jobs moved to New York - or so he says .",
    "Why would anyone pay $ 5.00 for a sandwich that tastes like wet cardboard ?",
    "Looking back , it seems obvious that the plan proposed by Mr. Lee could never have worked .",
)
ODD = (
    *("7", "1999", "19-99", "--.", "-", ".", "٣", "٣٣٣٣", "𝟏", "𝟏𝟐𝟑𝟒", "½", "12½"),
    *("😀", "😀😀", "a😀", "é", "e\u0301", "हिन्दी", "[", "]", "{", "}", "|", "=", "/", "w=", "t=", " ", "a b", "%PAD%"),
    *("antidisestablishmentarianism", "qqqq", "THE", "tHe", "#NUM#", "#YEAR#"),
)


def drawn_sentences(seed: int, count: int) -> list[list[str]]:
    """Sentences of 1 to 60 words, a third of them English, others of words drawn from these and odd ones."""
    rng = random.Random(seed)
    words = [word for text in ENGLISH for word in text.split()]
    drawn = [rng.choices([*words, *ODD], k=rng.choice((1, 2, 3, 5, 9, 20, 60))) for _ in range(count)]
    return [rng.choice(ENGLISH).split() if i % 3 == 0 else words for i, words in enumerate(drawn)]
