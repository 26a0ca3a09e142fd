"""Orbax checkpoints of chunks of runs; the metric history travels inside.

A chunk, the runs that train in step, has a folder of its own. A checkpoint in it
holds the stacked state of all its runs and the rows of the results so far, so that a
sweep which was killed loses nothing and doubles nothing. Once a chunk is done, its
checkpoint keeps parameters and the network's other state only.
"""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
import orbax.checkpoint as ocp

from ws_jax.config import nearest
from ws_jax.results import RECORD_FILE, ResultsError

CHECKPOINT_FOLDER = "checkpoints"
_KINDS = {"state": ocp.StandardCheckpointHandler, "rows": ocp.JsonCheckpointHandler}


class Saved(NamedTuple):
    """What a checkpoint says about itself, its arrays left out."""

    epoch: int  # epochs done
    done: bool  # whether no run of the chunk trains any more
    rows: list[dict[str, Any]]  # of the results


class ChunkCheckpoints:
    """The checkpoints of one chunk of runs, in a folder."""

    def __init__(self, folder: Path, keep: int):
        """Opens the folder, made if missing; half-written checkpoints are cleared."""
        options = ocp.CheckpointManagerOptions(max_to_keep=keep)
        handlers = {name: kind() for name, kind in _KINDS.items()}
        # Orbax refuses a relative path, but only from its background thread.
        self._folder = Path(folder).absolute()
        # Orbax could clear them, too, in the background: now and then it stumbled
        # over one that it had just removed, and the next save failed.
        for leftover in self._folder.glob(f"*{ocp.utils.TMP_DIR_SUFFIX}*"):
            shutil.rmtree(leftover)
        self._manager = ocp.CheckpointManager(
            self._folder, options=options, item_handlers=handlers
        )

    def save(self, state: Any, saved: Saved) -> None:
        """Saves in the background; the arrays may be donated or changed at once.

        Args:
          state: a tree of arrays with a run axis.
          saved: epochs done, and the rows so far.
        Raises:
          OSError: if the disk has no room for it; what was saved before stays.
        """
        self._check_room(state)
        table = {"done": saved.done, "columns": _to_columns(saved.rows)}
        args = {"state": ocp.args.StandardSave(state), "rows": ocp.args.JsonSave(table)}
        # A chunk can be done at an epoch that was saved already, by SIGTERM say.
        step = 2 * saved.epoch + saved.done
        if step != self._manager.latest_step():
            self._manager.save(step, args=ocp.args.Composite(**args))

    def _check_room(self, state: Any) -> None:
        # Asked beforehand, since Orbax would meet a full disk in many threads at once.
        needed = sum(leaf.nbytes for leaf in jax.tree.leaves(state))
        free = shutil.disk_usage(self._folder).free
        if free < needed:
            raise OSError(
                f"the disk is full: a checkpoint in {self._folder} needs "
                f"{needed / 2**20:.0f} MiB, {free / 2**20:.0f} MiB are free; make room "
                "and start the same command again to go on from the last one"
            )

    def latest(self) -> Saved | None:
        """Returns what the newest checkpoint says, or None if there is none."""
        step = self._manager.latest_step()
        if step is None:
            return None
        args = ocp.args.Composite(rows=ocp.args.JsonRestore())
        table = self._manager.restore(step, args=args)["rows"]
        return Saved(step // 2, table["done"], _to_rows(table["columns"]))

    def restore(self, like: Any) -> Any:
        """Returns the newest state as NumPy arrays in a tree shaped as `like`."""
        step = self._manager.latest_step()
        target = jax.tree.map(lambda a: np.empty(a.shape, a.dtype), like)
        args = ocp.args.Composite(state=ocp.args.StandardRestore(target))
        return self._manager.restore(step, args=args)["state"]

    def close(self) -> None:
        """Waits until all is written; raises what went wrong while writing."""
        self._manager.wait_until_finished()
        self._manager.close()


@contextlib.contextmanager
def open_chunk(folder: Path, keep: int) -> Iterator[ChunkCheckpoints]:
    """Opens a chunk's checkpoints, and waits at the end until all is written."""
    checkpoints = ChunkCheckpoints(folder, keep)
    try:
        yield checkpoints
    finally:
        checkpoints.close()


def chunk_folder(workdir: Path, group: str, chunk: int) -> Path:
    """Returns the folder of one chunk's checkpoints."""
    return Path(workdir) / CHECKPOINT_FOLDER / group / f"chunk_{chunk:03d}"


def load_run(workdir: str | Path, **which: Any) -> dict[str, Any]:
    """Loads one run's network variables from a sweep's newest checkpoint.

    Args:
      workdir: of the sweep.
      **which: fields of the run, as in the results: `model="fcn"`, `fold=0`,
        `aug=0.2`, or `run="its name"`. They must single out one run.
    Returns:
      The network's collections as NumPy arrays, `params` among them, on any machine.
    Raises:
      ResultsError: if no run or more than one fits, or nothing was saved yet.
    """
    path = Path(workdir) / RECORD_FILE
    if not path.exists():
        raise ResultsError(f"no sweep in {workdir}: it has no {RECORD_FILE}")
    record = json.loads(path.read_text())
    group, chunk, index = _find_run(record["chunks"], which)
    variables = _load_variables(chunk_folder(Path(workdir), group, chunk))
    return jax.tree.map(lambda a: a[index], variables)


def _load_variables(folder: Path) -> dict[str, Any]:
    """Reads a chunk's newest parameters and other network state, stacked by run.

    It goes past the manager, which would clear what a running sweep is writing.
    """
    while True:
        step = _newest_step(folder)
        try:
            return _restore_variables(folder.absolute() / str(step) / "state")
        except (OSError, ValueError):
            # A running sweep removes a checkpoint once it has a newer one.
            if _newest_step(folder) == step:
                raise


def _newest_step(folder: Path) -> int:
    # What is half written has a longer name.
    steps = [int(path.name) for path in folder.glob("*") if path.name.isdigit()]
    if not steps:
        raise ResultsError(f"nothing was saved yet for these runs: {folder} is empty")
    return max(steps)


def _restore_variables(path: Any) -> dict[str, Any]:
    with contextlib.closing(ocp.StandardCheckpointHandler()) as handler:
        tree = handler.metadata(path).tree
        target = jax.tree.map(lambda a: np.empty(a.shape, a.dtype), tree)
        state = handler.restore(path, args=ocp.args.StandardRestore(target))
    return {"params": state["params"], **(state["model_state"] or {})}


def _find_run(
    chunks: list[Mapping[str, Any]], which: Mapping[str, Any]
) -> tuple[str, int, int]:
    found = []
    for chunk in chunks:
        for index, run in enumerate(chunk["runs"]):
            for name in which:
                if name not in run:
                    raise ResultsError(f"unknown field {name!r}: {nearest(name, run)}")
            if all(run[name] == value for name, value in which.items()):
                found.append((chunk["group"], chunk["index"], index, run["run"]))
    if len(found) != 1:
        names = "".join(f"\n  {name}" for *_, name in found[:10])
        raise ResultsError(f"{len(found)} runs fit {dict(which)}, not one{names}")
    return found[0][:3]


def _to_columns(rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
    names = sorted({name for row in rows for name in row})
    return {name: [row.get(name) for row in rows] for name in names}


def _to_rows(columns: Mapping[str, list[Any]]) -> list[dict[str, Any]]:
    values = zip(*columns.values(), strict=True)
    rows = (zip(columns, row, strict=True) for row in values)
    return [{k: v for k, v in row if v is not None} for row in rows]
