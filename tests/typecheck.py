"""The type checker behind the annotations, named in pyproject.toml.

For what one shape says of another, jaxtyping binds the arguments of every call and
checks them twice. Where no shape is annotated, beartype alone checks the same
annotations in a small part of the time.
"""

import dataclasses
import functools
import inspect
import types
import typing

import jaxtyping
from beartype import BeartypeConf, beartype

# An int passes where a float is asked for, as every static checker has it.
check = beartype(conf=BeartypeConf(is_pep484_tower=True))
_with_shapes = jaxtyping.jaxtyped


def use_beartype_alone_without_shapes():
    """Changes what jaxtyping's import hook puts around functions and classes."""
    jaxtyping.jaxtyped = lambda typechecker: _checked


def _checked(one):
    if inspect.isfunction(one):
        hints = {
            name: _resolved(annotation, one.__globals__)
            for name, annotation in inspect.get_annotations(one).items()
        }
        if any(map(_has_shape, hints.values())):
            return _with_shapes(one, typechecker=check)
        one.__annotations__ = hints
        return _checked_as_before(one) if "<locals>" in one.__qualname__ else check(one)
    if inspect.isclass(one):
        if dataclasses.is_dataclass(one) and "__init__" in vars(one):
            one.__init__ = _checked(one.__init__)
        return one
    return _with_shapes(one, typechecker=check)


_before = {}  # by the code of a function within another: one, and its checked form


def _checked_as_before(one):
    """Checks a function that is made anew at every call of the one around it.

    beartype would write and compile the same checks each time: they are taken over, and
    only what they call is the new function.
    """
    former, checks = _before.get(one.__code__, (None, None))
    if former is None or former.__annotations__ != one.__annotations__:
        checks = check(one)
        _before[one.__code__] = one, checks
        return checks
    given = checks.__kwdefaults__ or {}
    if checks is former or given.get("__beartype_func") is not former:
        return check(one)
    again = types.FunctionType(
        checks.__code__, checks.__globals__, one.__name__, None, checks.__closure__
    )
    again.__kwdefaults__ = {**given, "__beartype_func": one}
    return functools.update_wrapper(again, one)


def _resolved(annotation, names):
    """An annotation that may be written as a string; any, as in jaxtyping, if unknown.

    Unknown are names that only static checkers import, and a class within itself.
    """
    try:
        holder = type("Holder", (), {"__annotations__": {"it": annotation}})
        return typing.get_type_hints(holder, names, include_extras=True)["it"]
    except Exception:
        return typing.Any


def _has_shape(hint):
    if inspect.isclass(hint) and issubclass(hint, jaxtyping.AbstractArray):
        return True
    return any(map(_has_shape, typing.get_args(hint)))
