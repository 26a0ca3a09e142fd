"""Figures of the third paper: similarity maps, accuracy by size, folding."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ws_jax.analysis import style
from ws_jax.papers.savarese2019 import runs

_MOST_EPOCHS = 6  # small multiples in a row


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
    figure, axes = style.make_axes(len(banks), len(shown), height=1.15)
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
        bar = figure.add_axes((0.3, 0.06, 0.4, 0.02))
        shades = matplotlib.cm.ScalarMappable(
            matplotlib.colors.Normalize(0, 1), "viridis"
        )
        figure.colorbar(shades, cax=bar, orientation="horizontal")
    return figure


def size_and_accuracy(rows: pd.DataFrame) -> Figure:
    """Draws accuracy in the best validation epoch against parameters.

    Args:
      rows: of one data set, as `runs.select` gives them.
    """
    ends = runs.best(rows)
    figure, axes = style.make_axes(1, 1, height=2.6)
    panel, count = axes[0, 0], ends["title"].nunique()
    shades = matplotlib.colormaps["plasma"](np.linspace(0.05, 0.8, max(count, 1)))
    with matplotlib.rc_context(style.STYLE):
        for index, (title, own) in enumerate(ends.groupby("title")):
            plain = str(title).startswith("WRN")
            panel.plot(
                own["parameters"],
                own["score"],
                "s" if plain else "o",
                fillstyle="none" if plain else "full",
                color=shades[index],
                label=f"{title}",
            )
        panel.set_xscale("log")
        panel.set_xlabel("Parameters")
        panel.set_ylabel("Accuracy (%)")
        style.in_percent(panel)
    style.legend(figure, panel.get_legend_handles_labels()[0])
    return figure


def fold_curve(report: Mapping[str, Any]) -> Figure:
    """Draws what folding costs and saves, by threshold.

    Args:
      report: as `fold_run.fold_run` returns it, or `fold.json` holds it.
    """
    entries = sorted(report["foldings"], key=lambda entry: entry["threshold"])
    thresholds = [entry["threshold"] for entry in entries]
    before = report["before"]
    metric = "test_acc" if "test_acc" in before else "val_acc"
    changes = [max(max(own) for own in entry["change"]) for entry in entries]
    curves = (
        ("Accuracy (%)", [entry["after"][metric] for entry in entries]),
        ("Largest change of a kernel (%)", changes),
        (
            "Parameters left (%)",
            [e["parameters"] / report["parameters"] for e in entries],
        ),
    )
    figure, axes = style.make_axes(1, len(curves), height=1.9)
    with matplotlib.rc_context(style.STYLE):
        for panel, (name, values) in zip(axes[0], curves, strict=True):
            panel.plot(thresholds, values, "o-", color="#1F83C4")
            panel.set_title(name)
            panel.set_xlabel("Threshold")
            style.in_percent(panel)
        axes[0, 0].axhline(before[metric], color=style.INK, linestyle=":")
    return figure
