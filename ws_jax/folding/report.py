"""What folding a run says of it: `fold.json`, to which further thresholds are added.

A folder holds the foldings of one run, as its parameters were then, and at each
threshold one way to fold. What would mix others in is refused.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ws_jax.folding.begun import held_lock
from ws_jax.folding.file import REPORT_FILE, damaged
from ws_jax.folding.loops import Folded, Rule
from ws_jax.storage.integrity import (
    Damage,
    WorkdirError,
    seal,
    unseal,
    write_atomically,
)
from ws_jax.storage.locks import part_lock
from ws_jax.storage.results import RECORD_FILE, ResultsError, read_record

# What says of which parameters foldings are; older reports do not say all of it.
_OF = ("run", "sweep", "network", "data", "seed", "epoch", "source")
_TRAINED = ("epochs", "learning_rate")
_HOW = ("threshold", "link", "kernel", "scale", *_TRAINED)
UNTRAINED, TRAINED = "_folded", "_folded_trained"  # ends of names of their sweeps
_INSTEAD = "name another folder with --output, or replace what is there by --overwrite"


def folder_of(threshold: float) -> str:
    """Returns the name of the folder of what is folded at a threshold."""
    return f"threshold_{threshold:g}"


def make_entry(
    rule: Rule, folded: Folded, scores: Mapping[str, float], left: int, before: int
) -> dict[str, Any]:
    """Returns what the report says of one folding.

    Args:
      rule: by which it was folded.
      folded: what was made.
      scores: of it.
      left: its parameters.
      before: parameters of the run.
    """
    return {
        **dataclasses.asdict(rule),
        "groups": [list(bank.groups) for bank in folded.banks],
        "change": [bank.change.tolist() for bank in folded.banks],
        "parameters": left,
        "saved": before - left,
        "after": dict(scores),
        "folder": folder_of(rule.threshold),
    }


def check_report(
    output: Path,
    about: Mapping[str, Any],
    rules: Sequence[Rule],
    trained: Mapping[str, float] | None = None,
) -> None:
    """Checks that foldings may be added to those that a folder holds, if it does.

    Args:
      output: the folder.
      about: what a report would say of the run.
      rules: by which it would be folded.
      trained: how each would be trained on, if it is known: its `epochs` and
        `learning_rate`.
    Raises:
      WorkdirError: if they are of another run or of other parameters, one was made
        otherwise at the same threshold, or their report is damaged.
    """
    old = _read(output) or {"foldings": []}
    if changed := _first_difference(_OF, old, about):
        raise WorkdirError(
            f"{output} holds foldings of other parameters ({changed}): {_INSTEAD}"
        )
    for rule in rules:
        folder = folder_of(rule.threshold)
        there = {**_as_begun(output / folder), **_entries(old).get(folder, {})}
        asked = {**dataclasses.asdict(rule), **(trained or {})}
        if changed := _first_difference(_HOW, there, asked):
            raise WorkdirError(
                f"{output} holds a folding at threshold {rule.threshold:g} that was "
                f"made otherwise ({changed}): {_INSTEAD}"
            )


def add_folding(
    output: Path, about: Mapping[str, Any], rule: Rule, entry: Mapping[str, Any],
    overwrite: bool,
) -> dict[str, Any]:  # fmt: skip
    """Writes a folding into the report of a folder; those at other thresholds stay.

    Args:
      output: the folder.
      about: what the report says of the run.
      rule: by which it was folded.
      entry: what it says of the folding.
      overwrite: whether what `check_report` refuses is replaced.
    Returns:
      The whole report.
    Raises:
      WorkdirError: as `check_report`.
    """
    with held_lock(part_lock(output, "report")):  # another process may fold beside
        if not overwrite:
            trained = {name: entry[name] for name in _TRAINED if name in entry}
            check_report(output, about, [rule], trained)
        entries = _kept(output, about)
        name = folder_of(rule.threshold)
        # What an earlier start has trained on is still so.
        old = {} if overwrite else entries.get(name, {})
        entries[name] = {**old, **entry}
        report = {**about, "foldings": list(entries.values())}
        text = json.dumps(seal(report), indent=1, sort_keys=True)
        write_atomically(output / REPORT_FILE, text.encode())
    return report


def _read(output: Path) -> dict[str, Any] | None:
    """Returns the report of a folder, or None; `WorkdirError` if it is damaged."""
    path = output / REPORT_FILE
    try:
        report = unseal(path.read_bytes())
        _entries(report)
    except FileNotFoundError:
        return None
    except (OSError, Damage, LookupError, TypeError, ValueError) as error:
        raise WorkdirError(damaged(path, error)) from error
    return report


def _entries(report: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Returns the foldings of a report by their folders."""
    return {folder_of(float(entry["threshold"])): entry for entry in report["foldings"]}


def _as_begun(folder: Path) -> dict[str, float]:
    """Returns how a folding is trained on by the record of its sweep, if it has one.

    Older reports do not say so, nor does one that a killed fold did not write.
    """
    try:
        config = read_record(folder / RECORD_FILE)["config"]
        train = config["base"]["train"]
        rate = train["optimizer"]["learning_rate"]
        epochs = 0 if config["name"].endswith(UNTRAINED) else train["epochs"]
    except (OSError, ResultsError, LookupError, TypeError):  # told where it goes on
        return {}
    return {"epochs": epochs, "learning_rate": rate}


def _kept(output: Path, about: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Returns the foldings in a folder that are of the same parameters."""
    try:
        old = _read(output)
    except WorkdirError:
        return {}
    return {} if old is None or _first_difference(_OF, old, about) else _entries(old)


def _first_difference(
    names: Sequence[str], old: Mapping[str, Any], new: Mapping[str, Any]
) -> str:
    """Says which of some values is another one; those that one lacks do not count."""
    for name in names:
        if name in old and name in new and old[name] != new[name]:
            return f"{name}: {old[name]} -> {new[name]}"
    return ""


def entry_text(entry: Mapping[str, Any], before: Mapping[str, float]) -> str:
    """Says in a line what folding did.

    Args:
      entry: of the report's `foldings`.
      before: the metrics before it.
    """
    groups = "; ".join(" ".join(map(str, own)) for own in entry["groups"])
    change = max(max(own, default=0.0) for own in entry["change"])
    scores = ", ".join(
        f"{name} {before[name]:.4f} -> {value:.4f}"
        for name, value in entry["after"].items()
        if name in before
    )
    return (
        f"threshold {entry['threshold']:g}: groups {groups}; kernels change by up to "
        f"{100 * change:.2g} %; {scores}; {entry['parameters']:,} parameters, "
        f"{entry['saved']:,} saved"
    )
