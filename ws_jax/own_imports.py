"""What a user's own files import, read from their text: nothing is imported for it."""

from __future__ import annotations

import ast
import importlib.util
import itertools
import sys
from collections.abc import Iterator
from pathlib import Path

from ws_jax.own_files import Keeping, own_path, text_of


def imported_otherwise(path: Path) -> tuple[Path, Path] | None:
    """Finds a module beside a config that is imported already, but not as it is there.

    Python imports a module once: a config that is read later has what was imported
    before it, though another file has its name now, or the file was changed. Of what
    no config has imported, but a notebook or a script, the text that ran is not known:
    there another file is found, and not a changed one.

    Args:
      path: of a config, which is about to run.

    Returns:
      The file of the module as it was imported, and the one that is meant; or none.
    """
    left, seen = [(path.read_bytes(), "")], set()
    while left:
        for name in sorted(_imported_names(*left.pop()) - seen):
            seen.add(name)
            module = sys.modules.get(name)
            given = getattr(module, "__file__", None)
            if given is None or own_path(given) is None:
                continue
            ran, text = Path(given), text_of(name, Path(given))
            there = next(filter(Path.is_file, module_files(path.parent, name)), ran)
            if isinstance(getattr(module, "__loader__", None), Keeping):
                same = there.is_file() and there.read_bytes() == text
            else:
                same = there.resolve() == ran.resolve()
            if not same:
                return ran, there
            left.append((text, getattr(module, "__package__", None) or ""))
    return None


def module_files(folder: Path, name: str) -> tuple[Path, Path]:
    """Returns the files of which one has a module's text if it is below a folder."""
    meant = folder.joinpath(*name.split("."))
    return meant.with_suffix(".py"), meant / "__init__.py"


def _imported_names(text: bytes, package: str) -> set[str]:
    """Returns the dotted names that a file imports, and the modules they are in."""
    try:
        body = ast.parse(text).body
    except SyntaxError:  # told when it runs
        return set()
    return {part for name in imports(body, package) for part in name_parts(name)}


def imports(body: list[ast.stmt], package: str) -> Iterator[str]:
    """Yields the names of all that is imported at any depth.

    `from a import b` is `a.b`, which may be a module.
    """
    for node in (inner for outer in body for inner in ast.walk(outer)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            if node.level:
                try:
                    base = importlib.util.resolve_name(base, package)
                except ImportError:  # it would fail to import it, too
                    continue
            names = [f"{base}.{alias.name}" for alias in node.names]
        else:
            continue
        yield from names


def name_parts(name: str) -> Iterator[str]:
    """Yields a dotted name after the modules that it is in."""
    return itertools.accumulate(name.split("."), "{}.{}".format)
