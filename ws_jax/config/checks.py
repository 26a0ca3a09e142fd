"""Names that configs may use, and the checks that their constructors share."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

NETWORK_NAMES = ["convnet"]
AUGMENTATION_NAMES = ["none", "translation", "rotation", "noise", "edge_noise"]
PERTURBATION_NAMES = ["translation", "rotation", "noise", "edge_noise", "swap"]
OPTIMIZER_NAMES = ["adam", "sgd"]
SCHEDULE_NAMES = ["constant", "cosine", "steps"]
PHASE_NAMES = ["none", "group_mean", "couple"]
SCHEME_NAMES = {"full": False, "free": False, "tiles": True, "periodic": True}
LOWERING_NAMES = ["auto", "lax", "patches", "columns", "winograd"]
PRECISION_NAMES = ["highest", "high", "default"]
READINGS = ["paper", "released"]


class ConfigError(ValueError):
    """A config that cannot be run, with what is wrong and what is allowed."""


def nearest(name: str, known: Iterable[str]) -> str:
    """Returns a hint that names the known word closest to `name`, or all of them.

    Example:
      >>> nearest("epocs", ["epochs", "patience"])
      "did you mean 'epochs'? Known: epochs, patience"
    """
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    return f"{hint}Known: {', '.join(names)}"


def check_name(what: str, name: str, known: Iterable[str]) -> None:
    """Raises `ConfigError` unless `name` is one of `known`."""
    if name not in known:
        raise ConfigError(f"unknown {what} {name!r}: {nearest(name, known)}")


def require(condition: bool, message: str) -> None:
    """Raises `ConfigError` with `message` unless `condition` holds."""
    if not condition:
        raise ConfigError(message)


def parse_scheme(scheme: str) -> tuple[tuple[str, int], ...]:
    """Splits a sharing scheme into (name, size) pairs, one a layer.

    A scheme is `full`, `free`, `tiles:SIZE` or `periodic:PERIOD`; schemes joined by
    `/` give each layer its own, the last one serving all further layers.

    Raises:
      ConfigError: for an unknown name, or a size that is missing, spare or not
        positive.

    Example:
      >>> parse_scheme("full/tiles:2")
      (('full', 0), ('tiles', 2))
    """
    parts = []
    for part in scheme.split("/"):
        name, colon, size = part.partition(":")
        check_name("sharing scheme", name, SCHEME_NAMES)
        if not SCHEME_NAMES[name]:
            require(not colon, f"sharing scheme {name!r} takes no size: {scheme!r}")
            parts.append((name, 0))
            continue
        valid = size.isdigit() and int(size) > 0
        require(valid, f"sharing scheme {name!r} needs a size, as in '{name}:2'")
        parts.append((name, int(size)))
    return tuple(parts)
