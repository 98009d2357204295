"""Which words of a sentence match a neuron's signature."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from neuronsig.miners.reference import closest_occurrence
from neuronsig.signature.view import Evidence, Segment

NEAR = 12
PLAIN, PATTERN, WORD = 0, 1, 2  # how a segment matches: not at all, as part of a word pattern, as a signature word


class Signature:
    """The words and word patterns that stand out for one neuron, ready to be looked for in its sentences.

    Only rows that stand out beyond chance count, at most `words` and `patterns` of them, so that the marks say
    what the signature says and not that the sentence has words.
    """

    def __init__(self, words: Sequence[Evidence], sequences: Sequence[Evidence], n_words: int = 15, n_seq: int = 8):
        self.words = frozenset(row.pattern[0].lower() for row in words[:n_words] if row.stands_out and row.pattern)
        self.sequences = [
            tuple(word.lower() for word in row.pattern) for row in sequences if row.stands_out and len(row.pattern) > 1
        ][:n_seq]

    def marks(self, tokens: Sequence[str]) -> list[int]:
        """PLAIN, PATTERN or WORD for each token; a pattern marks its first, gapped occurrence."""
        lowered = [token.lower() for token in tokens]
        marks = [WORD if token in self.words else PLAIN for token in lowered]
        for sequence in self.sequences:
            for index in closest_occurrence(lowered, sequence):
                marks[index] = max(marks[index], PATTERN)
        return marks

    def segments(
        self, text: str, tokens: Sequence[str], shades: Sequence[int] = (), trigger: int = -1
    ) -> tuple[Segment, ...]:
        """The text cut into segments that join to the text again, whatever the tokens are.

        Tokens are found in the text from left to right; one that is not there (an annotator changed it) is
        skipped, and its words stay plain. `shades` are the tokens' own, and `trigger` the place of one of them;
        shades of other tokens than these are not shown.
        """
        pieces: list[Segment] = []
        shades = shades if len(shades) == len(tokens) else [0] * len(tokens)
        done = cursor = lost = 0
        folded = text.lower() if len(text.lower()) == len(text) else text
        for place, (token, mark, shade) in enumerate(zip(tokens, self.marks(tokens), shades, strict=True)):
            if not token:
                continue
            # A token follows the last one closely; further on, its letters are likely those of another word.
            window = cursor + NEAR + len(token) + lost
            start = text.find(token, cursor, window)
            other_case = folded.find(token.lower(), cursor, window)
            if start < 0 or 0 <= other_case < start:
                start = other_case
            if start < 0:
                lost += len(token) + 1
                continue
            lost = 0
            cursor = start + len(token)
            if mark or shade or place == trigger:
                if start > done:
                    pieces.append(Segment(text[done:start], PLAIN))
                pieces.append(Segment(text[start:cursor], mark, shade, place == trigger))
                done = cursor
        if done < len(text):
            pieces.append(Segment(text[done:], PLAIN))
        return tuple(pieces)


def cut_segments(segments: Iterable[Segment], characters: int) -> tuple[list[Segment], int]:
    """The first `characters` of the segments, cut at a space where one is near, and how many were left out."""
    kept: list[Segment] = []
    room, left_out = characters, 0
    for segment in segments:
        text = segment.text
        if left_out or room <= 0:
            left_out += len(text)
            continue
        piece = text
        if len(text) > room:
            space = text.rfind(" ", max(0, room - 40), room)
            piece = text[: space if space > 0 else room]
            left_out = len(text) - len(piece)
        kept.append(segment._replace(text=piece))
        room -= len(piece)
    return kept, left_out
