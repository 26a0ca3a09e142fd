"""Axes of a sweep: which field a name means, and values of that field's type.

An axis may be of a field that the base does not have, but that a kind has which another
axis brings: `strength`, of the phases that `train.phase` is swept over.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from ws_jax.config.fields import Config, rules
from ws_jax.config.paths import (
    fields_meant,
    find_field,
    has_field,
    only_field,
    owner_of,
    paths,
    replace_field,
)
from ws_jax.config.read import check_config, check_value, convert_field

C = TypeVar("C", bound=Config)


def axis_bases(base: C, axes: Mapping[str, Any]) -> list[C]:
    """Returns a base, and the base with each kind of a part that the axes bring."""
    found = [base]
    for path, values in axes.items():
        if has_field(base, path):
            kinds = [v for v in values if isinstance(v, Config) or _are_configs(v)]
            found += [replace_field(base, path, value) for value in kinds]
    return found


def _are_configs(value: Any) -> bool:
    return isinstance(value, tuple) and any(isinstance(v, Config) for v in value)


def has_axis(bases: Sequence[Config], name: str) -> bool:
    """Returns whether any base has a field of that name."""
    return bool(fields_meant(name, *bases))


def names_part(bases: Sequence[Config], name: str) -> bool:
    """Returns whether an axis of that name is of parts, which bring fields."""
    if not has_axis(bases, name):
        return False
    path = axis_path(bases, name)
    return any(
        paths(base)[path].role == "part" for base in bases if path in paths(base)
    )


def axis_path(bases: Sequence[Config], name: str) -> str:
    """Returns the whole dotted name of the field that an axis means.

    It is found as in `find_field`, among the fields of all bases. Where it may mean
    several, one that the first base has comes before those of kinds that axes bring.

    Raises:
      ConfigError: if no base has such a field; of the first the nearest is named. If it
        is not clear which is meant.
    """
    found = fields_meant(name, *bases)
    own = [path for path in found if has_field(bases[0], path)]
    return only_field(name, own or found) if found else find_field(bases[0], name)


def typed(bases: Sequence[Config], path: str, value: Any) -> Any:
    """Makes a value of an axis one of its field's type, and checks it.

    Raises:
      ConfigError: if it is of another type or not allowed.
    """
    owner, name = owner_of(next(b for b in bases if has_field(b, path)), path)
    value, rule = convert_field(type(owner), name, value, path), rules(owner)[name]
    if rule.role == "part":
        many = isinstance(value, tuple)
        found = tuple(check_config(v, f"{path}.") for v in (value if many else [value]))
        return found if many else found[0]
    check_value(path, value, rule)
    return value
