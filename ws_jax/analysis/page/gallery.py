"""Figures that results can fill, with their names and captions."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable

import pandas as pd
from matplotlib.figure import Figure

from ws_jax.analysis import aggregate, curves, labels, settings, varying, watched

# How to read curves over epochs.
LINES = "Lines are medians over folds and seeds, bands their whole range; a line is "
LINES += "dotted where some runs have stopped."
BANDS = f"{LINES} In long trainings the first tenth of the epochs may be out of view."


@dataclasses.dataclass(frozen=True)
class Item:
    """A figure that some results can fill.

    Attributes:
      name: as in the paper, or empty where the paper has none like it.
      title: what it is about.
      caption: how to read it.
      draw: makes it.
    """

    name: str
    title: str
    caption: str
    draw: Callable[[], Figure]


def sweep_curves(
    frame: pd.DataFrame,
    named: Callable[[pd.DataFrame], pd.DataFrame] = lambda rows: rows,
) -> list[Item]:
    """Returns learning curves of every sweep, with all that was evaluated in it.

    They show the sweep as it was run: nothing is left out for standing elsewhere too.
    Colours tell what most of its runs differ in (level, probability or rate); the
    others of these have figures of their own, and settings columns of their own.

    Args:
      frame: results, as `ws_jax.results.read` gives them.
      named: gives networks their names in tidy rows.
    """
    found = []
    for sweep, part in frame.groupby("sweep") if len(frame) else ():
        for data, rows in named(aggregate.tidy(part)).groupby("data"):
            by = max(_COLOURS, key=lambda column: rows[column].nunique())
            kinds = sorted(set(rows.loc[rows["aug"] > 0, "aug_type"])) or [""]
            for kind in kinds:
                # What has no level stands in columns of its own, beside level 0.
                own = rows[(rows["aug_type"] == kind) | (rows["aug"] == 0)]
                keys = [k for k in _COLOURS if k != by]
                for words, chosen in settings.parts(own, keys):
                    title = f"{sweep}: {labels.data(data)}"
                    title += f", {labels.kind(kind)}" if kind else ""
                    found.append(_curves(chosen, title, words, by))
    return found


_MOST_MEASURES = 4  # that are drawn for every network; a deep one has many
_DISTANCES = ("dist_1", "dist_4", "cos_1", "cos_4")
_COLOURS = ("aug", "vcp", "learning_rate")


def _curves(rows: pd.DataFrame, title: str, words: str, by: str) -> Item:
    first, views = curves.ACCURACIES[:2], curves.ACCURACIES[2:]
    measures = watched.own_measures(rows)
    drawn = measures if len(measures) <= _MOST_MEASURES else []
    scores = ("loss", "val_loss", *first, *watched.own_metrics(rows), *views)
    metrics = [m for m in (*scores, *drawn) if rows[m].notna().any()]
    kernels = [m for m in _DISTANCES if rows[m].notna().any()]
    rest = ", ".join([*kernels, *(m for m in measures if m not in drawn)])
    common = ", ".join(curves.common_words(rows, by))
    return Item(
        "",
        f"{title}, {words}" if words else title,
        f"{'What' if rest else 'All that'} was evaluated, over epochs. {BANDS} "
        f"Behind each line: {varying.repeats(rows)}."
        + (f" Columns of the results that are not drawn here: {rest}." if rest else "")
        + (f" All panels: {common}." if common else ""),
        functools.partial(curves.learning_curves, rows, metrics, by),
    )
