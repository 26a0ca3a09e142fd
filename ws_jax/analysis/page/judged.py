"""Results judged for a page: what it says, before it is put into words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import pandas as pd

from ws_jax.analysis import aggregate, own_files
from ws_jax.analysis.page import standing
from ws_jax.analysis.page.paper import Paper, named
from ws_jax.analysis.page.standing import Own, Standing
from ws_jax.analysis.tables import Table


class Judged(NamedTuple):
    """What a page says of results.

    Attributes:
      frame: all results.
      rows: the same, as they are compared.
      standings: of each paper that they concern, in order.
      theirs: the rows that serve papers.
      tables: of these papers.
      own: what the sweeps ask themselves.
    """

    frame: pd.DataFrame
    rows: pd.DataFrame
    standings: Sequence[Standing]
    theirs: pd.DataFrame
    tables: Sequence[Table]
    own: Sequence[Own]

    @property
    def papers(self) -> list[Paper]:
        """Those that the results concern."""
        return [one.paper for one in self.standings]


def judge(
    frame: pd.DataFrame,
    records: Sequence[Mapping[str, Any]],
    papers: Sequence[Paper],
    join_lengths: bool,
) -> Judged:
    """Judges results; its arguments are those of `report.make_report`."""
    frame = frame.astype(dict.fromkeys(frame.select_dtypes("str"), "str"))
    frame = own_files.told_apart(aggregate.with_plan(frame, records), records)
    rows = named(aggregate.tidy(frame, join_lengths), papers)
    found = standing.standings(
        rows, [paper for paper in papers if paper.concerns(rows)]
    )
    papers = [one.paper for one in found]
    theirs = _of_papers(rows, papers)
    by_paper = [paper.tables(paper.rows_of(theirs, papers)) for paper in papers]
    built = [table for made in by_paper for table in made]
    held = aggregate.of_sweeps(frame)
    own = standing.own_studies(rows, found, by_paper, held)
    return Judged(frame, rows, found, theirs, built, own)


def _of_papers(rows: pd.DataFrame, papers: Sequence[Paper]) -> pd.DataFrame:
    """Returns rows on data that a paper has numbers for, or that ask what it asks."""
    names = [
        data
        for data, own in rows.groupby("data")
        if any(data in paper.data or paper.asks(own) for paper in papers)
    ]
    return rows[rows["data"].isin(names)]
