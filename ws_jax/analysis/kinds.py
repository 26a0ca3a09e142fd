"""Which runs have no such field, by the kinds that they are made of.

A table has no column for a field that is at its default in all its runs, nor for one
that none of them has: beside another table only the kinds tell which of the two it is.
"""

from __future__ import annotations

import re

import pandas as pd

# Transforms that change nothing at level 0; others act without having a level.
LEVELED = ("translation", "rotation", "noise", "edge_noise")
# The column that tells the kind of a part, and its kind where no column does.
_COLUMNS = {
    "train.phase": ("phase", "none"),
    "train.optimizer": ("optimizer", "adam"),
    "train.optimizer.schedule": ("train.optimizer.schedule", "constant"),
}
# Fields of each kind besides those that all kinds have. A page does not wait for the
# programs that declare them; a test holds this list to the declarations.
_RHYTHM = ("every", "count", "first")
_MEANS = (*_RHYTHM, "sharing", "border")
_ADAPTIVE = ("b1", "b2", "eps", "eps_hat")
FIELDS: dict[str, dict[str, tuple[str, ...]]] = {
    "train.phase": {
        "none": (),
        "group_mean": _MEANS,
        "couple": (*_MEANS, "strength"),
        "hebbian": (
            *_RHYTHM,
            *("iterations", "batch", "rate", "gamma", "adapt", "diverging"),
        ),
    },
    "train.optimizer": {
        "sgd": ("momentum", "nesterov"),
        "adam": _ADAPTIVE,
        "adamw": _ADAPTIVE,
    },
    "train.optimizer.schedule": {
        "constant": (),
        "cosine": ("warmup",),
        "steps": ("milestones", "unit", "decay", "warmup"),
    },
}
COMMON = {
    "train.optimizer": {
        *("learning_rate", "weight_decay", "decays", "no_decay", "clip", "schedule")
    }
}


def lacking(rows: pd.DataFrame, name: str) -> pd.Series:
    """Returns for each row whether a run of its kinds cannot have a field.

    Of a user's own kinds it is not known, nor of a transform at level 0.

    Args:
      rows: with the usual columns, and any dotted ones.
      name: dotted, of the field.
    """
    part, _, field = name.rpartition(".")
    if part.startswith("transforms."):
        return _without_transform(rows, part.removeprefix("transforms."))
    if part.startswith("task.terms."):
        terms = rows.get("task.terms", pd.Series("", rows.index)).fillna("")
        return ~_lists(terms.astype("str"), part.removeprefix("task.terms."))
    if part not in _COLUMNS or field in COMMON.get(part, ()):
        return pd.Series(False, rows.index)
    column, usual = _COLUMNS[part]
    kind = rows.get(column, pd.Series(usual, rows.index)).fillna(usual)
    return kind.map(lambda k: field not in FIELDS[part].get(k, (field,))).astype(bool)


def _without_transform(rows: pd.DataFrame, label: str) -> pd.Series:
    """The same of the fields of a transform, by its label."""
    kinds = rows.get("transforms.kinds", pd.Series(None, rows.index, dtype="object"))
    found = ~_lists(kinds.where(kinds.notna(), rows["aug_type"]).astype("str"), label)
    return found & (rows["aug"] > 0) if label in LEVELED else found


def _lists(listed: pd.Series, label: str) -> pd.Series:
    """Returns whether lists of kinds, in words, have one; `kind_2` is the second."""
    kind, number = label, 1
    if counted := re.fullmatch(r"(.+)_(\d+)", label):
        kind, number = counted[1], int(counted[2])
    named = {
        text: re.findall(r"\w+", text).count(label) > 0
        or re.findall(r"\w+", text).count(kind) >= number
        for text in listed.unique()
    }
    return listed.map(named).astype(bool)
