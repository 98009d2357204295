"""Data files of the site, as plain scripts that a page opened from a file may load: labels and the neuron map."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from neuronsig.neuron import Neuron
from neuronsig.signature.summary import ASPECTS, Description
from neuronsig.signature.view import NeuronView

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


def write_map(directory: Path, lines: Sequence[Line]) -> None:
    """`data/map.js`: for every layer the kind of each unit and its metrics, one character a unit and metric.

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
