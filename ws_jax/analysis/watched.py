"""Which metric each run's task watches, which way is better, and what is a share.

A table says so in the columns `task.watched` and `task.maximized`; where it does not,
the accuracy is watched and more of it is better.
"""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from ws_jax.storage.results import COLUMNS
from ws_jax.storage.standins import IDENTITY_COLUMNS

USUAL = "acc"
VIEWS = ("translation", "rotation", "noise", "edge_noise", "swap")
_SHARE = re.compile(r"(val_|test_)?(acc|exact|(ones_)?f1|top\d+)")

_OWN_VIEW = re.compile(r"evaluation\.views\.(\w+)\.\w+")
_GROWTH = re.compile(r"transforms\.\w+\.growth")
_MOVING = re.compile(r"transforms\.\w+\.(growth|limit|longest)")  # what `moving` reads


def names(rows: pd.DataFrame) -> pd.Series:
    """Returns the column of the watched validation metric of each row's run."""
    if "task.watched" not in rows.columns:
        return pd.Series(f"val_{USUAL}", rows.index, dtype="str")
    known = rows["task.watched"]
    return "val_" + known.where(known.notna(), USUAL).astype("str")


def less_is_better(rows: pd.DataFrame) -> pd.Series:
    """Marks the rows of runs whose watched metric is the better the less it is."""
    told = rows.get("task.maximized", pd.Series(True, rows.index))
    return told.eq(False).astype(bool)


def by_metric(rows: pd.DataFrame) -> list[pd.DataFrame]:
    """Parts rows by the watched metric and which way is better: these are no one study.

    The parts are in the order in which they first occur.
    """
    keys = [names(rows).to_numpy(), less_is_better(rows).to_numpy()]
    return [own for _, own in rows.groupby(keys, sort=False)]


def columns(rows: pd.DataFrame) -> list[str]:
    """Lists the columns that `scores` and `moving` read."""
    told = {"task.watched", "task.maximized", *names(rows).unique()}
    return [name for name in rows.columns if name in told or _MOVING.fullmatch(name)]


def scores(rows: pd.DataFrame) -> pd.Series:
    """Returns the watched validation metric of each row, signed: more is better."""
    name = names(rows)
    found = pd.Series(float("nan"), rows.index)
    for metric in name.unique():
        if metric in rows.columns:
            found = found.where(name != metric, rows[metric].astype("float64"))
    return found.where(~less_is_better(rows), -found)


def moving(rows: pd.DataFrame) -> pd.Series:
    """Marks the rows of runs whose validation images change with the epochs.

    A transform that asks for more and more says so by its field `growth`, and where
    that ends by `limit`, as grids do whose distances grow. Numbers of two epochs of
    such a run are of two tasks, and the best of them is no better than the last.
    """
    found = pd.Series(False, rows.index)
    for name in rows.columns:
        if not _GROWTH.fullmatch(name):
            continue
        stem = name.rpartition(".")[0]
        number = {
            field: pd.to_numeric(rows[f"{stem}.{field}"], errors="coerce")
            for field in ("growth", "limit", "longest")
            if f"{stem}.{field}" in rows.columns
        }
        grows = number["growth"] > 0
        if {"limit", "longest"} <= set(number):
            grows &= ~(number["limit"] <= number["longest"])
        found |= grows
    return found


def is_share(rows: pd.DataFrame, metric: str) -> bool:
    """Returns whether a measure is a share of a whole, which is told in percent.

    A view keeps the watched metric, and is what that is.
    """
    if metric in (*VIEWS, *own_views(rows)):
        return all(_SHARE.fullmatch(name) for name in names(rows).unique())
    return _SHARE.fullmatch(metric) is not None


def own_views(rows: pd.DataFrame) -> list[str]:
    """Lists the views of a user's own that were evaluated, by their columns.

    A view that keeps the defaults of all its fields is not told from a measure here.
    """
    told = [match[1] for name in rows.columns if (match := _OWN_VIEW.fullmatch(name))]
    return [
        name
        for name in dict.fromkeys(told)
        if name not in VIEWS
        and name in rows.columns
        and pd.api.types.is_numeric_dtype(rows[name])
        and rows[name].notna().any()
    ]


def own_vectors(rows: pd.DataFrame) -> list[str]:
    """Lists what is a vector or a matrix in each epoch, besides the usual columns."""
    known = {*COLUMNS, *IDENTITY_COLUMNS, "training", "epochs"}
    return [
        name
        for name in rows.columns
        if not (name in known or "." in name)
        and rows[name].dtype == object
        and rows[name].map(lambda value: isinstance(value, (np.ndarray, list))).any()
    ]


def own_measures(rows: pd.DataFrame) -> list[str]:
    """Lists the measures of networks, as kernels' SNR, besides the usual columns."""
    known = {*COLUMNS, *IDENTITY_COLUMNS, "training", "epochs"}
    return [
        name
        for name in rows.columns
        if not (name in known or "." in name)
        and not name.startswith(("val_", "test_", "planned_"))
        and pd.api.types.is_numeric_dtype(rows[name])
        and rows[name].notna().any()
    ]


def own_metrics(rows: pd.DataFrame) -> list[str]:
    """Lists the validation metrics that tasks have besides the usual columns.

    They are numbers; what else a task keeps of an epoch (counts by class) is not told.
    """
    return [
        name
        for name in rows.columns
        if name.startswith("val_")
        and name not in COLUMNS
        and pd.api.types.is_numeric_dtype(rows[name])
        and rows[name].notna().any()
    ]
