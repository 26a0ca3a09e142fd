"""Code of a user's own that was changed between a start and the next."""

import json
import logging

import pytest

from ws_jax import cli, engine
from ws_jax.config import replace_field
from ws_jax.engine import own_code
from ws_jax.engine.recorded import find_run
from ws_jax.runs import Sweep
from ws_jax.storage import results
from ws_jax.storage.results import RECORD_FILE, read_record, write_record
from ws_jax.storage.workdir import WorkdirError

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
    import sys

    (tmp_path / "mine.py").write_text(CONFIG)
    (tmp_path / "own_scale.py").write_text(BESIDE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "own_scale", raising=False)
    yield tmp_path
    sys.modules.pop("own_scale", None)


def edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def load(files):
    return cli.load_sweep(str(files / "mine.py"))


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


def test_parts_of_the_package_alone_have_no_own_code():
    assert own_code.digests(Sweep().checked()) == {}


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


def test_records_of_before_do_not_tell_and_go_on(files):
    workdir = files / "sweep"
    engine.run_sweep(load(files), workdir)
    record = read_record(workdir / RECORD_FILE)
    del record["code"]
    write_record(record, workdir)
    edit(files / "mine.py", "FACTOR = 1.0", "FACTOR = 100.0")
    engine.run_sweep(load(files), workdir)
    assert "code" not in json.loads((workdir / RECORD_FILE).read_text())
