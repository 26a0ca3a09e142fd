"""What of a config can change a number, which is what tells runs apart."""

from __future__ import annotations

import functools
from typing import Any, TypeVar

from ws_jax.config.fields import Config, map_parts, rules

C = TypeVar("C", bound=Config)


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
