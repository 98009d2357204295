"""What a table of EVALUATION says by layer: how many signatures tell more than words, another neuron's, and chance."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from neuronsig.neuron import SITES

BEATS = ("beats_chance", "beats_words", "beats_random")
COLUMNS = (
    "layer",
    "neurons",
    "median AP",
    "words' AP",
    "length's AP",
    "other's AP",
    "chance",
    "median AUROC",
    "> chance",
    "> words",
    "> other's",
)
_MEDIANS = {
    "median AP": "ap",
    "words' AP": "words_ap",
    "length's AP": "length_ap",
    "other's AP": "random_ap",
    "chance": "chance",
    "median AUROC": "auroc",
}


def by_layer(table: pa.Table) -> list[dict[str, Any]]:
    """A row of COLUMNS for each site and layer, and one of all; medians over neurons, shares as fractions.

    Limits are at 95 %: of neurons that are no better than something, 1 in 40 is said to be by chance.
    """
    names = np.array([f"{site} L{layer}" for site, layer in _layers(table)])
    site = np.array([SITES.index(value) for value in table["site"].to_pylist()], np.int64)
    order = np.lexsort((table["layer"].to_numpy(), site))
    found = []
    for name in [*dict.fromkeys(names[order].tolist()), "all"]:
        of = np.flatnonzero(names == name) if name != "all" else np.arange(len(names))
        row: dict[str, Any] = {"layer": name, "neurons": len(of)}
        for title, column in _MEDIANS.items():
            values = _numbers(table, column)[of]
            row[title] = float(np.median(values[~np.isnan(values)])) if (~np.isnan(values)).any() else None
        for title, column in zip(("> chance", "> words", "> other's"), BEATS, strict=True):
            known = [value for value in table[column].take(pa.array(of)).to_pylist() if value is not None]
            row[title] = sum(known) / len(known) if known else None
        found.append(row)
    return found


def _layers(table: pa.Table) -> list[tuple[str, int]]:
    return list(zip(table["site"].to_pylist(), table["layer"].to_pylist(), strict=True))


def _numbers(table: pa.Table, column: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    return table[column].to_numpy().astype(np.float64)
