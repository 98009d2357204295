"""The top sentences of neurons, marked with what of them matches the signature and what carries the activation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds

from neuronsig.errors import InputError
from neuronsig.neuron import Neuron
from neuronsig.run.directory import RunDirectory
from neuronsig.signature.findings import Activations, Findings
from neuronsig.signature.highlight import Signature
from neuronsig.signature.scans import neuron_filter, scan
from neuronsig.signature.view import SentenceView
from neuronsig.tables import TOPK

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
        wanted, of_neurons = set(neurons), neuron_filter(neurons)
        top = scan(run.topk(model), TOPK.names, of_neurons & (ds.field("rank") < sentences))
        self._ranked: dict[Neuron, list[tuple[int, float, int]]] = {}
        for r in top.to_pylist():
            neuron = Neuron.of_row(r)
            if neuron in wanted:
                self._ranked.setdefault(neuron, []).append((r["rank"], r["score"], r["sentence_id"]))
        self._activations = findings.activations(neurons, of_neurons)
        rows = [profiles[neuron] for neuron in wanted]
        named = [row.get("typical_sentence_id") for row in rows]
        named += [facet["typical_sentence_id"] for row in rows for facet in row.get("facets") or []]
        ids = {i for ranked in self._ranked.values() for _, _, i in ranked} | {i for i in named if i is not None}
        value_set = pa.array(sorted(ids), pa.int64())
        table = scan(run.sentences, SENTENCE_COLUMNS, ds.field("sentence_id").isin(value_set))
        self._table = table.sort_by("sentence_id").combine_chunks()
        self._ids = self._table["sentence_id"].to_numpy()
        if len(self._ids) < len(ids):
            absent = min(ids - set(self._ids.tolist()))
            raise InputError(
                f"{run.sentences} has no sentence_id {absent}, which topk/{model} names: one of the "
                f"tables lost files; delete both and run neuronsig annotate and jobs.collect again"
            )

    def of(self, neuron: Neuron, signature: Signature) -> list[SentenceView]:
        ranked = sorted(self._ranked.get(neuron, ()))
        rows = self._rows([sentence_id for _, _, sentence_id in ranked])
        known = self._activations.get(neuron, {})
        return [
            _sentence(row, signature, rank, score, known.get(sentence_id))
            for row, (rank, score, sentence_id) in zip(rows, ranked, strict=True)
        ]

    def sentence(self, sentence_id: int, signature: Signature) -> SentenceView:
        return _sentence(self._rows([sentence_id])[0], signature)

    def _rows(self, ids: Sequence[int]) -> list[dict[str, Any]]:
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
