"""The tidy table of a sweep: one row per run and epoch, kept as Parquet."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from ws_jax.config import TrainConfig

RESULTS_FILE = "results.parquet"
RECORD_FILE = "sweep.json"

# Which training, in which sweep; then the measurements of one epoch.
RUN_COLUMNS = {
    "run": "str",
    "sweep": "str",
    "data": "str",
    "semantics": "str",
    "init": "str",
    "model": "str",
    "sharing": "str",
    "aug_type": "str",
    "aug": "float64",
    "severing": "str",
    "vcp": "float64",
    "num_conv_layers": "int64",
    "learning_rate": "float64",
    "fold": "int64",
    "num_folds": "int64",
    "seed": "int64",
    "optimizer": "str",
    "phase": "str",
    "coupling": "float64",  # part of the way to its mean that a phase moves a kernel
}
EPOCH_COLUMNS = {
    "epoch": "int64",  # 0: before training, only the distances
    "loss": "float64",
    "val_loss": "float64",
    "acc": "float64",
    "val_acc": "float64",
    "translation": "float64",
    "noise": "float64",
    "edge_noise": "float64",
    "rotation": "float64",
    "swap": "float64",
    "dist_1": "float64",
    "dist_4": "float64",
    "cos_1": "float64",
    "cos_4": "float64",
    "status": "str",  # of the run: running, finished, stopped or diverged
    "seconds": "float64",  # of the epoch, shared among the runs that trained together
}
COLUMNS = {**RUN_COLUMNS, **EPOCH_COLUMNS}


class ResultsError(Exception):
    """Results that are not there or cannot be read."""


def training_columns(train: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the columns that say how the runs of a sweep are trained.

    Args:
      train: the part `train` of a config, as nested mappings.
    """
    phase = train["phase"]
    strengths = {"none": 0.0, "couple": phase["strength"]}
    return {
        "optimizer": train["optimizer"]["name"],
        "phase": phase["name"],
        "coupling": strengths.get(phase["name"], 1.0),
    }


def make_frame(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Makes the tidy table; a measure that a row lacks is NaN.

    Columns beyond `COLUMNS`, distances at other radii say, come after them.
    """
    frame = pd.DataFrame(list(rows))
    extra = [name for name in frame.columns if name not in COLUMNS]
    frame = frame.reindex(columns=[*COLUMNS, *extra])
    return frame.astype(COLUMNS)


def write(frame: pd.DataFrame, workdir: str | os.PathLike) -> Path:
    """Writes a sweep's table, whole or not at all."""
    path = Path(workdir) / RESULTS_FILE
    temporary = path.with_suffix(".tmp")
    frame.to_parquet(temporary, index=False)
    os.replace(temporary, path)
    return path


def read(
    workdir: str | os.PathLike | Sequence[str | os.PathLike],
) -> pd.DataFrame:
    """Reads the tables of all sweeps at or below one or several folders.

    Returns:
      One row per run and epoch, with the columns `COLUMNS`; epoch 0 is before
      training. A run that stands in several sweeps is kept once for each.
    Raises:
      ResultsError: if a folder holds no results.
    """
    several = not isinstance(workdir, str | os.PathLike)
    frames = []
    for folder in workdir if several else [workdir]:
        found = _find(folder, RESULTS_FILE)
        if not found:
            raise ResultsError(
                f"no results in {folder}: there is no {RESULTS_FILE} at or below it; "
                "a sweep writes one when its first runs are done"
            )
        frames += [_read_table(path) for path in found]
    return pd.concat(frames, ignore_index=True)


def _find(folder: str | os.PathLike, name: str) -> list[Path]:
    """Finds the files of a name at or below a folder.

    `Path.rglob` fails if a folder goes while it looks, as a running sweep's do.
    """
    return sorted(Path(at, name) for at, _, files in os.walk(folder) if name in files)


def _read_table(path: Path) -> pd.DataFrame:
    """Reads one table; columns that are younger than it come from its record."""
    frame = pd.read_parquet(path)
    if set(RUN_COLUMNS) <= set(frame.columns):
        return frame
    train, record = dataclasses.asdict(TrainConfig()), path.with_name(RECORD_FILE)
    if record.exists():
        train = json.loads(record.read_text())["config"]["train"]
    frame = frame.assign(**{**training_columns(train), **frame})
    extra = [name for name in frame.columns if name not in COLUMNS]
    return frame[[*COLUMNS, *extra]].astype(COLUMNS)


def read_records(workdir: str | os.PathLike) -> list[dict[str, Any]]:
    """Reads the records (config, versions, device, data) of all sweeps in a folder."""
    found = _find(workdir, RECORD_FILE)
    return [json.loads(path.read_text()) for path in found]
