"""Fields and axes as a person types them: `--config.FIELD=VALUE`, `--axis=FIELD=V1,V2`.

A field goes by its dotted name, or by the end of it where that is clear.
"""

from __future__ import annotations

import contextlib
import dataclasses
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ws_jax.config import (
    ConfigError,
    axis_bases,
    axis_path,
    common_path,
    find_field,
    get_field,
    has_field,
    names_part,
    owners_of,
    parse,
    paths,
    replace_field,
    split_values,
)
from ws_jax.papers.words import vocabulary, with_words
from ws_jax.runs import Run, Sweep


def change_sweep(
    sweep: Sweep, overrides: Mapping[str, str], axes: Sequence[str] = ()
) -> Sweep:
    """Returns a sweep with fields and axes as a person typed them, checked.

    Args:
      sweep: of a config file.
      overrides: from a field, dotted, to the text of its value.
      axes: each as `FIELD=V1,V2`; instead of the sweep's own axis of that field.

    Raises:
      ConfigError: for a field, kind or value that is not known or allowed, two axes
        for one field, or an override that would change nothing.
    """
    words: dict[str, Any] = {}
    # What a part is comes first: its fields are those of its new kind.
    for name in sorted(overrides, key=lambda name: not name.endswith(".name")):
        text = overrides[name]
        with _said_of(f"--config.{name}={text}"):
            if name == "name":
                sweep = dataclasses.replace(sweep, name=text)
            elif paper := vocabulary(name):
                words |= paper.read(name, text)
            else:
                sweep = _with_field(sweep, name, text)
    if words:
        sweep = _with_words(sweep, words, overrides)
    seen: dict[str, str] = {}
    # What parts are comes first here, too.
    for text in sorted(axes, key=lambda text: not _of_parts(sweep, text)):
        with _said_of(f"--axis={text}"):
            path, values = _read_axis(sweep, text)
            if path in seen:
                raise ConfigError(
                    f"two axes for one field, {path}: --axis={seen[path]} is there "
                    "already; name all values in one"
                )
            seen[path] = text
            sweep = _with_axis(sweep, path, values)
    return sweep.checked()


def _with_words(
    sweep: Sweep, words: Mapping[str, Any], overrides: Mapping[str, str]
) -> Sweep:
    """Applies words; a value that was said of a field outlasts what a word sets."""
    sweep = with_words(sweep, words)
    for name, text in overrides.items():
        if name == "name" or vocabulary(name):
            continue
        with _said_of(f"--config.{name}={text}"):
            path = find_field(sweep.base, _without_name(sweep.base, name))
            if paths(sweep.base)[path].role != "part":
                sweep = _with_field(sweep, name, text)
    return sweep


@contextlib.contextmanager
def _said_of(flag: str) -> Iterator[None]:
    """Says in a message which flag it is about."""
    try:
        yield
    except ConfigError as error:
        raise ConfigError(f"{flag}: {error}") from error


def _with_field(sweep: Sweep, name: str, text: str) -> Sweep:
    base = sweep.base
    path = find_field(base, _without_name(base, name))
    path = _as_swept(sweep, axis_bases(base, sweep.axes), path)
    for axis in sweep.axes:
        if _within(path, axis) or common_path(base, path) == axis:
            raise ConfigError(
                f"it would change nothing, since the config file sweeps {axis}: say "
                f"--axis={path}={text}"
            )
    return dataclasses.replace(
        sweep, base=replace_field(base, path, parse(base, path, text))
    )


def _as_swept(sweep: Sweep, bases: Sequence[Run], path: str) -> str:
    """Returns the name by which a sweep has an axis of a field, else the field's own.

    That of all terms of the loss is that of one term, where one alone has it.
    """

    def owners(axis: str) -> list[tuple[int, ...]]:
        return [tuple(map(id, owners_of(base, axis))) for base in bases]

    last = path.rpartition(".")[2]
    for axis in sweep.axes:
        if axis.rpartition(".")[2] == last and owners(axis) == owners(path):
            return axis
    return path


def _within(path: str, axis: str) -> bool:
    return path == axis or path.startswith(f"{axis}.")


def _without_name(base: Run, name: str) -> str:
    """Returns the part of which `PART.name` says the kind; other names as they are."""
    return name if has_field(base, name) else name.removesuffix(".name")


def _of_parts(sweep: Sweep, text: str) -> bool:
    with _said_of(f"--axis={text}"):
        name = _without_name(sweep.base, text.partition("=")[0])
        return names_part([sweep.base], name)


def _read_axis(sweep: Sweep, text: str) -> tuple[str, tuple]:
    name, equals, values = text.partition("=")
    if not equals or not split_values(values):
        name = name or "weight_decay"
        raise ConfigError(f"needs values, as in --axis={name}=V1,V2")
    bases = axis_bases(sweep.base, sweep.axes)
    path = axis_path(bases, _without_name(sweep.base, name))
    path = _as_swept(sweep, bases, path)
    rule = next(paths(base)[path] for base in bases if path in paths(base))
    if rule.fixed:
        raise ConfigError(f"{path} cannot be swept: {rule.fixed}")
    base = next(base for base in bases if has_field(base, path))
    if isinstance(get_field(base, path), int):
        _check_no_range(name, split_values(values))
    return path, tuple(parse(base, path, value) for value in split_values(values))


# What people write for all whole numbers from one to another.
_RANGE = re.compile(r"(\d+)\s*(?:\.\.+|-|:)\s*(\d+)")


def _check_no_range(name: str, values: Sequence[str]) -> None:
    """Raises `ConfigError` for a range of whole numbers, in whose place all stand."""
    for value in values:
        found = _RANGE.fullmatch(value)
        first, last = map(int, found.groups()) if found else (1, 0)
        if first > last:
            continue
        all_ = [*map(str, range(first, min(last, first + 8) + 1))]
        shown = all_ if first + 8 > last else [*all_[:3], "...", str(last)]
        raise ConfigError(
            f"{value!r} is no value: name each, as in --axis={name}={','.join(shown)}"
        )


def _with_axis(sweep: Sweep, path: str, values: tuple) -> Sweep:
    """Adds an axis, or takes it instead of the one that is there, at its place."""
    if path in sweep.axes:
        return dataclasses.replace(sweep, axes={**sweep.axes, path: values})
    # What parts the runs into programs varies slowest.
    known = paths(sweep.base)
    items = list(sweep.axes.items())
    place = len(items)
    if path in known and known[path].role != "data":
        place = sum(p in known and known[p].role != "data" for p in sweep.axes)
    items.insert(place, (path, values))
    return dataclasses.replace(sweep, axes=dict(items))
