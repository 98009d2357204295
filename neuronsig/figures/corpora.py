"""What the text is: the corpora at a glance (P1 Table 1), and where each layer's top sentences come from."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from numpy.typing import NDArray

from neuronsig.figures.style import CATEGORIES, INK, MUTED, OTHER_COLOUR, dress, layer_ticks, new_figure, styled

OTHER = "(other)"
TOTAL = "total"
POS_CLASSES = (("noun_share", "nouns"), ("verb_share", "verbs"), ("adj_share", "adjectives"))


@styled
def shares_by_layer(
    counts: Sequence[dict[str, int]], layers: NDArray[Any], field: str, corpus: dict[str, float], source: str
) -> Figure:
    """Stacked bars: of which value of a metadata field each layer's top sentences are, neurons weighing the same.

    `counts` is value -> sentences for each neuron; `corpus` gives the shares in the whole corpus, drawn as a bar of
    its own, or is empty. The 7 most frequent values have a colour, the rest is grey.
    """
    total: Counter[str] = Counter()
    for one in counts:
        total.update(one)
    named = [value for value, _ in sorted(total.items(), key=lambda x: (-x[1], x[0])) if value != OTHER][:7]
    values = [*named, OTHER] if set(total) - set(named) else named
    found = sorted({int(layer) for layer in layers})
    grid = np.zeros((len(found), len(values)))
    for row, layer in enumerate(found):
        inside = [int(i) for i in np.flatnonzero(layers == layer) if counts[int(i)]]
        shares = [_shares(counts[i], values) for i in inside]
        grid[row] = np.mean(shares, axis=0) if shares else 0
    labels = [str(layer) for layer in found]
    places = np.arange(len(found), dtype=float)
    if corpus:
        grid = np.vstack([_shares(corpus, values), grid])
        places = np.concatenate(([-1.5], places))
    figure, axes = new_figure(max(6.4, 3.4 + 0.42 * len(found)), 4.2)
    colours = [*CATEGORIES[: len(named)], OTHER_COLOUR]
    bottom = np.zeros(len(grid))
    for column, value in enumerate(values):
        axes.bar(places, grid[:, column], 0.82, bottom, color=colours[column], label=value, edgecolor="white", lw=0.6)
        bottom += grid[:, column]
    layer_ticks(axes, labels)  # type: ignore[arg-type]
    if corpus:
        ticks, names = list(axes.get_xticks()), [t.get_text() for t in axes.get_xticklabels()]
        axes.set_xticks([-1.5, *ticks], ["corpus", *names])
    axes.set(xlim=(places[0] - 0.6, places[-1] + 0.6), ylim=(0, 1))
    axes.yaxis.set_major_formatter(PercentFormatter(1, 0))
    axes.set(xlabel="Layer", ylabel="Share of the top sentences")
    axes.tick_params(axis="x", length=0)
    handles, names = axes.get_legend_handles_labels()
    axes.legend(handles[::-1], names[::-1], loc="center left", bbox_to_anchor=(1.01, 0.5), handlelength=1.1)
    subtitle = f"Mean over the neurons of a layer of the share of each {field} among their top sentences"
    if corpus:
        subtitle += ",\nbeside the corpus as a whole"
    return dress(figure, f"The {field}s that each layer's neurons respond to", subtitle, source)


@styled
def corpora_overview(table: pa.Table, source: str) -> Figure:
    """Sentences, mean length and POS shares of each domain, from analysis/corpora.parquet (P1 Table 1)."""
    rows = [row for row in table.to_pylist() if row["domain"] != TOTAL]
    names = [row["domain"] for row in rows]
    figure = Figure(figsize=(8.4, max(2.6, 1.75 + 0.36 * len(rows))), layout="constrained")
    panels = figure.subplots(1, 3, sharey=True, width_ratios=(1, 1, 1.25))
    places = np.arange(len(rows))[::-1]
    for axes, key, label, form in (
        (panels[0], "sentences", "Sentences", "{:,.0f}"),
        (panels[1], "length_mean", "Mean length (tokens)", "{:.1f}"),
    ):
        values = [float(row[key]) for row in rows]
        axes.barh(places, values, 0.62, color=CATEGORIES[0] if key == "sentences" else "#7b8794")
        for place, value in zip(places, values, strict=True):
            axes.annotate(
                form.format(value), (value, place), (3, 0), textcoords="offset points", va="center", fontsize=8
            )
        axes.set(xlim=(0, max([*values, 1]) * 1.34), xticks=[])
        axes.spines["bottom"].set_visible(False)
        axes.set_title(label, loc="left", color=INK)
        axes.tick_params(axis="y", length=0)
    _pos_panel(panels[2], rows, places)
    panels[0].set_yticks(places, names)
    panels[0].set_ylim(-0.7, len(rows) - 0.3)
    total = sum(int(row["sentences"]) for row in rows)
    subtitle = f"{total:,} sentences of {len(rows)} domain{'' if len(rows) == 1 else 's'}, after cleaning"
    return dress(figure, "The text that the model read", subtitle, source)


def _pos_panel(axes: Any, rows: list[dict[str, Any]], places: NDArray[Any]) -> None:
    for shift, (key, name), colour in zip((0.22, 0.0, -0.22), POS_CLASSES, CATEGORIES, strict=False):
        axes.barh(places + shift, [100 * float(row[key]) for row in rows], 0.2, color=colour, label=name)
    axes.set_title("Share of the tokens (%)", loc="left", color=INK)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x")
    axes.spines["bottom"].set_color(MUTED)
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), handlelength=1.0)


def _shares(counts: dict[str, int] | dict[str, float], values: Sequence[str]) -> NDArray[np.float64]:
    total = sum(counts.values())
    named = np.array([counts.get(value, 0) if value != OTHER else 0 for value in values], dtype=np.float64)
    if OTHER in values:
        named[list(values).index(OTHER)] = total - named.sum()
    return named / total if total else named
