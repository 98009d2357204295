"""Neurons as points and as clusters: t-SNE by layer (P1 Figure 2), clusters against layers."""

from typing import Any

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import BoundaryNorm, ListedColormap, PowerNorm
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from neuronsig.analysis.clusters import Agreement, contingency
from neuronsig.figures.style import INK, dress, layer_colours, layer_ticks, new_figure, styled


@styled
def tsne_by_layer(places: NDArray[np.float32], layers: NDArray[Any], source: str) -> Figure:
    """Neurons (n, 2) where t-SNE puts their vectors, coloured by layer (P1 Figure 2)."""
    found = sorted({int(layer) for layer in layers})
    row = np.searchsorted(found, layers)
    figure, axes = new_figure(6.4, 5.6)
    # Drawn in a fixed shuffled order: else the deepest layer lies on top of all others.
    order = np.random.default_rng(0).permutation(len(places))
    size = float(np.clip(16_000 / max(len(places), 1), 5, 40))
    colours = ListedColormap(layer_colours(len(found)))
    axes.scatter(
        places[order, 0], places[order, 1], c=[colours(int(i)) for i in row[order]], s=size, linewidths=0, alpha=0.85
    )
    axes.set_aspect("equal", adjustable="datalim")
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
    norm = BoundaryNorm(np.arange(-0.5, len(found) + 0.5), len(found))
    step = max(1, -(-len(found) // 16))
    bar = figure.colorbar(ScalarMappable(norm, colours), ax=axes, shrink=0.7, pad=0.02, aspect=24)
    bar.set_ticks(list(range(0, len(found), step)), labels=[str(x) for x in found[::step]])
    bar.minorticks_off()
    bar.ax.tick_params(length=0)
    bar.outline.set_visible(False)  # type: ignore[operator]
    bar.set_label("Layer (dark: shallow, light: deep)")
    subtitle = (
        f"t-SNE of {len(places):,} neurons, each the mean fastText vector of its top sentences.\n"
        "Near neurons answer to like text; distances between far groups mean little."
    )
    return dress(figure, "Neurons by what they respond to, coloured by layer", subtitle, source)


@styled
def clusters_by_layer(clusters: NDArray[Any], layers: NDArray[Any], found: Agreement, source: str) -> Figure:
    """Neurons of each layer (columns) in each cluster (rows); the matching that accuracy counts is framed."""
    table, rows, columns = contingency(clusters, layers)
    share = table / np.maximum(table.sum(axis=0), 1)  # of each layer
    wide, high = len(columns), len(rows)
    figure, axes = new_figure(max(5.2, 2.0 + 0.5 * wide), max(3.2, 1.7 + 0.36 * high))
    image = axes.imshow(share, aspect="auto", cmap="Blues", norm=PowerNorm(0.7, 0, max(float(share.max()), 0.01)))
    if wide <= 26 and high <= 30:
        for (row, column), n in np.ndenumerate(table):
            dark = float(np.asarray(image.norm(share[row, column]))) > 0.5
            colour = "white" if dark else INK
            weight = "bold" if found.matching.get(rows[row]) == columns[column] else "normal"
            number = f"{n:,}" if n else "·"
            axes.text(column, row, number, ha="center", va="center", fontsize=8, color=colour, fontweight=weight)
    for row, cluster in enumerate(rows):
        if cluster in found.matching:
            column = columns.index(found.matching[cluster])
            frame = Rectangle((column - 0.47, row - 0.46), 0.94, 0.92, fill=False, edgecolor="#D55E00", linewidth=1.8)
            axes.add_patch(frame)
    figure.colorbar(image, ax=axes, label="Share of the layer's neurons", format=lambda x, _: f"{x:.0%}", pad=0.03)
    layer_ticks(axes, columns)
    axes.set_yticks(range(high), [str(row) for row in rows])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set(xlabel="Layer", ylabel="Cluster (by mean layer)")
    subtitle = (
        f"Best one-to-one matching (framed): {found.accuracy:.1%} of the neurons;\n"
        f"by chance {found.chance_mean:.1%} (95th percentile {found.chance_high:.1%})"
    )
    return dress(figure, "Do clusters of neurons follow the layers?", subtitle, source)
