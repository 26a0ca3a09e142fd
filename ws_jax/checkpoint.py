"""What a run has learned, read back from its sweep's folder.

How it is kept is in `ws_jax.storage`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np
from absl import logging

from ws_jax.columns import COLUMN_OF, as_shown, column_of, fields_of
from ws_jax.config import nearest
from ws_jax.storage.integrity import Damage, WorkdirError
from ws_jax.storage.results import RECORD_FILE, ResultsError, read_record
from ws_jax.storage.stored import (
    chunk_digest,
    chunk_folder,
    glance,
    newest_step,
    read_rows,
    read_state,
)


def load_run(workdir: str | Path, **which: Any) -> dict[str, Any]:
    """Loads one run's network variables from a sweep's newest checkpoint.

    Args:
      workdir: of the sweep.
      **which: fields of the run, as in a config or in the results: `model="fcn"`,
        `fold=0`, `level=0.2`, or `run="its name"`. They must single out one run.
    Returns:
      The network's collections as NumPy arrays, `params` among them, on any machine.
    Raises:
      ResultsError: if no run or more than one fits, nothing was saved yet, or what
        was saved is damaged.
    """
    folder, digest, index, _ = _locate(workdir, which)
    variables = _load_variables(folder, digest)
    return jax.tree.map(lambda a: a[index], variables)


def load_run_with_epoch(
    workdir: str | Path, **which: Any
) -> tuple[dict[str, Any], int]:
    """Loads one run's network variables, and says after which epoch they are so.

    A run that still trains is taken as it was last saved, and a warning says so.

    Args:
      workdir: of the sweep.
      **which: as for `load_run`.
    Returns:
      What `load_run` returns, and epochs trained.
    Raises:
      ResultsError: as `load_run`.
    """
    while True:
        epoch, status = last_epoch(workdir, **which)
        variables = load_run(workdir, **which)
        if last_epoch(workdir, **which)[0] == epoch:  # not saved anew meanwhile
            break
    if status == "running":
        name = _locate(workdir, which)[3]
        logging.warning(
            "%s has not finished: it is taken as it was after epoch %d", name, epoch
        )
    return variables, epoch


def last_epoch(workdir: str | Path, **which: Any) -> tuple[int, str]:
    """Returns the epoch of a run's newest checkpoint, and how the run stood then.

    Args:
      workdir: of the sweep.
      **which: as for `load_run`.
    Returns:
      Epochs trained, and `running`, `finished`, `stopped` or `diverged`.
    Raises:
      ResultsError: as `load_run`.
    """
    folder, digest, _, name = _locate(workdir, which)
    saved = glance(folder, digest)
    rows = [row for row in saved.rows if row["run"] == name] if saved else []
    if not rows:
        return 0, "running"
    last = max(rows, key=lambda row: row["epoch"])
    return int(last["epoch"]), last["status"]


def _locate(
    workdir: str | Path, which: Mapping[str, Any]
) -> tuple[Path, str, int, str]:
    """Returns a run's chunk: its folder and digest; its place in it, and its name."""
    if not isinstance(workdir, str | os.PathLike):
        raise ResultsError(f"{workdir!r} is no folder: name one, as results/smoke")
    path = Path(workdir) / RECORD_FILE
    if not path.exists():
        raise ResultsError(f"no sweep in {workdir}: it has no {RECORD_FILE}")
    record = read_record(path)
    chunk, index = match_run(record["chunks"], which)
    names = [run["run"] for run in chunk["runs"]]
    folder = chunk_folder(Path(workdir), chunk["group"], chunk["index"])
    return folder, chunk_digest(record, names), index, names[index]


def _load_variables(folder: Path, digest: str) -> dict[str, Any]:
    """Reads a chunk's newest parameters and other network state, stacked by run."""
    while True:
        step = newest_step(folder)
        path = folder.absolute() / str(step)
        try:
            sums = read_rows(path, digest)["arrays"]
            state = read_state(path / "state", sums)
            return {"params": state["params"], **(state["model_state"] or {})}
        except WorkdirError as error:
            raise ResultsError(str(error)) from error
        except (Damage, KeyError) as damage:
            # A running sweep removes a checkpoint once it has a newer one.
            if newest_step(folder) == step:
                # Not an older one: its parameters would be those of another epoch.
                raise ResultsError(
                    f"the checkpoint {path} is damaged ({damage}): remove it and start "
                    "its sweep again, which goes on from an older one if it is kept, "
                    "or train the same config in another folder"
                ) from damage


def _in_order(value: Any) -> tuple[bool, float, str]:
    """Returns the key that sorts values: numbers first, by their size, then words."""
    number = isinstance(value, int | float)
    return (not number, value if number else 0, str(value))


def _as_tuple(value: Any) -> Any:
    """Returns lists and arrays as tuples, whatever is in them, too; else the value.

    Numbers of NumPy in them are those of Python, as columns show them.
    """
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    return tuple(map(_as_tuple, value)) if isinstance(value, list | tuple) else value


def match_run(
    chunks: list[Mapping[str, Any]], which: Mapping[str, Any]
) -> tuple[Mapping[str, Any], int]:
    """Returns the chunk of the one run that has these values, and its place in it.

    Raises:
      ResultsError: if there is no such column, or not one run has them.
    """
    runs = [
        (chunk, index, run)
        for chunk in chunks
        for index, run in enumerate(chunk["runs"])
    ]
    columns = list(dict.fromkeys(name for *_, run in runs for name in run))
    for name, value in which.items():
        column = column_of(name, columns)
        if column not in columns:
            if meant := list(fields_of(name, columns)):
                raise ResultsError(
                    f"{name!r} may be {' or '.join(meant)}: name it in full"
                )
            known = [*columns, *(end.rpartition(".")[2] for end in COLUMN_OF)]
            raise ResultsError(f"unknown field {name!r}: {nearest(name, known)}")
        if isinstance(value, list | tuple | np.ndarray):
            value = _as_tuple(value)
        values = {run.get(column) for *_, run in runs}
        told = (value, as_shown(column, value))
        runs = [entry for entry in runs if entry[2].get(column) in told]
        if not runs:
            there = ", ".join(map(str, sorted(values, key=_in_order)[:20]))
            raise ResultsError(f"no run has {name} {value!r}: there are {there}")
    if len(runs) != 1:
        names = "".join(f"\n  {run['run']}" for *_, run in runs[:10])
        raise ResultsError(f"{len(runs)} runs fit {dict(which)}, not one{names}")
    return runs[0][:2]
