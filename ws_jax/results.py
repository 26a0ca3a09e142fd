"""The tidy table of a sweep: one row per run and epoch, kept as Parquet."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

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
        found = sorted(Path(folder).rglob(RESULTS_FILE))
        if not found:
            raise ResultsError(
                f"no results in {folder}: there is no {RESULTS_FILE} at or below it; "
                "a sweep writes one when its first runs are done"
            )
        frames += [pd.read_parquet(path) for path in found]
    return pd.concat(frames, ignore_index=True)


def read_records(workdir: str | os.PathLike) -> list[dict[str, Any]]:
    """Reads the records (config, versions, device, data) of all sweeps in a folder."""
    found = sorted(Path(workdir).rglob(RECORD_FILE))
    return [json.loads(path.read_text()) for path in found]
