"""More of the same sweep: runs and epochs are added to what was begun.

What was trained stays bit for bit. So every run that was begun must be among those
that are asked for, with the same name and in the same group; and one that goes on for
more epochs must have kept all that training needs, and a learning rate that does not
hang on its length.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from ws_jax.config import replace_field
from ws_jax.engine.chunk import describe_chunks, make_chunks, recorded_chunks
from ws_jax.engine.mapping import MappedProgram
from ws_jax.engine.study import Study
from ws_jax.runs import Run
from ws_jax.storage import results
from ws_jax.storage.records import (
    changed_code,
    check_code,
    differences,
    swept_in_both,
    with_code,
)
from ws_jax.storage.results import RESULTS_FILE, ResultsError
from ws_jax.storage.stored import (
    chunk_digest,
    chunk_folder,
    glance,
    keeps_state,
    state_of_done,
    steps,
)
from ws_jax.storage.workdir import WorkdirError, environment

_EPOCHS = "base.train.epochs"
_HOW = "train it in another folder with --workdir"


def extended(
    study: Study,
    mapped: Mapping[str, MappedProgram],
    path: Path,
    here: Mapping[str, Any],
    new: Mapping[str, Any],
    compiling: Callable[[str], AbstractContextManager],
) -> dict[str, Any]:
    """Returns the record of a sweep with what is added; nothing is written.

    Args:
      study: all that is asked for, made ready.
      mapped: its groups.
      path: of the workdir.
      here: the record of what was begun.
      new: the record of what is asked for, without chunks.
      compiling: entered with a group's name while its epoch compiles.
    Raises:
      WorkdirError: if that would change runs that were begun, by naming the fields.
      ConfigError: as `make_chunks`.
    """
    entries = check_extension(study, path, here, new)
    begun = recorded_chunks(study, {"chunks": entries})
    added = make_chunks(study, mapped, compiling, begun)
    # As the sweep was before, for the reader.
    told = ("config", "versions", "device", "flags", "environments", "code")
    past = {key: here[key] for key in told if key in here}
    changed = with_code(here, new) if changed_code(here, new) else here
    return {
        **new,
        **environment(),
        **{key: changed[key] for key in ("code_before",) if key in changed},
        "chunks": [*entries, *describe_chunks(study, added)],
        "extended_from": [*here.get("extended_from", []), past],
    }


def check_extension(
    study: Study, path: Path, here: Mapping[str, Any], new: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Returns what the record says of begun chunks from now on.

    Args:
      study: all that is asked for, made ready.
      path: of the workdir.
      here: the record of what was begun.
      new: the record of what is asked for, without chunks.
    Raises:
      WorkdirError: as `extended`.
    """
    fields = differences(here, new)
    wrong = [f for f in fields if not f.startswith(("axes.", _EPOCHS))]
    before, after = (r["config"]["base"]["train"]["epochs"] for r in (here, new))
    if "train.epochs" in swept_in_both(here, new):
        after = before  # the base's are those of no run
    if wrong or after < before:
        raise _refusal(path, wrong or [f for f in fields if f.startswith(_EPOCHS)])
    check_code(path, here, new)
    entries = _kept_entries(study.as_recorded(here), here, before)
    if entries is None:
        raise _refusal(path, fields)
    if after > before:
        _check_going_on(path, here, study)
    return with_new_code(study, path, entries) if changed_code(here, new) else entries


def with_new_code(
    study: Study, path: Path, entries: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Returns what a record says of chunks when a person goes on with changed code.

    Those that were begun keep the identity of the code that they began with.

    Args:
      study: made ready with the code of now.
      path: of the workdir.
      entries: what its record says of the chunks.
    """
    told: set[str] = set()
    with contextlib.suppress(ResultsError, FileNotFoundError):
        told |= set(results.read_table(Path(path) / RESULTS_FILE)["run"])
    columns = {own["run"]: own for own in study.columns.values()}
    found = []
    for entry in entries:
        begun = bool(steps(chunk_folder(path, entry["group"], entry["index"])))
        if not begun and told.isdisjoint(run["run"] for run in entry["runs"]):
            runs = [columns.get(run["run"], run) for run in entry["runs"]]
            entry = {**entry, "runs": runs}
        found.append(dict(entry))
    return found


def _kept_entries(
    study: Study, here: Mapping[str, Any], epochs: int
) -> list[dict[str, Any]] | None:
    """Returns what the record says of begun chunks from now on.

    None if a run of theirs is not among those that are asked for.
    """
    runs: dict[str, tuple[str, Run]] = {}
    fingerprint, codes = study.dataset.contents, study.codes
    for group in study.groups:
        for run in group.runs:
            shorter = replace_field(run, "train.epochs", epochs)
            runs[shorter.digest(fingerprint, code=codes.get(run, ""))] = group.name, run
    for group in study.groups:  # after all others, since nothing is nearer
        for run in group.runs:
            runs[study.columns[run]["digest"]] = group.name, run
    entries = []
    for entry in here["chunks"]:
        columns = []
        for known in entry["runs"]:
            group, run = runs.get(known.get("digest", ""), ("", None))
            if run is None or group != entry["group"]:
                return None
            columns.append(study.columns[run])
        if [c["run"] for c in columns] != [k["run"] for k in entry["runs"]]:
            return None
        # Its checkpoints stay those of the sweep as it was begun.
        digest = chunk_digest(here, [known["run"] for known in entry["runs"]])
        entries.append({**entry, "runs": columns, "digest": digest})
        # A table may not be written before the next stop.
        was = {name: list(told) for name, told in entry.get("was", {}).items()}
        for known, now in zip(entry["runs"], columns, strict=True):
            if known["digest"] != now["digest"]:
                was.setdefault(known["run"], []).append(known["digest"])
        entries[-1] |= {"was": was} if was else {}
    return entries


def _check_going_on(path: Path, here: Mapping[str, Any], study: Study) -> None:
    """Raises `WorkdirError` if begun runs cannot go on for more epochs."""
    begun = {run["run"] for entry in here["chunks"] for run in entry["runs"]}
    for run, columns in study.columns.items():
        schedule = run.train.optimizer.schedule
        if columns["run"] in begun and schedule.depends_on_length:
            raise WorkdirError(
                f"train.epochs cannot grow in {path}: the schedule {schedule.kind} of "
                f"run {columns['run']} spreads over the whole training, so that it "
                f"would train otherwise from its start; {_HOW}"
            )
    table = Path(path) / RESULTS_FILE
    told = set(results.read_table(table)["run"]) if table.exists() else set()
    for entry in here["chunks"]:
        names = [run["run"] for run in entry["runs"]]
        folder = chunk_folder(path, entry["group"], entry["index"])
        saved = glance(folder, chunk_digest(here, names))
        if saved is None and not told.isdisjoint(names):
            raise WorkdirError(
                f"train.epochs cannot grow in {path}: {folder} has no checkpoint to go "
                f"on from, as run {names[0]}; put it back, or {_HOW}"
            )
        if saved is None or not saved.done:
            continue
        ends = any(row["status"] == "finished" for row in saved.rows)
        if ends and not keeps_state(folder):
            raise WorkdirError(
                f"train.epochs cannot grow in {path}: its finished runs, as "
                f"{names[0]}, kept their parameters only; execution.keep_state=true "
                f"from the start keeps all that going on needs; {_HOW}, to the same "
                "numbers"
            )
        if ends:  # else the workdir would be locked both ways
            state_of_done(folder, chunk_digest(here, names))


def _refusal(path: Path, fields: Sequence[str]) -> WorkdirError:
    listed = "".join(f"\n  {field}" for field in fields)
    return WorkdirError(
        f"{path} cannot be extended so, since runs that are there would change or be "
        f"dropped (there -> asked):{listed}\nName all values of an axis, the old ones "
        "too, and only more of them, or more epochs; or another folder with --workdir"
    )
