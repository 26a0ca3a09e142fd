"""From the name of a config file to its sweep, with a sentence for each mistake.

A file goes by its path, `configs/ott2020/mnist_quick.py`, or by the end of it without
the suffix: `mnist_quick`, `ott2020/mnist_quick`. Files are looked for here, below
`configs/`, and among the configs that an installed package brings.
"""

from __future__ import annotations

import inspect
import itertools
import os
import re
import sys
import traceback
import types
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ws_jax.config import Config, ConfigError, check_name, leaves, nearest, rules
from ws_jax.own_files import Keeping, keep_texts
from ws_jax.own_imports import imported_otherwise

if TYPE_CHECKING:
    from ws_jax.runs import Sweep

_PACKAGE = Path(__file__).parents[1]
_TIMES = itertools.count()
# Of a call in a user's file: what was called, and the argument that it lacks.
_UNEXPECTED = re.compile(r"(\w+)(?:\.__init__)?\(\) got an unexpected .*'(\w+)'")


def load_sweep(name: str) -> Sweep:
    """Returns the sweep that a config file's `get_config()` makes, checked.

    Args:
      name: of the file, see above. What it returns may be a `Sweep`, a `Run` (a sweep
        of one run, called as the file), or what `Sweep.values` or `to_values` wrote.

    Raises:
      ConfigError: if there is no such file, or it makes no sweep that can be run; the
        message names the file, and the line where one is to blame.
    """
    file = find_config(name)
    module = _imported(file)
    make = getattr(module, "get_config", None)
    if not callable(make):
        raise ConfigError(_no_config(file, module))
    if _needed(make):
        raise ConfigError(f"{file}: get_config() must need no arguments")
    try:
        made = make()
    except (Exception, SystemExit) as error:
        raise ConfigError(_explain(file, error)) from error
    try:
        return _as_sweep(made, file.stem)
    except ConfigError as error:
        raise ConfigError(f"{file}: {error}") from error


def load_studies(paper: str) -> dict[str, str]:
    """Returns the studies of a paper in order: from a name to the config's path.

    Raises:
      ConfigError: if there is no such paper.
    """
    file = _find_paper(paper)
    names = _imported(file).STUDIES
    return {name: str(file.with_name(f"{name}.py")) for name in names}


def paper_reading(paper: str, asked: str) -> str:
    """Returns whose word holds in a paper's studies; empty if it has one reading.

    Args:
      paper: its folder of configs.
      asked: a reading that was asked for; empty takes the paper's first.
    Raises:
      ConfigError: if there is no such paper, or it has no such reading.
    """
    readings = getattr(_imported(_find_paper(paper)), "READINGS", ())
    if asked and not readings:
        raise ConfigError(f"--semantics={asked}: {paper} has one reading, leave it out")
    if asked:
        check_name("--semantics", asked, readings)
    return asked or next(iter(readings), "")


def _find_paper(paper: str) -> Path:
    for root in _roots():
        file = root / paper / "paper.py"
        if paper and file.is_file():
            return file
    known = {path.parent.name for root in _roots() for path in root.glob("*/paper.py")}
    raise ConfigError(f"no paper {paper!r}: {nearest(paper, known)}")


def find_config(name: str) -> Path:
    """Returns the path of the config file that a person means.

    Raises:
      ConfigError: if there is none, or it is not clear which.
    """
    if not isinstance(name, str | os.PathLike):
        raise ConfigError(f"config is {name!r}, needs the name or path of a file")
    name = str(name)
    for root in (Path(), *(root.parent for root in _roots())):
        if (root / name).is_file():
            return root / name
    if Path(name).is_dir():
        known = [str(path) for path in sorted(Path(name).rglob("*.py"))]
        there = nearest(name, known, most=12) if known else "it has no .py file"
        raise ConfigError(f"{name} is a folder: {there}")
    bare = not name.endswith(".py")
    wanted = Path(name).parts if bare else Path(name).parts[-1:]
    found: list[Path] = []
    for root in _roots():  # those that stand here come before those that were brought
        files = sorted(root.rglob("*.py"))
        found += [p for p in files if _ends(p.with_suffix("") if bare else p, wanted)]
        if found:
            break
    if bare and len(found) == 1:
        return found[0]
    listed = " or ".join(map(str, found))
    if bare and found:
        raise ConfigError(f"{name} may be {listed}: name the file")
    if found:
        raise ConfigError(f"no config file {name}: it has moved to {listed}")
    raise ConfigError(f"no config file {name}: {known_configs(name)}")


def known_configs(name: str = "") -> str:
    """Returns a hint that names the configs there are, that closest to `name` first.

    Those are the configs that go by a name, and what stands in the folder of the file
    that was asked for.
    """
    bare = bool(name) and not name.endswith(".py")
    known = [path.stem if bare else str(path) for path in config_files()]
    beside = sorted(Path(name).parent.glob("*.py"))
    known += [str(path) for path in beside if _makes_config(path)]
    if not known:
        return "Known: none here, nor below configs/ (docs/extending.md shows one)"
    return nearest(name, known, most=12)


def config_files() -> list[Path]:
    """Returns the paths of all configs there are."""
    return [
        path
        for root in _roots()
        for path in sorted(root.rglob("*.py"))
        if _makes_config(path)
    ]


def _makes_config(path: Path) -> bool:
    try:
        return "get_config" in path.read_text(errors="replace")
    except OSError:
        return False


def _roots() -> list[Path]:
    """Returns the folders of configs: here, of a wheel, of an editable install."""
    roots = [Path("configs"), _PACKAGE / "configs"]
    if (_PACKAGE.parent / "pyproject.toml").is_file():
        roots.append(_PACKAGE.parent / "configs")
    found = {root.resolve(): root for root in reversed(roots) if root.is_dir()}
    return list(reversed(found.values()))


def _ends(path: Path, wanted: tuple[str, ...]) -> bool:
    return path.parts[-len(wanted) :] == wanted


def _no_config(file: Path, module: types.ModuleType) -> str:
    said = f"{file} is no config: it has no get_config()"
    if not hasattr(module, "STUDIES"):
        return f"{said} that returns a Sweep or a Run. {known_configs(str(file))}"
    return (
        f"{said}, but lists the studies of a paper: train them by "
        f"python -m launch.paper --paper={file.parent.name}"
    )


def _imported(file: Path) -> types.ModuleType:
    """Runs a file as a module; what stands beside it can be imported by it.

    It is compiled here, so that nothing is written beside it and a file that has just
    been changed is read anew. All of them keep the texts that they ran from.
    """
    _check_beside(file)
    # A name for each time: sweeps of before keep the module that made them.
    module = types.ModuleType(f"config_{file.stem}_{next(_TIMES)}")
    module.__file__ = str(file)
    module.__loader__ = loader = Keeping(module.__name__, str(file))
    folder = str(file.resolve().parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    keep_texts(Path(folder))
    sys.modules[module.__name__] = module  # its dataclasses look their types up there
    try:
        exec(compile(loader.read(), str(file), "exec"), module.__dict__)
    except (Exception, SystemExit) as error:
        raise ConfigError(_explain(file, error)) from error
    return module


def _check_beside(file: Path) -> None:
    """Raises `ConfigError` if a config would have what was imported before it."""
    if (found := imported_otherwise(file.resolve())) is None:
        return
    ran, there = found
    if ran.resolve() == there.resolve():
        said = f"{ran} was changed since it was imported"
    else:
        said = f"{there} is not read, for {ran} was imported under the same name"
    raise ConfigError(
        f"{file}: {said}: start another process, as by restarting a notebook's kernel"
    )


def _needed(function: Any) -> bool:
    given = inspect.signature(function).parameters.values()
    spare = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return any(p.default is p.empty and p.kind not in spare for p in given)


def _as_sweep(made: Any, name: str) -> Sweep:
    from ws_jax.config import from_values
    from ws_jax.runs import Run, Sweep

    if isinstance(made, Run):
        made = Sweep(name, made)
    elif hasattr(made, "items"):  # a mapping, or a ConfigDict
        values = dict(made.items())
        if "base" in values:
            made = Sweep.from_values({"name": name, "axes": {}, **values})
        else:
            made = Sweep(name, from_values(Run, values))
    if made is None:
        raise ConfigError("get_config() returns nothing: end it by `return sweep`")
    if not isinstance(made, Sweep):
        raise ConfigError(
            f"get_config() returns a {type(made).__name__}, needs a Sweep or a Run"
        )
    return made.checked()


def _explain(file: Path, error: BaseException) -> str:
    """Returns one sentence on what went wrong in a file, and where."""
    if isinstance(error, SyntaxError):
        text = f", at {error.text.strip()!r}" if error.text else ""
        place = file if error.filename in (None, str(file)) else error.filename
        return f"{place}:{error.lineno}: {error.msg}{text}"
    frames = list(_own_frames(file, error))
    where = f"{file}:{frames[-1][1]}" if frames else str(file)
    if frames and frames[-1][0].f_code.co_filename != str(file):
        where = f"{frames[-1][0].f_code.co_filename}:{frames[-1][1]}"
    if isinstance(error, ConfigError | ImportError):
        return f"{where}: {error}"
    called = _UNEXPECTED.search(str(error)) if isinstance(error, TypeError) else None
    if called and (known := _arguments(called[1], frames)):
        said = f"{where}: {called[1]} has no {called[2]!r}"
        deeper = _deeper(called[1], called[2])
        return f"{said}: {deeper or nearest(called[2], known)}"
    said = f": {error}" if str(error) else ""
    return f"{where}: {type(error).__name__}{said}"


def _own_frames(file: Path, error: BaseException) -> Iterator[tuple[Any, int]]:
    """Yields the frames of a traceback in a user's own files, with their lines."""
    folder, package = file.resolve().parent, _PACKAGE.resolve()
    for frame, line in traceback.walk_tb(error.__traceback__):
        path = Path(frame.f_code.co_filename).resolve()
        packaged = path.is_relative_to(package) or "site-packages" in path.parts
        if path == file.resolve() or (path.is_relative_to(folder) and not packaged):
            yield frame, line


def _arguments(name: str, frames: list[tuple[Any, int]]) -> list[str]:
    """Returns the arguments of what a user's file called by that name."""
    for cls in _subclasses(Config):
        if cls.__name__ == name:
            return list(rules(cls))
    for frame, _ in reversed(frames):
        if callable(function := frame.f_globals.get(name)):
            return list(inspect.signature(function).parameters)
    return []


def _deeper(name: str, argument: str) -> str:
    """Says where in the parts of a config an argument stands that it has not itself."""
    for cls in _subclasses(Config):
        if cls.__name__ == name and cls.__module__.startswith("ws_jax."):
            paths = [path for path, *_ in leaves(cls())]
            found = [path for path in paths if path.split(".")[-1] == argument]
            return f"it is {' or '.join(found)}" if found else ""
    return ""


def _subclasses(cls: type) -> Iterator[type]:
    for inner in cls.__subclasses__():
        yield inner
        yield from _subclasses(inner)
