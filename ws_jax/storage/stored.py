"""What is kept of a chunk of runs: found, checked, and read.

Nothing is taken from a checkpoint before the sums that it holds fit its content.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from absl import logging

from ws_jax.storage.integrity import (
    Damage,
    WorkdirError,
    check_arrays,
    check_layout,
    check_own,
    digest_of,
    unseal,
)
from ws_jax.storage.results import ResultsError

CHECKPOINT_FOLDER = "checkpoints"
_ROWS_FILE = "rows/metadata"  # as Orbax names the JSON that it writes
_OLD_KEYS = {"done", "columns"}  # of a checkpoint that is older than its sums
_KEYS = {*_OLD_KEYS, "arrays", "step", "sweep"}


class Saved(NamedTuple):
    """What a checkpoint says about itself, its arrays left out."""

    epoch: int  # epochs done
    done: bool  # whether no run of the chunk trains any more
    rows: list[dict[str, Any]]  # of the results


class Found(NamedTuple):
    """A checkpoint that was read and is sound."""

    saved: Saved
    state: Any  # nested dicts and lists of NumPy arrays; None once a chunk is done


def latest_saved(folder: Path, digest: str = "") -> Saved | None:
    """Returns what a chunk's newest sound checkpoint says, or None if there is none.

    Damaged ones newer than it are set aside. Only the process that holds the chunk may
    ask; others take a `glance`.

    Raises:
      WorkdirError: as `ChunkCheckpoints`.
    """
    check_links(folder)
    found = newest_sound(Path(folder).absolute(), digest)
    return found.saved if found else None


def glance(folder: Path, digest: str = "") -> Saved | None:
    """Returns what a chunk's newest readable checkpoint says, or None if there is none.

    Another process may be training the chunk: nothing is changed, and a checkpoint
    that goes away meanwhile is passed over. Arrays are not read.

    Raises:
      WorkdirError: if the folder leads elsewhere, or holds the checkpoints of another
        sweep.
    """
    check_links(folder)
    there: list[int] = []
    # All that were listed may have gone once newer ones came.
    while (listed := sorted(steps(folder), reverse=True)) != there:
        there = listed
        for step in there:
            with contextlib.suppress(Damage):
                return _saved(Path(folder).absolute() / str(step), digest)[0]
    return None


def keeps_state(folder: Path) -> bool:
    """Returns whether a chunk's newest checkpoint has all that training needs."""
    path = Path(folder).absolute() / str(newest_step(folder))
    with contextlib.suppress(Damage):
        arrays = read_rows(path)["arrays"] or {}
        return any(name.startswith("status") for name in arrays)
    return False


def state_of_done(folder: Path, digest: str = "") -> Any:
    """Reads the arrays of a chunk that was done, and is to go on.

    Raises:
      WorkdirError: if they are damaged, or another sweep's.
    """
    path = Path(folder).absolute() / str(newest_step(folder))
    try:
        return read_state(path / "state", read_rows(path, digest)["arrays"])
    except Damage as damage:
        raise WorkdirError(
            f"the checkpoint {path} is damaged ({damage}): put a copy of it in its "
            "place, or train in another --workdir, to the same numbers"
        ) from damage


def chunk_folder(workdir: Path, group: str, chunk: int) -> Path:
    """Returns the folder of one chunk's checkpoints.

    Raises:
      ResultsError: if the name of the group would lead out of the workdir.
    """
    if group in ("", ".", "..") or set(group) & set("/\\\0"):
        raise ResultsError(f"{group!r} cannot be the name of a group of runs")
    return Path(workdir) / CHECKPOINT_FOLDER / group / f"chunk_{chunk:03d}"


def chunk_digest(record: Mapping[str, Any], runs: Sequence[str]) -> str:
    """Returns a hash of what the numbers of a chunk depend on.

    Args:
      record: of the sweep, as it was begun.
      runs: names of the chunk's runs, in order.
    """
    for chunk in record["chunks"]:
        # More was added to the sweep since the chunk began.
        if "digest" in chunk and chunk["runs"][0]["run"] == runs[0]:
            return chunk["digest"]
    known = {run["run"]: run for chunk in record["chunks"] for run in chunk["runs"]}
    told = [known[name].get("digest", name) for name in runs]
    return digest_of([record["data"], told])


def check_links(folder: Path) -> None:
    """Checks that a chunk's folder leads nowhere else; `checkpoints/` itself may."""
    folder = Path(folder).absolute()
    if folder.parent.parent.name == CHECKPOINT_FOLDER:
        check_own(folder, folder.parent.parent)
    for path in folder.glob("*"):
        check_own(path, folder)


def newest_sound(folder: Path, digest: str) -> Found | None:
    """Reads the newest checkpoint that is sound, and sets newer ones aside."""
    bad: dict[int, Damage] = {}
    for step in sorted(steps(folder), reverse=True):
        try:
            found = _read(folder / str(step), digest)
        except Damage as damage:
            bad[step] = damage
            continue
        for worse, damage in bad.items():
            _set_aside(folder / str(worse), damage, found.saved.epoch)
        return found
    if bad:
        step, damage = next(iter(bad.items()))
        raise WorkdirError(
            f"the checkpoint {folder / str(step)} is damaged ({damage}), and there is "
            f"no older one that is sound: remove {folder} and start the same command "
            "again; rows that the table holds of runs that have ended stay, others "
            "come back by training, to the same numbers"
        )
    return None


def _set_aside(path: Path, damage: Damage, epoch: int) -> None:
    aside = path.with_name(f"{path.name}.damaged")
    logging.warning(
        "the checkpoint %s is damaged (%s): it is now %s, and its runs go on from an "
        "older one, of epoch %d",
        path,
        damage,
        aside.name,
        epoch,
    )
    shutil.rmtree(aside, ignore_errors=True)
    path.rename(aside)


def steps(folder: Path) -> list[int]:
    """Returns the steps of the checkpoints in a folder, sound or not."""
    # What is half written or set aside has a longer name.
    return [int(path.name) for path in folder.glob("*") if path.name.isdecimal()]


def _read(path: Path, digest: str) -> Found:
    """Reads one checkpoint and checks it; arrays only while its chunk trains.

    Raises:
      Damage: if it is not what was written.
      WorkdirError: if it is that of another sweep.
    """
    saved, sums = _saved(path, digest)
    state = None if saved.done else read_state(path / "state", sums)
    return Found(saved, state)


def _saved(path: Path, digest: str) -> tuple[Saved, Any]:
    """Reads what a checkpoint says of itself, and the sums of its arrays."""
    table = read_rows(path, digest)
    try:
        rows = _to_rows(table["columns"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Damage("its rows cannot be read") from error
    return Saved(int(path.name) // 2, bool(table["done"]), rows), table["arrays"]


def read_rows(path: Path, digest: str = "") -> dict[str, Any]:
    """Reads rows and sums; a checkpoint older than the sums has only rows.

    Raises:
      Damage: if they are not what was written.
      WorkdirError: if they are those of another sweep.
    """
    try:
        text = (path / _ROWS_FILE).read_bytes()
    except OSError as error:
        raise Damage(f"its rows are missing: {error.strerror}") from error
    table = unseal(text)
    if set(table) == _OLD_KEYS:
        step = 2 * (int(path.name) // 2) + bool(table["done"])
        table |= {"step": step, "arrays": None, "sweep": None}
    if set(table) != _KEYS or table["step"] != int(path.name):
        raise Damage("its rows are not what was written")
    if digest and table["sweep"] and table["sweep"] != digest:
        raise WorkdirError(
            f"{path} was saved by another sweep, with another config, other data or "
            "other runs: remove it, or name another folder with --workdir"
        )
    return table


def read_state(path: Any, sums: Mapping[str, list[Any]] | None) -> Any:
    """Reads the arrays of a checkpoint, past the manager, and checks them.

    The manager would clear what a running sweep is writing.

    Raises:
      Damage: if they are not what was written.
    """
    # Half a second, for arrays alone: a sweep that is finished reads none.
    import orbax.checkpoint as ocp

    try:
        with contextlib.closing(ocp.StandardCheckpointHandler()) as handler:
            tree = handler.metadata(path).tree
            if sums is not None:
                check_layout(tree, sums)
            target = jax.tree.map(lambda a: np.empty(a.shape, a.dtype), tree)
            state = handler.restore(path, args=ocp.args.StandardRestore(target))
        if sums is not None:
            check_arrays(state, sums)
    except Damage:
        raise
    except Exception as error:  # what Orbax raises for damaged files is open
        lines = str(error).splitlines() or [type(error).__name__]
        raise Damage(f"its arrays cannot be read: {lines[0][:200]}") from error
    return state


def _to_rows(columns: Mapping[str, list[Any]]) -> list[dict[str, Any]]:
    values = zip(*columns.values(), strict=True)
    rows = (zip(columns, row, strict=True) for row in values)
    return [{k: v for k, v in row if v is not None} for row in rows]


def newest_step(folder: Path) -> int:
    """Returns the step of a chunk's newest checkpoint, sound or not.

    Raises:
      ResultsError: if there is none.
    """
    if found := steps(folder):
        return max(found)
    raise ResultsError(f"nothing was saved yet for these runs: {folder} is empty")
