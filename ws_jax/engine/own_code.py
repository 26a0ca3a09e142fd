"""Digests of a user's own code: what was written outside this package and is in use.

A config says which kinds a sweep is made of, not what they do. So that no run is
trained half by one code and half by another, a sweep's record says which files its own
kinds come from, each with a digest; and so that no two trainings of different code are
taken for one, what tells runs apart holds a digest of theirs.
"""

from __future__ import annotations

import ast
import hashlib
import itertools
import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from typing import Any, NamedTuple

from ws_jax.config import Config, leaves, map_parts
from ws_jax.data import DATASETS, SPLITS
from ws_jax.engine.counting import counting, plain
from ws_jax.measure import Measure
from ws_jax.own_files import is_below, own_path, text_of
from ws_jax.own_imports import imports, module_files, name_parts
from ws_jax.runs import Run, Sweep
from ws_jax.schemes import SCHEMES
from ws_jax.sharing import MAPS

# What a user enters by name; a field's text leads to it.
_BY_NAME: tuple[Mapping[str, Any], ...] = (SCHEMES, MAPS, DATASETS, SPLITS)


# What a wrapper keeps what it wraps as: a partial function, a method, a property.
_WRAPS = ("func", "make", "__func__", "fget", "__wrapped__")


class _Modules(NamedTuple):
    """What a run uses: the modules that define it, and those whose functions made it.

    What a function makes hangs on what it was called with, so that `get_config`, which
    may have called it, counts.
    """

    defining: frozenset[str]
    making: frozenset[str]


class _File(NamedTuple):
    """A file of a user's own: where it is, and what it is imported as."""

    path: Path  # its real one
    given: str  # as it was found, which may be a link
    name: str
    package: str  # that its relative imports start from

    def has_beside(self, other: _File) -> bool:
        """Returns whether another is in the folder that it is imported from, or below.

        A link in that folder is, wherever it leads; so is what is beside the file that
        a link to this one leads to. So is a copy of the other there, in whose place an
        earlier config has imported it.
        """
        up = len(self.package.split(".")) if self.package else 0
        roots = (Path(os.path.abspath(self.given)).parents[up], self.path.parents[up])
        if any(is_below(other.given, root) for root in roots):
            return True
        copies = [path for root in roots for path in module_files(root, other.name)]
        text = text_of(other.name, other.path)
        return any(path.is_file() and path.read_bytes() == text for path in copies)


def digests(sweep: Sweep) -> dict[str, str]:
    """Returns a digest of each file of a user's own that a sweep depends on, by name.

    These are the files that define a kind in use, and what they import from beside
    them, as they were run. Comments, docstrings and layout do not count, nor do
    `get_config` and what serves that alone, unless some of a kind was made in a
    function.

    Args:
      sweep: checked.
    """
    used = [*_defining(sweep).values()]
    defining = frozenset().union(*(modules.defining for modules in used))
    making = frozenset().union(*(modules.making for modules in used))
    found: dict[str, list[str]] = {}
    for path, text in sorted(_followed(_Modules(defining, making)).items()):
        found.setdefault(path.name, []).append(text)
    return {name: _hash("\n".join(texts)) for name, texts in sorted(found.items())}


def not_imported(names: Iterable[str]) -> list[str]:
    """Returns those of some names that are of no file of a user's own in use here."""
    files = (getattr(module, "__file__", None) for module in [*sys.modules.values()])
    found = {path.name for file in files if (path := own_path(file))}
    return [name for name in names if name not in found]


def run_codes(sweep: Sweep) -> dict[Run, str]:
    """Returns a digest of a user's own code in each run that has any.

    It is of the same files as `digests`, without their names: a class is the same in
    whatever config it is used. What has no effect in a run, a transform at level 0 say,
    does not count in it.

    Args:
      sweep: checked.
    """
    found: dict[Run, str] = {}
    known: dict[_Modules, str] = {}
    for run, used in _defining(sweep).items():
        if used not in known:
            texts = set(_followed(used).values())
            known[used] = _hash("\n".join(sorted(map(_hash, texts)))) if texts else ""
        if known[used]:
            found[run] = known[used]
    return found


def _followed(modules: _Modules) -> dict[Path, str]:
    """Returns what counts of modules of a user's own, and of what these import."""
    first = list(filter(None, map(_find, modules.defining | modules.making)))
    whole = {file.path for file in filter(None, map(_find, modules.making))}
    taken: dict[Path, frozenset[str]] = {}  # of each file, by the others
    while True:  # what is taken counts, and may itself take more
        before, found, left = taken, {}, [*first]
        taken = dict.fromkeys(before, frozenset())
        while left:
            file = left.pop()
            if file.path in found:
                continue
            text = text_of(file.name, file.path)
            try:
                body = ast.parse(text).body
                if file.path not in whole:
                    body = counting(body, before.get(file.path, frozenset()))
            except SyntaxError:  # edited since it was imported
                found[file.path] = text.decode(errors="replace")
                continue
            found[file.path] = json.dumps(plain(body))
            names = list(imports(body, file.package))
            parts = {part for name in names for part in name_parts(name)}
            others = filter(None, map(_find, sorted(parts)))
            for other in filter(file.has_beside, others):
                left.append(other)
                own = _taken(names, other.name) | taken.get(other.path, frozenset())
                taken[other.path] = own
        if taken == before:
            return found


def _defining(sweep: Sweep) -> dict[Run, _Modules]:
    """Returns the modules that define what each run uses; none if none is one's own."""
    modules = {cls.__module__ for cls in _subclasses(Config)}
    modules |= {
        name
        for entries in _BY_NAME
        for value in entries.values()
        for name in _modules(value)
    }
    if not any(map(_find, modules)):  # sparing thousands of runs a look
        return {}
    known: dict[int, frozenset[str]] = {}
    return {run: _used(run, known) for run in sweep.runs()}


def _subclasses(cls: type) -> Iterator[type]:
    for inner in cls.__subclasses__():
        yield inner
        yield from _subclasses(inner)


def _used(run: Run, known_makers: dict[int, frozenset[str]]) -> _Modules:
    """Returns the modules of what a run uses.

    Args:
      run: of a sweep.
      known_makers: of what earlier runs of it use, by its id; added to.
    """
    classes, entries = _classes(run), []
    for _, text, _ in leaves(run):
        for name in text.split("/") if isinstance(text, str) else ():
            for known in _BY_NAME:
                if name.partition(":")[0] in known:
                    entries.append(known[name.partition(":")[0]])
    defining = {cls.__module__ for cls in classes}
    defining |= {name for entry in entries for name in _modules(entry)}
    parts = (*classes, *entries)
    for part in parts:
        if id(part) not in known_makers:
            known_makers[id(part)] = frozenset(_made_by(part))
    making = frozenset().union(*(known_makers[id(part)] for part in parts))
    return _Modules(frozenset(defining), making)


def _classes(run: Run) -> set[type]:
    """Returns the classes of its parts, but for those without effect."""
    used: set[type] = set()

    def add(part: Config) -> Config:
        # What is measured changes no training, but is a number.
        if isinstance(part, Measure) or part.essence() is not None:
            used.update(type(part).__mro__)
        return part

    map_parts(add, run)
    return used


def _modules(value: Any) -> Iterator[str]:
    """Yields the names of the modules that an entry comes from.

    It may be a partial function, or a value that holds one.
    """
    for one in (value, *(getattr(value, name, None) for name in ("func", "make"))):
        if isinstance(name := getattr(one, "__module__", None), str):
            yield name


def _made_by(value: Any) -> Iterator[str]:
    """Yields the modules whose functions made something, or what it is made of.

    A class is made of those that it derives from and of what is set in them.
    """
    parts = list(_unwrapped(value))
    for cls in [cls for part in parts for cls in getattr(part, "__mro__", ())]:
        if cls.__module__.startswith("ws_jax."):
            continue
        yield from vars(cls).get("made_by", ())
        # Python's own names are what dataclasses enter.
        inner = [item for name, item in vars(cls).items() if name[:2] != "__"]
        parts += [cls, *itertools.chain.from_iterable(map(_unwrapped, inner))]
    for part in parts:
        if "<locals>" in str(getattr(part, "__qualname__", "")):
            yield str(part.__module__)


def _unwrapped(value: Any) -> Iterator[Any]:
    """Yields a value, and what it wraps."""
    yield value
    yield from filter(None, (getattr(value, name, None) for name in _WRAPS))


def _find(name: str) -> _File | None:
    """Finds a file of a user's own by its module's name, without importing it."""
    if (module := sys.modules.get(name)) is not None:
        given = getattr(module, "__file__", None)
        package = getattr(module, "__package__", None)
    elif (spec := _spec(name)) is not None:
        given, package = spec.origin, spec.parent
    else:
        return None
    path = own_path(given)
    return _File(path, str(given), name, package or "") if path else None


def _spec(name: str) -> ModuleSpec | None:
    """Returns where a module would be imported from; neither it nor its package is."""
    spec, where = None, None
    for part in name_parts(name):
        if (spec := PathFinder.find_spec(part, where)) is None:
            return None
        where = spec.submodule_search_locations or []
    return spec


def _taken(names: Iterable[str], module: str) -> frozenset[str]:
    """Returns which names of a module are imported; `*` if any of it may be used."""
    rests = (name.removeprefix(module) for name in names if module in name_parts(name))
    return frozenset(rest[1:].partition(".")[0] or "*" for rest in rests)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
