"""The top sentences of neurons, marked with what of them matches the signature and what carries the activation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neuronsig.miners.containment import closest_occurrence
from neuronsig.neuron import Neuron
from neuronsig.readers import in_order, neuron_filter, read_top_lists, sentences_by_id
from neuronsig.run.directory import RunDirectory
from neuronsig.signature.results import Activations, StageResults
from neuronsig.signature.view import Evidence, Segment, SentenceView
from neuronsig.triggers.words import word_spans

SENTENCE_COLUMNS = ("sentence_id", "domain", "doc_id", "text", "tokens", "metadata")
MARKED_WORDS, MARKED_PATTERNS = 15, 8
PLAIN, PATTERN, WORD = 0, 1, 2  # how a segment matches: not at all, as part of a word pattern, as a signature word


class Highlighter:
    """The words and word patterns that stand out for one neuron, ready to be looked for in its sentences.

    Only rows that stand out beyond chance count, at most MARKED_WORDS and MARKED_PATTERNS of them, so that the marks
    say what the signature says and not that the sentence has words.
    """

    def __init__(self, words: Sequence[Evidence], sequences: Sequence[Evidence]) -> None:
        self.words = frozenset(row.pattern[0].lower() for row in words[:MARKED_WORDS] if row.stands_out and row.pattern)
        self.sequences = [
            tuple(word.lower() for word in row.pattern) for row in sequences if row.stands_out and len(row.pattern) > 1
        ][:MARKED_PATTERNS]

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

        Tokens are where neuronsig.triggers.words finds them; one that is not there stays plain. `shades` are the
        tokens' own, and `trigger` the place of one of them; shades of other tokens than these are not shown.
        """
        pieces: list[Segment] = []
        shades = shades if len(shades) == len(tokens) else [0] * len(tokens)
        marks, done = self.marks(tokens), 0
        for place, (start, stop) in enumerate(word_spans(text, tokens)):
            mark, shade = marks[place], shades[place]
            if start == stop or not (mark or shade or place == trigger):
                continue
            if start > done:
                pieces.append(Segment(text[done:start], PLAIN))
            pieces.append(Segment(text[start:stop], mark, shade, place == trigger))
            done = stop
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


class TopSentences:
    """The first sentences of some neurons, and their texts, as Arrow tables ordered for binary search."""

    def __init__(
        self,
        run: RunDirectory,
        model: str,
        profiles: Mapping[Neuron, Mapping[str, Any]],
        results: StageResults,
        neurons: Sequence[Neuron],
        sentences: int,
    ) -> None:
        """At most `sentences` of each neuron, and those that `profiles` name as typical."""
        self._lists = read_top_lists(run.topk(model), neurons, sentences, scores=True)
        self._place = {neuron: place for place, neuron in enumerate(self._lists.neurons)}
        self._activations = results.activations(neurons, neuron_filter(neurons))
        rows = [profiles[neuron] for neuron in set(neurons)]
        named = [row.get("typical_sentence_id") for row in rows]
        named += [facet["typical_sentence_id"] for row in rows for facet in row.get("facets") or []]
        ids = np.union1d(self._lists.sentence_ids, np.array([i for i in named if i is not None], np.int64))
        found = sentences_by_id(run.sentences, ids, SENTENCE_COLUMNS)
        self._table = in_order([found], ids, run.sentences, "topk")
        self._ids = self._table["sentence_id"].to_numpy()

    def of(self, neuron: Neuron, highlighter: Highlighter) -> list[SentenceView]:
        if neuron not in self._place:
            return []
        place = self._place[neuron]
        own = slice(*self._lists.offsets[place : place + 2])
        known = self._activations.get(neuron, {})
        return [
            _sentence(row, highlighter, rank, score, known.get(row["sentence_id"]))
            for rank, (row, score) in enumerate(
                zip(self._rows(self._lists.sentence_ids[own]), self._lists.scores[own].tolist(), strict=True)
            )
        ]

    def sentence(self, sentence_id: int, highlighter: Highlighter) -> SentenceView:
        return _sentence(self._rows([sentence_id])[0], highlighter)

    def _rows(self, ids: Sequence[int] | NDArray[np.int64]) -> list[dict[str, Any]]:
        return list(self._table.take(np.searchsorted(self._ids, ids)).to_pylist())


def _sentence(
    row: dict[str, Any],
    highlighter: Highlighter,
    rank: int = -1,
    score: float = float("nan"),
    activations: Activations | None = None,
) -> SentenceView:
    text, tokens = row["text"] or "", row["tokens"] or []
    known = activations or Activations((), -1, "")
    return SentenceView(
        sentence_id=row["sentence_id"],
        text=text,
        domain=row["domain"] or "",
        doc_id=row["doc_id"] or "",
        metadata={name: values or [] for name, values in row["metadata"] or []},
        segments=highlighter.segments(text, tokens, known.shades, known.trigger),
        rank=rank,
        score=score,
        note=known.note,
    )
