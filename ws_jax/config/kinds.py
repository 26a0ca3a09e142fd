"""The classes that names stand for: which is meant, and where it was written."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping

from ws_jax.config.checks import ConfigError


def is_again(cls: type, old: type | None) -> bool:
    """Returns whether a class is the one of before, maybe of a file that ran again."""
    if old is None or cls.__qualname__ != old.__qualname__:
        return False
    ours = old.__module__.startswith("ws_jax.")
    return not ours or cls.__module__ == old.__module__


def check_named(cls: type, kinds: Mapping[str, type]) -> None:
    """Raises `ConfigError` if a class goes by no name, or by that of its parent.

    Two parts of one name are one part in records, in results and where doubles are
    left out of a sweep.

    Args:
      cls: of a part.
      kinds: the classes that are known, by name.
    """
    if is_again(cls, kinds.get(vars(cls).get("kind", ""))):
        return
    parent = cls.__mro__[1].__name__
    raise ConfigError(
        f"{called(cls)} derives from {parent} and has no name of its own: put "
        f'@config("{_snake(cls.__name__)}") above it'
    )


def called(cls: type) -> str:
    """Returns the name of a class, and where it was written, if that can be found."""
    try:
        file, (_, line) = inspect.getsourcefile(cls), inspect.getsourcelines(cls)
    except (OSError, TypeError):  # typed into a notebook, say
        return cls.__qualname__
    return f"{cls.__qualname__} ({file}:{line})"


def _snake(name: str) -> str:
    """Writes the name of a class as that of a kind.

    Example:
      >>> _snake("MyFlip")
      'my_flip'
    """
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
