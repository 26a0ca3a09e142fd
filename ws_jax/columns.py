"""Columns of results: which field each shows, and which one a name means."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

# What the first studies' tables call values of these fields.
FANS = {"kernel": "paper", "stored": "released"}
SEVERING = {"none": "none", "connections": "paper", "units": "released"}
# Columns that are called otherwise than the field that they show.
COLUMN_OF = {
    "data.name": "data",
    "network.sharing": "sharing",
    "network.fans": "init",
    "network.severing": "severing",
    "network.vcp": "vcp",
    "network.num_layers": "num_conv_layers",
    "transforms": "aug_type",
    "transforms.level": "aug",
    "data.num_folds": "num_folds",
    "fold": "fold",
    "seed": "seed",
    "semantics": "semantics",
    "train.epochs": "epochs",
    "train.optimizer": "optimizer",
    "train.optimizer.learning_rate": "learning_rate",
    "train.phase": "phase",
    "train.phase.strength": "coupling",
}


def column_of(name: str, columns: Sequence[str] = ()) -> str:
    """Returns the column of a field, which goes by its dotted name or the end of it.

    Args:
      name: of a column or a field.
      columns: that there are.

    Example:
      >>> column_of("level"), column_of("network.sharing"), column_of("train.momentum")
      ('aug', 'sharing', 'train.momentum')
      >>> column_of("hidden", ["run", "network.hidden"])
      'network.hidden'
    """
    found = list(fields_of(name, columns).values())
    return found[0] if len(found) == 1 else name


def fields_of(name: str, columns: Sequence[str] = ()) -> dict[str, str]:
    """Returns the fields that a name may mean, and the column of each.

    As in `config.find_field`, one of a single part gives way to that of all parts, and
    what is only looked at to what trains.

    Args:
      name: of a column or a field, or the end of it.
      columns: that there are.

    Example:
      >>> fields_of("level", ["evaluation.views.noise.level", "transforms.noise.level"])
      {'transforms.level': 'aug'}
    """
    if name in columns:
        return {name: name}
    known = {**COLUMN_OF, **{column: column for column in columns}}
    found = {p: c for p, c in known.items() if f".{p}".endswith(f".{name}")}
    if name in found:
        return {name: found[name]}
    trained = {p: c for p, c in found.items() if not p.startswith("evaluation.")}
    found = trained or found
    return {p: c for p, c in found.items() if not _of_all_parts(p) & found.keys()}


def _of_all_parts(path: str) -> set[str]:
    """Returns the names that a field has without one of the steps to it."""
    steps = path.split(".")
    return {".".join(steps[:i] + steps[i + 1 :]) for i in range(1, len(steps) - 1)}


def as_shown(column: str, value: Any) -> Any:
    """Returns how a column shows a field's value.

    Example:
      >>> as_shown("init", "stored"), as_shown("network.features", (4, 6))
      ('released', '(4, 6)')
    """
    known = {"init": FANS, "severing": SEVERING}.get(column, {})
    if isinstance(value, tuple):
        return str(value)
    return known.get(value, value) if isinstance(value, str) else value
