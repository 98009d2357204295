"""What pages beside the front page show: that of one neuron, and those of lists that one thing dominates."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from neuronsig.collection.dominance import LARGE, RARE
from neuronsig.kinds import shown_kinds
from neuronsig.neuron import Neuron
from neuronsig.report.site_data import Line, group_title
from neuronsig.signature.entries import Entry, without_redundancy
from neuronsig.signature.freshness import by_results
from neuronsig.signature.numbers import percent
from neuronsig.signature.reader import SignatureReader
from neuronsig.signature.summary import Description
from neuronsig.signature.view import NeuronView
from neuronsig.signature.wording import (
    DOMINATING,
    corpus_text,
    detector_text,
    dominated_text,
    dominating,
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
        "tags": [Entry(row) for row in view.of("pos")[:TAGS]],
        "fields": [_values(view, name) for name, _ in fields[:FIELDS]],
        "corpus": corpus_text(view.match),
        "detector": detector_text(view.trigger) if view.trigger else "",
        "facets": facets_text(view.facets) if view.facets else "",
        "dominance": dominated_text(view),
        "effects": effects_text(view),
        "judged": quality_texts(view),
        "left_out": by_results(reader.left_out),
        "earlier": reader.earlier,
        "more_fields": max(0, len(fields) - FIELDS),
        "similar": [replace(link, label=described[link.neuron].label) for link in view.similar],
    }


def _values(view: NeuronView, name: str) -> tuple[str, list[Entry], int]:
    """A field, its values that are shown, and the number of the others."""
    rows = view.salient_values(name)[:VALUES]
    return name, [Entry(row) for row in rows], len(view.metadata[name]) - len(rows)


NOTES = {
    "token": "The share is of what is above the unit's mean in the neuron's first {asked} sentences, on the strongest "
    "token of each. Where that is a special token, collect.special_tokens=false leaves those out of the pooling.",
    "word": "The share is of the neuron's first {top} sentences. A word is rare that at most "
    f"{percent(RARE)} of the sentences of all neurons hold.",
    "document": "The share is of the neuron's first {top} sentences, and at least "
    f"{1 / LARGE:.0f} times what the document has of the sentences of all neurons.",
    "near_duplicates": "The share is of the neuron's first {top} sentences, those that nearly repeat a stronger one. "
    "annotator.near_duplicates=0.8 leaves near-duplicates out of a corpus.",
}


def dominated_pages(lines: Sequence[Line]) -> list[dict[str, Any]]:
    """Variables of templates/dominated.html, for each kind of thing that dominates a list of `lines`.

    Neurons come most dominated first; `what` dominates them, line by line.
    """
    pages = []
    for flag, title in DOMINATING.items():
        found = [(line, line.dominance) for line in lines if line.dominance and flag in line.dominance.flags]
        if not found:
            continue
        ranked = sorted(found, key=lambda entry: (-(entry[1].shares[flag] or 0.0), entry[0].neuron))
        one = max((view for _, view in found), key=lambda view: view.sentences)
        pages.append(
            {
                "slug": f"dominated-by-{flag}",
                "title": title,
                "threshold": one.threshold,
                "note": NOTES[flag].format(top=one.sentences, asked=one.token_sentences),
                "lines": [line for line, _ in ranked],
                "shares": [view.shares[flag] or 0.0 for _, view in ranked],
                "what": [dominating(view, flag) for _, view in ranked],
            }
        )
    return pages
