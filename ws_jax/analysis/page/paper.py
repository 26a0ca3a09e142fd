"""What the report shows of a paper, as a value that the paper's module makes."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from ws_jax.analysis.claims.verdicts import Verdict
from ws_jax.analysis.page.gallery import Item
from ws_jax.analysis.tables import Table


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Results beside numbers of a paper that stand in none of its tables.

    Attributes:
      title: of the table.
      note: what is compared, and what stands out.
      cells: the table, as text; all but its first two columns are numbers.
    """

    title: str
    note: str
    cells: pd.DataFrame


@dataclasses.dataclass(frozen=True)
class Paper:
    """The sections that a paper has on a page of results.

    Attributes:
      name: of its module in `ws_jax.papers`.
      citation: where its numbers stand.
      data: data sets that it gives numbers for.
      verdicts: judges its claims on tidy results.
      tables: builds its tables from tidy results, with or without values.
      figures: lists those of its figures that tidy results can fill.
      selected: returns those of tidy rows that its tables, figures and verdicts are
        about, by which all others are known.
      left_out: names the runs that its tables, figures and verdicts leave out, and why.
      without_figures: names the runs that have no figure among its own.
      pictures: lists pictures that it makes of one image, [h, w, c] in [0, 1].
      question: what it asks; empty if nothing is answered.
      answer: answers that in a few sentences, from tidy results; none where they do
        not answer it.
      takes: what an answer takes, in words that follow a colon.
      called: what it calls a data set that results have by another name.
      asks: whether results on a data set that it has no numbers for ask its question,
        from their tidy rows.
      words: what a newcomer must know, each with its explanation.
      words_of: more of them, from tidy results: names of their data, say.
      named: returns tidy results in which `setting` calls its networks as its figures
        do.
      comparisons: sets tidy results beside other numbers of the paper.
      method: how its claims are judged, beyond what holds for all papers: what is read
        of a run, and how intervals are made; in sentences.
      concerns: whether it has anything to say of tidy results; if not, a page does not
        name it.
      kernels: lists pictures of kernels in the checkpoints that folders hold.
      beside: lists figures of what was written in folders or beside them by other
        commands than sweeps, records of foldings say.
    """

    name: str
    citation: str
    data: tuple[str, ...]
    verdicts: Callable[[pd.DataFrame], list[Verdict]]
    tables: Callable[[pd.DataFrame], list[Table]]
    figures: Callable[[pd.DataFrame], list[Item]]
    selected: Callable[[pd.DataFrame], pd.DataFrame]
    left_out: Callable[[pd.DataFrame], list[str]]
    without_figures: Callable[[pd.DataFrame], list[str]]
    pictures: Callable[[np.ndarray], list[Item]]
    question: str = ""
    answer: Callable[[pd.DataFrame], list[str]] = lambda rows: []
    takes: str = ""
    called: Callable[[str], str] = lambda name: name
    asks: Callable[[pd.DataFrame], bool] = lambda rows: False
    words: tuple[tuple[str, str], ...] = ()
    words_of: Callable[[pd.DataFrame], Sequence[tuple[str, str]]] = lambda rows: ()
    named: Callable[[pd.DataFrame], pd.DataFrame] = lambda rows: rows
    comparisons: Callable[[pd.DataFrame], list[Comparison]] = lambda rows: []
    method: str = ""
    concerns: Callable[[pd.DataFrame], bool] = lambda rows: True
    kernels: Callable[[Sequence[str | os.PathLike]], list[Item]] = lambda folders: []
    beside: Callable[[Sequence[str | os.PathLike]], list[Item]] = lambda folders: []

    def rows_of(self, rows: pd.DataFrame, papers: Sequence[Paper]) -> pd.DataFrame:
        """Returns the rows that it may show: on published data, or that ask for it.

        Args:
          rows: tidy.
          papers: all on the page; data that any of them has numbers for are published.
        """
        published = {data for paper in papers for data in paper.data}
        names = [
            data
            for data, own in rows.groupby("data")
            if data in published or self.asks(own)
        ]
        return rows[rows["data"].isin(names)]


def named(rows: pd.DataFrame, papers: Sequence[Paper]) -> pd.DataFrame:
    """Returns tidy results in which each paper's networks have its names."""
    for paper in papers:
        rows = paper.named(rows)
    return rows
