"""Updates of the top lists while the corpus is read (P1 Figure 1)."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from neuronsig.collection.convergence import ALL
from neuronsig.figures.style import INK, dress, layer_colours, new_figure, styled


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
    _line(
        axes,
        table,
        ALL,
        "expected_per_100k",
        color="#D55E00",
        linewidth=1.4,
        linestyle=(0, (4, 3)),
        label="expected of sentences in random order",
    )
    axes.set_xscale("log")
    axes.set_yscale("log")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_major_formatter(FuncFormatter(_number))
        axis.set_minor_formatter(NullFormatter())
    axes.grid(which="major")
    axes.set_xlabel("Sentences read")
    axes.set_ylabel("New entries for 100,000 sentences")
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
