"""Orbax checkpoints of chunks of runs; the metric history travels inside.

A chunk, the runs that train in step, has a folder of its own. A checkpoint in it
holds the stacked state of all its runs and the rows of the results so far, so that a
sweep which was killed loses nothing and doubles nothing. Once a chunk is done, its
checkpoint keeps parameters and the network's other state only. It also holds sums of
its arrays and rows, and says of which sweep it is; `stored` checks and reads it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import orbax.checkpoint as ocp

from ws_jax.storage.integrity import (
    NO_ROOM,
    WorkdirError,
    advice,
    array_sums,
    leaf_name,
    named_leaves,
    seal,
    sync_folder,
)
from ws_jax.storage.stored import (
    Saved,
    check_links,
    newest_sound,
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
        # Were folders made in the background, and the disk had no inode for them, what
        # waits for them would hold the process back for minutes after its end.
        waiting = ocp.AsyncOptions(create_directories_asynchronously=False)
        options = ocp.CheckpointManagerOptions(max_to_keep=keep, async_options=waiting)
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
    with _no_late_answers():
        checkpoints = ChunkCheckpoints(folder, keep, digest)
        try:
            yield checkpoints
        finally:
            checkpoints.close()


@contextlib.contextmanager
def _no_late_answers() -> Iterator[None]:
    """Keeps the arrays of a save that failed from telling so once more each.

    At the first error Orbax closes the event loop that waits for all arrays. Those that
    end later find it closed, which Python prints with a traceback. After an `OSError`
    of the block this is kept on, since some may end after it. Those that had not begun
    are dropped, which Python warns of when it comes to free them.
    """
    warnings.filterwarnings(
        "ignore", "coroutine .*write_fragment' was never awaited", RuntimeWarning
    )
    before, keeps_on = sys.unraisablehook, False

    def tell_others(found: Any) -> None:
        if str(found.exc_value) != "Event loop is closed":
            before(found)

    sys.unraisablehook = tell_others
    try:
        yield
    except OSError:
        keeps_on = True
        raise
    finally:
        if not keeps_on:
            sys.unraisablehook = before


@contextlib.contextmanager
def _one_clear_error(folder: Path) -> Iterator[None]:
    """Makes one sentence of what Orbax raises if it cannot write."""
    try:
        yield
    except Exception as error:  # of many kinds, from its threads
        lines = str(error).splitlines() or [type(error).__name__]
        full = [words for words in map(os.strerror, NO_ROOM) if words in str(error)]
        reason = (full or [lines[0][:200]])[0]
        raise OSError(
            f"a checkpoint could not be written to {folder} ({reason}); those "
            "saved before stay: make room, and start the same command again to go on"
        ) from error


def _make_folder(folder: Path) -> None:
    check_links(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        help_ = "mend that, or name another --workdir"
        if any(path.is_symlink() for path in (folder, *folder.parents)):
            help_ = "make the folder that the link in its path leads to"
        raise WorkdirError(
            f"{folder} cannot be made ({error.strerror}): {advice(error, help_)}"
        ) from error


def _to_columns(rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
    names = sorted({name for row in rows for name in row})
    return {name: [row.get(name) for row in rows] for name in names}
