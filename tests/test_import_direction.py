"""The module map and a few house rules, read off the sources without importing them."""

import ast
import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
# A module imports only from those before it; a folder counts as one module.
ORDER = (
    "config integrity status events locks grids data augment sharing winograd "
    "lowerings conv initializers schemes banks normalization layers hebbian transforms "
    "cuts path_transforms measure optimizers phases sleep models grouping folding "
    "tasks metrics runs names standins "
    "results stored ledger checkpoint workdir engine search fold_run compile_cache "
    "analysis papers commandline cli"
).split()
# The same within the engine: from one run to many, and to the host's loop.
ENGINE = (
    "program predict evaluate train fits mapping chunk memory study progress describe "
    "extend table training sweep"
).split()
MACHINE_PATH = re.compile(r"(?<![\w.~-])/(?:work|root|home|tmp|Users)/\w+")


def sources(*folders):
    """Returns the Python files of the folders, as name -> text."""
    paths = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    assert paths
    return {path.relative_to(ROOT).as_posix(): path.read_text() for path in paths}


def imports(name, text):
    """Returns the dotted names that a file imports, `from a import b` as `a.b`."""
    package = name.split("/")[:-1]
    found = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            stem = ".".join([*base, *filter(None, [node.module])])
            found |= {f"{stem}.{alias.name}" for alias in node.names}
    return found


def test_imports_go_down_the_module_map():
    wrong = []
    for name, text in sources("ws_jax").items():
        own = name.removesuffix(".py").split("/")[1]
        parts = [n.split(".") for n in imports(name, text)]
        used = {p[1] for p in parts if p[0] == "ws_jax" and len(p) > 1} - {own}
        if own == "__init__":
            assert not used, f"ws_jax/__init__.py imports {used}, and must stay light"
            continue
        unknown = ({own} | used) - set(ORDER)
        assert not unknown, f"{name}: add {unknown} to ORDER, and to the module map"
        later = [n for n in used if ORDER.index(n) > ORDER.index(own)]
        wrong += [f"{name} imports {n}, which comes after {own}" for n in later]
    assert not wrong


def test_the_way_from_a_sweep_to_a_step_goes_down():
    wrong = []
    for name, text in sources("ws_jax/engine").items():
        own = Path(name).stem
        parts = [n.split(".") for n in imports(name, text)]
        used = {p[2] for p in parts if p[:2] == ["ws_jax", "engine"]} - {own}
        if own == "__init__":
            continue
        unknown = ({own} | used) - set(ENGINE)
        assert not unknown, f"{name}: add {unknown} to ENGINE"
        later = [n for n in used if ENGINE.index(n) > ENGINE.index(own)]
        wrong += [f"{name} imports {n}, which comes after {own}" for n in later]
    assert not wrong


def test_configs_import_what_a_run_is_made_of():
    parts = "config data measure models optimizers papers phases runs tasks transforms"
    allowed = tuple(f"ws_jax.{part}." for part in parts.split())
    wrong = [
        f"{name} imports {module}"
        for name, text in sources("configs").items()
        for module in imports(name, text)
        if module.split(".")[0] not in sys.stdlib_module_names
        and not f"{module}.".startswith(allowed)
    ]
    assert not wrong


def test_launchers_are_thin():
    lines = {name: text.count("\n") for name, text in sources("launch").items()}
    assert not {name: count for name, count in lines.items() if count >= 60}


def test_library_does_not_print():
    calls = [
        f"{name}:{node.lineno}"
        for name, text in sources("ws_jax").items()
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call) and getattr(node.func, "id", None) == "print"
    ]
    assert not calls


def test_public_names_have_docstrings():
    bare = [
        f"{name}: {node.name}"
        for name, text in sources("ws_jax").items()
        for node in ast.parse(text).body
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
        and not node.name.startswith("_")
        and not ast.get_docstring(node)
    ]
    assert not bare


def test_sources_name_no_machine_paths():
    files = sources("ws_jax", "benchmarks", "configs", "launch", "tests", "tools")
    assert not {n: p for n, text in files.items() if (p := MACHINE_PATH.findall(text))}
