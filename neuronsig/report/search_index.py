"""The search index: terms -> neurons, split into small scripts by the term's first letters.

A term is one word of a signature word, pattern or metadata value, or a whole pattern (`dt jj nn`), normalised by
NFKC and lower case as `assets/search.js` normalises the query. Only what stands out is indexed, and what fills
`COMMON` of a neuron's sentences or more.
"""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

from neuronsig.kinds import KINDS, METADATA
from neuronsig.report.site_data import write_script
from neuronsig.signature.summary import Description
from neuronsig.signature.view import Evidence, NeuronView

CODES = {name: place for place, name in enumerate(KINDS)}
DESCRIPTION = len(CODES)
"""In place of a kind: the term is but in the description of the neuron."""
COMMON = 0.25
_SPLIT = re.compile(r"[\s=]+")
Posting = tuple[int, int, int, int]  # code of the kind, share and reference in tenths of a percent, weight


class SearchIndex:
    """Postings of all neurons; about 100 a neuron, 100 bytes each."""

    def __init__(self) -> None:
        self.terms: dict[str, dict[int, Posting]] = {}

    def add(self, ordinal: int, view: NeuronView, description: Description) -> None:
        """Index one neuron; `ordinal` is its place among the site's labels."""
        for kind in KINDS.values():
            for row in view.of(kind.name) if kind.layers != (METADATA,) else ():
                if row.stands_out:
                    self._add_row(ordinal, row)
        for rows in view.metadata.values():
            for row in rows:
                if row.stands_out or row.share >= COMMON:
                    self._add_row(ordinal, row)
        for term in terms(re.sub(r"[“”,·]", " ", description.label)):
            self._add(term, ordinal, (DESCRIPTION, 0, -1, 0))  # any evidence says more, so it wins

    def write(self, directory: Path) -> int:
        """Write `index/<bucket>.js`, each {term: [neuron, kind, share, reference, weight, ...]}; returns their number.

        Postings of a term come heaviest first.
        """
        buckets: dict[str, dict[str, list[int]]] = {}
        for term in sorted(self.terms):
            postings = sorted(self.terms[term].items(), key=lambda item: (-item[1][3], item[0]))
            flat = [number for ordinal, posting in postings for number in (ordinal, *posting)]
            buckets.setdefault(bucket(term), {})[term] = flat
        for name, postings_of in buckets.items():
            write_script(directory / "index" / f"{name}.js", "index", name, postings_of)
        write_script(
            directory / "buckets.js",
            "buckets",
            0,
            {"names": sorted(buckets), "kinds": [kind.singular for kind in KINDS.values()]},
        )
        return len(buckets)

    def _add_row(self, ordinal: int, row: Evidence) -> None:
        reference = -1 if row.reference is None else round(1000 * row.reference)
        weight = round(100 * row.share * max(0.1, row.lrc))
        posting = (CODES[row.kind], round(1000 * row.share), reference, weight)
        whole = normalise(row.text)
        for term in terms(whole):
            self._add(term, ordinal, posting)
        if len(terms(whole)) > 1 and len(whole) <= 80:
            self._add(whole, ordinal, (*posting[:3], posting[3] + 100))

    def _add(self, term: str, ordinal: int, posting: Posting) -> None:
        held = self.terms.setdefault(term, {})
        if ordinal not in held or held[ordinal][3] < posting[3]:
            held[ordinal] = posting


def normalise(text: str) -> str:
    """NFKC, lower case, single spaces."""
    return " ".join(unicodedata.normalize("NFKC", text).lower().split())


def terms(text: str) -> list[str]:
    """The words of a text: split at spaces and `=`, without the `+` between items; as search.js splits a query."""
    return [word for word in _SPLIT.split(normalise(text)) if word and word != "+"]


def bucket(term: str) -> str:
    """Name of the script that holds a term: its first two characters, or the Unicode block of 256 of the first."""
    first, second = term[0], term[1:2]
    if re.fullmatch("[a-z0-9]", first):
        return first + (second if re.fullmatch("[a-z0-9]", second) else "_")
    return f"u{ord(first) >> 8:x}"
