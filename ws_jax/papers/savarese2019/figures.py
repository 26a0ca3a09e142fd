"""Figures of the third paper: similarity maps, and accuracy by size."""

from __future__ import annotations

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

from ws_jax.analysis import style
from ws_jax.papers.savarese2019 import runs

_MOST_EPOCHS = 6  # small multiples in a row
SIMILARITY = "Similarity of two layers"  # of colour bars
_SIGNS = ("o", "^", "D", "v", "P", "X")  # of networks with templates, by their number


def similarity_maps(rows: pd.DataFrame) -> Figure:
    """Draws the similarity of layers, stages down and epochs across.

    Args:
      rows: of one network with templates, as `runs.select` gives them.
    """
    banks = [runs.matrices(rows, column) for column in runs.BANKS]
    epochs = sorted({epoch for bank in banks for epoch, _ in bank})
    if not epochs:
        return style.message("No similarities were measured.")
    places = np.linspace(0, len(epochs) - 1, min(len(epochs), _MOST_EPOCHS))
    shown = [epochs[round(place)] for place in places]
    side = min(1.15, style.panel_width(len(shown)))  # maps are squares
    figure, axes = style.make_axes(len(banks), len(shown), height=side)
    with matplotlib.rc_context(style.STYLE):
        for stage, bank in enumerate(banks):
            known = dict(bank)
            for panel, epoch in zip(axes[stage], shown, strict=True):
                panel.grid(False)
                panel.set_xticks([])
                panel.set_yticks([])
                if epoch in known:
                    panel.imshow(known[epoch], cmap="viridis", vmin=0, vmax=1)
                if stage == 0:
                    panel.set_title(f"epoch {epoch}")
            axes[stage][0].set_ylabel(f"stage {stage + 1}")
        high = figure.get_figheight()
        bar = figure.add_axes((0.3, 0.47 / high, 0.4, 0.11 / high))
        shades = matplotlib.cm.ScalarMappable(
            matplotlib.colors.Normalize(0, 1), "viridis"
        )
        figure.colorbar(shades, cax=bar, orientation="horizontal", label=SIMILARITY)
    return figure


def size_and_accuracy(rows: pd.DataFrame) -> Figure:
    """Draws accuracy in the best validation epoch against parameters.

    Colours tell depth and width, signs the templates: a point for each run, small, and
    the mean of a network's runs, large.

    Args:
      rows: of one data set, as `runs.select` gives them.
    """
    ends = runs.best(rows)
    shapes = sorted(set(zip(ends["depth"], ends["width"], strict=True)))
    counts = sorted(set(ends["templates"]))
    figure, axes = style.make_axes(1, 1, height=2.6)
    panel, handles = axes[0, 0], []
    with matplotlib.rc_context(style.STYLE):
        for title in network_order(ends):
            own = ends[ends["title"] == title]
            depth, width, templates = own[["depth", "width", "templates"]].iloc[0]
            color = style.series(shapes.index((depth, width)))
            sign = _SIGNS[counts.index(templates) % len(_SIGNS)] if templates else "s"
            size, mean = own["parameters"], own["score"].mean()
            fill = {"color": color, "fillstyle": "full" if templates else "none"}
            panel.plot(size, own["score"], sign, alpha=0.55, markersize=3.5, **fill)
            panel.plot([size.iloc[0]], [mean], sign, markersize=9, **fill)
            handles.append(
                Line2D([], [], linestyle="none", marker=sign, label=title, **fill)
            )
        _size_ticks(panel, ends["parameters"])
        panel.set_xlabel("Parameters")
        panel.set_ylabel("Accuracy (%)")
        style.in_percent(panel)
    style.legend(figure, handles)
    return figure


def network_order(rows: pd.DataFrame) -> list[str]:
    """Returns the networks of some rows, by depth, width and templates."""
    known = rows[["depth", "width", "templates", "title"]].drop_duplicates()
    return known.sort_values(["depth", "width", "templates"])["title"].tolist()


def _size_ticks(panel: Axes, sizes: pd.Series) -> None:
    """Writes numbers of parameters in thousands or millions, by powers if it must."""
    if sizes.max() > 8 * sizes.min():
        panel.set_xscale("log")
        panel.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        panel.xaxis.set_minor_formatter(NullFormatter())
    else:
        panel.xaxis.set_major_locator(MaxNLocator(6, prune="upper"))

    def text(value: float, _: int) -> str:
        return f"{value / 1e6:.4g} M" if value >= 1e6 else f"{value / 1e3:.4g} k"

    panel.xaxis.set_major_formatter(text)
