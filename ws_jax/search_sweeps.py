"""Sweeps that a batch of points of a search trains as, and the values of its points.

The points of a sweep differ in one field. All searched fields are axes of it, most with
one value.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ws_jax.config import axis_bases, has_field, replace_field
from ws_jax.engine.study import make_groups
from ws_jax.names import in_name, run_columns
from ws_jax.runs import Run, Sweep
from ws_jax.storage import results
from ws_jax.storage.results import RECORD_FILE

if TYPE_CHECKING:
    import pandas as pd

Point = dict[str, Any]  # from whole dotted names to values


def line_field(points: Sequence[Point]) -> str:
    """Returns the field of most values, in which points of one sweep differ.

    A part of which other fields are searched is none: its runs would share them.
    """
    able = [
        path
        for path in points[0]
        if not any(p.startswith(f"{path}.") for p in points[0])
    ]
    return max(able, key=lambda p: len({point[p] for point in points}))


def sweeps_of(
    sweep: Sweep, points: Sequence[Point], folder: Path
) -> list[tuple[tuple, Sweep, Path]]:
    """Returns the sweeps of a batch: what their points share, and their folders."""
    path = line_field(points)
    lines: dict[tuple, list[Point]] = {}
    for point in points:
        rest = tuple((p, v) for p, v in point.items() if p != path)
        lines.setdefault(rest, []).append(point)
    found: list[tuple[tuple, Sweep, Path]] = []
    names: list[str] = []
    for rest, line in sorted(lines.items(), key=repr):
        named = [f"{p.rpartition('.')[2]}{in_name(v)}" for p, v in rest]
        names.append("-".join(named) or "points")
        again = names.count(names[-1])  # parts of one kind that differ in their fields
        place = folder / (f"{names[-1]}-no{again}" if again > 1 else names[-1])
        asked = {p: (v,) for p, v in rest}
        asked[path] = _in_order([point[path] for point in line])
        found.append((rest, _as_begun(sweep, asked, place), place))
    return found


def _part(sweep: Sweep, asked: Mapping[str, tuple]) -> Sweep:
    """Returns a sweep over values of searched fields too, all of them axes.

    So parts are set before their fields, and results tell each value that was asked
    for. A field that the kind of a searched part does not have is left out.
    """
    base = _with_shared(sweep.base, asked)
    bases = axis_bases(base, sweep.axes)
    axes = {p: v for p, v in asked.items() if any(has_field(one, p) for one in bases)}
    return dataclasses.replace(sweep, axes={**sweep.axes, **axes}).checked()


def _with_shared(base: Run, asked: Mapping[str, tuple]) -> Run:
    """Returns a base with the searched values that all points of a sweep share."""
    for path in sorted(asked, key=lambda path: path.count(".")):
        if len(asked[path]) == 1 and has_field(base, path):
            base = replace_field(base, path, asked[path][0])
    return base


def _as_begun(sweep: Sweep, asked: Mapping[str, tuple], place: Path) -> Sweep:
    """Returns the sweep of a folder as its record has it, if an older version began it.

    Those had in the base what points share.
    """
    part = _part(sweep, asked)
    try:
        here = results.read_record(place / RECORD_FILE)["config"]["axes"]
    except (OSError, KeyError, results.ResultsError):  # told of where it goes on
        return part
    shared = {p: v for p, v in asked.items() if p not in here}
    if not shared.keys() & part.axes.keys():
        return part
    base = _with_shared(sweep.base, shared)
    axes = {p: v for p, v in part.axes.items() if p not in shared}
    return dataclasses.replace(sweep, base=base, axes=axes).checked()


def _in_order(values: Sequence[Any]) -> tuple:
    """Returns values in an order that does not hang on when they were asked for."""
    numbers = all(isinstance(value, int | float) for value in values)
    return tuple(sorted(dict.fromkeys(values), key=None if numbers else repr))


def best_values(sweep: Sweep, frame: pd.DataFrame) -> Mapping[str, float]:
    """Returns each run's watched metric in its best epoch, NaN if it diverged."""
    task = sweep.base.task
    values = frame[f"val_{task.watched}"].where(frame["status"] != "diverged")
    by_run = values.groupby(frame["run"])
    return (by_run.max() if task.maximized else by_run.min()).to_dict()


def mean_value(sweep: Sweep, path: str, value: Any, best: Mapping[str, float]) -> float:
    """Returns the mean over a point's runs.

    They are those of the sweep whose field has this value alone. The field may do
    nothing to some, which then have another value of it or none; they are in the mean
    of every point.
    """
    # In the order in which the table names them.
    runs = [run for group in make_groups(sweep) for run in group.runs]
    told = run_columns(sweep, runs)
    names = {_identity(run): told[run]["run"] for run in runs}
    own = [known for known in sweep.axes.get(path, ()) if known == value]
    axes = {**sweep.axes, **({path: tuple(own)} if own else {})}
    # What a sweep is checked for as a whole is not asked of one point.
    mine = dataclasses.replace(sweep, axes=axes).runs()
    return float(np.mean([best[names[_identity(run)]] for run in mine]))


def _identity(run: Run) -> str:
    """Returns what tells a run of a sweep from others, beside whichever it trains."""
    decays = "train.optimizer.decays"  # where others decay, their program does
    if has_field(run, decays):
        run = replace_field(run, decays, True)
    return json.dumps(run.identity, sort_keys=True)
