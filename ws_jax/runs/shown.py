"""How tables show the fields of runs, and what a field is that no column tells."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

from ws_jax.config import Config, get_field, has_field, leaves, owner_of
from ws_jax.runs.run import Evaluation, Run
from ws_jax.transforms import VIEWS


def shown(run: Run, path: str) -> Any:
    """Returns a field as a table shows it: numbers and words as they are."""
    return _as_shown(get_field(run, path)) if has_field(run, path) else None


def usual_value(run: Run, path: str) -> Any:
    """Returns what a field is, as a table shows it, where no column tells.

    Args:
      run: that has the field.
      path: its dotted name.
    """
    return _as_shown(usual(run, path))


def usual(run: Run, path: str) -> Any:
    """Returns the value with which a field of a run needs no column.

    That is the default of a run; of fields that this one lacks, that of their part.
    """
    known = _usual_fields()
    return known[path] if path in known else _own_default(run, path)


@functools.cache
def _usual_fields() -> dict[str, Any]:
    viewed = dataclasses.replace(Evaluation(), views=tuple(VIEWS.values()))
    run = dataclasses.replace(Run(), evaluation=viewed)
    return {path: value for path, value, _ in leaves(run)}


def _own_default(run: Run, path: str) -> Any:
    """Returns the default of a field in its own part, which is not the usual one."""
    owner, name = owner_of(run, path)
    value = getattr(type(owner)(), name)
    return value.kind if isinstance(value, Config) else value


def _as_shown(value: Any) -> Any:
    if isinstance(value, Config):
        return value.kind
    if isinstance(value, tuple) and value and isinstance(value[0], Config):
        return "+".join(part.kind for part in value)
    return str(value) if isinstance(value, tuple) else value
