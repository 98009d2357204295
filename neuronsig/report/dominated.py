"""The lists that one thing dominates, by what dominates them (neuronsig outliers)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from neuronsig.collection.dominance import LARGE, RARE
from neuronsig.report.site_data import Line
from neuronsig.signature.salience import percent
from neuronsig.signature.wording import DOMINATING, dominating

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
