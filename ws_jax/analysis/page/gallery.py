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
    Colours tell what most of its runs differ in (level, probability, rate or coupling);
    others of the first three have figures of their own, settings columns. If runs
    differ in none of these, and in one number of the config, colours tell that.

    Args:
      frame: results, as `ws_jax.results.read` gives them.
      named: gives networks their names in tidy rows.
    """
    found = []
    for sweep, part in frame.groupby("sweep") if len(frame) else ():
        for data, rows in named(aggregate.tidy(part)).groupby("data"):
            rows, by = _coloured(rows)
            kinds = sorted(set(rows.loc[rows["aug"] > 0, "aug_type"])) or [""]
            for kind in kinds:
                # What has no level stands in columns of its own, beside level 0.
                own = rows[(rows["aug_type"] == kind) | (rows["aug"] == 0)]
                keys = [k for k in _APART if k != by]
                for words, chosen in settings.parts(own, keys):
                    title = f"{sweep}: {labels.data(data)}"
                    title += f", {labels.kind(kind)}" if kind else ""
                    found.append(_curves(chosen, title, words, by))
    return found


_MOST_MEASURES = 4  # that are drawn for every network; a deep one has many
_DISTANCES = ("dist_1", "dist_4", "cos_1", "cos_4")
_APART = ("aug", "vcp", "learning_rate")  # what has figures of its own
_COLOURS = (*_APART, "coupling")


def _coloured(rows: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """Returns tidy rows, and the column that colours tell, which leaves `setting`."""
    counts = {column: rows[column].nunique() for column in _COLOURS}
    # Phases that differ have columns of their own.
    counts["coupling"] = rows.groupby("phase")["coupling"].nunique().max()
    by = max(_COLOURS, key=counts.__getitem__)
    field = settings.sole_number(rows) if counts[by] < 2 else ""
    return (rows.assign(setting=""), field) if field else (rows, by)


def _curves(rows: pd.DataFrame, title: str, words: str, by: str) -> Item:
    measures = watched.own_measures(rows)
    drawn = measures if len(measures) <= _MOST_MEASURES else []
    own = watched.own_metrics(rows)
    scores = ("loss", "val_loss", *curves.SCORES, *own, *watched.VIEWS)
    metrics = [m for m in (*scores, *drawn) if rows[m].notna().any()]
    vectors = watched.own_vectors(rows)
    kernels = [m for m in _DISTANCES if rows[m].notna().any()]
    rest = ", ".join([*kernels, *(m for m in measures if m not in drawn), *vectors])
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
