"""The one style of all figures: fonts, palettes safe for the colour-blind, title, source note, and saving."""

import io
from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from neuronsig.storage.whole_files import atomic_write

INK, MUTED, GRID = "#1f2933", "#5f6c7b", "#dde3ea"
# Okabe and Ito (2008), the darker ones first; grey is kept for "other".
CATEGORIES = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#8a6d3b")
OTHER_COLOUR = "#b8c0c8"
SETTINGS: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "axes.titlesize": 10,
    "axes.labelsize": 10,
    "axes.labelcolor": INK,
    "axes.edgecolor": MUTED,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": False,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "legend.fontsize": 9,
    "legend.frameon": False,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "svg.hashsalt": "neuronsig",
    "svg.fonttype": "path",
}
DPI = 200
_P = ParamSpec("_P")


def styled(draw: Callable[_P, Figure]) -> Callable[_P, Figure]:
    """Decorator: draw a figure under the house style, whatever the caller's matplotlib settings are."""

    @wraps(draw)
    def wrapper(*args: _P.args, **kwargs: _P.kwargs) -> Figure:
        with mpl.rc_context(SETTINGS):
            return draw(*args, **kwargs)

    return wrapper


def layer_colours(n: int) -> list[Any]:
    """One colour a layer from shallow (dark) to deep (light): viridis without its palest part, which fades on white."""
    return [mpl.colormaps["viridis"](x) for x in (np.linspace(0.0, 0.92, n) if n > 1 else [0.45])]


def new_figure(width: float, height: float) -> tuple[Figure, Axes]:
    """A figure of one panel, in inches; title and note are added by `dress`."""
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.add_subplot()


def dress(figure: Figure, title: str, subtitle: str, source: str) -> Figure:
    """Title that says what is seen, a quieter line below it, and the source at the foot, all flush left."""
    width, height = figure.get_size_inches()
    lines = 1 + subtitle.count("\n") if subtitle else 0
    top = 0.34 + 0.185 * lines
    foot = 0.26
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.set(rect=(0.0, foot / height, 1.0, 1 - (top + foot) / height))  # type: ignore[call-arg]
    left = 0.1 / width
    figure.text(left, 1 - 0.08 / height, title, ha="left", va="top", fontsize=12, fontweight="bold")
    if subtitle:
        figure.text(left, 1 - 0.32 / height, subtitle, ha="left", va="top", fontsize=9, color=MUTED, linespacing=1.3)
    figure.text(left, 0.07 / height, source, ha="left", va="bottom", fontsize=7.5, color=MUTED)
    return figure


def layer_ticks(axes: Axes, layers: Sequence[int], axis: str = "x") -> None:
    """Name the positions 0, 1, ... after layers; every second, third, ... one when there are many."""
    step = max(1, -(-len(layers) // 16))
    places = list(range(0, len(layers), step))
    set_ticks = axes.set_xticks if axis == "x" else axes.set_yticks
    set_ticks(places, [str(layers[place]) for place in places])


def save(figure: Figure, folder: Path, name: str) -> None:
    """Write NAME.png and NAME.svg whole or not at all; the same figure gives the same bytes."""
    with mpl.rc_context(SETTINGS):
        for suffix, metadata in ((".png", {"Software": None}), (".svg", {"Date": None, "Creator": "neuronsig"})):
            drawn = io.BytesIO()
            figure.savefig(drawn, format=suffix[1:], dpi=DPI, metadata=metadata)
            atomic_write(folder / f"{name}{suffix}", drawn.getvalue())
