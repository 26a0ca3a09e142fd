"""From what a person typed to a config: strict, and with a sentence for each mistake.

Values come from nested mappings: a record's JSON, a ConfigDict. Text from the command
line becomes such values in `text`.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any, TypeVar, get_args, get_origin

import numpy as np

from ws_jax.config.checks import ConfigError, check_name, nearest
from ws_jax.config.fields import (
    MOST,
    NEVER,
    Config,
    Rule,
    base_of,
    kind_of,
    labels,
    rules,
    type_of,
)
from ws_jax.config.kinds import check_named

C = TypeVar("C", bound=Config)


def from_values(cls: type[C], values: Any, path: str = "config") -> C:
    """Builds a config from nested mappings, strictly.

    Args:
      cls: of the config; a class that has kinds takes the one that `name` says.
      values: a mapping; a config of that class is returned as it is.
      path: where it stands, for messages.
    Raises:
      ConfigError: for an unknown field or kind (the nearest known one is named) or a
        value of another type than the field's.
    """
    if isinstance(values, cls):
        return values
    if isinstance(values, str) and cls.kinds is not None:
        return kind_of(cls, values, path)()
    if not hasattr(values, "items"):  # a ConfigDict is no Mapping, but has them
        some = next(iter(rules(cls)), "name")
        raise ConfigError(
            f"{path} is {values!r}, needs fields: name one, as {path}.{some}"
        )
    values = dict(values.items())
    if cls.kinds is not None:
        name = values.pop("name", getattr(cls, "default_kind", ""))
        cls = kind_of(cls, name, path)
    known = rules(cls)
    for name in values:
        if name not in known:
            raise ConfigError(f"unknown field {path}.{name}: {nearest(name, known)}")
    return cls(**{n: _field_value(cls, n, values[n], f"{path}.{n}") for n in values})


def _field_value(cls: type, name: str, value: Any, path: str) -> Any:
    return convert_field(cls, name, value, path)


def convert_field(cls: type, name: str, value: Any, path: str) -> Any:
    """Checks a value against the type of a class's field, as `convert`.

    Of a field that goes up to `MOST`, `never` is that.
    """
    is_never = isinstance(value, str) and value.strip().lower() == NEVER
    if is_never and rules(cls)[name].high == MOST:
        return MOST
    return convert(type_of(cls, name), value, path)


def convert(hint: Any, value: Any, path: str) -> Any:
    """Checks one value against its field's type; makes lists tuples, ints floats."""
    if isinstance(hint, type) and issubclass(hint, Config):
        return from_values(hint, value, path)
    if get_origin(hint) is tuple:
        item = get_args(hint)[0]
        if not isinstance(value, tuple | list):
            raise ConfigError(
                f"{path} is {value!r}, needs a tuple, as in {_like(item)}"
            )
        return tuple(convert(item, v, f"{path}[{i}]") for i, v in enumerate(value))
    if isinstance(value, np.generic):
        value = value.item()
    if hint is float and type(value) is int:
        return float(value)
    if not isinstance(hint, type):
        raise ConfigError(
            f"{path} is declared as {hint}: a field is int, float, bool, str, a "
            "config, or a tuple of one of them"
        )
    if type(value) is not hint:
        needed = hint.__name__ + (", true or false" if hint is bool else "")
        raise ConfigError(
            f"{path} is {value!r} ({type(value).__name__}), needs {needed}"
        )
    return value


def _like(item: Any) -> str:
    """Returns what a tuple of such items looks like."""
    if isinstance(item, type) and issubclass(item, Config):
        kind = next(iter((item.kinds or {}).values()), item)
        return f"({kind.__name__}(),)"
    return "('a', 'b')" if item is str else "'(1, 2)'"


def check_config(config: C, path: str = "") -> C:
    """Returns a config whose every value is allowed.

    Also values that no reader has seen are checked, since a config can be built in
    Python: their types, their ranges, and whether they go together.

    Raises:
      ConfigError: for a value of a wrong type, out of its range, or that does not go
        with another; for a part of one's own without a name.
    """
    if (base := base_of(config)) is not None:
        check_named(type(config), base.kinds)
    changes: dict[str, Any] = {}
    for name, rule in rules(config).items():
        where, value = f"{path}{name}", getattr(config, name)
        value = convert_field(type(config), name, value, where)
        if rule.role == "part":
            many = isinstance(value, tuple)
            parts = value if many else (value,)
            names = [f"{where}.{n}" for n in labels(parts)] if many else [where]
            parts = tuple(
                check_config(p, f"{n}.") for n, p in zip(names, parts, strict=True)
            )
            value = parts if many else parts[0]
        else:
            check_value(where, value, rule)
        changes[name] = value
    config = dataclasses.replace(config, **changes)
    config.check()
    return config


def check_together(config: Config) -> None:
    """Raises `ConfigError` if allowed values of a config do not go together."""
    for name, rule in rules(config).items():
        if rule.role == "part":
            value = getattr(config, name)
            for inner in value if isinstance(value, tuple) else (value,):
                check_together(inner)
    config.check()


def check_value(path: str, value: Any, rule: Rule) -> None:
    """Raises `ConfigError` unless a value lies in what its field allows."""
    for one in value if isinstance(value, tuple) else (value,):
        if rule.names:
            check_name(path, one, rule.names)
        if isinstance(one, int | float) and not isinstance(one, bool):
            _check_range(path, one, rule)


def _check_range(path: str, value: float, rule: Rule) -> None:
    low, high = rule.low, rule.high
    left = "(" if rule.open_low else "["
    right = ")" if rule.open_high else "]"
    above = low is None or (value > low if rule.open_low else value >= low)
    below = high is None or (value < high if rule.open_high else value <= high)
    if math.isfinite(value) and above and below:
        return
    ends = (
        f"{-math.inf if low is None else low:g}, {math.inf if high is None else high:g}"
    )
    if high is None and low is not None:
        allowed = f"must be {'above' if rule.open_low else 'at least'} {low:g}"
    else:
        allowed = f"is not in {left}{ends}{right}"
    raise ConfigError(f"{path}: {value} {allowed}")
