"""Figures of the second paper from our results: accuracy and SNR, by condition.

Each takes tidy rows as `runs.own` returns them; without any it holds a line of words.
"""

from __future__ import annotations

import functools

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ws_jax.analysis import aggregate, curves, labels, statistics, style
from ws_jax.analysis.page import gallery
from ws_jax.papers.pogodin2021 import cadence, runs


def colours(names: list[str]) -> dict[str, object]:
    """Returns a colour for each condition, from the most sharing to none."""
    ramp = matplotlib.colormaps["plasma"]
    span = max(len(names) - 1, 1)
    return {name: ramp(0.85 * i / span) for i, name in enumerate(names)}


def over_epochs(rows: pd.DataFrame) -> Figure:
    """Draws accuracy on what is scored, and the logarithm of the SNR, over epochs."""
    shown = [m for m in ("val_acc", "snr") if rows[m].notna().any()]
    if not shown:
        return style.message("There are no results yet.")
    names = runs.order(set(rows["condition"]))
    colour = colours(names)
    figure, axes = style.make_axes(1, len(shown), 2.4)
    titles = {"val_acc": "Accuracy, %", "snr": runs.snr_title(rows)}
    with matplotlib.rc_context(style.STYLE):
        for panel, metric in zip(axes.flat, shown, strict=True):
            for name in names:
                own = rows[(rows["condition"] == name) & np.isfinite(rows[metric])]
                curves.draw_epochs(panel, own, metric, color=colour[name])
            panel.set_title(titles[metric])
            panel.set_xlabel("Epochs")
            if metric == "val_acc":
                style.in_percent(panel)
    style.legend(figure, [Line2D([], [], color=colour[n], label=n) for n in names])
    return figure


def by_condition(rows: pd.DataFrame) -> Figure:
    """Draws accuracy at the end by condition: each seed, and the mean's interval."""
    values = aggregate.run_values(rows, "val_acc", "last_quarter")
    values = values.assign(condition=rows.groupby("training")["condition"].first())
    values = values.dropna(subset=["value"])
    if values.empty:
        return style.message("There are no results yet.")
    names = runs.order(set(values["condition"]))
    told = [style.wrapped(name, 0.4 * style.WIDTH) for name in names]
    widest = max(map(style.text_width, told))
    figure, axes = style.make_axes(1, 1, 0.3 * len(names) + 0.6, left=widest + 0.15)
    (panel,) = axes.flat
    colour = colours(names)
    with matplotlib.rc_context(style.STYLE):
        for place, name in enumerate(names):
            own = values[values["condition"] == name]["value"]
            panel.plot(own, [place] * len(own), "o", color=colour[name], alpha=0.4)
            found = statistics.corrected_t_test(own, 0.0)
            if np.isfinite(found.low):
                panel.plot([found.low, found.high], [place] * 2, color=colour[name])
            panel.plot([found.mean], [place], "|", color=colour[name], markersize=12)
        panel.set_yticks(range(len(names)), told)
        panel.set_ylim(len(names) - 0.5, -0.5)
        panel.set_xlabel("Accuracy, %")
        panel.xaxis.set_major_formatter(lambda value, _: f"{100 * value:.4g}")
    return figure


def alike(rows: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """Parts runs as verdicts do, and says of what each part is."""
    if rows.empty:
        return []
    setting = runs.scored(rows) + runs.shifted(rows)
    return [
        (f"{labels.data(data)}, {labels.epochs(length)}, {words}", own)
        for (data, length, words), own in rows.groupby(["data", "epochs", setting])
    ]


def items(frame: pd.DataFrame) -> list[gallery.Item]:
    """Returns the figures for which there are results, by data set and length."""
    found = []
    for where, own in alike(runs.select(frame)):
        acted = cadence.note(own)
        found.append(
            gallery.Item(
                "",
                f"Sharing in sleep. {where}",
                "Accuracy, and the logarithm of the weights’ "
                "signal-to-noise ratio, averaged over layers; measured at the end of "
                "each epoch, when the weights have drifted since kernels were last "
                "shared (not where that is after every batch). It is over all inner "
                "sites of a layer, while sharing acts within sub-grids: it does not "
                "tell cadences apart. "
                f"{gallery.BANDS}{acted}",
                functools.partial(over_epochs, own),
            )
        )
        found.append(
            gallery.Item(
                "",
                f"By how often kernels are shared. {where}",
                "Mean over the last quarter of the epochs: each seed, their mean, and "
                f"its 95 % interval (t-test over seeds).{acted}",
                functools.partial(by_condition, own),
            )
        )
        if set(own["condition"]) & {runs.shared(every) for every in runs.CADENCES}:
            found.append(
                gallery.Item(
                    "",
                    f"Against how often kernels are shared. {where}",
                    "Mean over the last quarter of the epochs: each seed, and a line "
                    "through their means. Dashed: the convolution. Under each cadence: "
                    f"how often kernels were shared in all.{acted}",
                    functools.partial(against_cadence, own),
                )
            )
    return found


def against_cadence(rows: pd.DataFrame) -> Figure:
    """Draws accuracy and the logarithm of the SNR against how often kernels are shared.

    Points are seeds, averaged over the last quarter of the epochs, lines their means;
    dashed is the convolution, which has no kernels that could differ. A cadence that
    came to another one, since an epoch has fewer batches, says so; below it stands how
    often kernels were shared in all.
    """
    names = [*(runs.shared(every) for every in runs.CADENCES), runs.FREE]
    told = cadence.known(rows) if len(rows) else {}
    ticks = [told[n].tick if n in told else str(n) for n in runs.CADENCES] + ["never"]
    found = {metric: _at_end(rows, metric) for metric in ("val_acc", "snr")}
    if not any(name in found["val_acc"] for name in names):
        return style.message("There are no results yet.")
    figure, axes = style.make_axes(1, 2, 2.2)
    titles = {"val_acc": "Accuracy, %", "snr": runs.snr_title(rows)}
    with matplotlib.rc_context(style.STYLE):
        for panel, (metric, values) in zip(axes.flat, found.items(), strict=True):
            shown = [(i, values[n]) for i, n in enumerate(names) if n in values]
            for place, own in shown:
                panel.plot(
                    [place] * len(own), own, "o", color=style.series(0), alpha=0.5
                )
            means = [own.mean() for _, own in shown]
            panel.plot([place for place, _ in shown], means, color=style.series(0))
            if metric == "val_acc" and runs.CONV in values:
                mean = values[runs.CONV].mean()
                panel.axhline(mean, color=style.INK, linestyle="--", linewidth=0.8)
            panel.set_xticks(range(len(names)), ticks)
            panel.set_title(titles[metric])
            panel.set_xlabel("Batches from one sharing to the next")
        style.in_percent(axes.flat[0])
    line = Line2D([], [], color=style.INK, linestyle="--", label=runs.CONV)
    style.legend(figure, [line])
    return figure


def _at_end(rows: pd.DataFrame, metric: str) -> dict[str, pd.Series]:
    """Returns a measure of each run over its last quarter, by condition."""
    if rows.empty:
        return {}
    values = aggregate.run_values(rows, metric, "last_quarter")
    named = values.assign(condition=rows.groupby("training")["condition"].first())
    known = named.dropna(subset=["value"])
    return {str(name): own["value"] for name, own in known.groupby("condition")}
