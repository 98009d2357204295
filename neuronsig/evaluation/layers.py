"""What a table of EVALUATION says by layer: how many signatures tell more than words, another neuron's, and chance."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from neuronsig.neuron import SITES

_MEDIANS = {
    "AP": "ap",
    "words": "words_ap",
    "length": "length_ap",
    "other": "random_ap",
    "chance": "chance",
    "AUROC": "auroc",
}
_SHARES = {"> chance": "beats_chance", "> words": "beats_words", "> other": "beats_random"}
SHOWN = ("AP", "words", "other", "chance")
COLUMNS = ("layer", *SHOWN, *_SHARES)


def by_layer(table: pa.Table) -> list[dict[str, Any]]:
    """A row for each site and layer, and one of all; medians over neurons, and shares of them.

    `AP` to `AUROC` are medians: average precision of the signature, of its words, of the length and of another neuron's
    signature, the share of positives, and AUROC of the signature. The rest are shares of the neurons whose AP is higher
    than that. Limits are at 95 %: of neurons that are no better, 1 in 40 is said to be by chance.
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
        for title, column in _SHARES.items():
            known = [value for value in table[column].take(pa.array(of)).to_pylist() if value is not None]
            row[title] = sum(known) / len(known) if known else None
        found.append(row)
    return found


def _layers(table: pa.Table) -> list[tuple[str, int]]:
    return list(zip(table["site"].to_pylist(), table["layer"].to_pylist(), strict=True))


def _numbers(table: pa.Table, column: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    return table[column].to_numpy().astype(np.float64)


def shown(rows: list[dict[str, Any]]) -> list[list[str]]:
    """COLUMNS of the rows: what a terminal has room for."""
    return [
        [
            row["layer"],
            *("" if row[name] is None else f"{row[name]:.3f}" for name in SHOWN),
            *("" if row[name] is None else f"{row[name]:.1%}" for name in _SHARES),
        ]
        for row in rows
    ]
