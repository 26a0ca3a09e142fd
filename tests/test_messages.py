"""What a person is told on the command line, mistake by mistake."""

import dataclasses
import json
import logging
import re
import shutil
import string
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from absl import flags
from launchers import launched

from ws_jax import cli
from ws_jax.cli import files, helptext, main
from ws_jax.config import MOST, ConfigError, from_values, replace_field
from ws_jax.engine import chunk, progress, study
from ws_jax.engine.living import LivingRuns
from ws_jax.papers import words
from ws_jax.papers.vocabulary import Vocabulary
from ws_jax.runs import Data, Run, Sweep, Train
from ws_jax.search import read_space
from ws_jax.storage import results
from ws_jax.storage.checkpoint import open_chunk
from ws_jax.storage.integrity import seal, unseal
from ws_jax.storage.stored import Saved, chunk_digest, chunk_folder
from ws_jax.storage.workdir import Workdir

ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def in_the_checkout(monkeypatch):
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(sys, "path", list(sys.path))


def read(name, *args):
    """Reads a config and what is typed after it, as a launcher does."""
    rest, overrides, missing = cli.split_overrides(args)
    assert not missing
    axes = [text.removeprefix("--axis=") for text in rest]
    return cli.change_sweep(cli.load_sweep(name), dict(overrides), axes)


def said(name, *args):
    with pytest.raises(ConfigError) as caught:
        read(name, *args)
    return str(caught.value)


CONFIGS = {
    "configs/smok.py": "did you mean 'configs/smoke.py'",
    "smok": "no config file smok: did you mean 'smoke'",
    "configs/mnist_quick.py": "it has moved to configs/ott2020/mnist_quick.py",
    "configs/paper.py": "it has moved to configs/ott2020/paper.py or configs/pogodin",
    "paper": "paper may be configs/ott2020/paper.py or .*: name the file",
    "ott2020/paper": r"has no get_config\(\), but lists the studies .* -m launch.paper",
    "configs": "configs is a folder: .*configs/smoke.py",
}


@pytest.mark.parametrize("name", CONFIGS)
def test_the_name_of_a_config(name):
    assert re.search(CONFIGS[name], said(name))


@pytest.mark.parametrize("name", ["smoke", "configs/smoke", "./configs/smoke.py"])
def test_ways_to_name_a_config(name):
    assert read(name) == read("configs/smoke.py")
    assert len(read("ott2020/mnist_quick").runs()) == 20


BESIDE = {
    "ownn4.py": "no config file ownn4.py: did you mean 'own4.py'",
    "./own5.py": "did you mean 'own4.py'",
    "own4": "no config file own4: did you mean 'own4.py'",
    "mine/ownn6.py": "did you mean 'mine/own6.py'",
    "smok": "no config file smok: did you mean 'smoke'",
}


@pytest.mark.parametrize("name", BESIDE)
def test_the_name_of_a_config_in_ones_own_folder(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    for file in ("own4.py", "mine/own6.py"):
        (tmp_path / file).write_text("def get_config():\n    pass\n")
    (tmp_path / "ownn4_parts.py").write_text("SCALE = 2\n")
    assert BESIDE[name] in said(name) and "parts" not in said(name)


def test_configs_of_a_checkout_are_known_in_other_folders(tmp_path, monkeypatch):
    whole = read("smoke")
    monkeypatch.chdir(tmp_path)
    assert read("smoke") == read("configs/smoke.py") == whole
    own = tmp_path / "configs" / "smoke.py"
    own.parent.mkdir()
    own.write_text("def get_config():\n    return 3\n")
    assert "configs/smoke.py: get_config() returns a int" in said("smoke")
    own.unlink()
    monkeypatch.setattr(files, "_PACKAGE", tmp_path / "ws_jax")
    assert "smok.py: Known: none here, nor below configs/ (docs" in said("smok.py")


FIELDS = {
    "train.epocs=3": "no field 'train.epocs': did you mean 'train.epochs'",
    "train.epochs=three": r"train.epochs is 'three' \(str\), needs int",
    "train.epochs=-3": "train.epochs: -3 must be at least 1",
    "train=5": "train has fields of its own: .*train.epochs",
    "network.name=convnt": "unknown network 'convnt': did you mean 'convnet'",
    "network.padding=SMAE": "did you mean 'SAME'",
    "network.features=32": "network.features is 32, needs a tuple, as in '\\(1, 2\\)'",
    "evaluation.whole_batches=yes": "needs bool, true or false",
    "transforms=translaton": "did you mean 'translation'",
    "fold=3": "the config file sweeps fold: say --axis=fold=3",
    "level=.3": "sweeps transforms.level: say --axis=transforms.level=.3",
    "semantics.bundle=relesed": "did you mean 'released'",
    "sweep.level=1": "did you mean 'levels'",
}


@pytest.mark.parametrize("text", FIELDS)
def test_a_field(text):
    message = said("smoke", f"--config.{text}")
    assert re.search(FIELDS[text], message)
    assert "\n" not in message


def test_fields_of_a_kind_that_is_switched_to_and_values_after_a_space():
    spaced = "--config.train.phase.strength", ".5", "--config.phase.name", "couple"
    phase = read("smoke", *spaced).base.train.phase
    assert (phase.kind, phase.strength) == ("couple", 0.5)
    args = "--config.train.optimizer.name=sgd", "--config.weight_decay=0.1"
    assert read("smoke", *args).base.train.optimizer.weight_decay == 0.1
    assert cli.split_overrides(["--config.a", "--axis=b=1"])[2] == "--config.a"
    assert cli.split_overrides(["--config.a", "-1"])[1] == [("a", "-1")]


AXES = {
    "weight_decy=0": "no field 'weight_decy': did you mean 'weight_decay'",
    "fold": "--axis=fold: needs values, as in --axis=fold=V1,V2",
    "epochs=a,2": r"--axis=epochs=a,2: train.epochs is 'a' \(str\), needs int",
    "weight_decay=-1": "weight_decay: -1.0 must be at least 0",
    "seed=0 seed=1": "two axes for one field, seed: --axis=seed=0 is there",
    "seed=0,0": "axis seed repeats a value",
    "data.name=a,b": "data.name cannot be swept: all runs of a sweep see one data set",
    "chunk=1,2": "execution.chunk cannot be swept: it says how the work is done",
    "data=mnist,cifar10": "data has fields of its own",
    "network=convnet,convnt": "unknown network 'convnt': did you mean 'convnet'",
    "network.features=(4,6),(8,12)": "need one entry a layer",
    "train.phase=none,couple strength=0,5": r"strength: 5.0 is not in \[0, 1\]",
    "transforms=translation,none level=1.5": r"1.5 is not in \[0, 1\)",
    "vcp=.1": "network.severing is none: nothing would be severed",
    "sharing=full severing=units vcp=0,.1": "network.vcp 0.1 would sever nothing",
    "views=translation,noise whole_batches=true,false": "evaluation.views: translation "
    "and noise make the same runs: it changes no training, so ask for all in one value",
    "test=end,epoch": "axis evaluation.test: end and epoch make the same runs",
    "sharing=fre": "did you mean 'free'",
    "seed=0..3": "'0..3' is no value: name each, as in --axis=seed=0,1,2,3$",
    "fold=0,2-4": "'2-4' is no value: name each, as in --axis=fold=2,3,4$",
    "hidden=1:300": "name each, as in --axis=hidden=1,2,3,...,300$",
    "seed=3..0": r"seed is '3..0' \(str\), needs int",
}


@pytest.mark.parametrize("text", AXES)
def test_an_axis(text):
    message = said("smoke", *(f"--axis={part}" for part in text.split()))
    assert re.search(AXES[text], message)
    assert "\n" not in message


@pytest.mark.parametrize(
    ("text", "runs"),
    [
        ("network=convnet", 4),
        ("network.name=convnet", 4),
        ("transforms=translation,none", 4),
        ("transforms=translation+noise,none level=.1,.2", 6),
        ("transforms=translation,none level=0,.1", 4),
        ("train.phase=none,couple", 6),
        ("strength=0,.5 train.phase=none,couple sharing=free", 6),
        ("network.features=(4,6,8),(8,12,16)", 8),
        ("optimizer=sgd,adam momentum=.5,.9 level=0", 6),
    ],
)
def test_axes_of_kinds_and_tuples(text, runs):
    args = [f"--axis={part}" for part in text.split()]
    assert len(read("smoke", *args).runs()) == runs


@pytest.mark.parametrize(
    ("text", "runs", "told"),
    [
        ("phase=group_mean,couple sharing=full", 2, "phase: group_mean and couple"),
        ("transforms=translation,rotation level=0", 2, "translation and rotation"),
        ("phase=none,couple strength=.1,.2 sharing=full", 2, "phase: none and couple"),
        ("transforms=translation,rotation level=0,.1", 6, ""),
    ],
)
def test_values_that_make_the_same_runs_are_told(text, runs, told, caplog):
    sweep = read("smoke", *(f"--axis={part}" for part in text.split()))
    assert len(sweep.runs()) == runs
    said = [r.getMessage() for r in caplog.records if "same runs" in r.getMessage()]
    assert any(told in line and "trained once" in line for line in said) == bool(told)
    assert bool(said) == bool(told)


HEAD = """from ws_jax.models import ConvNet
from ws_jax.runs import Data, Run, Sweep, Train
from ws_jax.transforms import Translation
def get_config():
    """
FILES = {
    "return Run(train=Train(epochs=-3))": "mine.py: train.epochs: -3 must be at",
    "return Run(epochs=3)": "mine.py:5: Run has no 'epochs': it is train.epochs",
    "return Run(train=Train(epoch=3))": "mine.py:5: Train has no 'epoch': did you mean "
    "'epochs'",
    "return Run(network=ConvNet(features='32'))": "network.features is '32', needs a "
    "tuple",
    "return Run(transforms=Translation())": r"needs a tuple, as in \(Translation",
    "return Sweep(axes={'sed': (0,)})": "mine.py: no field 'sed': did you mean 'seed'",
    "return Sweep(axes={'sharing': 'free'})": "axis network.sharing is 'free', needs",
    "Run()": r"mine.py: get_config\(\) returns nothing",
    "return [Run()]": "returns a list, needs a Sweep or a Run",
    "return {'train': {'epoch': 3}}": "unknown field config.train.epoch: did you mean",
    "return 1 / 0": "mine.py:5: ZeroDivisionError: division by zero",
    "raise SystemExit": "mine.py:5: SystemExit",
    "return (": r"mine.py:5: '\(' was never closed",
    "import nothing_here": "mine.py:5: No module named 'nothing_here'",
}


@pytest.mark.parametrize("body", FILES)
def test_a_file_of_ones_own(body, tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(f"{HEAD}{body}\n")
    message = said(str(path))
    assert re.search(FILES[body], message) and "\n" not in message
    assert str(path) in message
    assert [entry.name for entry in tmp_path.iterdir()] == ["mine.py"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1", r"mine.py is no config: it has no get_config\(\)"),
        ("def get_config(a): pass", "must need no arguments"),
        ("import beside", "beside.py:1: name 'missing' is not|beside.py:1: NameError"),
        ("import broken", "broken.py:1: invalid syntax"),
    ],
)
def test_a_file_that_is_no_config(text, message, tmp_path):
    (tmp_path / "mine.py").write_text(text)
    (tmp_path / "beside.py").write_text("missing\n")
    (tmp_path / "broken.py").write_text("a b\n")
    for name in ("beside", "broken"):
        sys.modules.pop(name, None)
    assert re.search(message, said(str(tmp_path / "mine.py")))


def test_what_get_config_may_return(tmp_path):
    path = tmp_path / "mine.py"
    for body in ("Run()", "Sweep('mine')", "Sweep('mine').values()"):
        path.write_text(f"{HEAD}return {body}\n")
        assert cli.load_sweep(str(path)) == Sweep("mine").checked()


def test_a_part_in_the_file_itself_with_annotations_as_text(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(
        "from __future__ import annotations\n"
        "from ws_jax.config import config, data\n"
        "from ws_jax.transforms import Transform\n"
        "from ws_jax.runs import Run\n"
        "@config('mine_dim')\n"
        "class Dim(Transform):\n"
        "    by: float = data(0.5, 'how much', low=0, high=1)\n"
        "def get_config():\n"
        "    return Run(transforms=(Dim(),))\n"
    )
    sweep = read(str(path), "--config.by=.25")
    assert sweep.base.transforms[0].by == 0.25
    assert "is not in [0, 1]" in said(str(path), "--axis=by=0,2")


SMALL = Sweep("small", Run(data=Data("synthetic:60x28x28x1", num_folds=3)))


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ({"network.sharing": "tiles:99"}, "13x13, 6x6, 4x4.*which is full sharing"),
        ({"network.sharing": "periodic:1"}, "which is full sharing"),
        ({"train.batch_size": "99"}, "train.batch_size is 99, with 40 images"),
    ],
)
def test_what_does_not_suit_the_data(override, message):
    override = {"train.batch_size": "16", **override}
    with pytest.raises(ConfigError, match=message):
        study.prepare(cli.change_sweep(SMALL, override))


@pytest.mark.parametrize(
    ("axis", "message"),
    [
        (
            "phase.strength=0,1",
            "kind couple of train.phase has it, set by train.phase.n",
        ),
        ("nesterov=True", "kind sgd of train.optimizer has it"),
        (
            "strength=0.1",
            "kind weight_norm or layer_similarity of task.terms has it, set by "
            "task.terms=weight_norm; kind couple of train.phase has it",
        ),
        ("layer_similarity.strength=0.1", "layer_similarity of task.terms has it"),
        (
            "growth=1",
            "'growth' here: kind draw_paths of transforms has it, set by "
            r"transforms=translation\+draw_paths$",
        ),
        ("times=2", r"kind repeat of transforms has it, set by transforms=.*\+repeat$"),
        ("sharing=tiles:0", "needs a size of 1 or more, as in 'tiles:2', not '0'"),
    ],
)
def test_axes_say_what_would_have_them(axis, message):
    with pytest.raises(ConfigError, match=message):
        cli.change_sweep(SMALL, {}, [axis])


def test_a_short_axis_takes_the_place_of_that_of_the_only_part_which_has_it():
    full = "task.terms.layer_similarity.strength"
    known = cli.load_sweep("savarese2019/shortest_paths_reduced")
    for name in ("strength", "terms.strength", "layer_similarity.strength", full):
        sweep = cli.change_sweep(known, {}, [f"{name}=0.5"])
        assert list(sweep.axes) == list(known.axes)
        assert sweep.axes[full] == (0.5,)
    with pytest.raises(ConfigError, match=f"the config file sweeps {full}: say"):
        cli.change_sweep(known, {"strength": "0.5"})
    both = {"task.terms": "weight_norm+layer_similarity"}
    with pytest.raises(ConfigError, match=f"two axes for one field, {full}"):
        cli.change_sweep(known, both, ["task.terms.strength=0.5"])


def test_never_is_read_where_a_field_goes_up_to_it():
    sweep = cli.change_sweep(
        SMALL,
        {"train.patience": "never", "train.phase": "group_mean"},
        ["every=2,never", "network.sharing=free"],
    )
    assert sweep.base.train.patience == MOST
    assert sweep.axes["train.phase.every"] == (2, MOST)
    assert read_space(sweep, ["every=2,never"], ["patience=1,never"]) == {
        "every": (2, MOST), "patience": [1, MOST]
    }  # fmt: skip
    base = replace_field(sweep.base, "train.patience", "never")
    typed = Sweep("some", base, {"every": ("never", 2)}).checked()
    assert typed.base.train.patience == MOST
    assert typed.axes["train.phase.every"] == (MOST, 2)
    assert from_values(Train, {"patience": "never"}).patience == MOST
    for path in ("train.epochs", "train.optimizer.learning_rate"):
        with pytest.raises(ConfigError, match=f"{path} is 'never' .str., needs"):
            cli.change_sweep(SMALL, {path: "never"})


def test_fields_in_the_help():
    text = helptext.fields_text(read("smoke"), "smoke")
    assert max(map(len, text.splitlines())) <= 80
    assert "train.epochs = 2\n      the most it takes; at least 1; static" in text
    assert "network.sharing = (full, free) (swept)" in text
    assert "transforms.translation.level = (0.0, 0.2) (swept)" in text
    assert "kinds: translation, rotation" in text
    assert "at most 2147483647, or never, which is that" in " ".join(text.split())


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def test_time_left_takes_compiling_and_epochs_apart(monkeypatch):
    lines, clock = [], Clock()
    monkeypatch.setattr(progress, "write_line", lines.append)
    monkeypatch.setattr(progress, "bar_wanted", lambda: False)
    shown = progress.Progress(clock)
    shown.plan({"a": 8, "b": 8}, 100)
    shown.skip("a", 4)
    shown.begin("a", 1, 2)
    with shown.compiling("a"):
        clock.now += 30
    shown.ready()
    clock.now += 2
    shown.update("a", 1, 4, 2, ("val_acc", np.array([0.5, np.nan])), 1)
    # One epoch of a run takes 1 s: 1 of a is left, and 8 of b, which compiles first.
    assert shown.seconds_left() == 1 + 8 + 30
    assert lines[1] == "compiling group 1 of 2 (a)"
    assert lines[2] == (
        "group 1 of 2 (a), chunk 2 of 2: epoch 1 of 4, 2 runs alive, val acc best "
        "0.5000 median 0.5000, 100 images/s, 39s left"
    )


def test_the_best_is_the_least_where_less_is_better(monkeypatch):
    lines = []
    monkeypatch.setattr(progress, "write_line", lines.append)
    monkeypatch.setattr(progress, "bar_wanted", lambda: False)
    shown = progress.Progress(Clock())
    shown.plan({"a": 8}, 100)
    shown.begin("a", 0, 1)
    watched = ("val_error", np.array([3.0, 1.0, 2.0]))
    shown.update("a", 1, 4, 3, watched, 0, maximized=False)
    assert "val error best 1.0000 median 2.0000" in lines[-1]


def test_a_plain_script_is_told_what_goes_on(monkeypatch, capsys):
    """Imports leave a handler at the root, which lets warnings through alone."""
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [logging.StreamHandler()])
    level = root.level
    root.setLevel(logging.WARNING)
    try:
        progress.Progress().say("loading the data")
    finally:
        root.setLevel(level)
    assert "loading the data" in capsys.readouterr().err


# Runs launchers in processes that are forked from one that has imported what all need.
_HELP = """
import os, runpy, sys
from ws_jax import cli, config
for name in sys.argv[1:]:
    print(f"== {name}", flush=True)
    child = os.fork()
    if not child:
        sys.argv = [name, "--help"]
        try:
            runpy.run_module(f"launch.{name}", run_name="__main__", alter_sys=True)
        finally:
            if "jax" in sys.modules:
                sys.stderr.write(f"{name} imports JAX\\n")
    os.waitpid(child, 0)
"""


def test_help_is_told_by_all_launchers_without_jax():
    names = sorted(path.stem for path in (ROOT / "launch").glob("[!_]*.py"))
    got = subprocess.run(
        [sys.executable, "-c", _HELP, *names], cwd=ROOT, capture_output=True, text=True
    )
    assert got.returncode == 0 and not got.stderr, got.stderr
    told = got.stdout.split("== ")[1:]
    assert [text.partition("\n")[0] for text in told] == names
    for name, text in zip(names, told, strict=True):
        assert f"python -m launch.{name} " in text and "--verbosity=" in text
        assert max(map(len, text.splitlines())) <= 88


def flag(name, value=None):
    values = flags.FlagValues()
    holder = flags.DEFINE_float(name, value, "a number", flag_values=values)
    values(["program"])
    return holder


def test_a_flag_of_another_name_is_understood_and_says_the_new_one(caplog):
    assert cli.either(flag("vcp", 0.5), flag("severing")) == 0.5
    assert cli.either(flag("vcp"), flag("severing")) is None
    assert not caplog.records
    with caplog.at_level(logging.WARNING, logger="absl"):
        assert cli.either(flag("vcp"), flag("severing", 0.0)) == 0.0
    assert "--severing is called --vcp now" in caplog.text
    with pytest.raises(ConfigError, match="--severing is the old name of --vcp"):
        cli.either(flag("vcp", 0.1), flag("severing", 0.2))


def test_tracebacks_of_a_library_are_not_shown_before_its_error():
    failed = (OSError, OSError("no room"), None)
    record = logging.LogRecord("absl", logging.ERROR, "x.py", 1, "raised", (), failed)
    assert not main.is_ours(record)
    own = logging.LogRecord("absl", logging.ERROR, main.__file__, 1, "", (), failed)
    assert main.is_ours(own)


@pytest.mark.parametrize(
    "text, shown",
    [
        ("OpenCV is not installed. We recommend using OpenCV because …", False),
        ("the checkpoint 3 is damaged", True),
    ],
)
def test_advice_that_nobody_can_follow_is_not_shown(text, shown):
    record = logging.LogRecord("absl", logging.WARNING, "x.py", 1, text, (), None)
    assert main.is_ours(record) == shown


# What a person types after the name of a launcher, and what is said. In braces: a place
# that `PLACES` makes.
TYPED = [
    # Flags.
    ("sweep", "name a config: --config=FILE. Known: "),
    ("sweep configs/smoke.py", "did you mean --config=configs/smoke.py?"),
    ("sweep smoke", "unexpected argument 'smoke': flags have the form --NAME=VALUE"),
    ("sweep --config=configs/smok.py", "did you mean 'configs/smoke.py'"),
    ("sweep --config=smoke", "--workdir is missing: --workdir=DIR"),
    ("sweep --config=smoke --time", "--time needs --dry_run"),
    ("sweep --config=smoke --epochs=3", "did you mean --config.train.epochs=3"),
    ("sweep --config=smoke --config.train.epochs", "--config.train.epochs needs a v"),
    (
        "sweep --config=smoke --workdr=x",
        "unknown flag --workdr: did you mean 'workdir'",
    ),
    ("sweep --config=smoke --overwrite=oui", "--overwrite=oui: needs true or false"),
    ("sweep {tiny} {new} --overwrite --extend", "--extend adds to: take one of them"),
    ("sweep {tiny} --config.train.epocs=3", "did you mean 'train.epochs'"),
    ("sweep {tiny} --axis=fold", "needs values, as in --axis=fold=V1,V2"),
    ("train {tiny}", "--workdir is missing"),
    ("train {tiny} {new} --level=2", "transforms.level: 2.0 is not in [0, 1)"),
    ("train {tiny} {new} --sharing=fre", "did you mean 'free'"),
    ("train {tiny} {new} --fold=x", "flag --fold=x: no number"),
    ("train {tiny} {new} --axis=fold=0,1", "--axis=fold=0,1: one run has one value"),
    ("train {tiny} {new} --vcp=.1 --severing=.1", "the old name of --vcp: take one"),
    ("train {tiny} {new} --augmentation=translaton", "did you mean 'translation'"),
    ("search {tiny}", "--workdir is missing"),
    ("search {tiny} {new} --range=hidden", "needs --range=FIELD=LOW,HIGH"),
    ("search {tiny} {new} --range=hidden=2,1", "a search needs rising ends"),
    ("search {tiny} {new} --range=hiden=1,2", "did you mean 'hidden'"),
    ("search {tiny} {new} --range=sharing=a,b", "sharing is no number: name its val"),
    ("search {tiny} {new} --range=hidden=1,2,lin", "needs FIELD=LOW,HIGH or ...,log"),
    ("search {tiny} {new} --choice=hidden", "needs --choice=FIELD=V1,V2"),
    ("search {tiny} {new} --batches=0", "at least one batch of one point, got 0 of 8"),
    ("paper", "--workdir is missing"),
    ("paper {new} --paper=otto2020", "did you mean 'ott2020'"),
    ("paper {new} --only=mnist_nose", "did you mean 'mnist_noise'"),
    ("paper {new} --semantics=relesed", "did you mean 'released'"),
    ("paper {new} --paper=savarese2019 --semantics=paper", "has one reading, leave it"),
    ("paper --time", "--time needs --dry_run"),
    ("benchmark --sections=step", "did you mean 'steps'"),
    ("benchmark --networks=minst", "did you mean 'mnist'"),
    ("benchmark --runs=0", "runs '0' is no number from 1"),
    ("benchmark --peers=nobody", "peers 'nobody': no such program"),
    ("benchmark --output=README.md", "README.md exists: name another --output"),
    ("cluster {tiny}", "--workdir is missing"),
    ("cluster {tiny} {new} --elements=0", "0 is not a positive integer"),
    ("cluster {tiny} {new} --cluster=slrm", "one of <slurm|local>"),
    ("cluster {tiny} {new} --minutes=5", "--save_seconds=300: must be less than"),
    ("cluster {tiny} {new} --slurm=qos", "needs a value, as in --slurm=qos=long"),
    ("cluster {tiny} {new} --overwrite", "unknown flag --overwrite: "),
    ("fold --workdir=x", "--run is missing: --run=NAME"),
    ("fold {kept} --run=r --thresholds=2", "threshold: 2.0 is not in [0, 1]"),
    ("fold {kept} --run=r --thresholds=.5,.5", "0.5, 0.5: one is there twice"),
    ("fold {kept} --run=r --thresholds=", "none is named, needs at least one"),
    ("fold {kept} --run=r --learning_rate=0.1", "--learning_rate needs --epochs"),
    ("fold {kept} --run=r --link=chained", "unknown link 'chained'"),
    ("fold {kept} --run=r --epochs=-1", "-1 is not a non-negative integer"),
    ("fold {kept} --run=r --config=smok", "no config file smok: did you mean 'smoke'"),
    ("fold {kept} --run=r --config.train.epochs=9", "--config.train.epochs sets noth"),
    ("fold {kept} --run=r --epoch=9", "unknown flag --epoch: did you mean 'epochs'"),
    ("neural_fit {kept} --run=r", "--neural is missing: --neural=NAME"),
    ("neural_fit {kept} --run=ful --neural={neural}", "no run 'ful' in "),
    ("paper {new} --config.train.epochs=9", "fields are set where a sweep is started"),
    # Data.
    ("sweep {tiny} {new} --config.data.name=mnits", "did you mean 'mnist'"),
    ("sweep {tiny} {new} --config.data.name=gone.npz", "there is no file gone.npz"),
    ("sweep {tiny} {new} --config.data.name={text}", "File is not a zip file"),
    ("sweep {tiny} {new} --config.data.name={wide}", "labels run from 0 to 4294967296"),
    ("sweep {tiny} {new} --config.data.name=folder:gone@8", "no folder gone/train"),
    ("sweep {tiny} {new} --config.data.name=folder:x@0", "a square of 0 pixels has n"),
    ("sweep {tiny} {new} --config.data.name=folder:x@0/8", "from sides of 0 pixels no"),
    ("sweep {tiny} {new} --config.data.name=synthetic:0x1", "as in 'synthetic:1000x16"),
    ("sweep {tiny} {new} --config.data.name=mnist --data_dir=gone", "gone does not ex"),
    ("sweep {tiny} {new} --config.data.num_folds=99", "allowed are 2 to 60"),
    ("sweep {tiny} {new} --config.data.num_images=99", "cannot take 99 images"),
    ("sweep {tiny} {new} --config.train.batch_size=99", "99, with 40 images to train"),
    (
        "sweep {tiny} {new} --config.network.kernel_sizes=(30,3)",
        "nothing is left after",
    ),
    ("sweep {tiny} {new} --axis=fold=7", "fold: 7 is not in 0..2"),
    # Workdirs.
    (
        "sweep {tiny} --workdir={text}",
        "(File exists): name another folder with --workd",
    ),
    ("sweep {tiny} --workdir={text}/below", "(Not a directory): name another folder"),
    ("sweep {tiny} {new}/[b]", "for the [ in its path"),
    ("sweep {tiny} {new}/\udcff", "its path is no text in UTF-8"),
    ("sweep {tiny} {kept} --config.train.epochs=9", "base.train.epochs: 2 -> 9"),
    ("sweep {tiny} {kept} --config.batch_size=8 --extend", "batch_size: 16 -> 8"),
    ("sweep {tiny} {kept} --config.data.name=synthetic:60x9x9x1", "(data) "),
    ("sweep {tiny} {no_record}", "holds results but no sweep.json that says of what"),
    ("sweep {tiny} {cut_record}", "remove all that is there with --overwrite"),
    ("sweep {tiny} {edited_record}", "is damaged or was edited"),
    ("sweep {tiny} {linked_lock}", ".lock is a link"),
    ("sweep {tiny} {linked_chunk}", "is a link: "),
    ("sweep {tiny} {older}", "holds a sweep with another config"),
    # Results.
    ("report", "--workdir is missing"),
    ("report --workdir=gone --kernels --nofigures", "--kernels needs --figures"),
    ("report --workdir=gone", "no results in gone: there is no results.parquet"),
    ("report {no_table}", "a sweep writes one when its first runs are done"),
    ("report {flipped_table}", "it is not what was written"),
    ("report {cut_table}", "it is not whole"),
    ("report {kept} --output=gone/page.html", "gone/page.html cannot be the page"),
    ("report {kept} --output=docs", "docs cannot be the page"),
    ("report {kept} --output={text}", "there is a file that is no page"),
    ("report {cut_record}", "is damaged or was edited"),
    ("sweep {tiny} {damaged_without_checkpoints}", "no checkpoints to write it anew"),
    ("sweep {tiny} {strange_rows}", "of runs that are not in this sweep"),
    ("sweep {tiny} {foreign_rows}", "holds rows of another sweep, with another conf"),
    ("sweep {tiny} {unfinished_rows}", "nothing could give them back"),
    ("status", "name a folder of sweeps: python -m launch.status results/smoke"),
    ("status gone", "no sweep at or below gone: name a folder that sweeps are in"),
    ("status {tiny}", "unknown flag --config: Known: verbosity, watch"),
    ("status {new}", "unknown flag --workdir: name folders without a flag, as "),
    ("train {tiny} {new} --rates=3", "Known: augmentation, axis, config, "),
    ("status gone --config.x=1", "--config.x sets nothing: fields are set where a sw"),
    ("fold --workdir=gone --run=r", "no sweep in gone: it has no sweep.json"),
    ("fold {kept} --run=ful", "no run 'ful' in "),
    ("fold {older} --run=r", "from before folding"),
    ("fold {own_parts} --run=r", "of own_parts.py: name its config file with --config"),
    (
        "neural_fit {own_parts} --run=r --neural={neural}",
        "--config=FILE, or import it (unknown config.task 'own': Known: ",
    ),
    ("report {lone_table}", "no results in "),
    ("single_layer {lone_table}", "without its single_layer.json, which says of which"),
    # Checkpoints.
    ("sweep {tiny} {cut_checkpoint}", "there is no older one that is sound"),
    ("sweep {tiny} {other_checkpoint}", "was saved by another sweep"),
    ("sweep {tiny} {no_arrays}", "its arrays cannot be read"),
]
TINY = """
from studies import tiny

def get_config():
    return tiny(
        execution__chunk=1, sweep__levels=(0.0,), sweep__folds=(0,),
        sweep__sharing=("full",),
    )
"""


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A finished sweep that nobody has trained, and its config file."""
    folder = tmp_path_factory.mktemp("kept")
    (folder / "tiny.py").write_text(TINY)
    ready = study.prepare(cli.load_sweep(str(folder / "tiny.py")))
    chunks = chunk.make_chunks(ready, study.map_groups(ready))
    record = {
        **study.make_record(ready.sweep, ready.dataset),
        "chunks": chunk.describe_chunks(ready, chunks),
    }
    workdir = folder / "sweep"
    Workdir(workdir).begin(record)
    (run,) = chunks[0].runs
    about = {**ready.columns[run], "status": "finished", "seconds": 0.0}
    metrics = dict.fromkeys(("loss", "acc", "val_loss", "val_acc"), 0.5)
    rows = [{**about, **metrics, "epoch": epoch} for epoch in (1, 2)]
    place = chunk_folder(workdir, chunks[0].group.name, 0)
    digest = chunk_digest(record, [about["run"]])
    with open_chunk(place, 1, digest) as checkpoints:
        checkpoints.save({"params": {"a": np.arange(3.0)}}, Saved(2, True, rows))
    results.write(results.make_frame(rows), workdir)
    return folder


def _flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def _cut(path):
    path.write_bytes(path.read_bytes()[:-20])


def _edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def _link(path, to):
    shutil.move(path, to) if path.exists() else to.touch()
    path.symlink_to(to)


def _rows(workdir, change):
    frame = results.read_table(workdir / "results.parquet")
    shutil.rmtree(workdir / "checkpoints")
    results.write(change(frame), workdir)


def _step(workdir):
    (path,) = workdir.glob("checkpoints/*/*/[0-9]*")
    return path


def _say(workdir, **other):
    """Changes what a checkpoint says of itself, as if it had been written so."""
    path = _step(workdir) / "rows" / "metadata"
    path.write_text(json.dumps(seal({**unseal(path.read_bytes()), **other})))


def _own_parts(path):
    """Changes a record, as if a task of a user's own had been trained."""
    record = unseal(path.read_bytes())
    record["config"]["base"]["task"]["name"] = "own"
    path.write_text(json.dumps(seal({**record, "code": {"own_parts.py": "0"}})))


# How a sound sweep is spoilt.
SPOILT = {
    "no_record": lambda w: (w / "sweep.json").unlink(),
    "cut_record": lambda w: _cut(w / "sweep.json"),
    "edited_record": lambda w: _edit(w / "sweep.json", '"fold": 0', '"fold": 1'),
    "linked_lock": lambda w: _link(w / ".lock", w.parent / "elsewhere"),
    "linked_chunk": lambda w: _link(_step(w).parent, w.parent / "elsewhere"),
    "no_table": lambda w: (w / "results.parquet").unlink(),
    "flipped_table": lambda w: _flip(w / "results.parquet"),
    "cut_table": lambda w: _cut(w / "results.parquet"),
    "damaged_without_checkpoints": lambda w: (
        _cut(w / "results.parquet"),
        shutil.rmtree(w / "checkpoints"),
    ),
    "strange_rows": lambda w: _rows(w, lambda frame: frame.assign(run="another")),
    "foreign_rows": lambda w: _rows(w, lambda frame: frame.assign(digest="0" * 16)),
    "unfinished_rows": lambda w: _rows(
        w,
        lambda frame: frame.drop(columns=["digest", "cell"]).assign(status="running"),
    ),
    "cut_checkpoint": lambda w: _cut(_step(w) / "rows" / "metadata"),
    "other_checkpoint": lambda w: _say(w, sweep="0" * 64),
    "own_parts": lambda w: _own_parts(w / "sweep.json"),
    "no_arrays": lambda w: (_say(w, done=False), shutil.rmtree(_step(w) / "state")),
}


@pytest.fixture
def place(kept, tmp_path):
    """Makes what a name in braces stands for."""

    def make(name):
        if name == "tiny":
            return f"--config={kept / 'tiny.py'}"
        if name == "new":
            return f"--workdir={tmp_path / 'new'}"
        if name == "text":
            (tmp_path / "text.npz").write_text("no archive")
            return tmp_path / "text.npz"
        if name == "wide":
            labels = np.array([0, 1, 2**32])
            np.savez(tmp_path / "w.npz", images=np.zeros((3, 9, 9), np.uint8),
                     labels=labels, num_classes=2)  # fmt: skip
            return tmp_path / "w.npz"
        if name == "neural":
            images = np.zeros((3, 10, 10, 1), np.uint8)
            np.savez(tmp_path / "n.npz", images=images, responses=np.ones((3, 2)))
            return tmp_path / "n.npz"
        if name == "lone_table":
            (tmp_path / "single_layer.parquet").touch()
            return f"--workdir={tmp_path}"
        if name == "older":
            older = shutil.copytree("docs/results/mnist_quick", tmp_path / "o")
            return f"--workdir={older}"
        workdir = shutil.copytree(kept / "sweep", tmp_path / name)
        SPOILT.get(name, lambda workdir: None)(workdir)
        return f"--workdir={workdir}"

    return make


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(("text", "sentence"), TYPED, ids=lambda text: text[:60])
def test_whatever_is_typed_wrong_is_one_clear_sentence(
    text, sentence, place, monkeypatch, capsys
):
    monkeypatch.setattr(LivingRuns, "train_epoch", None)
    monkeypatch.setattr(LivingRuns, "start", None)
    names = {name for _, name, *_ in string.Formatter().parse(text) if name}
    words = [
        word.format_map({name: place(name) for name in names if f"{{{name}}}" in word})
        for word in text.split()
    ]
    assert launched(*words) == 1
    error = capsys.readouterr().err
    *_, last = re.split("^error: ", error, flags=re.MULTILINE)
    assert sentence in last and "Traceback" not in error, error


def test_words_of_a_paper_are_told_from_fields(monkeypatch):
    said = "semantics sweep.levels semantics.init evaluation.radii".split()
    assert all(words.vocabulary(name) for name in said)
    assert not any(map(words.vocabulary, ("train.epochs", "level", "evaluation")))

    def epochs(sweep, said):
        base = replace_field(sweep.base, "train.epochs", said["pages.read"])
        return dataclasses.replace(sweep, base=base)

    own = Vocabulary("pages.read".__eq__, lambda name, text: {name: int(text)}, epochs)
    monkeypatch.setattr(words, "VOCABULARIES", (*words.VOCABULARIES, own))
    asked = {"pages.read": "7", "sweep.levels": "(0.5,)"}
    sweep = cli.change_sweep(SMALL, asked)
    assert sweep.base.train.epochs == 7
    assert sweep.axes["transforms.level"] == (0.5,)
