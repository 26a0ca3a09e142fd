"""What runs and groups are called, and the columns in which results tell them apart.

Most columns are fields of a run under their dotted name, for those that are swept or
differ from the default. Those that the first studies had keep the names of that time.
"""

from __future__ import annotations

import collections
from collections.abc import Mapping, Sequence
from typing import Any

from ws_jax.columns import COLUMN_OF, FANS, SEVERING
from ws_jax.config import (
    Config,
    axis_bases,
    common_path,
    has_field,
    labels,
    leaves,
    paths,
    replace_field,
)
from ws_jax.data.dataset import is_own
from ws_jax.phases import Couple
from ws_jax.runs import Run, Sweep
from ws_jax.runs.shown import shown, usual
from ws_jax.tasks import Task
from ws_jax.transforms import Leveled, Transform

MODEL_NAMES = {"full": "cnn", "free": "fcn"}  # as in the first paper's tables
_LOOKED_AT = (
    "evaluation.views",
    "evaluation.measures",
    "evaluation.measures.distances.radii",  # in the names of its columns
)
OWN_CODE = "own.code"  # a digest of a user's own code in a run, if there is any


def run_columns(
    sweep: Sweep,
    runs: Sequence[Run],
    fingerprint: str = "",
    codes: Mapping[Run, str] | None = None,
) -> dict[Run, dict[str, Any]]:
    """Returns the columns that tell each run of a sweep from others, of any sweep.

    Args:
      sweep: that they are of.
      runs: all of them.
      fingerprint: of the data.
      codes: digests of a user's own code, of the runs that have any.
    """
    told = _told_fields(sweep, runs)
    usual = all(_usually_changed(run) for run in runs)
    found, used = {}, collections.Counter()
    for run in runs:
        columns = _columns(sweep, run)
        used[name := columns["run"]] += 1
        if used[name] > 1:  # parts of one kind, say, that differ in their fields
            columns["run"] = f"{name}-no{used[name]}"
        code = (codes or {}).get(run, "")
        columns["digest"], columns["cell"] = run.digests(fingerprint, code)
        columns |= {OWN_CODE: code} if code else {}
        columns |= {path: shown(run, path) for path in told}
        if not usual:
            columns["transforms.kinds"] = acting_kinds(run)
        found[run] = columns
    return found


def _told_fields(sweep: Sweep, runs: Sequence[Run]) -> list[str]:
    """Lists the fields that are swept, or that differ from their default."""
    variants = axis_bases(_settled(sweep), sweep.axes)
    found = dict.fromkeys(
        path for path in sweep.axes if not all(_has_column(v, path) for v in variants)
    )
    found |= dict.fromkeys(path for run in runs for path in _levels(run))
    for run in (variants[0], runs[0], runs[-1], *variants[1:]):
        for path, value, rule in leaves(run):
            # What is looked at has columns of its own; how, is told.
            if not rule.identity or path in _LOOKED_AT:
                continue
            if _has_column(run, path) or _has_column(run, common_path(run, path)):
                continue
            if value != usual(run, path):
                found[path] = None
    return list(found)


def _settled(sweep: Sweep) -> Run:
    """Returns the base, with the first value of each part that is swept as a whole.

    The base's own is in no run, and so are its fields.
    """
    base = sweep.base
    swept = {path: values for path, values in sweep.axes.items() if values}
    for path in sorted(swept, key=lambda path: path.count(".")):
        first = swept[path][0]
        parts = first if isinstance(first, tuple) else (first,)
        if any(isinstance(part, Config) for part in parts) and has_field(base, path):
            base = replace_field(base, path, first)
    return base


def _has_column(run: Run, path: str) -> bool:
    """Returns whether one of the usual columns shows a field, if the run has it."""
    if path == "train.phase.strength" and has_field(run, path):
        return isinstance(run.train.phase, Couple)
    return path in COLUMN_OF


def _columns(sweep: Sweep, run: Run) -> dict[str, Any]:
    kind, level = augmentation(run)
    network = run.network
    sharing = getattr(network, "sharing", network.kind)
    phase = run.train.phase
    return {
        **_watched(run.task),
        "run": run_name(sweep, run),
        "sweep": sweep.name,
        "data": _data_name(run.data.name),
        "semantics": run.semantics,
        "init": _reading(FANS, getattr(network, "fans", "kernel")),
        "model": MODEL_NAMES.get(sharing, sharing),
        "sharing": sharing,
        "aug_type": kind,
        "aug": level,
        "severing": _reading(SEVERING, getattr(network, "severing", "none")),
        "vcp": getattr(network, "vcp", 0.0),
        "num_conv_layers": getattr(network, "num_layers", 0),
        "learning_rate": run.train.optimizer.learning_rate,
        "fold": run.fold,
        "num_folds": run.data.num_folds if run.data.split == "folds" else 1,
        "seed": run.seed,
        "optimizer": run.train.optimizer.kind,
        "phase": phase.kind,
        "coupling": phase.coupling,
        "epochs": run.train.epochs,
    }


def _data_name(name: str) -> str:
    """Returns what data are called: of a path, its end."""
    return name.rpartition("/")[2] if is_own(name) else name


def _watched(task: Task) -> dict[str, Any]:
    """Returns what a run is judged by, where that is not the usual accuracy."""
    if (task.watched, task.maximized) == ("acc", True):
        return {}
    return {"task.watched": task.watched, "task.maximized": task.maximized}


def _levels(run: Run) -> dict[str, float]:
    """Returns the levels of a run, by field, where the largest does not say them all.

    That is where two or more transforms with a level act.
    """
    acting = {
        f"transforms.{label}.level": part.level
        for label, part in zip(labels(run.transforms), run.transforms, strict=True)
        if _acts(part) and hasattr(part, "level")
    }
    return acting if len(acting) > 1 else {}


def _acts(transform: Transform) -> bool:
    return transform.draws and transform.essence() is not None


def augmentation(run: Run) -> tuple[str, float]:
    """Returns what changes training images, and the largest of its levels.

    What has level 0 changes nothing: `none` if there is nothing else.
    """
    acting = [part for part in run.transforms if _acts(part)]
    levels = [part.level for part in acting if hasattr(part, "level")]
    return "+".join(part.kind for part in acting) or "none", max(levels, default=0.0)


def acting_kinds(run: Run) -> str:
    """Returns the kinds of all that changes images, in order; `none` without any.

    Unlike in `augmentation`, what draws nothing, normalisation say, is among them.
    """
    return "+".join(t.kind for t in run.transforms if t.essence() is not None) or "none"


def _usually_changed(run: Run) -> bool:
    """Whether images are changed by nothing, or by one transform that has a level.

    Then kind and level have columns that tell all of it.
    """
    return all(isinstance(t, Leveled) for t in run.transforms[:1]) and (
        len(run.transforms) < 2
    )


def run_name(sweep: Sweep, run: Run) -> str:
    """Returns a readable name, fit for a file; `run_columns` makes it unique."""
    parts = [
        *_network_parts(run),
        _augmentation_part(run),
        f"p{short(getattr(run.network, 'vcp', 0.0))}",
        f"lr{short(run.train.optimizer.learning_rate)}",
        f"fold{run.fold}",
        f"seed{run.seed}",
        *_swept_parts(sweep, run, _IN_NAMES),
    ]
    return "-".join(parts)


def _augmentation_part(run: Run) -> str:
    kind, level = augmentation(run)
    if len(set(_levels(run).values())) < 2:
        return f"{kind}{short(level)}"
    acting = [part for part in run.transforms if _acts(part)]
    levels = [short(part.level) if hasattr(part, "level") else "" for part in acting]
    return "+".join(p.kind + text for p, text in zip(acting, levels, strict=True))


_IN_NAMES = (
    "network.sharing network.fans network.num_layers network.vcp transforms "
    "transforms.level train.optimizer.learning_rate fold seed"
).split()


def group_names(sweep: Sweep, runs: Sequence[Run]) -> list[str]:
    """Returns a readable name for each group, of which `runs` are one each.

    Names are unique in a sweep and fit for a folder.
    """
    found: list[str] = []
    for run in runs:
        kinds = "+".join(t.kind for t in run.transforms if t.draws) or "none"
        severing = _reading(SEVERING, getattr(run.network, "severing", "none"))
        severed = [] if severing == "none" else [f"severed_{_slug(severing)}"]
        static = {p for p, rule in paths(run).items() if rule.role != "data"}
        known = {*_IN_NAMES, *(set(sweep.axes) - static)}
        swept = _swept_parts(sweep, run, known)
        name = "-".join([*_network_parts(run), kinds, *severed, *swept])
        number = found.count(name) + sum(n.startswith(f"{name}-no") for n in found)
        found.append(f"{name}-no{number + 1}" if number else name)
    return found


def _reading(known: Mapping[str, str], value: Any) -> str:
    """Returns whose reading a value is; one of a network of one's own is its own."""
    return known.get(value, str(value))


def _network_parts(run: Run) -> list[str]:
    network = run.network
    scheme = getattr(network, "sharing", None)
    parts = [] if network.kind == "convnet" else [network.kind]
    parts += [_slug(scheme)] if scheme is not None else []
    if hasattr(network, "fans"):
        parts.append(_slug(_reading(FANS, network.fans)))
    if hasattr(network, "num_layers"):
        parts.append(f"{network.num_layers}layers")
    return parts


def _swept_parts(sweep: Sweep, run: Run, known) -> list[str]:
    swept = [p for p in sweep.axes if p not in known and has_field(run, p)]
    return [f"{p.rpartition('.')[2]}{_slug(str(shown(run, p)))}" for p in swept]


def short(number: float) -> str:
    """Formats a number, as short as can be read back."""
    text = f"{number:g}"
    return text if float(text) == number else repr(number)


def in_name(value: Any) -> str:
    """Returns a value of any field as names have it."""
    if isinstance(value, Config):
        return _slug(value.kind)
    if isinstance(value, int | float):
        return short(value)
    return _slug(str(value))


def _slug(text: str) -> str:
    for old, new in ((":", ""), ("/", "+"), (" ", ""), (",", "x")):
        text = text.replace(old, new)
    return "".join(c if c.isalnum() or c in "+-._" else "" for c in text)
