"""A run of a sweep that was recorded: the sweep made ready anew, and what it is."""

from __future__ import annotations

from pathlib import Path

from ws_jax.config import ConfigError, nearest
from ws_jax.engine.study import Study, prepare
from ws_jax.runs import Run, Sweep
from ws_jax.storage.results import RECORD_FILE, ResultsError, read_record


def find_run(
    workdir: str | Path, name: str, data_dir: str | None = None
) -> tuple[Study, Run]:
    """Returns a sweep made ready from its record, and the run of that name.

    Raises:
      ResultsError: if there is no sweep, or no such run; the nearest is named.
      ConfigError: if the data are no more those of the sweep.
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
    study = prepare(Sweep.from_values(record["config"]), data_dir)
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
