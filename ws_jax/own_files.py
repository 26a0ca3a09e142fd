"""Files of a user's own: which these are, and what of them runs.

An editor may save a file while a sweep that was started from it reads its data. So a
config, and what it imports from beside it, keep the text that they were run from.
"""

from __future__ import annotations

import functools
import inspect
import os
import sys
import sysconfig
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from importlib.util import decode_source
from pathlib import Path
from typing import Any

_PACKAGE = Path(__file__).resolve().parent  # the checkout may be reached by a link


def own_path(name: Any) -> Path | None:
    """Returns the real path of a source, unless it is of this or an installed package.

    Args:
      name: of the file; also what modules that are in none have in its place.
    """
    if not name or not str(name).endswith(".py"):
        return None
    path = Path(name).resolve()
    roots = _PACKAGE, _stdlib()
    installed = {"site-packages", "dist-packages"} & set(path.parts)
    if installed or any(path.is_relative_to(root) for root in roots):
        return None
    return path if path.is_file() else None


@functools.cache  # asked at every import
def _stdlib() -> Path:
    return Path(sysconfig.get_path("stdlib")).resolve()


def is_below(name: str | os.PathLike, folder: str | os.PathLike) -> bool:
    """Returns whether a file is in a folder or below it, as itself or as a link.

    Args:
      name: of the file, as it was found.
      folder: as it was named; it may be a link, too.
    """
    given = Path(os.path.abspath(name)).is_relative_to(os.path.abspath(folder))
    return given or Path(name).resolve().is_relative_to(Path(folder).resolve())


def makers() -> tuple[str, ...]:
    """Names the modules of a user's own in whose functions a class is being made.

    These are the function that makes it and those that called it, down to what was
    called from this package or to the top of a module. At the top itself, where a file
    says all of it, there is none.
    """
    found: dict[str, None] = {}
    frame, in_function = sys._getframe(1), False
    while frame is not None:
        name, code = frame.f_globals.get("__name__", ""), frame.f_code
        if name.startswith(f"{__package__}."):
            if found:
                break
        elif own_path(frame.f_globals.get("__file__")):
            found[name] = None
            # Bodies of classes have no fast locals; comprehensions are no functions.
            fast = bool(code.co_flags & inspect.CO_OPTIMIZED)
            in_function |= fast and not code.co_name.endswith(("comp>", "expr>"))
        if code.co_name == "<module>":
            break
        frame = frame.f_back
    return tuple(found) if in_function else ()


class Keeping(SourceFileLoader):
    """Runs a module from its source, never from a compiled file, and keeps the text."""

    text: bytes | None = None

    def read(self) -> bytes:
        """Reads the text that is to run now."""
        self.text = self.get_data(self.path)
        return self.text

    def get_code(self, fullname: str) -> Any:
        """Compiles the module."""
        return self.source_to_code(self.read(), self.path)

    def get_source(self, fullname: str) -> str | None:
        """Returns the text that ran, which tracebacks show."""
        return None if self.text is None else decode_source(self.text)


class _Beside:
    """Lets modules beside a config keep their texts; found are they as ever."""

    folders: set[Path] = set()

    @classmethod
    def find_spec(cls, name: str, path=None, target=None) -> ModuleSpec | None:
        spec = PathFinder.find_spec(name, path, target)
        if spec is None or type(spec.loader) is not SourceFileLoader:
            return spec
        origin = spec.origin or ""
        if own_path(origin) and any(is_below(origin, f) for f in cls.folders):
            spec.loader = Keeping(name, spec.loader.path)
        return spec


def keep_texts(folder: Path) -> None:
    """Lets all that is imported from a folder from now on keep its text."""
    _Beside.folders.add(folder.resolve())
    if _Beside not in sys.meta_path:
        finders: list[Any] = sys.meta_path
        here = finders.index(PathFinder) if PathFinder in finders else len(finders)
        finders.insert(here, _Beside)


def text_of(name: str, path: Path) -> bytes:
    """Returns the text of a module as it ran, or else as it stands in its file."""
    loader = getattr(sys.modules.get(name), "__loader__", None)
    kept = getattr(loader, "text", None)
    return path.read_bytes() if kept is None else kept
