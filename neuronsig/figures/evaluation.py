"""How well signatures tell unseen sentences, by layer, beside what tells less."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from neuronsig.figures.style import CATEGORIES, INK, MUTED, OTHER_COLOUR, dress, layer_ticks, new_figure, styled
from neuronsig.neuron import SITES

MEASURES = (
    ("ap", "the signature", CATEGORIES[0]),
    ("words_ap", "its words alone", CATEGORIES[1]),
    ("length_ap", "the length alone", CATEGORIES[2]),
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
            positions=np.arange(len(found)) + 0.19 * (place - (len(MEASURES) - 1) / 2),
            widths=0.16,
            whis=(5, 95),
            showfliers=False,
            patch_artist=True,
            medianprops={"color": INK, "linewidth": 1.4, "solid_capstyle": "butt"},
            whiskerprops={"color": MUTED},
            showcaps=False,
            boxprops={"linewidth": 0, "facecolor": colour},
        )
    chance = float(np.median(table["chance"].to_numpy())) if table.num_rows else 0.0
    line = axes.axhline(chance, color=INK, linewidth=1.1, linestyle=(0, (4, 3)), zorder=0.6, label="chance")
    names = [int(layer) % 10_000 for layer in found]
    layer_ticks(axes, names)
    axes.set_xlim(-0.6, len(found) - 0.4)
    axes.set_ylim(0, None)
    axes.grid(axis="y")
    axes.set_xlabel("Layer")
    axes.set_ylabel("Average precision on unseen sentences")
    handles = [Patch(color=colour, label=name) for _, name, colour in MEASURES]
    axes.legend(handles=[*handles, line], loc="upper right", ncols=2)
    positives = f"{chance:.1%} of the sentences" if table.num_rows else "none"
    subtitle = (
        f"{table.num_rows:,} neurons: how well their signatures find, among sentences that mining has not seen,\n"
        f"those that activate them most ({positives}). Box: middle half, whiskers: 5 to 95 % of a layer's neurons"
    )
    return dress(figure, "How good are the signatures?", subtitle, source)
