"""Orbax checkpoints of chunks of runs; the metric history travels inside.

A chunk, the runs that train in step, has a folder of its own. A checkpoint in it
holds the stacked state of all its runs and the rows of the results so far, so that a
sweep which was killed loses nothing and doubles nothing. Once a chunk is done, its
checkpoint keeps parameters and the network's other state only. It also holds sums of
its arrays and rows, and says of which sweep it is; `stored` checks and reads it.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jax
import orbax.checkpoint as ocp

from ws_jax.config import nearest
from ws_jax.names import COLUMN_OF, as_shown, column_of
from ws_jax.storage.integrity import (
    Damage,
    WorkdirError,
    array_sums,
    leaf_name,
    named_leaves,
    seal,
    sync_folder,
)
from ws_jax.storage.results import RECORD_FILE, ResultsError, read_record
from ws_jax.storage.stored import (
    Saved,
    check_links,
    chunk_digest,
    chunk_folder,
    glance,
    newest_sound,
    newest_step,
    read_rows,
    read_state,
    state_of_done,
)

_KINDS = {"state": ocp.StandardCheckpointHandler, "rows": ocp.JsonCheckpointHandler}


class ChunkCheckpoints:
    """The checkpoints of one chunk of runs, in a folder."""

    def __init__(self, folder: Path, keep: int, digest: str = ""):
        """Opens the folder, made if missing; half-written checkpoints are cleared.

        Args:
          folder: of the chunk.
          keep: how many checkpoints stay, the newest.
          digest: of all that the numbers of the chunk depend on.
        Raises:
          WorkdirError: if the folder leads elsewhere, holds the checkpoints of another
            sweep, or damaged ones alone.
        """
        # Orbax refuses a relative path, but only from its background thread.
        self._folder = Path(folder).absolute()
        self._digest = digest
        _make_folder(self._folder)
        # Orbax could clear them, too, in the background: now and then it stumbled
        # over one that it had just removed, and the next save failed.
        for leftover in self._folder.glob(f"*{ocp.utils.TMP_DIR_SUFFIX}*"):
            shutil.rmtree(leftover)
        self._found = newest_sound(self._folder, digest)
        options = ocp.CheckpointManagerOptions(max_to_keep=keep)
        handlers = {name: kind() for name, kind in _KINDS.items()}
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
        # A chunk can be done at an epoch that was saved already, by SIGTERM say.
        step = 2 * saved.epoch + saved.done
        if step == self._manager.latest_step():
            return
        table = seal(
            {
                "done": saved.done,
                "columns": _to_columns(saved.rows),
                "arrays": array_sums(state),
                "step": step,
                "sweep": self._digest,
            }
        )
        args = {"state": ocp.args.StandardSave(state), "rows": ocp.args.JsonSave(table)}
        with _one_clear_error(self._folder):
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
        """Returns what the newest sound checkpoint said at the start, or None."""
        return self._found.saved if self._found else None

    def restore(self, like: Any) -> Any:
        """Returns the state of `latest` as NumPy arrays in a tree shaped as `like`.

        Raises:
          WorkdirError: if the saved arrays have other names, types or shapes.
        """
        assert self._found is not None, "there is nothing to restore"
        held = named_leaves(
            self._found.state or state_of_done(self._folder, self._digest)
        )
        self._found = self._found._replace(state=None)  # not held for the whole chunk

        def take(path, leaf):
            name = leaf_name(path)
            array = held.pop(name, None)
            if array is None or (array.shape, array.dtype) != (leaf.shape, leaf.dtype):
                raise WorkdirError(
                    f"the checkpoint in {self._folder} has no array {name} of "
                    f"{leaf.dtype}{list(leaf.shape)}: another version of ws_jax wrote "
                    "it; go on with that one, or name another --workdir"
                )
            return array

        return jax.tree_util.tree_map_with_path(take, like)

    def close(self) -> None:
        """Waits until all is written.

        Raises:
          OSError: if something could not be written; what was saved before stays.
        """
        with _one_clear_error(self._folder):
            try:
                self._manager.wait_until_finished()
            finally:
                self._manager.close()
        # The whole workdir may have been moved away, which is told elsewhere.
        with contextlib.suppress(FileNotFoundError):
            sync_folder(self._folder)


@contextlib.contextmanager
def open_chunk(folder: Path, keep: int, digest: str = "") -> Iterator[ChunkCheckpoints]:
    """Opens a chunk's checkpoints, and waits at the end until all is written."""
    checkpoints = ChunkCheckpoints(folder, keep, digest)
    try:
        yield checkpoints
    finally:
        checkpoints.close()


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
    path = Path(workdir) / RECORD_FILE
    if not path.exists():
        raise ResultsError(f"no sweep in {workdir}: it has no {RECORD_FILE}")
    record = read_record(path)
    chunk, index = _find_run(record["chunks"], which)
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


def _find_run(
    chunks: list[Mapping[str, Any]], which: Mapping[str, Any]
) -> tuple[Mapping[str, Any], int]:
    runs = [
        (chunk, index, run)
        for chunk in chunks
        for index, run in enumerate(chunk["runs"])
    ]
    columns = list(dict.fromkeys(name for *_, run in runs for name in run))
    for name, value in which.items():
        column = column_of(name, columns)
        if column not in columns:
            known = [*columns, *(end.rpartition(".")[2] for end in COLUMN_OF)]
            raise ResultsError(f"unknown field {name!r}: {nearest(name, known)}")
        values = {run.get(column) for *_, run in runs}
        told = (value, as_shown(column, value))
        runs = [entry for entry in runs if entry[2].get(column) in told]
        if not runs:
            there = ", ".join(sorted(map(str, values))[:20])
            raise ResultsError(f"no run has {name} {value!r}: there are {there}")
    if len(runs) != 1:
        names = "".join(f"\n  {run['run']}" for *_, run in runs[:10])
        raise ResultsError(f"{len(runs)} runs fit {dict(which)}, not one{names}")
    return runs[0][:2]


@contextlib.contextmanager
def _one_clear_error(folder: Path) -> Iterator[None]:
    """Makes one sentence of what Orbax raises if it cannot write."""
    try:
        yield
    except Exception as error:  # of many kinds, from its threads
        lines = str(error).splitlines() or [type(error).__name__]
        raise OSError(
            f"a checkpoint could not be written to {folder} ({lines[0][:200]}); those "
            "saved before stay: make room, and start the same command again to go on"
        ) from error


def _make_folder(folder: Path) -> None:
    check_links(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        linked = any(path.is_symlink() for path in (folder, *folder.parents))
        advice = "make the folder that the link in its path leads to"
        raise WorkdirError(
            f"{folder} cannot be made ({error.strerror}): "
            f"{advice if linked else 'mend that, or name another --workdir'}"
        ) from error


def _to_columns(rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
    names = sorted({name for row in rows for name in row})
    return {name: [row.get(name) for row in rows] for name in names}
