"""Data files of the site, as plain scripts that a page opened from a file may load: labels, neuron map, search index.

The index leads from terms to neurons, split by the term's first letters. A term is one word of a signature word,
pattern or metadata value, or a whole pattern (`dt jj nn`), normalised by NFKC and lower case as `assets/search.js`
normalises the query. Only what stands out is indexed, and what fills `COMMON` of a neuron's sentences or more.
"""

import json
import math
import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from neuronsig.kinds import KINDS, METADATA
from neuronsig.neuron import Neuron
from neuronsig.signature.summary import ASPECTS, Description
from neuronsig.signature.view import Evidence, NeuronView

LABEL_CHUNK = 256
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


class Line:
    """One neuron as lists and the map show it; kept for all neurons, so it holds no sentence."""

    def __init__(self, view: NeuronView, description: Description) -> None:
        self.neuron, self.description = view.neuron, description
        self.selectivity, self.length = view.selectivity, view.length.value
        self.shares = tuple(share.value for share in view.pos_shares)
        self.cluster, self.mined = view.cluster, view.mined
        self.leads = tuple(description.label.split(" · ")[0].split(", "))
        self.dominance = view.dominance if view.dominance and view.dominance.flags else None


def group_title(neuron: Neuron) -> str:
    """`Layer 4`, `Layer 4, mlp`, `Embeddings`, with the sign where it is the lowest."""
    site = "" if neuron.site == "hidden" else f", {neuron.site}"
    sign = ", lowest activations" if neuron.sign < 0 else ""
    return f"{'Embeddings' if neuron.layer == 0 else f'Layer {neuron.layer}'}{site}{sign}"


METRICS: tuple[tuple[str, Callable[[Line], float], str], ...] = (
    ("strength", lambda line: line.description.strength, "bits"),
    ("POS selectivity", lambda line: line.selectivity, ""),
    ("nouns", lambda line: line.shares[0] * 100, "%"),
    ("verbs", lambda line: line.shares[1] * 100, "%"),
    ("adjectives", lambda line: line.shares[2] * 100, "%"),
    ("sentence length", lambda line: line.length, "words"),
)


def write_labels(directory: Path, lines: Sequence[Line]) -> None:
    """`data/labels/<n>.js`: [name, page, label, kind] of LABEL_CHUNK neurons each, loaded as they are needed."""
    (directory / "labels").mkdir(parents=True, exist_ok=True)
    for number, first in enumerate(range(0, len(lines), LABEL_CHUNK)):
        rows = [
            [str(line.neuron), line.neuron.slug, line.description.label, ASPECTS.index(line.description.kind)]
            for line in lines[first : first + LABEL_CHUNK]
        ]
        write_script(directory / "labels" / f"{number}.js", "labels", number, rows)


def write_map(directory: Path, lines: Sequence[Line], constant: Iterable[Neuron] = ()) -> None:
    """`data/map.js`: for every layer the kind of each unit and its metrics, one character a unit and metric; and the
    units that are constant, which have no square but a page.

    A metric's character is its place in ALPHABET, between the 1st and 99th percentile over all neurons, which
    `ranges` states; outliers take the ends.
    """
    ranges = []
    for _, value, _ in METRICS:
        values = sorted(value(line) for line in lines)
        ranges.append((values[len(values) // 100], values[len(values) - 1 - len(values) // 100]))
    layers: list[dict[str, Any]] = []
    first = 0
    for slug, group in groupby(lines, key=lambda line: line.neuron.layer_slug):
        members = list(group)
        metrics = [
            "".join(_letter(value(line), *bounds) for line in members)
            for (_, value, _), bounds in zip(METRICS, ranges, strict=True)
        ]
        kinds = "".join(str(ASPECTS.index(line.description.kind)) for line in members)
        units = [line.neuron.unit for line in members]
        layers.append(
            {
                "slug": slug,
                "title": group_title(members[0].neuron),
                "first": first,
                "name": f"{members[0].neuron}".split("/")[0],
                "units": len(units) if units == list(range(len(units))) else units,
                "kinds": kinds,
                "metrics": metrics,
            }
        )
        first += len(members)
    content = {
        "layers": layers,
        "metrics": [
            {"name": name, "unit": unit, "low": _round(low), "high": _round(high)}
            for (name, _, unit), (low, high) in zip(METRICS, ranges, strict=True)
        ],
        "chunk": LABEL_CHUNK,
        "constant": {
            slug: [neuron.unit for neuron in group]
            for slug, group in groupby(
                sorted(constant, key=lambda n: (n.layer_slug, n.unit)), key=lambda n: n.layer_slug
            )
        },
    }
    write_script(directory / "map.js", "map", 0, content)


def kinds_by_layer(lines: Sequence[Line]) -> list[dict[str, Any]]:
    """For each layer how many neurons have which kind of signature, for the front page's bars."""
    rows = []
    for slug, group in groupby(lines, key=lambda line: line.neuron.layer_slug):
        members = list(group)
        counts = {kind: sum(line.description.kind == kind for line in members) for kind in ASPECTS}
        rows.append({"slug": slug, "title": group_title(members[0].neuron), "total": len(members), "counts": counts})
    return rows


def write_script(path: Path, function: str, key: Any, value: Any) -> None:
    """A script that hands a value to the page: `NS.function(key, value)`; safe in any text, HTML included."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":")).replace("<", "\\u003c")
    path.write_text(f"NS.{function}({json.dumps(key)},{text})\n", encoding="ascii")


def _letter(value: float, low: float, high: float) -> str:
    if not math.isfinite(value) or high <= low:
        return ALPHABET[0]
    place = (value - low) / (high - low)
    return ALPHABET[round(63 * min(1.0, max(0.0, place)))]


def _round(value: float) -> float:
    return float(f"{value:.3g}")


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
