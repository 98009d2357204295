"""What the page of one neuron shows beside its view: neighbours, other layers, similar neurons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from neuronsig.neuron import Neuron
from neuronsig.neuron_view import Evidence, NeuronView
from neuronsig.report.site_data import group_slug, group_title
from neuronsig.signature_reader import SignatureReader
from neuronsig.summary import Description

WORDS, PATTERNS, TAGS, VALUES, FIELDS = 30, 18, 16, 8, 8
PATTERN_KINDS = (
    ("word_sequence", "Word patterns", "words in this order, with gaps"),
    ("pos_sequence", "POS patterns", "tags in this order, with gaps"),
    ("itemset", "Itemsets", "words, tags and metadata together in a sentence"),
    ("subtree", "Subtrees", "parts of the syntax tree"),
)


def neuron_context(
    view: NeuronView, described: Mapping[Neuron, Description], reader: SignatureReader
) -> dict[str, Any]:
    """Variables of templates/neuron.html."""
    neuron = view.neuron
    fields = list(view.telling_fields.items())
    opposite = replace(neuron, sign=-neuron.sign)
    return {
        "view": view,
        "description": described[neuron],
        "described": described,
        "group_slug": group_slug(neuron),
        "group_title": group_title(neuron),
        "previous": reader.neighbour(neuron, -1),
        "next": reader.neighbour(neuron, 1),
        "layers": [n for n in (replace(neuron, layer=layer) for layer in reader.layers) if n in reader.profiles],
        "opposite": opposite if opposite in reader.profiles else None,
        "words": telling(view.of("words"), WORDS),
        "patterns": [
            (title, note, telling(view.of(kind), PATTERNS)) for kind, title, note in PATTERN_KINDS if view.of(kind)
        ],
        "tags": view.of("pos")[:TAGS],
        "fields": [(name, rows[:VALUES], max(0, len(rows) - VALUES)) for name, rows in fields[:FIELDS]],
        "more_fields": max(0, len(fields) - FIELDS),
        "similar": [replace(link, label=described[link.neuron].label) for link in view.similar],
    }


def telling(rows: Sequence[Evidence], n: int) -> list[Evidence]:
    """The first rows that stand out; where none does, the first six, which the page then shows as near the corpus."""
    return [row for row in rows if row.stands_out][:n] or list(rows[:6])
