"""Fields by their dotted names: which one a name means, its value, another value.

The end of a name suffices where that is clear: `weight_decay` for
`train.optimizer.weight_decay`. Of a tuple of parts a name means all that have the field
(`transforms.level`) or the one whose kind it has (`transforms.noise.level`).
"""

from __future__ import annotations

import dataclasses
from typing import Any, TypeVar

from ws_jax.config.checks import ConfigError, nearest
from ws_jax.config.fields import Config, Rule, labels, leaves, rules

C = TypeVar("C", bound=Config)


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
