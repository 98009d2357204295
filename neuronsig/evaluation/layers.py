"""What a table of EVALUATION says by layer: how many signatures tell more than words, another neuron's, and chance."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from neuronsig.neuron import SITES

_MEDIANS = {
    "AP": "ap",
    "told": "told_ap",
    "100": "hundred_ap",
    "ceiling": "ceiling_ap",
    "of it": "of_ceiling",
    "Bayes": "bayes_ap",
    "words": "words_ap",
    "length": "length_ap",
    "other": "random_ap",
    "chance": "chance",
    "AUROC": "auroc",
    "context": "contextuality",
    "kept": "kept_shuffled",
}
_SHARES = {
    "> chance": "beats_chance",
    "> words": "beats_words",
    "> Bayes": "beats_bayes",
    "> other": "beats_random",
    "≥ Bayes": "at_least_bayes",
}
_SHOWN = ("AP", "told", "ceiling", "Bayes", "words", "chance")
_FORMATS = {**dict.fromkeys(_SHOWN, ".3f"), "of it": ".0%", "≥ Bayes": ".0%"}
LAYER_COLUMNS = ("layer", *_FORMATS)
"""What of the rows a terminal has room for."""


def by_layer(table: pa.Table) -> list[dict[str, Any]]:
    """A row for each site and layer, and one of all; medians over neurons, and shares of them.

    `AP` to `kept` are medians: average precision of the signature, of what is told, of its first hundred statements,
    of the ceiling, the share of the ceiling that the signature reaches, of naive Bayes, of words and length, of the
    length and of another neuron's signature, the share of positives, AUROC of the signature, contextuality, and the
    share of the positives kept when words are shuffled. The rest are shares
    of the neurons whose AP is higher than that at the lower 95 % limit (of neurons that are no better, 1 in 40 is said
    to be by chance), or at least as high.
    """
    layers = list(zip(table["site"].to_pylist(), table["layer"].to_pylist(), strict=True))
    names = np.array([f"{site} L{layer}" for site, layer in layers])
    ordered = sorted(set(layers), key=lambda of: (SITES.index(of[0]), of[1]))
    better = pc.greater_equal(table["ap"], table["bayes_ap"])
    table = table.append_column("at_least_bayes", better)
    found = []
    for name in [*(f"{site} L{layer}" for site, layer in ordered), "all"]:
        of = np.flatnonzero(names == name) if name != "all" else np.arange(len(names))
        row: dict[str, Any] = {"layer": name, "neurons": len(of)}
        for titles, summary in ((_MEDIANS, np.median), (_SHARES, np.mean)):
            for title, column in titles.items():
                values = table[column].take(pa.array(of)).drop_null().to_numpy().astype(np.float64)
                values = values[~np.isnan(values)]
                row[title] = float(summary(values)) if len(values) else None
        found.append(row)
    return found


def median_curve(table: pa.Table) -> dict[str, float]:
    """The median average precision of the neurons' first statements, by their number; of all under `all`."""
    found: dict[int, list[float]] = {}
    for curve in table["curve"].to_pylist():
        for number, value in curve or ():
            found.setdefault(number, []).append(value)
    return {"all" if number < 0 else str(number): float(np.median(values)) for number, values in found.items()}


def shown(rows: list[dict[str, Any]]) -> list[list[str]]:
    """LAYER_COLUMNS of the rows."""
    return [
        [row["layer"], *("" if row[name] is None else f"{row[name]:{form}}" for name, form in _FORMATS.items())]
        for row in rows
    ]
