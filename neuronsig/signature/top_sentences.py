"""The top sentences of neurons, marked with what of them matches the signature and what carries the activation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neuronsig.neuron import Neuron
from neuronsig.readers.neurons import neuron_filter
from neuronsig.readers.sentences import in_order, sentences_by_id
from neuronsig.readers.top_lists import read_top_lists
from neuronsig.run.directory import RunDirectory
from neuronsig.signature.findings import Activations, Findings
from neuronsig.signature.highlight import Signature
from neuronsig.signature.view import SentenceView

SENTENCE_COLUMNS = ("sentence_id", "domain", "doc_id", "text", "tokens", "metadata")


class TopSentences:
    """The first sentences of some neurons, and their texts, as Arrow tables ordered for binary search."""

    def __init__(
        self,
        run: RunDirectory,
        model: str,
        profiles: Mapping[Neuron, Mapping[str, Any]],
        findings: Findings,
        neurons: Sequence[Neuron],
        sentences: int,
    ) -> None:
        """At most `sentences` of each neuron, and those that `profiles` name as typical."""
        self._lists = read_top_lists(run.topk(model), neurons, sentences, scores=True)
        self._place = {neuron: place for place, neuron in enumerate(self._lists.neurons)}
        self._activations = findings.activations(neurons, neuron_filter(neurons))
        rows = [profiles[neuron] for neuron in set(neurons)]
        named = [row.get("typical_sentence_id") for row in rows]
        named += [facet["typical_sentence_id"] for row in rows for facet in row.get("facets") or []]
        ids = np.union1d(self._lists.sentence_ids, np.array([i for i in named if i is not None], np.int64))
        found = sentences_by_id(run.sentences, ids, SENTENCE_COLUMNS)
        self._table = in_order([found], ids, run.sentences, "topk")
        self._ids = self._table["sentence_id"].to_numpy()

    def of(self, neuron: Neuron, signature: Signature) -> list[SentenceView]:
        if neuron not in self._place:
            return []
        place = self._place[neuron]
        own = slice(*self._lists.offsets[place : place + 2])
        known = self._activations.get(neuron, {})
        return [
            _sentence(row, signature, rank, score, known.get(row["sentence_id"]))
            for rank, (row, score) in enumerate(
                zip(self._rows(self._lists.sentence_ids[own]), self._lists.scores[own].tolist(), strict=True)
            )
        ]

    def sentence(self, sentence_id: int, signature: Signature) -> SentenceView:
        return _sentence(self._rows([sentence_id])[0], signature)

    def _rows(self, ids: Sequence[int] | NDArray[np.int64]) -> list[dict[str, Any]]:
        return list(self._table.take(np.searchsorted(self._ids, ids)).to_pylist())


def _sentence(
    row: dict[str, Any],
    signature: Signature,
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
        segments=signature.segments(text, tokens, known.shades, known.trigger),
        rank=rank,
        score=score,
        note=known.note,
    )
