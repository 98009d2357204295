"""What changes from layer to layer: rankings as box plots (P1 Figures 3, 4), mean length as a map (P2 Figure 2)."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray
from scipy.stats import spearmanr

from neuronsig.analysis.rankings import rank_from_most
from neuronsig.figures.style import (
    INK,
    MUTED,
    dress,
    layer_colours,
    layer_ticks,
    new_figure,
    nothing_to_show,
    styled,
)


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
        nothing_to_show(axes, "no neuron has enough sentences")
        return dress(figure, title, subtitle, source)
    groups = [ranks[(layers == layer) & known] for layer in found]
    drawn = axes.boxplot(
        groups,
        positions=range(len(found)),
        widths=0.62,
        whis=(5, 95),
        showfliers=False,
        patch_artist=True,
        medianprops={"color": "white", "linewidth": 2.2, "solid_capstyle": "butt"},
        whiskerprops={"color": MUTED},
        capprops={"color": MUTED},
        boxprops={"linewidth": 0},
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
    axes.set_xlim(-0.6, len(found) - 0.4)
    axes.set_xlabel("Layer")
    axes.set_ylabel("Rank of the neuron\n(up: more selective)")
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
            rho = spearmanr(grid[0][both], grid[row][both]).statistic
            axes.text(
                1.01, row, f"{rho:.2f}", transform=axes.get_yaxis_transform(), va="center", fontsize=8, color=MUTED
            )
    if len(found) > 1:
        axes.text(1.01, 0, "ρ", transform=axes.get_yaxis_transform(), va="center", fontsize=9, color=MUTED)
    layer_ticks(axes, found, "y")
    axes.set_xticks([])
    axes.set_ylabel("Layer")
    axes.set_xlabel(f"Units (all {len(columns):,}, in layer {found[0]}'s order: short to long)")
    for side in axes.spines.values():
        side.set_visible(False)
    subtitle = (
        "Mean length of the top sentences of each neuron; a vertical stripe is a unit that keeps its preference\n"
        f"through the layers. ρ: rank correlation of a layer's lengths with layer {found[0]}'s."
    )
    return dress(figure, "Which neurons answer to short, which to long sentences", subtitle, source)
