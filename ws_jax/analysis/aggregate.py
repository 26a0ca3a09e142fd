"""Cells out of runs: three readings of a table cell, with the folds behind each."""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from ws_jax.analysis import copies, planned, settings, watched
from ws_jax.analysis.kinds import LEVELED
from ws_jax.config import check_name
from ws_jax.storage.results import COLUMNS, RUN_COLUMNS
from ws_jax.storage.standins import identified

# What tells cells apart; folds and seeds are pooled within a cell.
CELL_KEYS = [*settings.USUAL, "setting", "cell"]
TRAINING_KEYS = [*CELL_KEYS, "fold", "seed"]
MODEL_ORDER = {"cnn": 0, "fcn": 1}  # any other after them, by name


def tidy(frame: pd.DataFrame, join_lengths: bool = False) -> pd.DataFrame:
    """Returns the results with one numbered training for each identity.

    Levels and rates are rounded (they may have passed through float32). Level 0 of a
    transform that has levels counts as `none`, and a severing probability of 0 as not
    severed, whatever sweep they come from. A training that stands in several sweeps or
    folders (its `digest` does) is kept once: the longest, and the first by the names of
    sweep and folder among equals (`repeats` names what is left out). What that copy did
    not measure at all, another copy's epochs give, unless its numbers are others.

    Args:
      frame: one row per run and epoch, as `ws_jax.results.read` gives it. It may lack
        columns of measures; an empty frame may lack all.
      join_lengths: whether runs that may take different numbers of epochs are joined by
        lines and judged together. Where a cell was trained for several lengths the
        longest counts.

    Returns:
      The same columns; `training`, an integer that numbers the runs; `setting`, what
      tells a run from others that look alike, in words (`settings.describe`).

    Raises:
      ValueError: if columns that identify a run are missing.
    """
    if "training" in frame.columns:
        return frame
    frame, number = _normalised(frame)
    frame = copies.together(frame, number)
    if join_lengths:
        alike = [k for k in TRAINING_KEYS if k not in ("epochs", "cell")]
        longest = frame.groupby(alike)["epochs"].transform("max")
        frame = frame[frame["epochs"] == longest].assign(epochs=settings.JOINED)
    return frame.sort_values(["training", "epoch"], ignore_index=True)


def _normalised(frame: pd.DataFrame) -> tuple[pd.DataFrame, pd.Series]:
    """Returns the rows in the same words everywhere, and the number of each's copy."""
    lacking = [name for name in (*RUN_COLUMNS, "epoch") if name not in frame.columns]
    if lacking and len(frame):
        raise ValueError(f"the results lack the columns {', '.join(lacking)}")
    extra = [name for name in frame.columns if name not in COLUMNS]
    frame = frame.reindex(columns=[*COLUMNS, *extra]).astype(COLUMNS)
    aug, vcp = frame["aug"].round(4), frame["vcp"].round(4)
    acting = (aug > 0) | ~frame["aug_type"].isin(LEVELED)
    rates = {rate: float(f"{rate:.5g}") for rate in frame["learning_rate"].unique()}
    frame = frame.assign(
        aug=aug,
        vcp=vcp,
        learning_rate=frame["learning_rate"].map(rates).astype("float64"),
        aug_type=frame["aug_type"].where(acting, "none"),
        severing=frame["severing"].where(vcp > 0, "none"),
    )
    frame = identified(frame, RUN_COLUMNS)
    training = frame.groupby("digest", sort=False).ngroup()
    number = copies.numbered(frame)
    words = settings.describe(frame, number)
    return frame.assign(training=training, setting=words), number


def of_sweeps(frame: pd.DataFrame) -> dict[str, set[str]]:
    """Returns the digests of each sweep's trainings, those that stand elsewhere too."""
    if not len(frame):
        return {}
    rows, _ = _normalised(frame)
    return rows.groupby("sweep")["digest"].agg(set).to_dict()


def repeats(frame: pd.DataFrame) -> list[str]:
    """Names the runs that `tidy` leaves out, since they stand elsewhere too."""
    return copies.left_out(*_normalised(frame)) if len(frame) else []


Found = TypeVar("Found")


def once_for_each(
    find: Callable[[pd.DataFrame, str], Found],
) -> Callable[[pd.DataFrame, str], Found]:
    """Remembers what a function finds in tidy rows, for as long as these rows live.

    A page asks the same of its rows in every table, figure and verdict. Rows that
    `tidy` returned are never changed in place.
    """
    known: dict[int, dict[str, Found]] = {}

    @functools.wraps(find)
    def found(rows: pd.DataFrame, name: str) -> Found:
        if id(rows) not in known:
            known[id(rows)] = {}
            weakref.finalize(rows, known.pop, id(rows), None)
        answers = known[id(rows)]
        if name not in answers:
            answers[name] = find(rows, name)
        return answers[name]

    return found


def _all_epochs(rows: pd.DataFrame, metrics: list[str]) -> pd.DataFrame:
    return rows.groupby("training")[metrics].median()


def _best_epoch(rows: pd.DataFrame, metrics: list[str]) -> pd.DataFrame:
    # Where validation images change with the epochs the last counts.
    scores = watched.scores(rows).where(~watched.moving(rows), rows["epoch"]).dropna()
    best = scores.groupby(rows["training"]).idxmax()  # the first of equals
    return rows.loc[best].set_index("training")[metrics]


def _last_epoch(rows: pd.DataFrame, metrics: list[str]) -> pd.DataFrame:
    return rows.drop_duplicates("training", keep="last").set_index("training")[metrics]


def _second_half(rows: pd.DataFrame, metrics: list[str]) -> pd.DataFrame:
    length = rows.groupby("training")["epoch"].transform("max")
    return rows[rows["epoch"] > length // 2].groupby("training")[metrics].mean()


def _quarter(number: int):
    """Returns the reading of a quarter of a run's epochs, counted from 1.

    Of a run of fewer than four epochs each is a quarter, its last one the fourth.
    """

    def read(rows: pd.DataFrame, metrics: list[str]) -> pd.DataFrame:
        ends = rows.groupby("training")["epoch"].transform("max")
        length = ends.clip(lower=4)
        quarter = (4 * (rows["epoch"] - 1 + length - ends)) // length + 1
        return rows[quarter == number].groupby("training")[metrics].mean()

    return read


# How one run's epochs become one number. Halves and quarters are for measures that move
# from epoch to epoch: they are no readings of the tables.
READINGS: dict[str, Callable[[pd.DataFrame, list[str]], pd.DataFrame]] = {
    "all_epochs": _all_epochs,
    "best_epoch": _best_epoch,
    "last_epoch": _last_epoch,
    "second_half": _second_half,
    "second_quarter": _quarter(2),
    "last_quarter": _quarter(4),
}


def runs_of(rows: pd.DataFrame) -> pd.DataFrame:
    """Returns one row per run of tidy rows: `TRAINING_KEYS`, status, trained."""
    last = rows[["training", *TRAINING_KEYS, "status", "epoch"]]
    last = last[~rows["training"].duplicated(keep="last")].set_index("training")
    return last.rename(columns={"epoch": "trained"})


def _asked(rows: pd.DataFrame, metrics: Sequence[str], reading: str) -> pd.DataFrame:
    """Returns the columns that a reading takes, since wide rows are slow to cut."""
    more = watched.columns(rows) if reading == "best_epoch" else []
    return rows[list(dict.fromkeys(["training", "epoch", "status", *metrics, *more]))]


def _sound(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows that count: after an epoch, of runs that did not diverge."""
    return rows[(rows["epoch"] > 0) & (rows["status"] != "diverged")]


def run_values(frame: pd.DataFrame, metric: str, reading: str) -> pd.DataFrame:
    """Returns one number a run: `TRAINING_KEYS`, status, trained, value.

    A run that diverged counts as one without a value; so does a measure that was not
    evaluated. The reading `start` is the measure before training.

    Raises:
      ConfigError: for an unknown reading.
    """
    check_name("reading", reading, [*READINGS, "start"])
    rows = tidy(frame)
    runs = runs_of(rows)
    if reading == "start":
        own = _asked(rows, [metric], reading)
        start = matching(own, epoch=0).set_index("training")
        values = start.loc[start["status"] != "diverged", metric]
    else:
        sound = _sound(_asked(rows, [metric], reading))
        values = READINGS[reading](sound, [metric])[metric]
    return runs.assign(value=values.reindex(runs.index))


def cells(frame: pd.DataFrame, metrics: Sequence[str], reading: str) -> pd.DataFrame:
    """Returns one row per cell and measure, with the folds that stand behind it.

    The readings: `all_epochs` is the median over all epochs of all folds together, as
    in the released code (`Results/helper.py`, `convert_table`); `best_epoch` and
    `last_epoch` take one epoch of each run, the best by the watched validation metric
    (the last where its images change with epochs) or the last; then the median of runs.

    Returns:
      `CELL_KEYS`, `metric`, `value` (NaN if nothing was measured), `folds` that have a
      value and `planned_folds`, all of `num_folds` where no record tells (`with_plan`);
      `seeds` and `planned_seeds` (0 where no record tells), `runs`, `diverged`,
      `running`, and `shortest` and `longest`, the epochs that the runs trained.

    Raises:
      ConfigError: for an unknown reading.
    """
    check_name("reading", reading, READINGS)
    rows, metrics = tidy(frame), list(metrics)
    sound = _sound(_asked(rows, metrics, reading))
    told = rows[["training", *TRAINING_KEYS, "status", "epoch"]]
    runs = runs_of(told[told["epoch"] > 0])
    # Groups by a number are quick, those by all keys are not.
    cell = runs.groupby(CELL_KEYS).ngroup()
    keys = runs[CELL_KEYS].set_axis(cell).groupby(level=0).head(1).sort_index()
    measured = READINGS[reading](sound, metrics).reindex(runs.index)
    pooled = sound.set_index("training") if reading == "all_epochs" else measured
    values = pooled[metrics].groupby(pooled.index.map(cell)).median()
    counted = runs.assign(
        diverged=runs["status"] == "diverged", running=runs["status"] == "running"
    ).groupby(cell)
    found = counted.agg(
        runs=("fold", "size"),
        diverged=("diverged", "sum"),
        running=("running", "sum"),
        shortest=("trained", "min"),
        longest=("trained", "max"),
    ).join(_planned(rows, cell))
    parts = []
    for metric in metrics:
        known = runs[measured[metric].notna()].groupby(cell)
        folds, seeds = known["fold"].nunique(), known["seed"].nunique()
        part = found.assign(
            metric=metric,
            value=values[metric].reindex(found.index),
            folds=folds.reindex(found.index, fill_value=0),
            seeds=seeds.reindex(found.index, fill_value=0),
        )
        parts.append(keys.join(part))
    return pd.concat(parts, ignore_index=True)


def with_plan(
    frame: pd.DataFrame, records: Sequence[Mapping[str, Any]]
) -> pd.DataFrame:
    """Adds to results how many folds and seeds of each cell were to be trained.

    Args:
      frame: results, as `ws_jax.results.read` gives them.
      records: of the sweeps, as `ws_jax.results.read_records` gives them.

    Returns:
      The same with `planned_folds` and `planned_seeds`, NaN where no record tells,
      which seeds these are (`planned.SEEDS`), also of each fold, and the runs of cells
      that have no row (`planned.NOT_BEGUN`).
    """
    if frame.empty or "cell" not in frame.columns:
        return frame
    listed = [run for record in records for chunk in record["chunks"]
              for run in chunk["runs"]]  # fmt: skip
    listed = [run for run in listed if {"cell", "fold", "seed"} <= set(run)]
    if not listed:
        return frame
    every = pd.DataFrame(listed, columns=["cell", "fold", "seed"])
    runs, folds = every.groupby("cell"), every.groupby(["cell", "fold"])

    def named(own: pd.Series) -> str:
        return " ".join(map(str, sorted(set(own))))

    of_folds = folds["seed"].agg(named)
    places = pd.MultiIndex.from_frame(frame[["cell", "fold"]])
    frame = frame.assign(
        planned_folds=frame["cell"].map(runs["fold"].nunique()).astype("float64"),
        planned_seeds=frame["cell"].map(runs["seed"].nunique()).astype("float64"),
        **{
            planned.SEEDS: frame["cell"].map(runs["seed"].agg(named)),
            planned.FOLD_SEEDS: of_folds.reindex(places).to_numpy(),
        },
    )
    return planned.with_not_begun(frame, records)


def _planned(rows: pd.DataFrame, cell: pd.Series) -> pd.DataFrame:
    """Returns the folds and seeds that were planned of each cell.

    Args:
      rows: tidy.
      cell: a number for each training.
    """
    none = pd.Series(float("nan"), rows.index)
    folds = rows.get("planned_folds", none).fillna(rows["num_folds"])
    seeds = rows.get("planned_seeds", none).fillna(0)
    both = pd.DataFrame({"planned_folds": folds, "planned_seeds": seeds})
    return both.groupby(rows["training"].map(cell)).max()


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
    notes = []
    wanted = {"folds": cell.get("planned_folds") or cell["num_folds"]}
    wanted["seeds"] = cell.get("planned_seeds", 0)
    for name, count in wanted.items():
        if count and cell.get(name, count) < count:
            notes.append(f"{cell[name]:.0f} of {count:.0f} {name}")
    notes += [f"{cell[s]:.0f} {s}" for s in ("diverged", "running") if cell[s]]
    return ", ".join(notes)


def matching(rows: pd.DataFrame, **values) -> pd.DataFrame:
    """Returns the rows whose columns have the given values."""
    same = np.ones(len(rows), dtype=bool)
    for name, value in values.items():
        same &= (rows[name] == value).to_numpy()
    return rows[same]


def of_kind(rows: pd.DataFrame, kind: str) -> pd.DataFrame:
    """Returns the rows of one augmentation, and those without any, which all share."""
    return rows[rows["aug_type"].isin([kind, "none"])]


def variants(rows: pd.DataFrame) -> list[tuple[str, str, str]]:
    """Returns the (semantics, init, model) of some rows, CNN and FCN first."""
    found = set(zip(rows["semantics"], rows["init"], rows["model"], strict=True))
    return sorted(found, key=lambda v: (v[0], MODEL_ORDER.get(v[2], 2), v[2], v[1]))
