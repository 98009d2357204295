"""What changes by layer: ranks and scores as box plots (P1 Figures 3, 4), mean length as a map (P2 Figure 2)."""

from typing import Any

import numpy as np
import pyarrow as pa
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from neuronsig.analysis.rankings import rank_from_most
from neuronsig.evaluation.ranking import spearman
from neuronsig.figures.style import (
    CATEGORIES,
    INK,
    MUTED,
    OTHER_COLOUR,
    dress,
    layer_colours,
    layer_ticks,
    new_figure,
    styled,
)
from neuronsig.neuron import SITES

BOXES: dict[str, Any] = {"whis": (5, 95), "showfliers": False, "patch_artist": True, "whiskerprops": {"color": MUTED}}


@styled
def ranking_by_layer(
    values: NDArray[np.float64], layers: NDArray[Any], title: str, measure: str, source: str
) -> Figure:
    """Box and whiskers, for each layer, of its neurons' ranks when all neurons are ranked by `values` (n,).

    Boxes hold the middle half, whiskers 5 % to 95 %. NaN values are left out and counted below the title. The dashed
    line is the median rank that every layer would have if ranks did not depend on the layer.
    """
    known = ~np.isnan(values)
    ranks = rank_from_most(values)
    found = sorted({int(layer) for layer in layers})
    figure, axes = new_figure(max(6.0, 1.6 + 0.5 * len(found)), 4.4)
    total = int(known.sum())
    omitted = f"; {len(values) - total:,} left out, too few sentences" if total < len(values) else ""
    subtitle = (
        f"{measure}\n{total:,} neurons{omitted}. Box: middle half,\n"
        "whiskers: 5 to 95 %, dashed: every median if layers did not differ"
    )
    if not total:
        axes.set_axis_off()
        why = "no neuron has enough sentences"
        axes.text(0.5, 0.5, why, ha="center", va="center", transform=axes.transAxes, color=MUTED)
        return dress(figure, title, subtitle, source)
    groups = [ranks[(layers == layer) & known] for layer in found]
    drawn = axes.boxplot(
        groups,
        positions=range(len(found)),
        widths=0.62,
        medianprops={"color": "white", "linewidth": 2.2, "solid_capstyle": "butt"},
        capprops={"color": MUTED},
        boxprops={"linewidth": 0},
        **BOXES,
    )
    for box, median, colour in zip(drawn["boxes"], drawn["medians"], layer_colours(len(found)), strict=True):
        box.set_facecolor(colour)
        median.set_color(INK if np.dot(colour[:3], (0.2126, 0.7152, 0.0722)) > 0.5 else "white")
    axes.axhline((total + 1) / 2, color=INK, linewidth=1.1, linestyle=(0, (4, 3)), zorder=0.6)
    axes.set_ylim(total + max(1, 0.02 * total), 1 - max(1, 0.02 * total))
    inner = [int(tick) for tick in MaxNLocator(5, integer=True).tick_values(1, total) if 1 < tick <= total]
    axes.set_yticks([1, *inner], [f"{tick:,}" for tick in (1, *inner)])
    axes.grid(axis="y")
    layer_ticks(axes, found)
    axes.set(xlim=(-0.6, len(found) - 0.4), xlabel="Layer", ylabel="Rank of the neuron\n(up: more selective)")
    return dress(figure, title, subtitle, source)


@styled
def length_map(lengths: NDArray[np.float64], layers: NDArray[Any], units: NDArray[Any], source: str) -> Figure:
    """Mean length of every neuron's top sentences: layers as rows, units as columns (P2 Figure 2).

    Columns are in the order of the shallowest layer, so that order in the other rows is a finding and not made by
    sorting; the rank correlation with that layer stands beside each row.
    """
    found, columns = sorted({int(x) for x in layers}), sorted({int(x) for x in units})
    grid = np.full((len(found), len(columns)), np.nan)
    row_of, column_of = {x: i for i, x in enumerate(found)}, {x: i for i, x in enumerate(columns)}
    for length, layer, unit in zip(lengths, layers, units, strict=True):
        grid[row_of[int(layer)], column_of[int(unit)]] = length
    grid = grid[:, np.argsort(np.where(np.isnan(grid[0]), np.inf, grid[0]), kind="stable")]
    figure, axes = new_figure(7.6, max(2.6, 1.9 + 0.26 * len(found)))
    low, high = np.nanpercentile(grid, [2, 98]) if np.isfinite(grid).any() else (0.0, 1.0)
    image = axes.imshow(
        grid,
        aspect="auto",
        interpolation="nearest",
        cmap="cividis",
        vmin=low,
        vmax=max(high, low + 1e-9),
        origin="lower",
    )
    figure.colorbar(image, ax=axes, label="Mean length (tokens)", extend="both", pad=0.09, shrink=0.95)
    for row in range(1, len(found)):
        both = np.isfinite(grid[0]) & np.isfinite(grid[row])
        if both.sum() >= 3 and np.ptp(grid[0][both]) and np.ptp(grid[row][both]):
            rho = spearman(grid[0][both], grid[row][both])
            axes.text(
                1.01, row, f"{rho:.2f}", transform=axes.get_yaxis_transform(), va="center", fontsize=8, color=MUTED
            )
    if len(found) > 1:
        axes.text(1.01, 0, "ρ", transform=axes.get_yaxis_transform(), va="center", fontsize=9, color=MUTED)
    layer_ticks(axes, found, "y")
    units_label = f"Units (all {len(columns):,}, in layer {found[0]}'s order: short to long)"
    axes.set(xticks=[], xlabel=units_label, ylabel="Layer")
    axes.spines[:].set_visible(False)
    subtitle = (
        "Mean length of the top sentences of each neuron; a vertical stripe is a unit that keeps its preference\n"
        f"through the layers. ρ: rank correlation of a layer's lengths with layer {found[0]}'s."
    )
    return dress(figure, "Which neurons answer to short, which to long sentences", subtitle, source)


MEASURES = (
    ("ap", "the signature", CATEGORIES[0]),
    ("told_ap", "what is told of it", CATEGORIES[3]),
    ("bayes_ap", "naive Bayes", CATEGORIES[1]),
    ("words_ap", "words and length", CATEGORIES[2]),
    ("random_ap", "another neuron's signature", OTHER_COLOUR),
)


@styled
def evaluation_by_layer(table: pa.Table, source: str) -> Figure:
    """Boxes of average precision by site and layer, of a table of EVALUATION: one for each of MEASURES."""
    layers = np.array([SITES.index(site) for site in table["site"].to_pylist()]) * 10_000 + table["layer"].to_numpy()
    found = np.unique(layers)
    figure, axes = new_figure(max(6.4, 1.8 + 0.85 * len(found)), 4.4)
    for place, (column, _, colour) in enumerate(MEASURES):
        values = table[column].to_numpy().astype(np.float64)
        groups = [values[(layers == layer) & ~np.isnan(values)] for layer in found]
        axes.boxplot(
            groups,
            positions=np.arange(len(found)) + 0.15 * (place - (len(MEASURES) - 1) / 2),
            widths=0.13,
            medianprops={"color": INK, "linewidth": 1.4, "solid_capstyle": "butt"},
            showcaps=False,
            boxprops={"linewidth": 0, "facecolor": colour},
            **BOXES,
        )
    chance = float(np.median(table["chance"].to_numpy())) if table.num_rows else 0.0
    line = axes.axhline(chance, color=INK, linewidth=1.1, linestyle=(0, (4, 3)), zorder=0.6, label="chance")
    layer_ticks(axes, [int(layer) % 10_000 for layer in found])
    axes.grid(axis="y")
    axes.set(xlim=(-0.6, len(found) - 0.4), ylim=(0, None))
    axes.set(xlabel="Layer", ylabel="Average precision on unseen sentences")
    handles = [Patch(color=colour, label=name) for _, name, colour in MEASURES]
    axes.legend(handles=[*handles, line], loc="upper right", ncols=2)
    positives = f"{chance:.1%} of the sentences" if table.num_rows else "none"
    subtitle = (
        f"{table.num_rows:,} neurons: how well their signatures find, in documents that mining has not seen,\n"
        f"sentences that activate them most ({positives}). Box: middle half, whiskers: 5 to 95 % of a layer's neurons"
    )
    return dress(figure, "How good are the signatures?", subtitle, source)
