"""A run of a sweep that was recorded: the sweep made ready anew, and what it is."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from absl import logging

from ws_jax.config import ConfigError, nearest
from ws_jax.data import DataError
from ws_jax.engine.own_code import digests, not_imported
from ws_jax.engine.study import Study, prepare
from ws_jax.runs import Run, Sweep
from ws_jax.storage.records import changed_code
from ws_jax.storage.results import RECORD_FILE, ResultsError, read_record


def find_run(
    workdir: str | Path, name: str, data_dir: str | None = None
) -> tuple[Study, Run]:
    """Returns a sweep made ready from its record, and the run of that name.

    Parts of its own must have been imported. If their code is not that with which it
    was trained, a warning says so.

    Raises:
      ResultsError: if there is no sweep, or no such run; the nearest is named.
      ConfigError: if the data are no more those of the sweep, or parts of its own are
        not known.
    """
    path = Path(workdir) / RECORD_FILE
    if not path.exists():
        raise ResultsError(f"no sweep in {workdir}: it has no {RECORD_FILE}")
    record = read_record(path)
    if "base" not in record["config"]:
        raise ResultsError(
            f"the sweep in {workdir} was recorded by a version of ws_jax from before "
            "folding: train it anew in another --workdir"
        )
    with _own_parts(workdir, record.get("code") or ()):
        study = prepare(Sweep.from_values(record["config"]), data_dir)
    study = study.as_recorded(record)
    if files := changed_code(record, {"code": digests(study.sweep)}):
        logging.warning(
            "the code of %s is not that with which the sweep in %s was trained: its "
            "numbers may be others",
            ", ".join(files),
            workdir,
        )
    if study.dataset.identity != record["data"]:
        raise ConfigError(
            f"the sweep in {workdir} was trained on other data ({record['data']}) than "
            f"are there now ({study.dataset.identity}): name their folder with "
            "--data_dir"
        )
    names = {columns["run"]: run for run, columns in study.columns.items()}
    if name not in names:
        raise ResultsError(f"no run {name!r} in {workdir}: {nearest(name, names)}")
    return study, names[name]


@contextlib.contextmanager
def _own_parts(workdir: str | Path, files: Iterable[str]) -> Iterator[None]:
    """Says of a sweep that cannot be made ready which files of its own are missing."""
    try:
        yield
    except (ConfigError, DataError) as error:
        missing = not_imported(files)
        if not missing:
            raise
        raise ConfigError(
            f"the sweep in {workdir} has parts of its own, of {', '.join(missing)}: "
            f"name its config file with --config=FILE, or import it ({error})"
        ) from error
