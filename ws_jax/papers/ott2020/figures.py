"""The paper's figures from our results.

Each function returns a matplotlib figure, whatever results there are; without any it
holds one line of words. Figures 3 to 6 and C.1, C.2 follow the pictures that come with
the released code (`Results/Figures`): panels over epochs, one colour per level. What is
ours: the median with the range over folds for the mean with its error, the model side
by side with both initialisations, and the summaries against level or probability.
"""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ws_jax.analysis import aggregate, curves, labels, settings, style, wording
from ws_jax.papers.ott2020 import published, runs

DISTANCES = ("dist_1", "dist_4", "cos_1", "cos_4")
_SEVERED = ("acc", "val_acc", "translation", "rotation", "noise", "edge_noise")


def _of(frame: pd.DataFrame, data: str, semantics: str) -> tuple[pd.DataFrame, str]:
    """Picks the runs of a figure, and names those that are not in it.

    Of several settings or lengths that with most runs is drawn; `gallery.items` has a
    figure for each.
    """
    chosen = runs.select(frame, data)
    rows = chosen.rows[chosen.rows["semantics"] == semantics]
    (words, own), *others = settings.parts(rows)
    apart = [name for part in others for name in wording.named(part[1], part[0])]
    apart += chosen.left_out
    text = f"Only {words}. " if words else ""
    return own, text + (f"Left out: {'; '.join(apart)}." if apart else "")


def accuracy_curves(
    frame: pd.DataFrame,
    data: str,
    semantics: str,
    kind: str = "translation",
    metrics: Sequence[str] = ("acc", "val_acc", "translation"),
) -> Figure:
    """Draws Figure 3 (MNIST) or 4 (CIFAR-10): learning curves by level.

    Rows: training, validation and translated validation accuracy. Columns: the models
    (the paper has the FCN left and the CNN right).
    """
    rows, note = _of(frame, data, semantics)
    rows = aggregate.of_kind(rows[rows["vcp"] == 0], kind)
    shown = [m for m in metrics if rows[m].notna().any()]
    return style.noted(curves.learning_curves(rows, shown), note)


def accuracy_levels(
    frame: pd.DataFrame,
    data: str,
    semantics: str,
    kind: str = "translation",
    metrics: Sequence[str] = ("acc", "val_acc", "translation"),
) -> Figure:
    """Draws the summary of `accuracy_curves`: medians against level. It is ours.

    Crosses are the published medians; hollow markers lack folds.
    """
    paper = None
    if data in published.SETTINGS and kind != "none":
        paper = published.table(data, kind).values
    rows, note = _of(frame, data, semantics)
    return style.noted(curves.level_curves(rows, kind, metrics, paper), note)


def distances(
    frame: pd.DataFrame, data: str, semantics: str, init: str, kind: str = "translation"
) -> Figure:
    """Draws Figure 5: distances of the first layer's kernels over epochs, by level.

    Columns: Chebyshev radius 1 and 4. Rows: Euclidean distance, as the paper shows for
    MNIST, and cosine distance, as it shows for CIFAR-10. With `kind="rotation"` and
    `kind="noise"` these are Figures B.6 and B.7.
    """
    rows, note = _of(frame, data, semantics)
    rows = aggregate.of_kind(rows, kind)
    rows = aggregate.matching(rows, model="fcn", init=init, vcp=0)
    shown = [m for m in DISTANCES if rows[m].notna().any()]
    if not shown:
        return style.message("No distances measured yet.")
    panels = [curves.Panel(labels.metric(m), "", rows, m) for m in shown]
    figure = curves.by_setting(panels, 2, "aug")
    start = rows[rows["epoch"] == 0]
    for panel, metric in zip(figure.axes, shown, strict=False):
        if start[metric].notna().any():
            panel.axhline(
                start[metric].mean(), color=style.INK, linewidth=0.7, linestyle="--"
            )
    return style.noted(figure, note)


def swap(frame: pd.DataFrame, semantics: str, data: Sequence[str] = ()) -> Figure:
    """Draws Figure 6: accuracy on quadrant-swapped images over epochs, at level 0.

    The paper shows MNIST; ours has a panel for each data set with such runs.
    """
    rows = aggregate.tidy(frame)
    rows = aggregate.matching(rows, semantics=semantics, aug=0, vcp=0)
    rows = rows[rows["swap"].notna()]
    names = list(data) or sorted(rows["data"].unique())
    picked = {name: _of(rows, name, semantics) for name in names}
    chosen = {name: part for name, (part, _) in picked.items() if len(part)}
    notes = [note for _, note in picked.values() if note]
    if not chosen:
        return style.message("No quadrant-swapped validation at level 0 yet.")
    models = aggregate.variants(rows)
    inits = {init for _, init, model in models if model != "cnn"}
    figure, axes = style.make_axes(1, len(chosen), height=2.1)
    with matplotlib.rc_context(style.STYLE):
        for panel, (name, part) in zip(axes.flat, chosen.items(), strict=True):
            for _, init, model in models:
                own = aggregate.matching(part, model=model, init=init)
                line = style.model_style(model, init)
                curves.draw_epochs(panel, own, "swap", **line)
            panel.set_title(f"Quadrant swap, {labels.data(name)}")
            panel.set_xlabel("Epoch")
            style.in_percent(panel)
    handles = [
        Line2D(
            [],
            [],
            label=curves.model_name(model, init, inits),
            **style.model_style(model, init),
        )
        for _, init, model in models
    ]
    style.legend(figure, handles)
    return style.noted(figure, " ".join(notes))


def _severed(frame, data, semantics, init, severing) -> tuple[pd.DataFrame, str]:
    rows = aggregate.tidy(frame)
    # What was severed tells which settings matter.
    severed = rows[rows["severing"].isin([severing, "none"])]
    keys = settings.SETTING
    alike = severed.loc[severed["vcp"] > 0, keys].drop_duplicates()
    rows = severed.merge(alike, on=keys)
    rows, note = _of(rows, data, semantics)
    rows = aggregate.of_kind(rows, "translation")
    rows = aggregate.matching(rows, model="fcn", init=init)
    severed = rows[rows["severing"] == severing]
    plain = rows[rows["vcp"] == 0]
    for name in ("aug", "fold"):  # of the images that the severed ones saw
        plain = plain[plain[name].isin(severed[name].unique())]
    return pd.concat([plain, severed]), note


def severing_curves(
    frame: pd.DataFrame, data: str, semantics: str, init: str, severing: str
) -> Figure:
    """Draws Figure C.1 (MNIST) or C.2 (CIFAR-10): learning curves by probability.

    As in the released code, a curve pools all levels; panels: training, plain,
    translated, rotated, noisy and edge-noise validation.
    """
    rows, note = _severed(frame, data, semantics, init, severing)
    shown = [m for m in _SEVERED if rows[m].notna().any()]
    if rows[rows["vcp"] > 0].empty or not shown:
        return style.message("No runs with severed connections yet.")
    panels = [curves.Panel(labels.metric(m), "", rows, m) for m in shown]
    return style.noted(curves.by_setting(panels, 2, "vcp"), note)


def severing_levels(
    frame: pd.DataFrame,
    data: str,
    semantics: str,
    init: str,
    severing: str,
    metrics: Sequence[str] = ("acc", "val_acc", "translation"),
) -> Figure:
    """Draws accuracy against the probability of severing, by level. It is ours."""
    rows, note = _severed(frame, data, semantics, init, severing)
    if rows[rows["vcp"] > 0].empty:
        return style.message("No runs with severed connections yet.")
    shown = [m for m in metrics if rows[m].notna().any()]
    levels = sorted(rows["aug"].unique())
    colours = style.colours(levels)
    figure, axes = style.make_axes(1, len(shown), height=1.8)
    with matplotlib.rc_context(style.STYLE):
        for panel, metric in zip(axes.flat, shown, strict=True):
            cells = aggregate.cells(rows, [metric], "all_epochs")
            for level, part in cells.groupby("aug"):
                part = part.sort_values("vcp")
                panel.plot(part["vcp"], part["value"], "o-", color=colours[level])
            panel.set_title(labels.short_metric(metric))
            style.over_levels(panel, "Probability of severing p")
            style.in_percent(panel)
        style.letters(axes)
    style.legend(figure, style.handles(levels), "Level")
    return style.noted(figure, note)
