"""Which runs are the second paper's, and what each of them is called.

A condition says what tells a run from the others of its study: a convolution, a free
network, or a free one that shares every N batches; and, where they differ, how it
starts and how many copies of an image a batch holds.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from ws_jax.analysis import aggregate
from ws_jax.config import MOST
from ws_jax.papers.pogodin2021.own import OWN

CONV, FREE = "convolution", "free"
CADENCES = (1, 10, 100)
NETWORKS = ("resnet", "resnet18")
# Forms of the SNR that are the larger the more alike kernels are; the first is usual.
GROWING = ("deviation", "ratio")
FORMS_SAID = " or ".join(GROWING)
SNR_FORM = "evaluation.measures.weight_snr.form"
# Fields that a condition is told by.
_FIELDS = (
    "network.start",
    "network.start_noise",
    "train.phase.every",
    "transforms.repeat.times",
)


def shared(every: int, how: str = "instant") -> str:
    """Returns the condition of a free network that shares every so many batches.

    Args:
      every: the cadence.
      how: `instant` or `sleep`.
    """
    word = "sharing" if how == "instant" else "sleep"
    return f"{FREE}, {word} every {every}"


def own(frame: pd.DataFrame) -> pd.DataFrame:
    """Returns tidy rows of the paper's networks and ways to share, on any data.

    Each has its `condition` and `snr`. Which of them are runs of the paper in all else
    too, `select` says.

    `snr` is the mean over layers of the logarithm of the weights' SNR, by whichever
    form of `GROWING` was measured; NaN where none was. The 1x1 shortcuts do not count:
    sharing makes all of a shortcut's kernels equal, and its SNR infinite.
    """
    rows = aggregate.tidy(frame)
    if rows.empty:
        return rows.assign(condition="", snr=np.nan)
    rows = _of_networks(rows)
    if rows.empty:
        return rows.assign(condition="", snr=np.nan)
    phases = OWN.values(rows, "train.phase.sharing")
    windows = (rows["phase"] != "group_mean") | (phases == "periodic:window")
    known = rows["phase"].isin(["none", "group_mean", "hebbian"]) & windows
    known &= rows["sharing"].isin(["full", "free"])
    rows = rows[known]
    if rows.empty:
        return rows.assign(condition="", snr=np.nan)
    return rows.assign(condition=conditions(rows), snr=_snr(rows))


def _of_networks(rows: pd.DataFrame) -> pd.DataFrame:
    """Returns the rows of the paper's networks, which are never the default one."""
    if "network" not in rows.columns:
        return rows.iloc[:0]
    return rows[rows["network"].isin(NETWORKS)]


def select(frame: pd.DataFrame) -> pd.DataFrame:
    """Returns those rows of `own` that tables, figures and verdicts are about.

    `scale` says in what their runs are smaller or larger than the paper's.
    """
    rows = own(frame)
    return OWN.own(rows).copy() if len(rows) else rows.assign(scale="")


def conditions(rows: pd.DataFrame) -> pd.Series:
    """Names the condition of each row."""
    values = {name: OWN.values(rows, name) for name in _FIELDS}
    told = rows[["sharing", "phase"]].assign(**values)
    names = [_condition(row) for row in told.to_dict("records")]
    return pd.Series(names, rows.index, dtype="str")


def _condition(row: Mapping[str, Any]) -> str:
    every = int(row["train.phase.every"])
    name = CONV if row["sharing"] == "full" else FREE
    if name == FREE and row["phase"] != "none" and every != MOST:
        name = shared(every, "sleep" if row["phase"] == "hebbian" else "instant")
    if row["sharing"] == "free" and row["network.start"] == "shared":
        name += ", started as a convolution"
        noise = float(row["network.start_noise"])
        name += f" and noise {noise:g}" if noise else ""
    copies = int(row["transforms.repeat.times"])
    return name if copies == 1 else f"{name}, {copies} copies"


def every(rows: pd.DataFrame) -> int:
    """Returns after how many batches the runs of one condition share kernels."""
    return int(OWN.values(rows, "train.phase.every").iloc[0])


def scored(rows: pd.DataFrame) -> pd.Series:
    """Says of each row which images `val_acc` is of: the test images or others."""
    lacking = pd.Series("", rows.index, dtype="str")
    test = rows.get("data.split", lacking) == "published"
    words = np.where(test, "test images scored", "validation images scored")
    return pd.Series(words, rows.index, dtype="str")


def shifted(rows: pd.DataFrame) -> pd.Series:
    """Says of each row whether images were shifted in training, where some were not."""
    said = rows["aug_type"].str.contains("crop") if len(rows) else pd.Series(dtype=bool)
    if said.nunique() < 2:
        return pd.Series("", rows.index, dtype="str")
    words = np.where(said, ", images shifted", ", images not shifted")
    return pd.Series(words, rows.index, dtype="str")


def padding(rows: pd.DataFrame) -> pd.Series:
    """Returns by how many pixels each row's training images were shifted at most."""
    by = OWN.values(rows, "transforms.crop.padding").astype("float64")
    return by.where(rows["aug_type"].str.contains("crop"), 0.0)


def forms(rows: pd.DataFrame) -> pd.Series:
    """Returns the form of each row's SNR, as `ws_jax.measure.weight_snr` has them."""
    return OWN.values(rows, SNR_FORM).astype("str")


def other_forms(rows: pd.DataFrame) -> str:
    """Names the forms of the SNR that do not grow as kernels get alike, if any."""
    found = sorted(set(forms(rows)) - set(GROWING))
    return f"there is {' and '.join(found)}" if found else ""


def snr_title(rows: pd.DataFrame) -> str:
    """Returns what the SNR of some rows is called, with its form if not the usual."""
    found = sorted(set(forms(rows[rows["snr"].notna()])))
    usual = found in ([], [GROWING[0]])
    return "log SNR of weights" + ("" if usual else f" ({', '.join(found)})")


def _snr(rows: pd.DataFrame) -> pd.Series:
    layers = [name for name in rows.columns if name.startswith("snr_")]
    names = [name for name in layers if not name.endswith("/shortcut")]
    if not names:
        return pd.Series(np.nan, rows.index)
    with np.errstate(divide="ignore"):
        logs = np.log(rows[names].astype("float64"))
    return logs.mean(axis=1).where(forms(rows).isin(GROWING))


def order(names: set[str]) -> list[str]:
    """Sorts conditions: convolutions, then the more sharing the earlier."""

    def key(name: str) -> tuple:
        if name.startswith(CONV):
            return (0, 0, name)
        number = name.partition("every ")[2].partition(",")[0]
        return (1, int(number), name) if number else (2, 0, name)

    return sorted(names, key=key)


def left_out(frame: pd.DataFrame) -> list[str]:
    """Names the runs of the paper's networks that are not its own, and why."""
    rows = aggregate.tidy(frame)
    return OWN.left_out(_of_networks(rows)) if len(rows) else []
