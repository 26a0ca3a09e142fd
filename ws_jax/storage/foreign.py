"""The code of a sweep's parts that are no part of the package: whether it has changed.

A config says what is trained, and for the package's own parts that is all. A class of a
user's own is known by its name alone; its code may have another meaning tomorrow.
"""

from __future__ import annotations

import ast
import hashlib
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

_OURS = ("ws_jax", "builtins")


def foreign_code(parts: Iterable[Any]) -> dict[str, str]:
    """Returns a digest of each file that defines one of the parts, by the file's name.

    Comments, docstrings, layout and `get_config`, whose outcome the config tells, do
    not count. Parts of the package, and those without a file (a notebook's), have none.

    Args:
      parts: classes and functions.
    """
    files: dict[str, str] = {}
    for name in sorted({getattr(part, "__module__", "builtins") for part in parts}):
        if name.partition(".")[0] in _OURS:
            continue
        file = getattr(sys.modules.get(name), "__file__", None)
        if file and Path(file).is_file():
            files[Path(file).name] = _digest(Path(file).read_bytes())
    return files


def changed_code(here: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Names the files that two records of a sweep know with other code."""
    before, after = here.get("code", {}), new.get("code", {})
    return [name for name in after if before.get(name, after[name]) != after[name]]


def _digest(source: bytes) -> str:
    tree = ast.parse(source)
    tree.body = [
        part for part in tree.body if getattr(part, "name", "") != "get_config"
    ]
    told = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    for part in ast.walk(tree):
        if isinstance(part, told) and part.body and _is_text(part.body[0]):
            part.body = part.body[1:]
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()


def _is_text(part: ast.stmt) -> bool:
    value = part.value if isinstance(part, ast.Expr) else None
    return isinstance(value, ast.Constant) and isinstance(value.value, str)
