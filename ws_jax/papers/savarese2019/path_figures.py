"""Figures of shortest paths: F1 while training, how far it carries, pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from ws_jax.analysis import statistics, style
from ws_jax.papers.savarese2019 import path_runs, runs
from ws_jax.papers.savarese2019.figures import SIMILARITY
from ws_jax.papers.savarese2019.path_runs import FURTHER, LARGER

_PANELS = (("val_f1", *FURTHER), ("val_exact", *LARGER))
_MOST_EPOCHS = 6  # small multiples in a row


def training_curves(rows: pd.DataFrame) -> Figure:
    """Draws F1 over epochs, on what is trained on and on each view.

    Args:
      rows: of one data set and length, as `path_runs.select` gives them.
    """
    trained = rows[rows["epoch"] > 0]
    nets = path_runs.nets(rows)
    figure, axes = style.make_axes(2, 3, height=1.75)
    with matplotlib.rc_context(style.STYLE):
        for metric, panel in zip(np.ravel(_PANELS), axes.flat, strict=True):
            panel.set_title(_title(rows, str(metric)))
            style.in_percent(panel)
            if metric not in trained.columns:
                continue
            for index, net in enumerate(nets):
                own = trained[trained["net"] == net].groupby("epoch")[metric]
                found, color = own.agg(["mean", "min", "max"]), style.series(index)
                panel.plot(found.index, found["mean"], color=color)
                panel.fill_between(
                    found.index, found["min"], found["max"], color=color, alpha=0.15,
                    linewidth=0,
                )  # fmt: skip
            column = f"{str(metric).removesuffix('_f1')}_ones_f1"
            if column in trained.columns:
                ones = trained.groupby("epoch")[column].mean().dropna()
                panel.plot(ones.index, ones, ":", color=style.INK)
        axes[0, 0].set_ylabel("F1 (%)")
        axes[1, 0].set_ylabel("Grids (%)")
        for panel in axes[1]:
            panel.set_xlabel("Epoch")
        for panel in axes.flat:
            panel.xaxis.set_major_locator(MaxNLocator(4, integer=True, prune="upper"))
    _net_legend(figure, nets, [Line2D([], [], color=style.INK, linestyle=":",
                                      label="all cells")])  # fmt: skip
    return figure


def _title(rows: pd.DataFrame, metric: str) -> str:
    if metric in LARGER:
        return f"{path_runs.asked(rows, metric)} cells"
    if metric in FURTHER:
        return f"{path_runs.asked(rows, metric)} steps"
    return {"val_f1": "Validation", "val_exact": "Every cell right"}[metric]


def _net_legend(figure: Figure, nets: Sequence[str], more: Sequence[Line2D] = ()):
    lines = [
        Line2D([], [], color=style.series(index), label=net)
        for index, net in enumerate(nets)
    ]
    style.legend(figure, [*lines, *more])


def extrapolation(rows: pd.DataFrame) -> Figure:
    """Draws F1 in the second half of training by distance, and by size of the grids.

    Args:
      rows: of one data set and length, as `path_runs.select` gives them.
    """
    nets, size = path_runs.nets(rows), path_runs.side(str(rows["data"].iloc[0]))
    trained = path_runs.asked(rows, "")
    panels = (
        ("Steps between the ends", ("val_f1", *FURTHER), trained),
        (
            "Size of the grids, in cells",
            ("val_f1", *LARGER),
            f"{size}×{size}" if size else "trained",
        ),
    )
    figure, axes = style.make_axes(1, len(panels), height=2.2)
    with matplotlib.rc_context(style.STYLE):
        for panel, (name, metrics, first) in zip(axes[0], panels, strict=True):
            for index, net in enumerate(nets):
                _points(panel, rows, metrics, net, index, len(nets))
            _dashes(panel, [path_runs.ones(rows, m, late=True) for m in metrics])
            panel.set_xticks(
                range(len(metrics)),
                [first, *(path_runs.asked(rows, view) for view in metrics[1:])],
            )
            panel.set_xlabel(name)
            style.in_percent(panel)
        axes[0, 0].set_ylabel("F1 (%)")
    _net_legend(figure, nets, [Line2D([], [], color=style.INK, label="all cells")])
    return figure


def _dashes(panel, values: Sequence[pd.Series]) -> None:
    """Marks the F1 of saying yes everywhere at each place, where it is known."""
    for place, known in enumerate(values):
        if len(known):
            ends = [place - 0.3, place + 0.3]
            panel.plot(ends, [known.mean()] * 2, color=style.INK, linewidth=0.9)


def _points(panel, rows, metrics, net: str, index: int, count: int) -> None:
    places, means, lows, highs = [], [], [], []
    for place, metric in enumerate(metrics):
        table = path_runs.by_seed(rows, metric, late=True)
        if net not in table.columns:
            continue
        found = statistics.corrected_t_test(table[net], 0.0)
        places.append(place + 0.08 * (index - (count - 1) / 2))
        means.append(found.mean)
        lows.append(found.mean - found.low)
        highs.append(found.high - found.mean)
    bars = np.nan_to_num([lows, highs])
    panel.errorbar(places, means, bars, fmt="o-", color=style.series(index),
                   linewidth=1, capsize=2)  # fmt: skip


def similarity_maps(rows: pd.DataFrame) -> Figure:
    """Draws the similarity of the layers of each shared network, epochs across.

    Args:
      rows: of one data set and length, as `path_runs.select` gives them.
    """
    nets = [net for net in path_runs.nets(rows) if net != path_runs.CNN]
    banks = [dict(runs.matrices(rows[rows["net"] == n], path_runs.BANK)) for n in nets]
    epochs = sorted({epoch for bank in banks for epoch in bank})
    if not epochs:
        return style.message("No similarities were measured.")
    places = np.linspace(0, len(epochs) - 1, min(len(epochs), _MOST_EPOCHS))
    shown = [epochs[round(place)] for place in places]
    with matplotlib.rc_context(style.STYLE):
        size = (style.WIDTH, 0.8 + 1.25 * len(nets))
        figure = Figure(figsize=size, layout="constrained")
        axes = figure.subplots(len(nets), len(shown), squeeze=False)
        for row, (net, bank) in enumerate(zip(nets, banks, strict=True)):
            for panel, epoch in zip(axes[row], shown, strict=True):
                panel.grid(visible=False)
                panel.set(xticks=[], yticks=[])
                if epoch in bank:
                    panel.imshow(bank[epoch], cmap="viridis", vmin=0, vmax=1)
                if row == 0:
                    panel.set_title(f"epoch {epoch}")
            axes[row, 0].set_ylabel(net.replace(", ", "\n"))
        shades = matplotlib.cm.ScalarMappable(
            matplotlib.colors.Normalize(0, 1), "viridis"
        )
        figure.colorbar(
            shades, ax=axes, orientation="horizontal", shrink=0.5, aspect=40,
            label=SIMILARITY,
        )  # fmt: skip
    return figure


def pictures(drawn: Any, predicted: dict[str, np.ndarray]) -> Figure:
    """Draws grids: what is asked, the label, and what networks say.

    Args:
      drawn: grids, as `grids.draw_grids` gives them.
      predicted: by network, the probability that a cell is on a path, [n, h, w].
    """
    obstacles, ends = np.asarray(drawn.obstacles), np.asarray(drawn.ends)
    columns = {"label": np.asarray(drawn.path, float), **predicted}
    count = len(obstacles), len(columns)
    with matplotlib.rc_context(style.STYLE):
        size = (style.WIDTH, 0.35 + 1.05 * style.WIDTH * count[0] / count[1])
        figure = Figure(figsize=size, layout="constrained")
        axes = figure.subplots(*count, squeeze=False)
        for grid, panels in enumerate(axes):
            for panel, (name, shades) in zip(panels, columns.items(), strict=True):
                panel.imshow(shades[grid], cmap="Blues", vmin=0, vmax=1.2)
                walls = np.ma.masked_where(~obstacles[grid], obstacles[grid])
                panel.imshow(walls, cmap="gray_r", vmin=0, vmax=1.4)
                y, x = np.nonzero(ends[grid])
                panel.plot(x, y, "o", color="#D55E00", markersize=3.5)
                panel.grid(visible=False)
                panel.set(xticks=[], yticks=[])
                panel.spines[:].set_visible(True)
                if grid == 0:
                    panel.set_title(name.replace(", ", "\n"), fontsize=8.5)
            panels[0].set_ylabel(f"{int(drawn.distance[grid])} steps")
    return figure
