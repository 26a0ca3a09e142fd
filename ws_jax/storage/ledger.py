"""The table of a sweep, kept equal to what its checkpoints say.

Of the two, checkpoints are the truth: the table is written anew wherever it says
something else. But rows that no checkpoint holds stay: of chunks that are done, and of
runs that had ended in chunks that train anew.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from absl import logging

from ws_jax.storage import results, standins
from ws_jax.storage.integrity import WorkdirError
from ws_jax.storage.results import RESULTS_FILE, ResultsError, read_table
from ws_jax.storage.stored import CHECKPOINT_FOLDER

if TYPE_CHECKING:  # see `results`
    import pandas as pd

Key = tuple[str, int]  # of a chunk: its group, its index there
Rows = list[dict[str, Any]]
_ENDS = {"finished", "stopped", "diverged"}


class Kept(NamedTuple):
    """Rows of a table that no checkpoint holds, and that stay in it."""

    done: dict[Key, Rows]  # by chunk: of those that are done, parameters or not
    ended: dict[str, Rows]  # by run: of those that ended, in chunks that train anew
    anew: list[str]  # runs that were begun, and train from their start


def rows_to_keep(
    workdir: Path,
    unsaved: Mapping[Key, Sequence[str]],
    saved: Mapping[str, bool],
    digests: Mapping[str, Set[str]],
    earlier: Mapping[str, Set[str]] | None = None,
) -> Kept:
    """Returns the rows that are in the table of a sweep, but in no checkpoint.

    A chunk whose runs have all ended is not trained anew when its checkpoint is gone,
    removed to save room say. Others are, and rows of their runs that had ended stay
    until these have ended once more; but not if nothing at all is left where
    checkpoints are kept, as where a disk is not mounted.

    Args:
      workdir: of the sweep.
      unsaved: names of the runs of each chunk without a checkpoint.
      saved: of all other runs, by name, whether their chunk is done.
      digests: by run, those that its rows may have.
      earlier: by run, those that they had before the sweep was to train for more
        epochs. The runs of such rows were begun, however they had ended.
    Raises:
      WorkdirError: if the table holds rows of another sweep, or of a version before
        digests that would be lost; if runs had begun and there are no checkpoints of
        any; or if it is damaged and nothing else holds rows.
      MemoryError: if the table needs more memory than is free.
    """
    frame = _table_of_lost(workdir, unsaved, saved)
    kept = Kept({}, {}, [])
    if frame is None:
        return kept
    past = _are_of(frame, earlier or {})
    _check_own(frame[~past], workdir, unsaved, saved, digests)
    own = _are_of(frame, digests)
    training = {name for name, done in saved.items() if not done}
    for key, names in unsaved.items():
        chosen = frame["run"].isin(list(names)).to_numpy()
        if chosen.any() and not past[chosen].any() and _all_done(frame[chosen], names):
            kept.done[key] = _to_rows(frame[chosen])
        elif not (own | past)[chosen].all():
            raise _refusal(workdir, names[0])
        elif chosen.any():
            kept.anew.extend(names)
    if kept.anew and not _any_folder(Path(workdir) / CHECKPOINT_FOLDER):
        raise _refusal(workdir, kept.anew[0])
    training.update(kept.anew)
    ended = frame[own & frame["run"].isin(training) & frame["status"].isin(_ENDS)]
    for name, part in ended.groupby("run"):
        kept.ended[str(name)] = _to_rows(part)
    return kept


def _are_of(frame: pd.DataFrame, digests: Mapping[str, Set[str]]) -> np.ndarray:
    """Returns for each row, bool [rows], whether it has one of its run's digests."""
    told = zip(frame["run"], frame["digest"], strict=True)
    return np.array([digest in digests.get(name, ()) for name, digest in told], bool)


def _any_folder(folder: Path) -> bool:
    return folder.is_dir() and any(part.is_dir() for part in folder.iterdir())


def _check_own(
    frame: pd.DataFrame,
    workdir: Path,
    unsaved: Mapping[Key, Sequence[str]],
    saved: Mapping[str, bool],
    digests: Mapping[str, Set[str]],
) -> None:
    """Raises `WorkdirError` if rows without a checkpoint are another sweep's."""
    lost = set().union(*unsaved.values())
    if not lost:
        return
    strange = sorted(set(frame["run"]) - lost - set(saved))
    if strange:
        raise _foreign(workdir, f"of runs that are not in this sweep, as {strange[0]}")
    for name, digest in zip(frame["run"], frame["digest"], strict=True):
        # Tables of before digests do not tell.
        old = str(digest).startswith(standins.OLD)
        if name in lost and not old and digest not in digests[name]:
            raise _foreign(
                workdir,
                f"of another sweep, with another config or other data, as of {name}",
            )


def _to_rows(part: pd.DataFrame) -> Rows:
    """Returns rows as training makes them: vectors and matrices are lists."""
    return [
        {name: _as_lists(value) for name, value in row.items()}
        for row in part.to_dict("records")
    ]


def _as_lists(value: Any) -> Any:
    if isinstance(value, np.ndarray | list):
        return [_as_lists(part) for part in value]
    return value


def settle(frame: pd.DataFrame, workdir: Path) -> None:
    """Writes the table, unless the one that is there says the same."""
    path = Path(workdir) / RESULTS_FILE
    if path.exists():
        try:
            if results.same(frame, read_table(path)):
                return
        except (ResultsError, MemoryError) as error:
            logging.warning("%s; it is written anew now", error)
    results.write(frame, workdir)


def _table_of_lost(
    workdir: Path, unsaved: Mapping[Key, Sequence[str]], saved: Mapping[str, bool]
) -> pd.DataFrame | None:
    path = Path(workdir) / RESULTS_FILE
    if not path.exists() or (not unsaved and all(saved.values())):
        return None
    try:
        return read_table(path)
    except (ResultsError, MemoryError) as error:
        if not unsaved:  # the checkpoints hold all; it is written anew from them
            return None
        if isinstance(error, MemoryError):
            raise
        if not saved:
            raise WorkdirError(
                f"{path} is damaged, and there are no checkpoints to write it anew: "
                "put a copy in its place, remove it to train all runs anew, or name "
                "another folder with --workdir"
            ) from error
        aside = path.with_name(f"{path.name}.damaged")
        path.rename(aside)
        logging.warning("%s; what there was is now %s", error, aside.name)
        return None


def _all_done(part: pd.DataFrame, names: Sequence[str]) -> bool:
    trained = part[part["epoch"] > 0].groupby("run")["epoch"]
    whole = trained.max() == trained.nunique()
    return (
        set(part["status"]) <= _ENDS
        and set(whole.index) == set(names)
        and bool(whole.all())
    )


def _refusal(workdir: Path, name: str) -> WorkdirError:
    return WorkdirError(
        f"{Path(workdir) / RESULTS_FILE} holds rows of runs that have no checkpoint, "
        f"as {name}, and nothing could give them back: put their checkpoints back (or "
        "mount the disk that has them), move the table away to train anew all runs "
        "that have none, remove all that is there with --overwrite, or name another "
        "folder with --workdir"
    )


def _foreign(workdir: Path, rows: str) -> WorkdirError:
    return WorkdirError(
        f"{Path(workdir) / RESULTS_FILE} holds rows {rows}: put the table of this "
        "sweep back, move this one away to train anew all runs that have no "
        "checkpoint, remove all that is there with --overwrite, or name another "
        "folder with --workdir"
    )
