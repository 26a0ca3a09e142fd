"""Cells out of runs: three readings of a table cell, with the folds behind each."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ws_jax.analysis.published import SETTINGS
from ws_jax.config import check_name
from ws_jax.results import COLUMNS, RUN_COLUMNS

# What tells cells apart; folds and seeds are pooled within a cell.
CELL_KEYS = [
    "data",
    "semantics",
    "init",
    "model",
    "aug_type",
    "aug",
    "severing",
    "vcp",
    "num_conv_layers",
    "learning_rate",
    "num_folds",
    "optimizer",
    "phase",
    "coupling",
]
TRAINING_KEYS = [*CELL_KEYS, "fold", "seed"]
# How runs are trained, and how those of the paper were.
MANNER = {"optimizer": "adam", "phase": "none", "coupling": 0.0}
MODEL_ORDER = {"cnn": 0, "fcn": 1}  # any other after them, by name


def tidy(frame: pd.DataFrame) -> pd.DataFrame:
    """Returns the results with one numbered training for each identity.

    Levels and rates are rounded (they may have passed through float32), level 0 counts
    as `none` and a severing probability of 0 as not severed, whatever sweep they come
    from. A training that stands in several sweeps is kept once: the longest, and the
    first by the sweep's name among equals (`repeats` counts what is left out).

    Args:
      frame: one row per run and epoch, as `ws_jax.results.read` gives it. It may lack
        columns of measures; an empty frame may lack all.

    Returns:
      The same columns and `training`, an integer that numbers the runs.

    Raises:
      ValueError: if columns that identify a run are missing.
    """
    if "training" in frame.columns:
        return frame
    lacking = [name for name in (*RUN_COLUMNS, "epoch") if name not in frame.columns]
    if lacking and len(frame):
        raise ValueError(f"the results lack the columns {', '.join(lacking)}")
    frame = _normalised(frame)
    identity = frame.groupby(TRAINING_KEYS, sort=False).ngroup()
    frame = frame.assign(training=identity)
    frame = frame[_chosen(frame)].drop_duplicates(["training", "epoch"])
    return frame.sort_values(["training", "epoch"], ignore_index=True)


def _normalised(frame: pd.DataFrame) -> pd.DataFrame:
    extra = [name for name in frame.columns if name not in COLUMNS]
    frame = frame.reindex(columns=[*COLUMNS, *extra]).astype(COLUMNS)
    aug, vcp = frame["aug"].round(4), frame["vcp"].round(4)
    rates = {rate: float(f"{rate:.5g}") for rate in frame["learning_rate"].unique()}
    return frame.assign(
        aug=aug,
        vcp=vcp,
        learning_rate=frame["learning_rate"].map(rates).astype("float64"),
        aug_type=frame["aug_type"].where(aug > 0, "none"),
        severing=frame["severing"].where(vcp > 0, "none"),
    )


def _chosen(frame: pd.DataFrame) -> pd.Series:
    """Marks the rows of the longest copy of each training."""
    copies = frame.groupby(["training", "sweep", "run"], as_index=False)["epoch"].max()
    copies = copies.sort_values("epoch", ascending=False, kind="stable")
    copies = copies.drop_duplicates("training").set_index("training")
    sweep = frame["training"].map(copies["sweep"])
    run = frame["training"].map(copies["run"])
    return (frame["sweep"] == sweep) & (frame["run"] == run)


def repeats(frame: pd.DataFrame) -> int:
    """Returns how many runs `tidy` leaves out since another sweep holds them too."""
    if frame.empty:
        return 0
    copies = frame.groupby(["sweep", "run"]).ngroups
    return copies - tidy(frame)["training"].nunique()


def _all_epochs(rows: pd.DataFrame, metrics: list[str]) -> pd.DataFrame:
    return rows.groupby("training")[metrics].median()


def _best_epoch(rows: pd.DataFrame, metrics: list[str]) -> pd.DataFrame:
    scored = rows.dropna(subset=["val_acc"])
    best = scored.groupby("training")["val_acc"].idxmax()  # the first of equals
    return scored.loc[best].set_index("training")[metrics]


def _last_epoch(rows: pd.DataFrame, metrics: list[str]) -> pd.DataFrame:
    return rows.drop_duplicates("training", keep="last").set_index("training")[metrics]


def _second_half(rows: pd.DataFrame, metrics: list[str]) -> pd.DataFrame:
    length = rows.groupby("training")["epoch"].transform("max")
    return rows[rows["epoch"] > length // 2].groupby("training")[metrics].mean()


# How one run's epochs become one number. `second_half` is for measures that move from
# epoch to epoch: it is no reading of the tables.
READINGS: dict[str, Callable[[pd.DataFrame, list[str]], pd.DataFrame]] = {
    "all_epochs": _all_epochs,
    "best_epoch": _best_epoch,
    "last_epoch": _last_epoch,
    "second_half": _second_half,
}


def runs_of(rows: pd.DataFrame) -> pd.DataFrame:
    """Returns one row per run of tidy rows: `TRAINING_KEYS`, status, epochs."""
    last = rows.drop_duplicates("training", keep="last").set_index("training")
    last = last[[*TRAINING_KEYS, "status", "epoch"]]
    return last.rename(columns={"epoch": "epochs"})


def _sound(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows that count: after an epoch, of runs that did not diverge."""
    return rows[(rows["epoch"] > 0) & (rows["status"] != "diverged")]


def run_values(frame: pd.DataFrame, metric: str, reading: str) -> pd.DataFrame:
    """Returns one number a run: `TRAINING_KEYS`, status, epochs, value.

    A run that diverged counts as one without a value; so does a measure that was not
    evaluated. The reading `start` is the measure before training.

    Raises:
      ConfigError: for an unknown reading.
    """
    check_name("reading", reading, [*READINGS, "start"])
    rows = tidy(frame)
    runs = runs_of(rows)
    if reading == "start":
        start = matching(rows, epoch=0).set_index("training")
        values = start.loc[start["status"] != "diverged", metric]
    else:
        values = READINGS[reading](_sound(rows), [metric])[metric]
    return runs.assign(value=values.reindex(runs.index))


def cells(frame: pd.DataFrame, metrics: Sequence[str], reading: str) -> pd.DataFrame:
    """Returns one row per cell and measure, with the folds that stand behind it.

    The readings: `all_epochs` is the median over all epochs of all folds together, as
    in the released code (`Results/helper.py`, `convert_table`); `best_epoch` and
    `last_epoch` take one epoch of each run, the best by validation accuracy or the
    last, and then the median over runs.

    Returns:
      `CELL_KEYS`, `metric`, `value` (NaN if nothing was measured), `folds` that have a
      value out of `num_folds`, `runs`, `diverged`, `running`.

    Raises:
      ConfigError: for an unknown reading.
    """
    check_name("reading", reading, READINGS)
    rows, metrics = tidy(frame), list(metrics)
    sound = _sound(rows)
    runs = runs_of(rows[rows["epoch"] > 0])
    measured = READINGS[reading](sound, metrics).reindex(runs.index)
    pooled = sound if reading == "all_epochs" else runs.join(measured)
    values = pooled.groupby(CELL_KEYS)[metrics].median()
    counted = runs.assign(
        diverged=runs["status"] == "diverged", running=runs["status"] == "running"
    ).groupby(CELL_KEYS)
    found = counted.agg(
        runs=("fold", "size"), diverged=("diverged", "sum"), running=("running", "sum")
    )
    parts = []
    for metric in metrics:
        known = runs[measured[metric].notna()]
        folds = known.groupby(CELL_KEYS)["fold"].nunique()
        part = found.assign(
            metric=metric,
            value=values[metric].reindex(found.index),
            folds=folds.reindex(found.index, fill_value=0),
        )
        parts.append(part.reset_index())
    return pd.concat(parts, ignore_index=True)


def mark(cell: Mapping[str, Any]) -> str:
    """Returns what a reader must know of a cell, or an empty string.

    Example:
      >>> mark(dict(runs=2, folds=2, num_folds=5, diverged=0, running=0))
      '2 of 5 folds'
    """
    if not cell["runs"]:
        return "missing"
    if not cell["folds"] and not cell["diverged"]:
        return "not evaluated"
    folds = f"{cell['folds']:.0f} of {cell['num_folds']:.0f} folds"
    notes = [folds] if cell["folds"] < cell["num_folds"] else []
    notes += [f"{cell[s]:.0f} {s}" for s in ("diverged", "running") if cell[s]]
    return ", ".join(notes)


@dataclasses.dataclass(frozen=True)
class Selection:
    """The runs on one data set that share one training setting.

    Attributes:
      rows: tidy rows, with any augmentation and severing.
      num_conv_layers: of the networks; 0 if there is no run.
      learning_rate: of the runs; NaN if there is no run.
      num_folds: into which the data are cut; 0 if there is no run.
      left_out: runs on the data that have another setting.
    """

    rows: pd.DataFrame
    num_conv_layers: int
    learning_rate: float
    num_folds: int
    left_out: int


def select(frame: pd.DataFrame, data: str) -> Selection:
    """Picks the setting that a table of this data set is about.

    That is the paper's (Table A.2), if any run has it; otherwise the one that most
    runs have. Runs with another learning rate, depth or number of folds, optimiser or
    phase are never averaged with these.
    """
    rows = tidy(frame)
    rows = rows[rows["data"] == data]
    total = rows["training"].nunique()
    rows = of_one_manner(rows)
    keys = ("num_conv_layers", "learning_rate", "num_folds")
    counts = rows.groupby(list(keys))["training"].nunique()
    if counts.empty:
        return Selection(rows, 0, float("nan"), 0, 0)
    chosen = counts.idxmax()
    if data in SETTINGS:
        paper = SETTINGS[data]
        wanted = (paper.num_conv_layers, paper.learning_rate, paper.num_folds)
        chosen = wanted if wanted in counts.index else chosen
    same = matching(rows, **dict(zip(keys, chosen, strict=True)))
    layers, rate, folds = chosen
    left_out = int(total - counts.loc[chosen])
    return Selection(same, int(layers), float(rate), int(folds), left_out)


def of_one_manner(rows: pd.DataFrame) -> pd.DataFrame:
    """Returns the tidy rows trained as the paper's, else those trained as most were."""
    counts = rows.groupby(list(MANNER))["training"].nunique()
    wanted = tuple(MANNER.values())
    if counts.empty or wanted in counts.index:
        return matching(rows, **MANNER)
    return matching(rows, **dict(zip(MANNER, counts.idxmax(), strict=True)))


def matching(rows: pd.DataFrame, **values) -> pd.DataFrame:
    """Returns the rows whose columns have the given values."""
    same = np.ones(len(rows), dtype=bool)
    for name, value in values.items():
        same &= (rows[name] == value).to_numpy()
    return rows[same]


def of_kind(rows: pd.DataFrame, kind: str) -> pd.DataFrame:
    """Returns the rows of one augmentation with level 0, which all kinds share."""
    return rows[(rows["aug_type"] == kind) | (rows["aug"] == 0)]


def variants(rows: pd.DataFrame) -> list[tuple[str, str, str]]:
    """Returns the (semantics, init, model) of some rows, CNN and FCN first."""
    found = set(zip(rows["semantics"], rows["init"], rows["model"], strict=True))
    return sorted(found, key=lambda v: (v[0], MODEL_ORDER.get(v[2], 2), v[2], v[1]))
