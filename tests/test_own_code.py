"""Code of a user's own that was changed between a start and the next."""

import importlib
import json
import logging
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import ws_jax
from ws_jax import cli, engine
from ws_jax.analysis import summaries
from ws_jax.analysis.aggregate import tidy
from ws_jax.checkpoint import load_run
from ws_jax.config import ConfigError, replace_field
from ws_jax.engine import own_code
from ws_jax.engine.recorded import find_run
from ws_jax.engine.study import Study, prepare
from ws_jax.runs import Sweep
from ws_jax.storage import results
from ws_jax.storage.results import RECORD_FILE, read_record, write_record
from ws_jax.storage.workdir import WorkdirError
from ws_jax.tasks import Classification

CONFIG = """
from dataclasses import replace
import jax.numpy as jnp
from own_scale import SCALE, scaled
from ws_jax.config import config
from ws_jax.models import ConvNet
from ws_jax.runs import Data, Evaluation, Run, Sweep, Train
from ws_jax.tasks import Classification

SEEDS = (0,)
FACTOR = 1.0

@config("own_task")
class OwnTask(Classification):
    def losses(self, outputs, targets):
        return FACTOR * scaled(super().losses(outputs, targets))

def get_config():
    network = ConvNet(features=(2,), kernel_sizes=(3,), strides=(2,), hidden=4)
    base = Run(data=Data("synthetic:60x10x10x1", num_folds=3), network=network,
               task=OwnTask(), train=Train(epochs=1, batch_size=16),
               evaluation=Evaluation(views=()))
    return Sweep("own", base, {"seed": SEEDS})
"""
BESIDE = "SCALE = 1.0\ndef scaled(losses):\n    return SCALE * losses\n"


@pytest.fixture
def files(tmp_path, monkeypatch):
    """A config file with a task of its own, and a module beside it."""
    (tmp_path / "mine.py").write_text(CONFIG)
    (tmp_path / "own_scale.py").write_text(BESIDE)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    forget()


def edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def forget():
    """Makes the next config import what is beside it anew, as a new process does."""
    for name in [n for n in sys.modules if n.startswith("own_")]:
        del sys.modules[name]


def load(files, name="mine.py"):
    forget()
    return cli.load_sweep(str(files / name))


@pytest.mark.parametrize(
    "file, old, new, counts",
    [
        ("mine.py", "FACTOR = 1.0", "FACTOR = 100.0", True),
        ("mine.py", "return FACTOR *", "return 2 *", True),
        ("own_scale.py", "SCALE = 1.0", "SCALE = 2.0", True),
        ("mine.py", "FACTOR = 1.0", "FACTOR = 1.0  # as published", False),
        ("mine.py", "SEEDS = (0,)", "SEEDS = (0, 1)", False),
        ("mine.py", 'Sweep("own"', 'Sweep("mine"', False),
    ],
)
def test_what_can_change_a_number_counts(files, file, old, new, counts):
    before = own_code.digests(load(files))
    edit(files / file, old, new)
    after = own_code.digests(load(files))
    assert list(before) == list(after) == ["mine.py", "own_scale.py"]
    changed = [name for name in before if before[name] != after[name]]
    assert changed == ([file] if counts else [])


def with_losses(files, top, body):
    """Makes the config's task import on top, or in its own body."""
    head, rest = CONFIG.split('@config("own_task")')
    head = head.replace("from own_scale import SCALE, scaled\n", top)
    own = rest[rest.index("def get_config") :]
    (files / "mine.py").write_text(
        f"""{head}@config("own_task")
class OwnTask(Classification):
    def losses(self, outputs, targets):
        {body} * super().losses(outputs, targets)

{own}"""
    )


TABLE = "def one(x):\n    return 1.0 * x\nTABLE = {'one': one}\n"
ARRAY = "import numpy as np\nWEIGHT = np.float32(1.0)\n"
HALF = "from . import own_deep\nfrom own_scale import SCALE\nHALF = own_deep.SCALE\n"


@pytest.mark.parametrize(
    "file, text, top, body",
    [
        ("own_a.py", "SCALE = 1.0\n", "from own_a import SCALE\n", "return SCALE"),
        ("own_b.py", "SCALE = 1.0\n", "", "from own_b import SCALE; return SCALE"),
        ("own_c.py", TABLE, "from own_c import TABLE\n", "return TABLE['one'](1.0)"),
        ("own_d.py", ARRAY, "from own_d import WEIGHT\n", "return WEIGHT"),
        ("own_e.py", "SCALE = 1.0\n", "from own_e import *\n", "return SCALE"),
        ("own_f.py", "SCALE = 1.0\n", "import own_f\n", "return own_f.SCALE"),
        ("own_g.py", "SCALE = 1.0\n", "", "import own_g as g; return g.SCALE"),
    ],
)
def test_whatever_is_imported_from_beside_counts(files, file, text, top, body):
    with_losses(files, top, body)
    (files / file).write_text(text)
    before = own_code.digests(load(files))
    edit(files / file, "1.0", "9.0")
    after = own_code.digests(load(files))
    assert list(before) == list(after) == sorted(["mine.py", file])
    assert before[file] != after[file] and before["mine.py"] == after["mine.py"]


@pytest.mark.parametrize("at_once", [True, False])
def test_what_modules_of_a_package_import_counts(files, at_once):
    found = "from own_pack.parts import HALF"
    top, body = (f"{found}\n", "") if at_once else ("", f"{found}; ")
    with_losses(files, top, f"{body}return HALF")
    (files / "own_pack").mkdir()
    for name, text in {
        "__init__": "",
        "parts": HALF,
        "own_deep": "SCALE = 1.0",
    }.items():
        (files / "own_pack" / f"{name}.py").write_text(text)
    before = own_code.digests(load(files))
    assert list(before) == [
        "__init__.py",
        "mine.py",
        "own_deep.py",
        "own_scale.py",
        "parts.py",
    ]
    assert at_once or "own_pack" not in sys.modules  # nothing is imported for it
    edit(files / "own_pack" / "own_deep.py", "1.0", "9.0")
    after = own_code.digests(load(files))
    assert [n for n in before if before[n] != after[n]] == ["own_deep.py"]


def test_settings_from_beside_do_not_count(files):
    """They stand in the config, wherever it took them from."""
    edit(files / "mine.py", "SEEDS = (0,)", "from own_settings import SEEDS")
    edit(files / "mine.py", "base = Run", "from own_lazy import X\n    base = Run")
    (files / "own_lazy.py").write_text("X = 1\n")
    (files / "own_settings.py").write_text("SEEDS = (0,)\n")
    before = own_code.digests(load(files))
    assert list(before) == ["mine.py", "own_scale.py"]
    edit(files / "own_settings.py", "(0,)", "(0, 1)")
    assert own_code.digests(load(files)) == before


def test_modules_that_an_earlier_config_imported_are_not_taken_for_others(files):
    before = own_code.digests(load(files))
    cli.load_sweep(str(files / "mine.py"))  # once more, as it was imported
    other = files / "other"
    other.mkdir()
    shutil.copy(files / "mine.py", other)
    shutil.copy(files / "own_scale.py", other)
    copied = cli.load_sweep(str(other / "mine.py"))  # the same text
    assert own_code.digests(copied) == before
    edit(other / "own_scale.py", "1.0", "2.0")
    with pytest.raises(ConfigError, match="other/own_scale.py is not read, for .*/own"):
        cli.load_sweep(str(other / "mine.py"))
    edit(files / "own_scale.py", "1.0", "2.0")
    with pytest.raises(ConfigError, match="own_scale.py was changed since it was impo"):
        cli.load_sweep(str(files / "mine.py"))
    forget()
    cli.load_sweep(str(other / "mine.py"))


def test_a_module_of_a_notebook_is_not_taken_for_one_beside_a_config(files):
    """It stood in for the config's own file, and was in no digest."""
    other = files / "other"
    other.mkdir()
    shutil.copy(files / "mine.py", other)
    importlib.import_module("own_scale")  # as a notebook in the folder above does
    here = own_code.digests(cli.load_sweep(str(files / "mine.py")))
    assert list(here) == ["mine.py", "own_scale.py"]
    cli.load_sweep(str(other / "mine.py"))  # there is no other
    (other / "own_scale.py").write_text(BESIDE.replace("1.0", "9.0"))
    message = "other/own_scale.py is not read, for .*/own_scale.py was imported under"
    with pytest.raises(ConfigError, match=message):
        cli.load_sweep(str(other / "mine.py"))
    forget()
    own = own_code.digests(cli.load_sweep(str(other / "mine.py")))
    assert own["mine.py"] == here["mine.py"]
    assert own["own_scale.py"] != here["own_scale.py"]


def test_what_a_module_of_a_notebook_imports_is_asked_for_too(files):
    other = files / "other"
    other.mkdir()
    shutil.copy(files / "mine.py", other)
    edit(files / "own_scale.py", "SCALE = 1.0", "from own_deep import SCALE")
    for folder in (files, other):
        (folder / "own_deep.py").write_text("SCALE = 1.0\n")
    importlib.import_module("own_scale")
    with pytest.raises(
        ConfigError, match="other/own_deep.py is not read, for .*/own_d"
    ):
        cli.load_sweep(str(other / "mine.py"))


@pytest.mark.parametrize(
    "taken, used",
    [
        ("from own_scale import SCALE, scaled", "SCALE"),
        ("import own_scale; from own_scale import scaled", "own_scale.SCALE"),
        ("from own_scale import *", "SCALE"),
        ("from own_more import SCALE, scaled", "SCALE"),
    ],
)
def test_what_a_config_beside_sets_for_itself_and_for_others_counts(files, taken, used):
    """A constant that the file's own `get_config` uses, and a task of another file."""
    maker = "\n\ndef get_config():\n    return SCALE\n"
    edit(files / "own_scale.py", "    return SCALE *", "    return 3 *")
    (files / "own_scale.py").write_text((files / "own_scale.py").read_text() + maker)
    (files / "own_more.py").write_text("from own_scale import SCALE, scaled\n")
    edit(files / "mine.py", "from own_scale import SCALE, scaled", taken)
    edit(files / "mine.py", "return FACTOR *", f"return {used} *")
    before = own_code.digests(load(files))
    edit(files / "own_scale.py", "SCALE = 1.0", "SCALE = 2.0")
    after = own_code.digests(load(files))
    assert [n for n in before if before[n] != after[n]] == ["own_scale.py"]


@pytest.mark.parametrize(
    "line, counts",
    [
        ("class Other(OwnTask): factor = 1", True),
        ("OwnTask.factor = 1", True),
        ("OwnTask.factors = {}; OwnTask.factors['one'] = 1", True),
        ("OwnTask.factors = {}; OwnTask.factors.update(one=1)", True),
        ("setattr(OwnTask, 'factor', 1)", True),
        ("cls = OwnTask; cls.factor = 1", True),
        ("one = two = OwnTask; three = two; three.factor = 1", True),
        ("cls, seed = OwnTask, 0; cls.factor = 1", True),
        ("cls = OwnTask if Run else None; cls.factor = 1", True),
        ("for cls in (OwnTask, Run): setattr(cls, 'factor', 1)", True),
        ("one = TABLE; one |= {'one': 1}", True),
        ("one = [TABLE]; one[0]['one'] = 1", True),
        ("one = [TABLE]; one[0].update(one=1)", True),
        ("one = []; one.append(TABLE); one[0].update(one=1)", True),
        ("one = {}; one['two'] = TABLE; one['two'] |= {'one': 1}", True),
        ("one = [*(TABLE, TABLE)]; two, *three = one; three[0].update(one=1)", True),
        ("two = [t for t in (TABLE,)][0]; two['one'] = 1", True),
        ("for one in list((TABLE,)): one['one'] = 1", True),
        ("for one in {'a': TABLE}.values(): one['one'] = 1", True),
        ("for _, one in {'a': TABLE}.items(): one['one'] = 1", True),
        ("for _, (one, _) in enumerate(((TABLE, 0),)): one['one'] = 1", True),
        ("scaled(1)", True),
        ("[scaled(factor) for factor in (1, 2)]", True),
        ("import own_scale; own_scale.scaled(1)", True),
        ("axes = {}; axes['seed'] = 1", False),
        ("seeds = []; seeds.append(1); seeds.sort()", False),
        ("axes = {}; more = axes; more.update(seed=1)", False),
        ("seeds, axes = [], {}; axes.setdefault('seed', seeds).append(1)", False),
        ("print('seed', 1); import logging; logging.info('%s', 1)", False),
        ("factor = scaled(1)", False),
        ("for axes in ({}, {}): axes['seed'] = 1", False),
        ("one = {'one': TABLE}; one['seed'] = 1", False),
        ("one = {'one': {'two': TABLE}}; one['one']['seed'] = 1", False),
        ("one = [*TABLE]; one += [1]; one.append(1)", False),
        ("one, *two = TABLE, 0; two.append(1)", False),
        ("seeds = SEEDS; seeds += (1,)", False),
        ("for seed in SEEDS: seed += 1", False),
        ("from own_scale import SCALE; one = SCALE; one *= 1", True),
        ("axes = {'seed': SEEDS}; axes['seed'] += (1,)", False),
        ("for one, k in zip(({}, {}), SEEDS): one['seed'] = k + 1", False),
        ("for one in sorted(({}, {}), key=len): one['seed'] = 1", False),
        ("for one in [{'a': TABLE} for _ in SEEDS]: one['seed'] = 1", False),
        ("one = scaled(FACTOR); one *= 1", False),
        ("import types; more = types.SimpleNamespace(); more.seed = 1", False),
    ],
)
def test_get_config_counts_if_it_does_more_than_to_build_values(files, line, counts):
    edit(files / "mine.py", "FACTOR = 1.0", "FACTOR = 1.0; TABLE = {'two': None}")
    edit(files / "mine.py", "    base = Run", f"    {line}\n    base = Run")
    before = own_code.digests(load(files))
    edit(files / "mine.py", line, line.replace("1", "9"))
    assert (own_code.digests(load(files)) != before) == counts


def test_a_sweep_of_kinds_that_no_function_made_has_the_digests_it_ever_had(files):
    """Change the texts only where sweeps that were begun are to be refused."""
    sweep = load(files)
    want = {"mine.py": "2a33acaffb33871d", "own_scale.py": "e204156a801844a5"}
    assert own_code.digests(sweep) == want
    assert {*own_code.run_codes(sweep).values()} == {"c026e292d6950df6"}


FACTORY = """
from ws_jax.config import config
from ws_jax.tasks import Classification

def scaled(factor):
    @config("own_made")
    class OwnTask(Classification):
        def losses(self, outputs, targets):
            return factor * super().losses(outputs, targets)
    return OwnTask

def typed(factor):
    return config("own_typed")(type("OwnTask", (Classification,), {"factor": factor}))

@config("own_bare")
class Bare(Classification):
    pass

def losses(factor):
    return lambda self, outputs, targets: factor * outputs.sum(-1)
"""
SETTINGS = """
from own_factory import *
from ws_jax.runs import Data, Run, Sweep
from ws_jax.schemes import SCHEMES, Scheme

def cut(factor):
    class Cut(Scheme):
        pass
    Cut.factor = factor
    return Cut

{top}

def get_config():
    {line}
    return Sweep("own", Run(data=Data("synthetic:60x10x10x1", num_folds=3){more}))
"""


@pytest.mark.parametrize(
    "top, line, more",
    [
        ("", "", ", task=scaled(1.0)()"),
        ("FACTOR = 1.0", "make = scaled", ", task=make(FACTOR)()"),
        ("Own = scaled(1.0)", "", ", task=Own()"),
        ("def make(f): return scaled(2 * f)()", "", ", task=make(1.0)"),
        ("", "", ", task=typed(1.0)()"),
        ("", "setattr(Bare, 'losses', losses(1.0))", ", task=Bare()"),
        (
            "",
            "SCHEMES.update(own_cut=cut(1.0))",
            ", network=replace(Run().network, sharing='own_cut')",
        ),
    ],
)
@pytest.mark.parametrize("beside", [True, False])
def test_what_a_function_makes_is_told_by_what_it_was_called_with(
    files, top, line, more, beside
):
    """Other classes under one digest were trained half by the one, half by the other.

    The function may stand in the config, or in a module beside it.
    """
    from ws_jax.schemes import SCHEMES

    text = SETTINGS.format(top=top, line=line or "pass", more=more)
    text = f"from dataclasses import replace\n{text}"
    if not beside or "setattr" in line:  # no file says what is set in another's class
        text = text.replace("from own_factory import *", FACTORY)
    (files / "own_factory.py").write_text(FACTORY)
    (files / "mine.py").write_text(text)
    try:
        sweep = load(files)
        before, codes = own_code.digests(sweep), own_code.run_codes(sweep)
        (files / "mine.py").write_text(text.replace("1.0", "7.0"))
        sweep = load(files)
        after = own_code.digests(sweep)
        assert [name for name in after if after[name] != before[name]] == ["mine.py"]
        assert {*own_code.run_codes(sweep).values()}.isdisjoint(codes.values())
        (files / "mine.py").write_text("# So much.\n" + text.replace("1.0", "7.0"))
        assert own_code.digests(load(files)) == after
    finally:
        SCHEMES.pop("own_cut", None)


def test_what_a_module_makes_by_its_own_functions_hangs_on_no_other(files):
    """Who imported it first does not count: that differs from process to process."""
    (files / "own_factory.py").write_text(f"{FACTORY}\nOwn = scaled(1.0)\n")
    text = SETTINGS.format(top="", line="pass", more=", task=Own()")
    (files / "mine.py").write_text(text)
    (files / "other.py").write_text(f"{text}\nOTHER = 2.0\n")
    before = own_code.digests(load(files))
    assert list(before) == ["own_factory.py"]
    forget()
    cli.load_sweep(str(files / "other.py"))
    assert own_code.digests(cli.load_sweep(str(files / "mine.py"))) == before


def test_code_counts_as_it_ran_whatever_the_file_says_now(files):
    sweep = load(files)
    before = own_code.digests(sweep)
    for name in before:
        edit(files / name, "1.0", "9.0")
    assert own_code.digests(sweep) == before
    after = own_code.digests(load(files))
    assert before.keys() == after.keys()
    assert all(before[name] != after[name] for name in before)


def test_a_sweep_keeps_its_code_though_its_config_was_loaded_again(files):
    sweep = load(files)
    before = own_code.digests(sweep)
    edit(files / "mine.py", "FACTOR = 1.0", "FACTOR = 9.0")
    cli.load_sweep(str(files / "mine.py"))
    assert own_code.digests(sweep) == before


def test_a_file_ran_as_it_is_though_one_of_equal_length_was_compiled(files):
    """Compiled files tell texts apart by whole seconds and lengths alone."""
    load(files)
    edit(files / "own_scale.py", "1.0", "9.0")
    load(files)
    assert sys.modules["own_scale"].SCALE == 9.0


F_STRING = """
def f(d, *a, b: int = 1):
    'A remark.'
    return f"{d['a']!r:>{b}} it's {{}}", [*a, None, 1e-4, -1j, "\\n\u0131"], lambda: ...
"""


def test_a_digest_does_not_hang_on_the_version_of_python(files):
    """The same under 3.11 to 3.14. Remarks and layout do not count."""
    edit(files / "mine.py", "SEEDS = (0,)", "import own_f\nSEEDS = (0,)")
    for old, new in (("", ""), ("'A remark.'", "# None"), ("1e-4", "0.0001  ")):
        text = F_STRING.replace(old, new) if old else F_STRING
        (files / "own_f.py").write_text(text, encoding="utf-8")
        assert own_code.digests(load(files))["own_f.py"] == "d9ec4d3b55246a13"


def test_parts_of_the_package_alone_have_no_own_code():
    assert own_code.digests(Sweep().checked()) == {}


def test_a_checkout_that_is_reached_by_a_link_is_no_own_code(tmp_path):
    """It would change the digest of every run: each module would be a user's own."""
    (tmp_path / "link").symlink_to(Path(ws_jax.__file__).parents[1])
    code = "import ws_jax.own_files as o; print(o.__file__, o.own_path(o.__file__))"
    told = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "link")},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert told.split() == [f"{tmp_path}/link/ws_jax/own_files.py", "None"]


@pytest.mark.parametrize("linked", ["own_scale.py", "mine.py", "own_pack"])
def test_what_is_linked_beside_the_config_counts(files, linked, tmp_path_factory):
    """A link in its folder is beside it, and what is beside the file it leads to."""
    (files / "own_pack").mkdir()
    (files / "own_pack" / "own_deep.py").write_text("SCALE = 1.0\n")
    edit(files / "own_scale.py", "SCALE = 1.0", "from own_pack.own_deep import SCALE")
    aside, folder = tmp_path_factory.mktemp("aside"), files
    if linked == "mine.py":
        folder = aside
        (aside / "mine.py").symlink_to(files / "mine.py")
    else:
        (files / linked).rename(aside / linked)
        (files / linked).symlink_to(aside / linked)
    sweep = load(folder)
    before, codes = own_code.digests(sweep), own_code.run_codes(sweep)
    assert list(before) == ["mine.py", "own_deep.py", "own_scale.py"]
    edit(files / "own_pack" / "own_deep.py", "1.0", "9.0")
    # The text counts as it ran; a new start reads it anew.
    assert own_code.digests(sweep) == before
    sweep = load(folder)
    after = own_code.digests(sweep)
    assert [name for name in before if before[name] != after[name]] == ["own_deep.py"]
    assert [*own_code.run_codes(sweep).values()] != [*codes.values()]


def test_entries_by_name_are_code_too(files):
    (files / "named.py").write_text(
        "from ws_jax.runs import Run, Sweep\n"
        "from ws_jax.schemes import SCHEMES, Scheme\n"
        "class Own(Scheme):\n    pass\n"
        "SCHEMES['own_scheme'] = Own\n"
        "def get_config():\n"
        "    return Sweep('s', Run(), {'sharing': ('own_scheme',)})\n"
    )
    from ws_jax.schemes import SCHEMES

    try:
        sweep = cli.load_sweep(str(files / "named.py"))
        assert list(own_code.digests(sweep)) == ["named.py"]
    finally:
        SCHEMES.pop("own_scheme", None)


@pytest.mark.slow
def test_a_sweep_goes_on_with_changed_code_only_if_asked(files, caplog):
    workdir = files / "sweep"
    engine.run_sweep(load(files), workdir)
    record = read_record(workdir / RECORD_FILE)
    edit(files / "mine.py", "FACTOR = 1.0", "FACTOR = 100.0")
    sweep = load(files)
    for ask in (engine.run_sweep, engine.check_start):
        with pytest.raises(WorkdirError, match=r"other code in mine\.py.*changed_code"):
            ask(sweep, workdir)
    more = Sweep(sweep.name, sweep.base, {"seed": (0, 1)}).checked()
    with pytest.raises(WorkdirError, match=r"other code in mine\.py"):
        engine.run_sweep(more, workdir, extend=True)
    assert read_record(workdir / RECORD_FILE) == record
    field = "execution.changed_code"
    asked = Sweep(sweep.name, replace_field(sweep.base, field, True), sweep.axes)
    with caplog.at_level(logging.WARNING):
        engine.run_sweep(asked.checked(), workdir)
    assert "mine.py was changed" in caplog.text
    after = read_record(workdir / RECORD_FILE)
    assert [past["code"] for past in after["code_before"]] == [record["code"]]
    assert after["code"] != record["code"] and after["config"] == record["config"]
    engine.run_sweep(sweep, workdir)  # it is its code now


@pytest.mark.slow
def test_who_asks_a_run_of_changed_code_is_told(files, caplog):
    workdir = files / "sweep"
    engine.run_sweep(load(files), workdir)
    (name,) = set(results.read(workdir)["run"])
    find_run(workdir, name)
    assert "its numbers may be others" not in caplog.text
    edit(files / "mine.py", "FACTOR = 1.0", "FACTOR = 100.0")
    load(files)
    find_run(workdir, name)
    assert "the code of mine.py is not that with which the sweep in" in caplog.text


@pytest.mark.slow
def test_records_of_before_do_not_tell_and_go_on(files):
    workdir = files / "sweep"
    engine.run_sweep(load(files), workdir)
    record = read_record(workdir / RECORD_FILE)
    del record["code"]
    write_record(record, workdir)
    edit(files / "mine.py", "FACTOR = 1.0", "FACTOR = 100.0")
    engine.run_sweep(load(files), workdir)
    assert "code" not in json.loads((workdir / RECORD_FILE).read_text())


def table_of(*workdirs):
    return results.read(list(workdirs)).drop_duplicates("digest")


def test_runs_of_other_code_are_other_runs(files):
    """In tables and on pages; a config's other name and settings make no other code."""
    for name, old, new in (
        ("first", "", ""),
        ("again", 'Sweep("own"', 'Sweep("again"'),
        ("other", "FACTOR = 1.0", "FACTOR = 9.0"),
    ):
        text = CONFIG.replace(old, new) if old else CONFIG
        (files / f"{name}.py").write_text(text)
        engine.run_sweep(load(files, f"{name}.py"), files / "kept" / name)
    kept = files / "kept"
    first, again, other = (table_of(kept / n) for n in ("first", "again", "other"))
    for column in ("digest", "cell", "own.code"):
        assert first[column].item() == again[column].item() != other[column].item()
    frame = results.read([kept / "first", kept / "other"])
    last = frame[frame["epoch"] == 1].set_index("own.code")["loss"]
    assert last[other["own.code"].item()] > 5 * last[first["own.code"].item()]
    told = summaries.summary(frame, results.read_records(kept / "first"))
    assert told["runs"].tolist() == ["2 finished"]
    words = tidy(frame).drop_duplicates("digest").set_index("own.code")["setting"]
    assert all(word == f"own.code {code}" for code, word in words.items())
    # A checkpoint of the one is none of the other.
    chunks = "checkpoints"
    shutil.rmtree(kept / "other" / chunks)
    shutil.copytree(kept / "first" / chunks, kept / "other" / chunks)
    with pytest.raises(results.ResultsError, match="another sweep"):
        load_run(kept / "other")


def test_runs_without_code_of_ones_own_are_the_same_as_ever(files):
    base = load(files).base
    both = Sweep("both", base, {"task": (base.task, Classification())}).checked()
    study = prepare(both)
    told = {run.task.kind: own for run, own in study.columns.items()}
    for run in both.runs():
        usual = run.digests(study.dataset.contents)
        own = told[run.task.kind]["digest"], told[run.task.kind]["cell"]
        assert (own == usual) == (run.task.kind == "classification")
    assert "own.code" not in told["classification"] and told["own_task"]["own.code"]
    assert own_code.run_codes(Sweep().checked()) == {}


def changing(sweep):
    """The sweep, with leave to go on though its code was changed."""
    base = replace_field(sweep.base, "execution.changed_code", True)
    return Sweep(sweep.name, base, sweep.axes).checked()


def codes_of(workdir):
    """Of the runs in a table, the code of each by its seed; none has two."""
    told = results.read(workdir)[["seed", "own.code", "digest"]].drop_duplicates()
    assert told["seed"].is_unique
    return dict(zip(told["seed"], told["own.code"], strict=True))


@pytest.mark.slow
def test_runs_that_are_added_with_changed_code_are_told_apart(files):
    workdir = files / "sweep"
    engine.run_sweep(load(files), workdir)
    (first,) = codes_of(workdir).values()
    edit(files / "mine.py", "FACTOR = 1.0", "FACTOR = 9.0")
    edit(files / "mine.py", "SEEDS = (0,)", "SEEDS = (0, 1)")
    engine.run_sweep(changing(load(files)), workdir, extend=True)
    codes = codes_of(workdir)
    assert codes[0] == first != codes[1]
    assert load_run(workdir, seed=0) and load_run(workdir, seed=1)
    engine.run_sweep(load(files), workdir)  # it is its code now
    edit(files / "mine.py", "SEEDS = (0, 1)", "SEEDS = (0, 1, 2)")
    engine.run_sweep(load(files), workdir, extend=True)
    assert codes_of(workdir) == {**codes, 2: codes[1]}


@pytest.mark.slow
def test_what_was_begun_keeps_its_code_and_the_rest_has_the_new(files):
    workdir = files / "sweep"
    edit(files / "mine.py", "SEEDS = (0,)", "SEEDS = (0, 1)")
    edit(files / "mine.py", "evaluation=", "execution=Execution(chunk=1), evaluation=")
    edit(files / "mine.py", "Evaluation, Run", "Evaluation, Execution, Run")
    engine.run_sweep(load(files), workdir)
    first = codes_of(workdir)[0]
    (workdir / "results.parquet").unlink()  # as if the second had not begun
    (second,) = workdir.glob("checkpoints/*/chunk_001")
    shutil.rmtree(second)
    edit(files / "mine.py", "FACTOR = 1.0", "FACTOR = 9.0")
    engine.run_sweep(changing(load(files)), workdir)
    codes = codes_of(workdir)
    assert codes[0] == first != codes[1]
    record = read_record(workdir / RECORD_FILE)
    planned = [run for chunk in record["chunks"] for run in chunk["runs"]]
    assert {run["seed"]: run["own.code"] for run in planned} == codes
    engine.run_sweep(load(files), workdir)
    assert codes_of(workdir) == codes


@pytest.mark.slow
def test_what_goes_on_for_more_epochs_keeps_its_code(files):
    workdir, path = files / "sweep", files / "mine.py"
    edit(path, "Evaluation, Run", "Evaluation, Execution, Run")
    edit(path, "evaluation=", "execution=Execution(keep_state=True), evaluation=")
    engine.run_sweep(load(files), workdir)
    first = codes_of(workdir)
    for number, epochs in (("1.0", 2), ("9.0", 3)):  # with its code, and another
        edit(path, f"epochs={epochs - 1}", f"epochs={epochs}")
        edit(path, "FACTOR = 1.0", f"FACTOR = {number}")
        engine.run_sweep(changing(load(files)), workdir, extend=True)
        assert codes_of(workdir) == first
        assert results.read(workdir)["epoch"].max() == epochs


@pytest.mark.slow
def test_runs_of_before_keep_their_identity(files, monkeypatch):
    """Records in which own code did not tell runs apart go on as they were begun."""
    workdir = files / "sweep"
    with monkeypatch.context() as patch:
        patch.setattr(Study, "codes", {})
        engine.run_sweep(load(files), workdir)
    before = results.read(workdir)
    assert "own.code" not in before
    shutil.rmtree(workdir / "checkpoints")
    (workdir / "results.parquet").unlink()
    engine.run_sweep(load(files), workdir)
    assert results.read(workdir)["digest"].equals(before["digest"])
    edit(files / "mine.py", "SEEDS = (0,)", "SEEDS = (0, 1)")
    engine.run_sweep(load(files), workdir, extend=True)
    after = results.read(workdir)
    assert set(before["digest"]) < set(after["digest"])
    assert after["own.code"].isna().groupby(after["seed"]).first().tolist() == [1, 0]
