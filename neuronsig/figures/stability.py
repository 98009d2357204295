"""Agreement of the signatures of two halves of the corpus against the sentences they are made from."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator

from neuronsig.figures.style import INK, dress, layer_colours, styled
from neuronsig.kinds import KINDS
from neuronsig.neuron import NEURON_COLUMNS


@styled
def stability_figure(rows: pd.DataFrame, enough: dict[str, int | None], share: float, model: str) -> Figure:
    """Mean rank-biased overlap by k: a line a layer and one for all, a panel for each kind of pattern.

    `rows` has the columns of the stability table; `enough` the fewest sentences that reach `share` of the agreement.
    """
    kinds = [kind for kind in KINDS.values() if kind.name in set(rows["kind"])]
    layers = sorted(set(rows["layer"]))
    figure = Figure(figsize=(4.4 * len(kinds) + 0.4, 4.2), layout="constrained")
    panels = figure.subplots(1, len(kinds), sharey=True, squeeze=False)[0]
    sizes = sorted(set(rows["k"]))
    for axis, kind in zip(panels, kinds, strict=True):
        own = rows[rows["kind"] == kind.name]
        for layer, colour in zip(layers, layer_colours(len(layers)), strict=True):
            mean = own[own["layer"] == layer].groupby("k")["overlap"].mean()
            axis.plot(mean.index, mean.to_numpy(), color=colour, linewidth=0.9, label=f"layer {layer}")
        mean = own.groupby("k")["overlap"].mean()
        axis.plot(mean.index, mean.to_numpy(), color=INK, linewidth=2.0, marker="o", markersize=3.5, label="all")
        if (least := enough.get(kind.name)) is not None:
            axis.axvline(least, color="#D55E00", linewidth=1.2, linestyle=(0, (4, 3)))
            said = f"{least:,} are enough" if least < sizes[-1] else "still rising"
            axis.annotate(said, (least, 0.02), (-4, 0), textcoords="offset points", fontsize=8, ha="right")
        axis.set_xscale("log")
        axis.set_xticks(sizes)
        axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
        axis.xaxis.set_minor_locator(NullLocator())
        axis.set_ylim(0, 1)
        axis.grid(which="major")
        axis.set_title(kind.title, fontsize=10, loc="left")
        axis.set_xlabel("Sentences of each half")
    panels[0].set_ylabel("Rank-biased overlap of the signatures")
    panels[0].legend(loc="upper left", fontsize=7, ncols=2)
    neurons = len(rows[list(NEURON_COLUMNS)].drop_duplicates())
    subtitle = (
        f"Mean over {neurons:,} neurons; thin lines: layers, dark to light. Dashed: the fewest sentences with\n"
        f"{share:.0%} of the agreement of the most"
    )
    return dress(figure, "How many sentences a signature needs", subtitle, f"neuronsig · {model} · halves by hash")
