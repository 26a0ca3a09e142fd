"""The launchers as a person starts them: what works, and what wrong input says."""

import contextlib
import importlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from launchers import launched

from ws_jax import cli
from ws_jax.config import ConfigError
from ws_jax.engine import sweep as engine
from ws_jax.storage import results
from ws_jax.storage.workdir import stop_requests

ROOT = Path(__file__).parents[1]
TINY = [
    "--config=configs/smoke.py",
    "--config.data.name=synthetic:60x10x10x1",
    "--config.network.features=(4,6)",
    "--config.network.kernel_sizes=(3,3)",
    "--config.network.strides=(2,1)",
    "--config.network.hidden=16",
    "--config.train.batch_size=16",
    "--config.train.epochs=1",
    "--config.evaluation.radii=(1,)",
]


def launch(name, *flags):
    return subprocess.run(
        [sys.executable, "-m", f"launch.{name}", *flags],
        cwd=ROOT,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )


@pytest.mark.slow
def test_a_sweep_a_plan_and_one_run(tmp_path):
    plan = launch("sweep", *TINY, "--dry_run")
    assert plan.returncode == 0, plan.stderr
    assert "4 runs in 2 groups" in plan.stdout and not list(tmp_path.iterdir())

    sweep = launch("sweep", *TINY, f"--workdir={tmp_path / 'sweep'}")
    assert sweep.returncode == 0, sweep.stderr
    assert "val acc best" in sweep.stderr and "orbax" not in sweep.stderr
    assert len(results.read(tmp_path / "sweep")) == 2 + 2 * 2

    one = launch(
        "train", *TINY, f"--workdir={tmp_path / 'one'}", "--sharing=free", "--level=0.2"
    )
    assert one.returncode == 0, one.stderr
    (name,) = set(results.read(tmp_path / "one")["run"])
    whole = results.read(tmp_path / "sweep")
    columns = ["loss", "acc", "val_acc", "translation", "dist_1"]
    assert results.read(tmp_path / "one")[columns].equals(
        whole[whole["run"] == name][columns].reset_index(drop=True)
    )


@pytest.mark.parametrize(
    "flags, message",
    [
        (["--config=configs/smok.py"], "did you mean 'configs/smoke.py'"),
        (["--config=configs/smoke.py", "--config.train.epocs=3"], "epochs"),
        (["--config=configs/smoke.py", "--config.train.epochs=three"], "three"),
        (["--config=configs/smoke.py", "--config.sweep.levels=(1.0,)"], "[0, 1)"),
        (["--config=configs/smoke.py", "--config.data.num_folds=6000"], "6000 folds"),
        (["--config=configs/smoke.py", "--config.data.name=mnist_5"], "mnist_5k"),
        ([*TINY, "--config.data.name=synthetic:60x4x4x1"], "too small"),
        (["--config=configs/paper.py"], "has moved to configs/ott2020/paper.py"),
        ([], "name a config"),
        (["--config=configs/smoke.py", "--confg.x=1"], "confg"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_wrong_input_is_one_clear_error(flags, message, tmp_path, capsys):
    assert launched("sweep", *flags, f"--workdir={tmp_path / 'new'}") == 1
    assert message in capsys.readouterr().err.strip().splitlines()[-1]
    assert not (tmp_path / "new" / results.RECORD_FILE).exists()


SWALLOWS = """
import signal

from configs.smoke import get_config


class Gone:
    def __del__(self):  # what is raised here is dropped, as in much of a library
        signal.raise_signal(signal.SIGINT)


Gone()
"""


@pytest.fixture
def heeded():
    """Interrupts are not ignored, as tests in the background may have them."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.slow
def test_an_interrupt_ends_the_start_wherever_it_comes(heeded, tmp_path):
    config, workdir = tmp_path / "own.py", tmp_path / "sweep"
    config.write_text(SWALLOWS)
    ended = launch("sweep", *TINY, f"--config={config}", f"--workdir={workdir}")
    assert ended.returncode == 130
    last = ended.stderr.splitlines()[-1]
    assert last == "interrupted: start the same command again to go on"
    assert "Traceback" not in ended.stderr
    assert not workdir.exists()


AT_START = """
import os, signal, sys
if {ignored}:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
sys.argv, sys.orig_argv = ["-m"], ["python", "-m", "launch.{name}", "--x"]
import launch
signal.raise_signal(signal.SIGINT)
os._exit(7)
"""


@pytest.mark.parametrize(
    "name, ignored, status, said",
    [
        ("sweep", False, 130, b"interrupted: start the same command again to go on\n"),
        ("status", False, 130, b"interrupted\n"),
        ("sweep", False, 130, None),  # who reads what it says has gone
        ("sweep", True, 7, b""),  # as a shell tells what it starts in the background
    ],
)
def test_an_interrupt_in_the_first_moments(heeded, name, ignored, status, said):
    reader, writer = os.pipe()
    if said is None:
        os.close(reader)
    script = AT_START.format(name=name, ignored=ignored)
    ended = subprocess.run([sys.executable, "-c", script], cwd=ROOT, stderr=writer)
    os.close(writer)
    assert ended.returncode == status
    if said is not None:
        with os.fdopen(reader, "rb") as heard:
            assert heard.read() == said


def test_a_signal_that_is_ignored_stays_ignored():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with stop_requests() as asked:
            signal.raise_signal(signal.SIGINT)
            assert not asked.is_set()
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.slow
def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    got = launch("sweep", *TINY, f"--workdir={tmp_path / 'file'}")
    assert got.returncode == 1 and "cannot write to" in got.stderr
    missing = launch("sweep", *TINY)
    assert missing.returncode == 1 and "--workdir is missing" in missing.stderr


STUDY = """
from studies import tiny


def get_config():
    return tiny(sweep__sharing=("free",), sweep__levels=(0.0,), seed={seed})
"""


@pytest.mark.slow
def test_a_paper_stopped_in_its_second_study_goes_on_there(tmp_path, monkeypatch):
    """A paper's folder of configs beside one's own work is found like those here."""
    configs = tmp_path / "configs" / "mine"
    configs.mkdir(parents=True)
    (configs / "paper.py").write_text('STUDIES = ("first", "second")\n')
    for seed, name in enumerate(("first", "second")):
        (configs / f"{name}.py").write_text(STUDY.format(seed=seed))
    monkeypatch.chdir(tmp_path)
    begun, stop_requests = [], engine.stop_requests

    @contextlib.contextmanager
    def stopped_in_the_second():
        with stop_requests() as stop:
            begun.append(stop)
            if len(begun) == 2:
                stop.set()
            yield stop

    monkeypatch.setattr(engine, "stop_requests", stopped_in_the_second)
    words = "paper", "--paper=mine", f"--workdir={tmp_path / 'all'}"
    assert launched(*words) == 143
    first = (tmp_path / "all" / "first" / "results.parquet").read_bytes()
    assert len(results.read(tmp_path / "all")) == 6 + 4
    assert launched(*words) == 0
    rows = results.read(tmp_path / "all")
    assert rows.groupby("seed")["epoch"].count().to_dict() == {0: 6, 1: 6}
    assert (tmp_path / "all" / "first" / "results.parquet").read_bytes() == first


def test_whose_word_holds_in_a_paper():
    assert cli.paper_reading("ott2020", "") == "paper"
    assert cli.paper_reading("ott2020", "released") == "released"
    assert cli.paper_reading("pogodin2021", "") == ""
    with pytest.raises(ConfigError, match="did you mean 'released'"):
        cli.paper_reading("ott2020", "relesed")
    with pytest.raises(ConfigError, match="has one reading"):
        cli.paper_reading("savarese2019", "released")
    with pytest.raises(ConfigError, match="did you mean 'ott2020'"):
        cli.paper_reading("ott2021", "")


def test_the_benchmark_says_that_it_needs_the_repository(monkeypatch):
    monkeypatch.setitem(sys.modules, "benchmarks.options", None)
    monkeypatch.delitem(sys.modules, "launch.benchmark", raising=False)
    with pytest.raises(SystemExit, match="a checkout of the repository"):
        importlib.import_module("launch.benchmark")
