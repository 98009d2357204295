"""What more sentences change: updates of the top lists (P1 Figure 1), and the agreement of two halves of the corpus."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

from neuronsig.collection.convergence import ALL
from neuronsig.figures.style import INK, dress, layer_colours, new_figure, styled
from neuronsig.kinds import KINDS
from neuronsig.neuron import NEURON_COLUMNS


@styled
def convergence_figure(table: pa.Table, model: str) -> Figure:
    """New entries of a list for every 100,000 sentences against the sentences read, from a CONVERGENCE table.

    A thin line a group, one for all neurons together, and what a random stream would give.
    """
    groups = [name for name in table["group"].unique().to_pylist() if name != ALL]
    figure, axes = new_figure(6.8, 4.4)
    for name, colour in zip(groups, layer_colours(len(groups)), strict=True):
        _line(axes, table, name, "new_per_100k", color=colour, linewidth=0.9, alpha=0.8)
    _line(axes, table, ALL, "new_per_100k", color=INK, linewidth=2.0, marker="o", markersize=3.5, label="all neurons")
    label = "expected of sentences in random order"
    _line(axes, table, ALL, "expected_per_100k", color="#D55E00", linewidth=1.4, linestyle=(0, (4, 3)), label=label)
    axes.set(xscale="log", yscale="log")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_major_formatter(FuncFormatter(_number))
        axis.set_minor_formatter(NullFormatter())
    axes.grid(which="major")
    axes.set(xlabel="Sentences read", ylabel="New entries for 100,000 sentences")
    axes.legend(loc="upper right")
    total = table.filter(pc.equal(table["group"], ALL))
    top, neurons, read = (total[name][-1].as_py() for name in ("top", "neurons", "sentences"))
    last = total["new_per_100k"][-1].as_py()
    subtitle = (
        f"Mean over {neurons:,} neurons of what each shard adds to their {top:,} best sentences.\n"
        f"Thin lines: layers, dark to light. At the end, after {read:,} sentences: {_number(last)} for 100,000"
    )
    return dress(figure, "How fast the lists settle", subtitle, f"neuronsig · {model} · shards in plan order")


def _line(axes: Axes, table: pa.Table, group: str, column: str, **style: object) -> None:
    rows = table.filter(pc.equal(table["group"], group))
    values = rows[column].to_numpy()
    # A logarithm has no place for a shard that brought nothing.
    axes.plot(rows["sentences"].to_numpy(), np.where(values > 0, values, np.nan), **style)  # type: ignore[arg-type]


def _number(value: float, _: object = None) -> str:
    for limit, unit in ((1e6, "M"), (1e3, "K")):
        if value >= limit:
            return f"{value / limit:,.3g}{unit}"
    return f"{value:.3g}"


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
        axis.set(xscale="log", xticks=sizes, ylim=(0, 1), xlabel="Sentences of each half")
        axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
        axis.xaxis.set_minor_locator(NullLocator())
        axis.grid(which="major")
        axis.set_title(kind.title, fontsize=10, loc="left")
    panels[0].set_ylabel("Rank-biased overlap of the signatures")
    panels[0].legend(loc="upper left", fontsize=7, ncols=2)
    neurons = len(rows[list(NEURON_COLUMNS)].drop_duplicates())
    subtitle = (
        f"Mean over {neurons:,} neurons; thin lines: layers, dark to light. Dashed: the fewest sentences with\n"
        f"{share:.0%} of the agreement of the most"
    )
    return dress(figure, "How many sentences a signature needs", subtitle, f"neuronsig · {model} · halves by hash")
