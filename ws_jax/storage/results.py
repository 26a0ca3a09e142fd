"""The tidy table of a sweep: one row per run and epoch, kept as Parquet."""

from __future__ import annotations

import io
import json
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ws_jax.storage import below, standins
from ws_jax.storage.holds import SWEEP_FILE
from ws_jax.storage.integrity import (
    Damage,
    check_parquet,
    seal,
    seal_parquet,
    unseal,
    write_atomically,
)
from ws_jax.storage.unpacked import check_unpacked, read_sealed_parquet

# Pandas takes half a second, which a sweep that is finished does not wait for: it is
# imported where a table is made of rows, or rows of a table.
if TYPE_CHECKING:
    import pandas as pd

RESULTS_FILE = "results.parquet"
RECORD_FILE = SWEEP_FILE

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
    "epoch": "int64",  # 0: before training, what parameters alone tell
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

    After `COLUMNS` come those of the run's identity, then all others by name.
    """
    import pandas as pd

    frame = pd.DataFrame(list(rows))
    identity = [n for n in standins.IDENTITY_COLUMNS if n in frame.columns]
    extra = sorted(set(frame.columns) - {*COLUMNS, *identity})
    frame = frame.reindex(columns=[*COLUMNS, *identity, *extra])
    return frame.astype(COLUMNS)


def write(frame: pd.DataFrame, workdir: str | os.PathLike) -> Path:
    """Writes a sweep's table, whole or not at all.

    Raises:
      OSError: if it cannot be written; the table that was there stays.
    """
    path = Path(workdir) / RESULTS_FILE
    write_atomically(path, to_bytes(frame))
    return path


def to_bytes(frame: pd.DataFrame) -> bytes:
    """Returns a table as its file has it, with its checksum."""
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False)
    return seal_parquet(buffer.getvalue())


def holds(workdir: str | os.PathLike, rows: Sequence[Mapping[str, Any]]) -> bool:
    """Returns whether a sweep's table is sound and has just these rows, in order.

    It is sure only of yes: where it is not, `same` tells.
    """
    from pyarrow import parquet  # only where there is a table

    try:
        content = (Path(workdir) / RESULTS_FILE).read_bytes()
        check_parquet(content)
        check_unpacked(content)
        # `parquet.read_table` would bring pandas.
        table = parquet.ParquetFile(io.BytesIO(content)).read()
    except Exception:  # as `read_table` says
        return False
    if not COLUMNS.keys() <= set(table.column_names):
        return False
    there = [
        {k: v for k, v in row.items() if v is not None} for row in table.to_pylist()
    ]
    asked = [{k: v for k, v in row.items() if not _is_missing(v)} for row in rows]
    return there == asked


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def same(frame: pd.DataFrame, other: pd.DataFrame) -> bool:
    """Returns whether two tables have the same rows, and columns in any order.

    Vectors and matrices count by their values: a table that was read has arrays where
    the rows that made it have lists.
    """
    if set(frame.columns) != set(other.columns):
        return False
    one, two = (f[list(frame.columns)].reset_index(drop=True) for f in (frame, other))
    return bool(_comparable(one).equals(_comparable(two)))


def _comparable(frame: pd.DataFrame) -> pd.DataFrame:
    """Puts text in the place of vectors and matrices, which pandas cannot compare."""
    nested = {
        name: column.map(lambda v: repr(_as_lists(v)))
        for name, column in frame.items()
        if column.dtype == object
        and any(isinstance(v, list | tuple | np.ndarray) for v in column)
    }
    return frame.assign(**nested)


def _as_lists(value: Any) -> Any:
    if isinstance(value, list | tuple | np.ndarray):
        return [_as_lists(part) for part in value]
    if _is_missing(value):
        return None
    return float(value) if isinstance(value, int | float | np.number) else value


def read(
    workdir: str | os.PathLike | Sequence[str | os.PathLike],
) -> pd.DataFrame:
    """Reads the tables of all sweeps at or below one or several folders.

    Links to folders are followed, so that a sweep that was moved and linked back counts
    once, where its link stands.

    Returns:
      One row per run and epoch, with the columns `COLUMNS`; epoch 0 is before
      training. `data.fingerprint` tells images in another order apart, where the
      record of the sweep is there. A run that stands in several sweeps is kept once
      for each; `folder` tells their tables apart: that of the table, seen from the
      uppermost folder that holds all tables.
    Raises:
      ResultsError: if a folder holds no results, or a table is damaged.
    """
    import pandas as pd

    several = not isinstance(workdir, str | os.PathLike)
    if several and not isinstance(workdir, Sequence):
        raise ResultsError(
            f"{workdir!r} is no folder: name one, as results/smoke, or a list of them"
        )
    tables: dict[str, tuple[str, Path]] = {}  # a folder may be named twice
    folders = list(workdir) if several else [workdir]
    if not folders:
        raise ResultsError("no folder to read results from: name one, as results/smoke")
    for folder in folders:
        if Path(folder).is_file():
            raise ResultsError(f"{folder} is a file: name the folder that it is in")
        found = _find(folder, RESULTS_FILE)
        if not found:
            raise ResultsError(
                f"no results in {folder}: there is no {RESULTS_FILE} at or below it; "
                "a sweep writes one when its first runs are done"
            )
        for path in found:  # one that a link leads to has its place where the link is
            place = os.path.relpath(path.parent, folder)
            place = os.path.normpath(os.path.join(os.path.realpath(folder), place))
            tables.setdefault(os.path.realpath(path.parent), (place, path))
    top = os.path.commonpath([place for place, _ in tables.values()])
    frames = [
        _with_fingerprint(read_table(path), path).assign(
            folder=Path(place).relative_to(top).as_posix()
        )
        for place, path in tables.values()
    ]
    return pd.concat(frames, ignore_index=True)


def _with_fingerprint(frame: pd.DataFrame, path: Path) -> pd.DataFrame:
    """Adds which images in which order the runs saw, as far as their record tells."""
    try:
        record = read_record(path.with_name(RECORD_FILE))
        fingerprint = str(record["data"]["fingerprint"])[:12]
    except (OSError, ResultsError, KeyError):
        return frame
    return frame.assign(**{"data.fingerprint": fingerprint})


def _find(folder: str | os.PathLike, name: str) -> list[Path]:
    """Finds the files of a name at or below a folder."""
    walked = below.walk(folder)
    return sorted(Path(at, name) for at, _, files in walked if name in files)


def read_table(path: Path) -> pd.DataFrame:
    """Reads one table; columns that are younger than it come from its record.

    Raises:
      ResultsError: if it is damaged.
      MemoryError: if it needs more memory than is free.
    """
    content = path.read_bytes()
    try:
        frame = read_sealed_parquet(content)
    except MemoryError as error:
        raise MemoryError(f"{path} cannot be read: {error}") from error
    except Exception as error:  # what a table of an older version may raise is open
        raise ResultsError(
            f"{path} cannot be read ({_reason(error)}): start its sweep again, which "
            "writes it anew from the checkpoints, or put a copy in its place"
        ) from error
    if {*RUN_COLUMNS, *standins.IDENTITY_COLUMNS} <= set(frame.columns):
        return frame
    file = path.with_name(RECORD_FILE)
    record = read_record(file) if file.exists() else None
    if not set(RUN_COLUMNS) <= set(frame.columns):
        train = record["config"].get("train", {}) if record else {}
        frame = frame.assign(**{**standins.training_columns(train), **frame})
        extra = [name for name in frame.columns if name not in COLUMNS]
        frame = frame[[*COLUMNS, *extra]].astype(COLUMNS)
    return standins.identified(frame, RUN_COLUMNS, record)


def _reason(error: Exception) -> str:
    lines = str(error).splitlines()
    return lines[0][:200] if lines else type(error).__name__


def write_record(record: Mapping[str, Any], workdir: str | os.PathLike) -> Path:
    """Writes what a sweep says of itself, whole or not at all.

    Raises:
      OSError: if it cannot be written; the record that was there stays.
    """
    path = Path(workdir) / RECORD_FILE
    write_atomically(path, json.dumps(seal(record), indent=1).encode())
    return path


def read_record(path: Path) -> dict[str, Any]:
    """Reads what a sweep says of itself.

    Raises:
      ResultsError: if it is cut off, was edited, or lacks what every record has.
    """
    try:
        record = unseal(path.read_bytes())
        for name, kind in {"config": dict, "data": dict, "chunks": list}.items():
            if not isinstance(record.get(name), kind):
                raise Damage(f"it lacks {name!r}")
        for chunk in record["chunks"]:
            runs = chunk["runs"]
            if not runs or not all(isinstance(run["run"], str) for run in runs):
                raise Damage("it lacks the names of runs")
            if not isinstance(chunk["group"], str) or type(chunk["index"]) is not int:
                raise Damage("it lacks the names of chunks")
    except (Damage, KeyError, TypeError) as error:
        raise ResultsError(
            f"{path} is damaged or was edited ({_reason(error)}): put a copy of it as "
            "the sweep wrote it in its place"
        ) from error
    return record


def read_records(workdir: str | os.PathLike) -> list[dict[str, Any]]:
    """Reads the records (config, versions, device, data) of all sweeps in a folder.

    Raises:
      ResultsError: if one of them is damaged.
    """
    return [read_record(path) for path in _find(workdir, RECORD_FILE)]
