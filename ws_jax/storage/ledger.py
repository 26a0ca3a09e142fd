"""The table of a sweep, kept equal to what its checkpoints say.

Of the two, checkpoints are the truth: the table is written anew wherever it says
something else. But rows that no checkpoint can give back stay.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from absl import logging

from ws_jax.storage import results
from ws_jax.storage.integrity import WorkdirError
from ws_jax.storage.results import RESULTS_FILE, ResultsError, read_table

if TYPE_CHECKING:  # see `results`
    import pandas as pd

Key = tuple[str, int]  # of a chunk: its group, its index there
_ENDS = {"finished", "stopped", "diverged"}


def rows_of_lost_chunks(
    workdir: Path, unsaved: Mapping[Key, Sequence[str]], saved: Sequence[str]
) -> dict[Key, list[dict[str, Any]]]:
    """Returns the rows of chunks that are done but have no checkpoint any more.

    Their parameters are gone, removed to save room say; they are not trained anew.

    Args:
      workdir: of the sweep.
      unsaved: names of the runs of each chunk without a checkpoint.
      saved: names of all other runs.
    Returns:
      The rows by chunk; chunks that have not begun are left out.
    Raises:
      WorkdirError: if the table holds rows that would be lost: of chunks that are not
        done, or of unknown runs; or if it is damaged and nothing else holds rows.
    """
    frame = _table_of_lost(workdir, bool(unsaved), bool(saved))
    if frame is None:
        return {}
    known = set(saved).union(*unsaved.values())
    strange = sorted(set(frame["run"]) - known)
    if strange:
        raise _refusal(workdir, f"of runs that are not in this sweep, as {strange[0]}")
    kept = {}
    for key, names in unsaved.items():
        part = frame[frame["run"].isin(list(names))]
        if part.empty:
            continue
        if not _all_done(part, names):
            raise _refusal(workdir, f"of runs that have no checkpoint, as {names[0]}")
        kept[key] = part.to_dict("records")
    return kept


def settle(frame: pd.DataFrame, workdir: Path) -> None:
    """Writes the table, unless the one that is there says the same."""
    path = Path(workdir) / RESULTS_FILE
    if path.exists():
        try:
            if results.same(frame, read_table(path)):
                return
        except ResultsError as error:
            logging.warning("%s; it is written anew now", error)
    results.write(frame, workdir)


def _table_of_lost(workdir: Path, lost: bool, saved: bool) -> pd.DataFrame | None:
    path = Path(workdir) / RESULTS_FILE
    if not lost or not path.exists():
        return None
    try:
        return read_table(path)
    except ResultsError as error:
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


def _refusal(workdir: Path, rows: str) -> WorkdirError:
    return WorkdirError(
        f"{Path(workdir) / RESULTS_FILE} holds rows {rows}, and nothing could give "
        "them back: put their checkpoints back, move the table away to train these "
        "runs anew, remove all that is there with --overwrite, or name another folder "
        "with --workdir"
    )
