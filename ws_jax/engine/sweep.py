"""Runs a sweep from config to results: the one place where side effects are ordered.

A sweep's folder holds `sweep.json` (config, plan, versions, device, data),
`checkpoints/`, and `results.parquet`. A process trains chunks of runs one after the
other, each to its end, and passes over those that another process holds; whatever
happens in between, starting the same sweep again goes on from the newest checkpoint of
each chunk.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ws_jax.config import ConfigError
from ws_jax.engine.chunk import (
    Chunk,
    describe_chunks,
    make_chunks,
    recorded_chunks,
)
from ws_jax.engine.extend import check_extension, extended, with_new_code
from ws_jax.engine.mapping import MappedProgram
from ws_jax.engine.progress import Progress, counted
from ws_jax.engine.study import Study, check_fits, make_record, make_study, map_groups
from ws_jax.engine.table import SweepTable
from ws_jax.engine.training import Training
from ws_jax.keys import check_draws
from ws_jax.runs import Sweep
from ws_jax.storage import results
from ws_jax.storage.events import EVENT_FOLDER, EventFiles
from ws_jax.storage.holds import check_holds
from ws_jax.storage.locks import part_lock
from ws_jax.storage.records import changed_code, differences, with_code
from ws_jax.storage.status import Status
from ws_jax.storage.workdir import Workdir, WorkdirError, stop_requests, versions


def run_sweep(
    sweep: Sweep,
    workdir: str | Path,
    *,
    data_dir: str | None = None,
    overwrite: bool = False,
    extend: bool = False,
    tensorboard: bool = False,
) -> Path:
    """Trains all runs of a sweep and writes their results; goes on where it was.

    Args:
      sweep: what is trained.
      workdir: folder of the sweep, made if missing.
      data_dir: folder with prepared or raw data.
      overwrite: whether results of an earlier sweep may be removed.
      extend: whether what is there may be a part of this sweep, with fewer values of
        its axes or fewer epochs; it stays, and the rest is trained.
      tensorboard: whether measurements are written as TensorBoard's events, too.
    Returns:
      The path of the results.
    Raises:
      ConfigError, DataError: as `prepare`; ConfigError also as `make_chunks`.
      WorkdirError: if the folder cannot be written, is in use, holds another sweep
        and `overwrite` is not set, or holds something else, as a search.
      Interrupted: after SIGTERM or SIGINT, once all is saved.
    """
    if overwrite and extend:
        raise ConfigError("--overwrite removes what --extend adds to: take one of them")
    progress = Progress()
    study = _prepared(sweep, data_dir, progress, workdir)
    with Workdir(workdir) as folder, stop_requests() as stop:
        mapped = map_groups(study)
        with folder.planning(stop, _waiting(progress, "plans it"), alone=overwrite):
            record = _agree(study, mapped, folder, progress, overwrite, extend)
        study = study.as_recorded(record)
        chunks = _agreed_chunks(study, record, folder)
        waiting = _waiting(progress, "writes the table")
        table = SweepTable(
            study,
            chunks,
            record,
            folder.path,
            lambda lock: lock.held(stop, waiting),
            folder.check_there,
        )
        status = Status(folder.path, part_lock(folder.path, "status"))
        with status:
            training = Training(study, chunks, mapped, table, stop, progress, status)
            if tensorboard:
                training.events = EventFiles(folder.path / EVENT_FOLDER)
            training.begins = lambda: _note_environment(folder, stop, progress)
            training.run()
        return folder.path / results.RESULTS_FILE


def check_start(
    sweep: Sweep,
    workdir: str | Path,
    *,
    data_dir: str | None = None,
    extend: bool = False,
) -> Study:
    """Checks what `run_sweep` checks before anything compiles, and trains nothing.

    The folder and its locks are made if they are missing, so that it is known to be
    writable.

    Args:
      sweep: as `run_sweep`.
      workdir: as `run_sweep`.
      data_dir: as `run_sweep`.
      extend: as `run_sweep`.
    Returns:
      The study, made ready.
    Raises:
      ConfigError, DataError, WorkdirError: as `run_sweep`.
    """
    study = _prepared(sweep, data_dir, Progress(), workdir)
    new = make_record(study.sweep, study.dataset)
    with Workdir(workdir) as folder:
        here = folder.here() if extend else None
        if here is not None and differences(here, new):
            check_extension(study, folder.path, here, new)
        else:
            folder.find(new, overwrite=False)
    return study


def _prepared(
    sweep: Sweep, data_dir: str | None, progress: Progress, workdir: str | Path
) -> Study:
    """Makes a sweep ready, and says what work it is."""
    if not isinstance(sweep, Sweep):
        raise ConfigError(
            f"sweep is a {type(sweep).__name__}, needs a Sweep; one of a single run is "
            "Sweep('name', run)"
        )
    if not isinstance(workdir, str | os.PathLike):
        raise ConfigError(f"workdir is {workdir!r}, needs the path of a folder")
    check_holds(Path(workdir).absolute(), "a sweep", "workdir")
    progress.say(f"loading the data {sweep.base.data.name}")
    study = make_study(sweep, data_dir)
    # What is finished needs no devices, and the checks would start them.
    if not _was_checked(study, Path(workdir)):
        check_fits(study)
    runs, groups = counted(study.num_runs, "run"), counted(len(study.groups), "group")
    progress.say(f"planning {runs} in {groups}")
    progress.plan(
        {g.name: len(g.runs) * g.run.train.epochs for g in study.groups},
        max(len(split.train) for split in study.splits),
    )
    return study


def _was_checked(study: Study, workdir: Path) -> bool:
    """Whether the very same began here, by the same versions, after its checks."""
    try:
        here = results.read_record(workdir / results.RECORD_FILE)
    except (OSError, results.ResultsError):  # told of later, where it is read again
        return False
    new = {**make_record(study.sweep, study.dataset), "versions": versions()}
    return all(here.get(name) == new[name] for name in new)


def _agreed_chunks(
    study: Study, record: Mapping[str, Any], folder: Workdir
) -> list[Chunk]:
    """Returns the chunks that a record names; `WorkdirError` if it is not its own."""
    try:
        return recorded_chunks(study, record)
    except KeyError as error:
        raise WorkdirError(
            f"the record of {folder.path} names {error}, which its config does not "
            "have: put a copy of it as the sweep wrote it in its place"
        ) from error


def _note_environment(
    folder: Workdir, stop: threading.Event, progress: Progress
) -> None:
    """Notes what trains from here on; a sweep that is finished starts no devices.

    Raises:
      ConfigError: if it would go on with other draws than it began with.
    """
    check_draws()
    with folder.planning(stop, _waiting(progress, "plans it")):
        folder.note_environment()


def _waiting(progress: Progress, what: str) -> Callable[[str], None]:
    return lambda holder: progress.say(f"waiting for {holder}, which {what}")


def _agree(
    study: Study,
    mapped: Mapping[str, MappedProgram],
    folder: Workdir,
    progress: Progress,
    overwrite: bool,
    extend: bool,
) -> dict[str, Any]:
    """Returns the record that all processes of the sweep go by; the first writes it."""
    new = make_record(study.sweep, study.dataset)
    here = folder.here() if extend else None
    if here is not None and differences(here, new):
        folder.be_alone()
        record = extended(study, mapped, folder.path, here, new, progress.compiling)
        added = len(record["chunks"]) - len(here["chunks"])
        progress.say(f"extending the sweep in {folder.path} by {added} chunks")
        return folder.change(record)
    record = folder.find(new, overwrite)
    if record is not None and changed_code(record, new):
        folder.be_alone()
        chunks = with_new_code(study, folder.path, record["chunks"])
        return folder.change({**with_code(record, new), "chunks": chunks})
    if record is not None:
        return record
    chunks = make_chunks(study, mapped, progress.compiling)
    return folder.begin({**new, "chunks": describe_chunks(study, chunks)})
