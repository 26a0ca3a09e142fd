"""From what a person typed to a config: strict, and with a sentence for each mistake.

Values come from nested mappings (a record's JSON, a ConfigDict) or as text from the
command line. A field goes by its dotted name, of which the end suffices where that is
clear: `weight_decay` for `train.optimizer.weight_decay`.
"""

from __future__ import annotations

import ast
import dataclasses
import functools
import math
from typing import Any, TypeVar, get_args, get_origin

import numpy as np

from ws_jax.config.checks import ConfigError, check_name, nearest
from ws_jax.config.fields import (
    Config,
    Rule,
    kind_of,
    labels,
    leaves,
    map_parts,
    rules,
    type_of,
)

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
        with another.
    """
    changes: dict[str, Any] = {}
    for name, rule in rules(config).items():
        where, value = f"{path}{name}", getattr(config, name)
        value = convert(type_of(type(config), name), value, where)
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


def find_field(config: Config, name: str, *others: Config) -> str:
    """Returns the whole dotted name of the field that a person calls `name`.

    It is one of `config`, or of `others`, which have other parts.

    The end of a name is enough. Of several fields that end so it is the one nearest
    to the top: `level` is `transforms.level`, that of all transforms, not that of a
    single one, nor that of a view.

    Raises:
      ConfigError: if no field ends so (the nearest are named), or if it is not clear
        which is meant.
    """
    known = dict.fromkeys(path for one in (config, *others) for path in paths(one))
    if name in known:
        return name
    if inner := [path for path in known if path.startswith(f"{name}.")]:
        raise ConfigError(f"{name} has fields of its own: {nearest(name, inner)}")
    found = [path for path in known if path.endswith(f".{name}")]
    depth = min((path.count(".") for path in found), default=0)
    found = sorted({path for path in found if path.count(".") == depth})
    if len(found) == 1:
        return found[0]
    if found:
        raise ConfigError(f"{name!r} may be {' or '.join(found)}: name it in full")
    # A misspelt end of a name is compared with ends.
    parts = name.count(".") + 1
    ends = {".".join(path.split(".")[-parts:]) for path in known}
    raise ConfigError(f"no field {name!r}: {nearest(name, ends, most=12)}")


def paths(config: Config) -> dict[str, Rule]:
    """Returns what each field of a config declares, by its dotted name.

    `transforms.level` stands for that field of all transforms that have it, and
    `transforms.noise.level` for that of one.
    """
    found: dict[str, Rule] = {}
    for path, _, rule in leaves(config):
        found.setdefault(path, rule)
        found.setdefault(common_path(config, path), rule)
    return found


def common_path(config: Config, path: str) -> str:
    """Returns the dotted name that leaves out which part of a tuple a field is in.

    It stands for that field of all parts that have it.
    """
    here: Any = config
    names = path.split(".")
    for place, name in enumerate(names[:-1]):
        if isinstance(here, tuple):
            return ".".join(names[:place] + names[place + 1 :])
        here = getattr(here, name)
    return path


def owner_of(config: Config, path: str) -> tuple[Config, str]:
    """Returns the config that has a field, and the field's name there.

    Raises:
      ConfigError: if there is none.
    """
    owners = owners_of(config, path)
    if not owners:
        raise ConfigError(f"nothing in this config has a field {path}")
    return owners[0], path.rpartition(".")[2]


def get_field(config: Config, path: str) -> Any:
    """Returns the value of a field; of several, the first one's.

    Raises:
      ConfigError: if there is none.
    """
    return getattr(*owner_of(config, path))


def has_field(config: Config, path: str) -> bool:
    """Returns whether there is a field of that dotted name."""
    return bool(owners_of(config, path))


def replace_field(config: C, path: str, value: Any) -> C:
    """Returns a config with another value in the field of that dotted name.

    Of a tuple's parts those change that the name means and that have the field.
    """
    head, _, rest = path.partition(".")
    if not rest:
        return dataclasses.replace(config, **{head: value})
    inner = getattr(config, head)
    if not isinstance(inner, tuple):
        new = replace_field(inner, rest, value)
        return dataclasses.replace(config, **{head: new})
    meant, name = _meant(inner, rest)
    new = tuple(
        replace_field(item, name, value) if place in meant else item
        for place, item in enumerate(inner)
    )
    return dataclasses.replace(config, **{head: new})


def _meant(parts: tuple[Config, ...], path: str) -> tuple[list[int], str]:
    """Returns which parts of a tuple a name means, and the name within them."""
    label, _, rest = path.partition(".")
    known = labels(parts)
    if rest and label in known:
        return [known.index(label)], rest
    return [i for i, part in enumerate(parts) if label in rules(part)], path


def owners_of(config: Config, path: str) -> list[Config]:
    """Returns the configs that have a field of that dotted name; maybe none."""
    head, _, rest = path.partition(".")
    if not rest:
        return [config] if head in rules(config) else []
    inner = getattr(config, head, None)
    if isinstance(inner, tuple):
        meant, name = _meant(inner, rest)
        return [owner for place in meant for owner in owners_of(inner[place], name)]
    return owners_of(inner, rest) if isinstance(inner, Config) else []


def parse(config: Config, path: str, text: str) -> Any:
    """Reads the text of one value for a field of a config, which says of what type.

    Raises:
      ConfigError: if it is no value of the field's type, or not allowed.
    """
    owner, name = owner_of(config, path)
    hint = type_of(type(owner), name)
    value = _from_text(hint, text, getattr(owner, name), path)
    value = convert(hint, value, path)
    rule = rules(owner)[name]
    if rule.role != "part":
        check_value(path, value, rule)
    return value


def _from_text(hint: Any, text: str, current: Any, path: str) -> Any:
    text = text.strip()
    if hint is str:
        quoted = len(text) > 1 and text[0] == text[-1] and text[0] in "'\""
        return text[1:-1] if quoted else text
    if hint is bool and text.lower() in ("true", "false"):
        return text.lower() == "true"
    if isinstance(hint, type) and issubclass(hint, Config):
        return _kept(current, from_values(hint, text, path))
    if get_origin(hint) is tuple:
        item = get_args(hint)[0]
        if isinstance(item, type) and issubclass(item, Config):
            names = [part for part in text.strip("()").split("+") if part]
            if names == ["none"]:
                names = []
            old = dict(zip(labels(current), current, strict=True))
            made = [from_values(item, part.strip("',\" "), path) for part in names]
            return tuple(old.get(part.kind, part) for part in made)
        if item is str and not text.startswith("("):
            return tuple(part.strip() for part in text.split(","))
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text  # no value of the type; the conversion says so


def _kept(current: Config, new: Config) -> Config:
    """Returns a part of another kind that keeps the fields which both kinds have."""
    if type(current) is type(new):
        return current
    default = type(current)()
    common = set(rules(current)) & set(rules(new))
    changed = {
        name: getattr(current, name)
        for name in common
        if getattr(current, name) != getattr(default, name)
    }
    return dataclasses.replace(new, **changed)


def split_values(text: str) -> list[str]:
    """Cuts `1,2` or `(1,2),(3,4)` into the texts of its values.

    Example:
      >>> split_values("(1,2),(3,4)"), split_values("a,b")
      (['(1,2)', '(3,4)'], ['a', 'b'])
    """
    found, depth = [""], 0
    for letter in text:
        depth += (letter in "([") - (letter in ")]")
        if letter == "," and not depth:
            found.append("")
        else:
            found[-1] += letter
    return [part.strip() for part in found if part.strip()]


def simplify(config: C) -> C:
    """Returns a config of the same training, without what has no effect in it."""
    return map_parts(lambda part: part.simplified(), config)


def essence(config: Config) -> dict[str, Any]:
    """Returns what of a config can change a number, where it is not the default.

    Two configs with the same essence give the same numbers. Fields at their default
    are left out, so that a new field, whose default is what was done before, leaves
    the identity of older results as it was.
    """
    return _differing(_reduced(config), _default(type(config)))


def _reduced(config: Config) -> Any:
    return map_parts(lambda part: part.essence(), simplify(config))


@functools.cache
def _default(cls: type[Config]) -> Config:
    plain = cls()
    return _reduced(plain) or plain


def _differing(config: Config, default: Config) -> dict[str, Any]:
    if type(config) is not type(default):
        default = _default(type(config))
    found: dict[str, Any] = {"name": config.kind} if config.kind else {}
    for name, rule in rules(config).items():
        value, usual = getattr(config, name), getattr(default, name)
        if not rule.identity or value == usual:
            continue
        if rule.role != "part":
            found[name] = value
        elif isinstance(value, tuple):
            found[name] = [_differing(v, _default(type(v))) for v in value]
        else:
            inner = _differing(value, usual)
            # What differs may be no part of the identity.
            if inner and inner != {"name": usual.kind}:
                found[name] = inner
    return found
