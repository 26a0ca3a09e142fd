"""Digests of a user's own code: what was written outside this package and is in use.

A config says which kinds a sweep is made of, not what they do. So that no run is
trained half by one code and half by another, a sweep's record says which files its own
kinds come from, each with a digest.
"""

from __future__ import annotations

import ast
import hashlib
import sys
import sysconfig
import types
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ws_jax.config import leaves, map_parts
from ws_jax.data import DATASETS, SPLITS
from ws_jax.runs import Run, Sweep
from ws_jax.schemes import SCHEMES
from ws_jax.sharing import MAPS

_PACKAGE = Path(__file__).parents[1]
# What a user enters by name; a field's text leads to it.
_BY_NAME: tuple[Mapping[str, Any], ...] = (SCHEMES, MAPS, DATASETS, SPLITS)
_MAKER = "get_config"  # what it says stands in the config


def digests(sweep: Sweep) -> dict[str, str]:
    """Returns a digest of each file of a user's own that a sweep depends on, by name.

    These are the files that define a kind in use, and what they import from beside
    them. Comments, layout and `get_config` do not count, nor what serves that alone.

    Args:
      sweep: checked.
    """
    found: dict[str, list[str]] = {}
    for path in sorted(_files(sweep)):
        found.setdefault(path.name, []).append(_told(path))
    return {name: _hash("\n".join(texts)) for name, texts in sorted(found.items())}


def not_imported(names: Iterable[str]) -> list[str]:
    """Returns those of some names that are of no file of a user's own in use here."""
    modules = [m for m in [*sys.modules.values()] if isinstance(m, types.ModuleType)]
    found = {path.name for module in modules if (path := _own_file(module))}
    return [name for name in names if name not in found]


def _files(sweep: Sweep) -> set[Path]:
    """Returns the files that define what is in use, and those that these import."""
    left = [*_modules(_in_use(sweep))]
    found: set[Path] = set()
    while left:
        module = left.pop()
        path = _own_file(module)
        if path is None or path in found:
            continue
        found.add(path)
        beside = [m for m in _modules(vars(module).values()) if (p := _own_file(m))
                  and p.is_relative_to(path.parent)]  # fmt: skip
        left += beside
    return found


def _in_use(sweep: Sweep) -> Iterator[Any]:
    """Yields the classes of all parts, and what their texts name."""
    texts = [value for values in sweep.axes.values() for value in values]
    for run in sweep.variants():
        yield from _classes(run)
        texts += [value for _, value, _ in leaves(run)]
    for text in texts:
        for name in text.split("/") if isinstance(text, str) else ():
            for known in _BY_NAME:
                if name.partition(":")[0] in known:
                    yield known[name.partition(":")[0]]


def _classes(run: Run) -> Iterator[type]:
    types_: list[type] = []
    map_parts(lambda part: (types_.append(type(part)), part)[1], run)
    for cls in types_:
        yield from cls.__mro__


def _modules(values: Iterable[Any]) -> Iterator[types.ModuleType]:
    """Yields the modules that values are, or come from."""
    for value in values:
        if isinstance(value, types.ModuleType):
            yield value
            continue
        # An entry may be a partial function, or a value that holds one.
        for one in (value, *(getattr(value, n, None) for n in ("func", "make"))):
            name = getattr(one, "__module__", None)
            if isinstance(name, str) and name in sys.modules:
                yield sys.modules[name]


def _own_file(module: types.ModuleType) -> Path | None:
    """Returns the file of a module, unless it is of this or an installed package."""
    name = getattr(module, "__file__", None)
    if not name or not str(name).endswith(".py"):
        return None
    path = Path(name).resolve()
    roots = _PACKAGE, Path(sysconfig.get_path("stdlib")).resolve()
    installed = {"site-packages", "dist-packages"} & set(path.parts)
    if installed or any(path.is_relative_to(root) for root in roots):
        return None
    return path if path.is_file() else None


def _told(path: Path) -> str:
    """Returns what of a file counts, as Python writes it out."""
    text = path.read_text("utf-8", errors="replace")
    try:
        tree = ast.parse(text)
    except SyntaxError:  # edited since it was imported
        return text
    makers = [node for node in tree.body if getattr(node, "name", "") == _MAKER]
    others = [node for node in tree.body if node not in makers]
    used = _names(makers, ast.Load)
    body = [
        node
        for node in others
        if not (
            isinstance(node, ast.Assign | ast.AnnAssign)
            and (set_ := _targets(node))
            and set_ <= used
            and not set_ & _names([o for o in others if o is not node], ast.Load)
        )
    ]
    return ast.unparse(ast.Module(body, []))


def _targets(node: ast.Assign | ast.AnnAssign) -> set[str]:
    """Returns the names that an assignment sets; none if it sets anything else."""
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    names = [target.id for target in targets if isinstance(target, ast.Name)]
    return set(names) if len(names) == len(targets) else set()


def _names(nodes: Iterable[ast.AST], context: type) -> set[str]:
    return {
        inner.id
        for node in nodes
        for inner in ast.walk(node)
        if isinstance(inner, ast.Name) and isinstance(inner.ctx, context)
    }


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
