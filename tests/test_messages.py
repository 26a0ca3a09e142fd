"""What a person is told on the command line, mistake by mistake."""

import dataclasses
import logging
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from absl import flags

from ws_jax import cli
from ws_jax.cli import helptext, main
from ws_jax.config import ConfigError, replace_field
from ws_jax.engine import progress, study
from ws_jax.papers import words
from ws_jax.papers.vocabulary import Vocabulary
from ws_jax.runs import Data, Run, Sweep

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
    "sharing=fre": "did you mean 'free'",
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
        ("train.phase=none,couple", 6),
        ("strength=0,.5 train.phase=none,couple sharing=free", 6),
        ("network.features=(4,6,8),(8,12,16)", 8),
        ("optimizer=sgd,adam momentum=.5,.9 level=0", 6),
    ],
)
def test_axes_of_kinds_and_tuples(text, runs):
    args = [f"--axis={part}" for part in text.split()]
    assert len(read("smoke", *args).runs()) == runs


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
        ("sharing=tiles:0", "needs a size of 1 or more, as in 'tiles:2', not '0'"),
    ],
)
def test_axes_say_what_would_have_them(axis, message):
    with pytest.raises(ConfigError, match=message):
        cli.change_sweep(SMALL, {}, [axis])


def test_fields_in_the_help():
    text = helptext.fields_text(read("smoke"), "smoke")
    assert max(map(len, text.splitlines())) <= 80
    assert "train.epochs = 2\n      the most it takes; at least 1; static" in text
    assert "network.sharing = (full, free) (swept)" in text
    assert "transforms.translation.level = (0.0, 0.2) (swept)" in text
    assert "kinds: translation, rotation" in text


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def test_time_left_takes_compiling_and_epochs_apart(monkeypatch):
    lines, clock = [], Clock()
    monkeypatch.setattr(progress, "_write", lines.append)
    monkeypatch.setattr(progress, "_bar_wanted", lambda: False)
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
    monkeypatch.setattr(progress, "_write", lines.append)
    monkeypatch.setattr(progress, "_bar_wanted", lambda: False)
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


def launch(name, *flags):
    return subprocess.run(
        [sys.executable, "-m", f"launch.{name}", *flags],
        cwd=ROOT,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", ["sweep", "train", "search", "report", "paper"])
def test_help(name):
    got = launch(name, "--help")
    assert got.returncode == 0 and not got.stderr
    assert "--workdir=" in got.stdout
    assert max(map(len, got.stdout.splitlines())) <= 88


@pytest.mark.slow
@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--config", "configs/smok.py"], "did you mean 'configs/smoke.py'"),
        (["configs/smoke.py"], "did you mean --config=configs/smoke.py?"),
        (["--config=smoke", "--epochs=3"], "did you mean --config.train.epochs=3"),
        (
            ["--config=smoke", "--config.train.epochs"],
            "--config.train.epochs needs a v",
        ),
        (["--config=smoke"], "--workdir is missing"),
        (["--config=smoke", "--time"], "--time needs --dry_run"),
        ([], "name a config: --config=FILE"),
    ],
)
def test_a_launcher_ends_in_one_sentence(flags, message):
    got = launch("sweep", *flags)
    last = got.stderr.strip().splitlines()[-1]
    assert got.returncode == 1 and message in last, got.stderr
    assert last.startswith("error: ") and "Traceback" not in got.stderr


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
