"""What the report shows of Ott et al. 2020: its numbers, claims and figures."""

import pandas as pd

from ws_jax.analysis.page.paper import Paper
from ws_jax.papers.ott2020 import (
    answer,
    gallery,
    judge,
    original,
    pictures,
    published,
    runs,
    tables,
)

_METHOD = """Each fold counts with the mean over the second half of its epochs, with the
last epoch for distances, unless a check says otherwise. Intervals are those of the
corrected resampled t-test (Nadeau and Bengio 2003), since folds share training images:
with five folds the mean ± 1.86 standard deviations. Five folds show differences that
are clearly larger than the spread between folds, and no smaller ones. They cannot tell
the luck of a start from the difficulty of a fold. Nothing is judged after fewer epochs
than the paper’s patience, neither for a claim nor against it."""


def _concerns(rows: pd.DataFrame) -> bool:
    """Returns whether there are its data, its question on others, or nothing yet."""
    data = rows.groupby("data")
    asked = any(name in published.SETTINGS or runs.asks(own) for name, own in data)
    return rows.empty or asked


PAPER = Paper(
    name="ott2020",
    citation=published.PAPER,
    data=tuple(published.SETTINGS),
    verdicts=judge.judge,
    method=_METHOD,
    tables=tables.all_tables,
    figures=gallery.items,
    selected=runs.selected,
    left_out=runs.left_out,
    without_figures=runs.without_figures,
    pictures=pictures.items,
    question=answer.QUESTION,
    answer=answer.answer,
    takes=answer.TAKES,
    asks=runs.asks,
    concerns=_concerns,
    words=answer.WORDS,
    comparisons=original.comparisons,
)
