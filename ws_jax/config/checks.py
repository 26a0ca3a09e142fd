"""What every check of a config says, and how it names the nearest known word."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class ConfigError(ValueError):
    """A config that cannot be run, with what is wrong and what is allowed."""


def nearest(name: str, known: Iterable[str], most: int = 40) -> str:
    """Returns a hint that names the known word closest to `name`, and the others.

    Args:
      name: what was asked for.
      known: what there is.
      most: words that are listed; of more, those closest to `name`.

    Example:
      >>> nearest("epocs", ["epochs", "patience"])
      "did you mean 'epochs'? Known: epochs, patience"
    """
    names = sorted(set(known))
    close = difflib.get_close_matches(str(name), names, n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    if len(names) > most:
        names = difflib.get_close_matches(str(name), names, n=most, cutoff=0) + ["…"]
    return f"{hint}Known: {', '.join(names)}"


def check_name(what: str, name: str, known: Iterable[str]) -> None:
    """Raises `ConfigError` unless `name` is one of `known`."""
    known = list(known)
    if name not in known:
        raise ConfigError(f"unknown {what} {name!r}: {nearest(name, known)}")


def require(condition: bool, message: str) -> None:
    """Raises `ConfigError` with `message` unless `condition` holds."""
    if not condition:
        raise ConfigError(message)
