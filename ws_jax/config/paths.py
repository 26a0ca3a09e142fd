"""Fields by their dotted names: which one a name means, its value, another value.

The end of a name suffices where that is clear: `weight_decay` for
`train.optimizer.weight_decay`. Of a tuple of parts a name means all that have the field
(`transforms.level`) or the one whose kind it has (`transforms.noise.level`).
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar, get_args

from ws_jax.config.checks import ConfigError, nearest
from ws_jax.config.fields import (
    Config,
    Rule,
    base_of,
    labels,
    leaves,
    rules,
    type_of,
)

C = TypeVar("C", bound=Config)


def find_field(config: Config, name: str) -> str:
    """Returns the whole dotted name of the field that a person calls `name`.

    The end of a name is enough where one field alone ends so, or several of parts of
    one base class, of which the one nearest to the top is meant: `level` is
    `transforms.level`, that of all transforms, not that of a single one, nor that of a
    view, which is a transform, too.

    Raises:
      ConfigError: if no field ends so (the nearest are named), or if it is not clear
        which is meant.
    """
    if found := fields_meant(name, config):
        return only_field(name, found)
    known = paths(config)
    if inner := [path for path in known if path.startswith(f"{name}.")]:
        raise ConfigError(f"{name} has fields of its own: {nearest(name, inner)}")
    if kinds := _kinds_with(config, name):
        raise ConfigError(f"no field {name!r} here: {kinds}")
    # A misspelt end of a name is compared with ends.
    parts = name.count(".") + 1
    ends = {".".join(path.split(".")[-parts:]) for path in known}
    raise ConfigError(f"no field {name!r}: {nearest(name, ends, most=12)}")


def only_field(name: str, found: Sequence[str]) -> str:
    """Returns the one field that a name may mean; several are a `ConfigError`."""
    if len(found) > 1:
        raise ConfigError(f"{name!r} may be {' or '.join(found)}: name it in full")
    return found[0]


def fields_meant(name: str, *configs: Config) -> list[str]:
    """Returns the whole dotted names of fields of some configs that a name may mean.

    Fields of parts of different base classes have nothing to do with each other,
    however deep they lie: `clip` may be that of the task or that of the optimiser.
    """
    known = {path: one for one in reversed(configs) for path in paths(one)}
    if name in known:
        return [name]
    ends = {path for path in known if path.endswith(f".{name}")}
    # A single part's field gives way to that of all parts.
    common = {path: common_path(known[path], path) for path in ends}
    whole = {common[path] if common[path] in ends else path for path in ends}
    found: dict[type, list[str]] = {}
    for path in sorted(whole, key=lambda path: (path.count("."), path)):
        owner, _ = owner_of(known[path], path)
        closest = found.setdefault(base_of(owner) or type(owner), [path])
        if path.count(".") == closest[0].count(".") and path not in closest:
            closest.append(path)
    return sorted(itertools.chain.from_iterable(found.values()))


def _kinds_with(config: Config, name: str) -> str:
    """Says which other kinds of a config's parts would have a field of that name.

    Of parts of one base class it is that nearest to the top, as in `find_field`.
    """
    found: dict[type, str] = {}
    parts = sorted(_parts(config), key=lambda part: part[0].count("."))
    for path, field, base, beside in parts:
        kinds = [
            kind
            for kind, cls in (base.kinds or {}).items()
            for own in rules(cls)
            if any(
                end.endswith(f".{name}")
                for end in (f".{path}.{own}", f".{path}.{kind}.{own}")
            )
        ]
        if kinds:
            value = "+".join([*beside, kinds[0]])
            said = f"kind {' or '.join(kinds)} of {path} has it"
            found.setdefault(base, f"{said}, set by {field}={value}")
    return "; ".join(found.values())


def _parts(
    config: Config, prefix: str = ""
) -> Iterator[tuple[str, str, type[Config], list[str]]]:
    """Walks over the parts of a config that have kinds, and over the parts of those.

    Yields:
      The dotted name of a part; that of the field which says its kind; the base of its
      kinds; and of a tuple the kinds that are in it, beside which another is set.
    """
    for name, rule in rules(config).items():
        if rule.role != "part":
            continue
        value, path = getattr(config, name), f"{prefix}{name}"
        if isinstance(value, tuple):
            known = labels(value)
            (base, *_) = get_args(type_of(type(config), name))
            yield path, path, base, known
            for label, item in zip(known, value, strict=True):
                yield from _parts(item, f"{path}.{label}.")
        else:
            if (base := base_of(value)) is not None:
                yield path, f"{path}.name", base, []
            yield from _parts(value, f"{path}.")


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
