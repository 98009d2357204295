"""What the page of one neuron shows beside its view: neighbours, other layers, similar neurons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from neuronsig.kinds import shown_kinds
from neuronsig.neuron import Neuron
from neuronsig.report.site_data import group_title
from neuronsig.signature.freshness import by_results
from neuronsig.signature.reader import SignatureReader
from neuronsig.signature.salience import Entry, without_redundancy
from neuronsig.signature.summary import Description
from neuronsig.signature.view import Evidence, NeuronView
from neuronsig.signature.wording import (
    corpus_text,
    detector_text,
    dominated_text,
    effects_text,
    facets_text,
    quality_texts,
)

WORDS, PATTERNS, TAGS, VALUES, FIELDS = 30, 18, 16, 8, 8


def neuron_context(
    view: NeuronView, described: Mapping[Neuron, Description], reader: SignatureReader
) -> dict[str, Any]:
    """Variables of templates/neuron.html."""
    neuron = view.neuron
    fields = list(view.salient_fields.items())
    opposite = replace(neuron, sign=-neuron.sign)
    return {
        "view": view,
        "description": described[neuron],
        "described": described,
        "group_slug": neuron.layer_slug,
        "group_title": group_title(neuron),
        "previous": reader.neighbour(neuron, -1),
        "next": reader.neighbour(neuron, 1),
        "layers": [n for n in (replace(neuron, layer=layer) for layer in reader.layers) if n in reader.profiles],
        "opposite": opposite if opposite in reader.profiles else None,
        "words": without_redundancy(view.of("words"), WORDS),
        "patterns": [
            (kind.title, kind.note, without_redundancy(view.of(kind.name), PATTERNS))
            for kind in shown_kinds()
            if view.of(kind.name)
        ],
        "tags": unfolded(view.of("pos")[:TAGS]),
        "fields": [_values(view, name) for name, _ in fields[:FIELDS]],
        "corpus": corpus_text(view.match) if "corpus" in described[neuron].text else "",
        "detector": detector_text(view.trigger) if view.trigger else "",
        "facets": facets_text(view.facets) if view.facets else "",
        "dominance": dominated_text(view),
        "effects": effects_text(view),
        "judged": quality_texts(view),
        "left_out": by_results(reader.left_out),
        "more_fields": max(0, len(fields) - FIELDS),
        "similar": [replace(link, label=described[link.neuron].label) for link in view.similar],
    }


def _values(view: NeuronView, name: str) -> tuple[str, list[Entry], int]:
    """A field, its values that are shown, and the number of the others."""
    rows = view.salient_values(name)[:VALUES]
    return name, unfolded(rows), len(view.metadata[name]) - len(rows)


def unfolded(rows: Sequence[Evidence]) -> list[Entry]:
    """Rows of which none explains another."""
    return [Entry(row, ()) for row in rows]
