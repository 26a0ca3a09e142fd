"""Runs that records plan: seeds of cells that have begun, and cells that have not.

A network of which no run has begun has no row. To claims it is a network all of whose
seeds are not there, as it will be once its first run has begun; so that a verdict does
not turn when the last network of a sweep begins, nor where all runs of one are deleted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd

from ws_jax.analysis import settings
from ws_jax.storage.results import RUN_COLUMNS, make_frame
from ws_jax.storage.standins import IDENTITY_COLUMNS, OLD

SEEDS = "planned_seed_numbers"  # a column: those of a cell, as "0 1 2"
FOLD_SEEDS = "planned_seed_numbers_of_fold"  # the same of a cell's fold
NOT_BEGUN = "not_begun"  # a column: runs of other cells, one `Plan` for all rows
STATUS = "planned"  # of the rows that stand for these runs
_NEEDED = {*RUN_COLUMNS, *IDENTITY_COLUMNS}


class Plan:
    """Runs that were planned, of cells that have no row."""

    def __init__(self, runs: Sequence[Mapping[str, Any]]):
        """Takes the columns of runs, as records have them."""
        self.runs = tuple(runs)

    def __repr__(self) -> str:
        return f"<{len(self.runs)} runs that have not begun>"


def with_not_begun(
    frame: pd.DataFrame, records: Sequence[Mapping[str, Any]]
) -> pd.DataFrame:
    """Adds the runs of cells that were planned and have no row, where there are any.

    Args:
      frame: results with cells.
      records: of the sweeps, as `ws_jax.results.read_records` gives them.

    Returns:
      The same with a column `NOT_BEGUN`, or as it was.
    """
    cells = set(frame["cell"])
    # Stand-ins for the cells of an old table are not those of its record.
    old = frame[frame["cell"].str.startswith(OLD)]
    begun = set(zip(old["sweep"], old["run"], strict=True))
    runs = [
        run | _fingerprint(record)
        for record in records
        for chunk in record["chunks"]
        for run in chunk["runs"]
        if run.keys() >= _NEEDED
        and run["cell"] not in cells
        and (run["sweep"], run["run"]) not in begun
    ]
    if not runs:
        return frame
    column = pd.Series([Plan(runs)] * len(frame), frame.index, dtype="object")
    return frame.assign(**{NOT_BEGUN: column})


def _fingerprint(record: Mapping[str, Any]) -> dict[str, str]:
    """Returns which images in which order runs see, as `ws_jax.results.read` does."""
    known = record.get("data", {}).get("fingerprint")
    return {"data.fingerprint": str(known)[:12]} if known else {}


def joined(
    rows: pd.DataFrame, select: Callable[[pd.DataFrame], pd.DataFrame]
) -> pd.DataFrame:
    """Adds to a paper's rows one for each of its runs that have not begun.

    These have the status `STATUS`, epoch 0, and no measure.

    Args:
      rows: tidy, as `select` returned them.
      select: picks a paper's rows of results.
    """
    if rows.empty or NOT_BEGUN not in rows.columns:
        return rows
    plans = rows[NOT_BEGUN].dropna().unique()
    told = [run for plan in plans for run in plan.runs]
    if not told:
        return rows
    more = select(make_frame([{**run, "epoch": 0, "status": STATUS} for run in told]))
    more = more[~more["cell"].isin(rows["cell"])]
    if more.empty:
        return rows
    more = more.assign(training=more["training"] + rows["training"].max() + 1)
    if (rows["epochs"] == settings.JOINED).all():
        more = more.assign(epochs=settings.JOINED)
    return pd.concat([rows, more.reindex(columns=rows.columns)], ignore_index=True)


def numbers(texts: pd.Series) -> set[int]:
    """Returns the seeds that a column of `SEEDS` or `FOLD_SEEDS` names."""
    return {int(seed) for text in texts.dropna().unique() for seed in text.split()}


def begun(rows: pd.DataFrame) -> pd.DataFrame:
    """Returns the rows of runs that have begun."""
    return rows[rows["status"] != STATUS]
