"""The module map and a few house rules, read off the sources without importing them."""

import ast
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# A module imports only from those before it; a folder counts as one module.
ORDER = (
    "host own_files own_imports config keys free_fields grids storage results data "
    "augment sharing winograd lowerings conv initializers schemes banks normalization "
    "layers transforms measure optimizers phases models tasks metrics runs columns "
    "names checkpoint engine folding neural_fit search_record search_sweeps search "
    "cluster analysis single_layer papers cli"
).split()
# The same within folders, whose `__init__` is what others see of them. In the engine:
# from one run to many, and to the host's loop.
WITHIN = {
    "engine": "program evaluate own_parts fits predict train mapping memory living "
    "newness counting own_code idle study recorded chunk progress describe extend "
    "table training sweep",
    "storage": "below integrity holds unpacked environments status events locks "
    "standins results records stored ledger checkpoint workdir",
    "transforms": "transform leveled usual batch cuts paths views",
    "phases": "phase periodic means hebbian sleep",
    "optimizers": "schedules optimizer kinds",
    "folding": "file grouping layout loops begun report run",
    "analysis": "labels wording watched own_files kinds copies style settings "
    "planned aggregate statistics varying curves summaries tables swept effects leads "
    "question claims page",
    "analysis/claims": "departures comparable lengths samples checks chance "
    "evidence seeds verdicts",
    "analysis/page": "gallery paper pieces render what_was_run verdict_cards "
    "sweep_page glossary standing judged report",
    "cli": "compile_cache machine options helptext files typed sweeps main",
}
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


def against(order, files, depth):
    """What imports something that comes after it, or is not in the order at all.

    Args:
      order: of names.
      files: as `sources` gives them.
      depth: of these names in dotted ones: 1 for parts of the package.
    """
    wrong = []
    for name, text in files.items():
        path = name.removesuffix(".py").split("/")
        package, own = path[:depth], path[depth]
        parts = [n.split(".") for n in imports(name, text)]
        used = {p[depth] for p in parts if p[:depth] == package and len(p) > depth}
        for other in sorted(used - {own}) if own != "__init__" else ():
            missing = {own, other} - set(order)
            assert not missing, f"{name}: add {missing} to the order, and to the map"
            if order.index(other) > order.index(own):
                wrong.append(f"{name} imports {other}, which comes after {own}")
    return wrong


def at_once(text):
    """The source without the bodies of its functions, whose imports wait for a call."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = [ast.Pass()]
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            node.body = [ast.Pass()]
    return ast.unparse(tree)


def loaded(*modules):
    """All dotted names that come with modules of ours, themselves too."""
    files = {
        name.removesuffix(".py").removesuffix("/__init__").replace("/", "."): (
            name,
            text,
        )
        for name, text in sources("ws_jax").items()
    }
    todo, found = list(modules), set()
    while todo:
        parts = todo.pop().split(".")
        for stop in range(1, len(parts) + 1):  # with a module come the rooms it is in
            name = ".".join(parts[:stop])
            if name not in found:
                found.add(name)
                if name in files:
                    path, text = files[name]
                    todo += imports(path, at_once(text))
    return found


def test_reports_do_not_wait_for_what_trains_nor_need_papers():
    """The slow test of reports asks the same of a new process."""
    reports = loaded("ws_jax.analysis.page.report")
    assert {"ws_jax.analysis.claims.verdicts", "pandas"} <= reports
    assert not [name for name in reports if name.startswith("ws_jax.papers")]
    both = reports | loaded("ws_jax.papers.pages")
    assert "ws_jax.papers.ott2020.page" in both
    assert not {"flax", "optax", "orbax"} & {name.split(".")[0] for name in both}
    assert "flax" in loaded("ws_jax.engine")


def test_layers_are_written_behind_a_fence():
    """Note 0003: where else Flax's modules come in, they are run or listened to."""
    uses = {
        name.removeprefix("ws_jax/")
        for name, text in sources("ws_jax").items()
        if any(n.startswith("flax.linen") for n in imports(name, text))
    }
    behind = {n for n in uses if n.startswith("models/")}
    behind |= {"layers.py", "banks.py", "normalization.py"}
    assert uses - behind == {"engine/program.py", "neural_fit/activations.py"}


def test_imports_go_down_the_module_map():
    assert not against(ORDER, sources("ws_jax"), 1)


@pytest.mark.parametrize("folder", WITHIN)
def test_imports_go_down_within_a_folder(folder):
    depth = folder.count("/") + 2
    assert not against(WITHIN[folder].split(), sources(f"ws_jax/{folder}"), depth)


def test_the_package_itself_is_light():
    text = (ROOT / "ws_jax" / "__init__.py").read_text()
    assert not {n for n in imports("ws_jax/__init__.py", text) if "ws_jax" in n}


def test_no_paper_is_known_outside_papers():
    papers = {path.name for path in (ROOT / "ws_jax/papers").iterdir() if path.is_dir()}
    wrong = [
        f"{name} imports {module}"
        for name, text in sources("ws_jax", "launch").items()
        for module in imports(name, text)
        if not name.startswith("ws_jax/papers/")
        and module.startswith("ws_jax.papers.")
        and module.split(".")[2] in papers
    ]
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


def test_modules_and_functions_are_short():
    long = {}
    for name, text in sources("ws_jax", "launch", "configs").items():
        if text.count("\n") >= 370:
            long[name] = text.count("\n")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef):
                code = node.body[1:] if ast.get_docstring(node) else node.body
                lines = node.end_lineno - code[0].lineno + 1 if code else 0
                if lines >= 60:
                    long[f"{name}:{node.name}"] = lines
    assert not long


def test_library_does_not_print():
    calls = [
        f"{name}:{node.lineno}"
        for name, text in sources("ws_jax").items()
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call) and getattr(node.func, "id", None) == "print"
    ]
    assert not calls


def test_keys_are_made_in_one_place():
    """Of one generator: JAX's usual one is what the environment says."""
    wrong = {
        name
        for name, text in sources("ws_jax").items()
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call)
        and getattr(node.func, "attr", "") in ("key", "PRNGKey")
        and ast.unparse(node.func).startswith(("jax.random.", "random."))
    }
    assert wrong == {"ws_jax/keys.py"}


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
