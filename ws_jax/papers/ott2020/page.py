"""What the report shows of Ott et al. 2020: its numbers, claims and figures."""

from ws_jax.analysis.paper import Paper
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

PAPER = Paper(
    name="ott2020",
    citation=published.PAPER,
    data=tuple(published.SETTINGS),
    verdicts=judge.judge,
    tables=tables.all_tables,
    figures=gallery.items,
    left_out=runs.left_out,
    without_figures=runs.without_figures,
    pictures=pictures.items,
    question=answer.QUESTION,
    answer=answer.answer,
    takes=answer.TAKES,
    asks=runs.asks,
    words=answer.WORDS,
    comparisons=original.comparisons,
)
