"""Job arrays through submitit: who is signalled, who queues again, and the numbers."""

import os
import signal
import sys
import time
from pathlib import Path

import chex
import pandas as pd
import pytest
from launchers import launched
from studies import tiny

from ws_jax import cluster, engine
from ws_jax.checkpoint import load_run
from ws_jax.config import ConfigError
from ws_jax.data import DataError
from ws_jax.storage import results
from ws_jax.storage.workdir import WorkdirError

ROOT = Path(__file__).parents[1]
SWEEP = {"execution__chunk": 1, "train__epochs": 3, "sweep__folds": (0, 1, 2)}
# In its first epoch a process says which element it is of, and waits until it is asked
# to stop (when the first signal has come, its handler is the former one again), or all
# may go on.
CONFIG = f"""
import os, signal, time
from pathlib import Path
from studies import tiny
from ws_jax.engine.living import LivingRuns

train, held = LivingRuns.train_epoch, Path(__file__).parent / "held"

def train_epoch(*args, **kwargs):
    (held / str(os.getppid())).touch()
    while not (held / "go").exists():
        if signal.getsignal(signal.SIGTERM) == signal.SIG_DFL:
            break
        time.sleep(0.02)
    return train(*args, **kwargs)

LivingRuns.train_epoch = train_epoch

def get_config():
    return tiny(**{SWEEP})
"""


def test_without_submitit_a_person_is_told_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "submitit", None)
    with pytest.raises(ConfigError, match=r"need submitit: .*\[cluster\]"):
        cluster.submit(["sweep"], 2, tmp_path)


@pytest.fixture
def submitit():
    return pytest.importorskip("submitit", reason="needs the extra `cluster`")


@pytest.fixture
def element(submitit, tmp_path, monkeypatch):
    """Makes an element of what a process does, and tells who was queued again."""
    monkeypatch.setattr(cluster, "POLL_SECONDS", 0.01)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    queued = []
    handlers = {
        number: signal.signal(number, lambda number, frame: queued.append(number))
        for number in (signal.SIGTERM, signal.SIGUSR2)
    }

    def make(body):
        text = "import os, signal, sys, time\nabove = os.getppid()\n"
        (tmp_path / "standin.py").write_text(text + body)
        return cluster.Element(["standin", "--flag"]), queued

    yield make
    for number, handler in handlers.items():
        signal.signal(number, handler)


# Saves when it is asked to, as a sweep does, which takes it a moment; as often as it is
# asked again it fails.
STOPS = """
def stop(number, frame):
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    for name in later:
        os.kill(above, getattr(signal, f"SIG{name}"))
    time.sleep(0.05)
    sys.exit(143)
signal.signal(signal.SIGTERM, stop)
os.kill(above, getattr(signal, f"SIG{first}"))
for _ in range(3000):  # a signal just before a long sleep would wait for its end
    time.sleep(0.02)
"""


def test_an_element_ends_as_its_sweep_does(element):
    made, queued = element("sys.exit(sys.argv[1:] != ['--flag'])")
    assert made() == 0
    made, _ = element("sys.exit(1)")
    with pytest.raises(RuntimeError, match="status 1"):
        made()
    assert not queued


@pytest.mark.parametrize(
    ("signals", "again"),
    [("USR2", True), ("TERM", False), ("TERM USR2", True), ("USR2 TERM", True)],
)
def test_an_element_is_asked_to_stop_once_and_queued_again(element, signals, again):
    first, *later = signals.split()
    made, queued = element(f"first, later = {first!r}, {later}\n{STOPS}")
    with pytest.raises(SystemExit) as ended:
        made()
    assert ended.value.code == 143
    assert queued == [signal.SIGUSR2] * again


def test_what_ended_before_it_was_asked_to_is_not_queued_again(element):
    made, queued = element(
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\nos.kill(above, signal.SIGUSR2)"
    )
    assert made() == 0 and not queued


def test_what_is_queued_again_is_the_same(submitit):
    made = cluster.Element(["sweep", "--workdir=w"])
    assert made.checkpoint().function is made


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"slurm_partitoin": "gpu"}, "Unknown argument 'partitoin'"),
        ({"timeout_min": "long"}, "timeout_min"),
    ],
)
def test_wrong_parameters_are_one_sentence(submitit, parameters, message, tmp_path):
    with pytest.raises(ConfigError, match=message) as caught:
        cluster.submit(["s"], 1, tmp_path, cluster="local", parameters=parameters)
    assert "\n" not in str(caught.value)
    with pytest.raises(ConfigError, match="no executor|any executor"):
        cluster.submit(["s"], 1, tmp_path, cluster="lsf")


@pytest.mark.slow
def test_a_preempted_element_is_queued_again_and_nothing_is_lost(
    submitit, tmp_path, monkeypatch
):
    """On submitit's local executor."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), str(ROOT / "tests")]))
    monkeypatch.chdir(ROOT)
    config, workdir = tmp_path / "mine.py", tmp_path / "many"
    config.write_text(CONFIG)
    held = tmp_path / "held"
    held.mkdir()
    command = ["launch.sweep", f"--config={config}", f"--workdir={workdir}"]
    jobs = cluster.submit(
        command, 2, tmp_path / "jobs", cluster="local", parameters={"timeout_min": 60}
    )

    def wait(done):
        while not done():
            assert not any(job.done() for job in jobs), jobs[0].stderr()
            time.sleep(0.05)

    # Of the first job: the controller's child is the element.
    children = Path(f"/proc/{jobs[0].job_id}/task/{jobs[0].job_id}/children")
    try:
        # A checkpoint may be the other's, while this one cannot take a signal yet.
        wait(lambda: any((held / pid).exists() for pid in children.read_text().split()))
        os.kill(int(children.read_text().split()[0]), signal.SIGUSR2)
        wait(lambda: "Requeued job" in (jobs[0].stdout() or ""))
        (held / "go").touch()
        assert [job.result() for job in jobs] == [0, 0]
    finally:
        for job in jobs:
            job.cancel()
    assert "stopped and saved" in jobs[0].stderr()
    whole = tmp_path / "whole"
    engine.run_sweep(tiny(**SWEEP), whole)
    frame, other = (results.read(w).drop(columns="seconds") for w in (workdir, whole))
    pd.testing.assert_frame_equal(frame, other, check_exact=True)
    for run in other["run"].unique():
        chex.assert_trees_all_equal(
            load_run(workdir, run=run), load_run(whole, run=run)
        )


@pytest.mark.slow
def test_what_every_element_would_refuse_is_refused_before(tmp_path):
    begun = tiny(sweep__folds=(0, 1))
    engine.run_sweep(begun, tmp_path / "begun")
    kept = sorted(path for path in (tmp_path / "begun").rglob("*") if path.is_file())
    assert engine.check_start(begun, tmp_path / "begun").num_runs == 8
    other = tiny(sweep__folds=(0, 1), train__batch_size=20)
    with pytest.raises(WorkdirError, match="train.batch_size"):
        engine.check_start(other, tmp_path / "begun")
    with pytest.raises(WorkdirError, match="train.batch_size"):
        engine.check_start(other, tmp_path / "begun", extend=True)
    more = tiny(sweep__folds=(0, 1, 2))
    assert engine.check_start(more, tmp_path / "begun", extend=True).num_runs == 12
    with pytest.raises(DataError):
        engine.check_start(tiny(data__name="mnits"), tmp_path / "new")
    (tmp_path / "file").touch()
    with pytest.raises(WorkdirError, match="cannot write"):
        engine.check_start(begun, tmp_path / "file/in")
    there = sorted(path for path in (tmp_path / "begun").rglob("*") if path.is_file())
    assert there == kept


# Submitit leaves the processes that it starts to themselves.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.slow
def test_the_launcher_submits_nothing_that_must_fail(
    submitit, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(ROOT)
    flags = ["--config=smoke", "--cluster=local", f"--workdir={tmp_path}/here"]
    assert launched("cluster", *flags, "--config.data.name=mnits") == 1
    told = capsys.readouterr()
    assert "did you mean 'mnist'" in told.err and "submitted" not in told.out
    assert not (tmp_path / "here/jobs").exists()
    small = {"data.name": "synthetic:60x10x10x1", "network.features": "(4,6)",
             "network.kernel_sizes": "(3,3)", "network.strides": "(2,1)",
             "network.hidden": 8, "train.epochs": 1, "train.batch_size": 20,
             "evaluation.radii": "(1,)"}  # fmt: skip
    flags += [f"--config.{field}={value}" for field, value in small.items()]
    assert launched("cluster", *flags, "--elements=2") == 0
    told = capsys.readouterr().out
    assert "4 runs in 2 groups" in told
    first, logs = told.splitlines()[-2:]
    assert first.startswith("submitted to local: ") and logs.endswith("here/jobs")
    numbers = first.partition(": ")[2].split()
    assert len(numbers) == 2
    for number in numbers:
        os.waitpid(int(number), 0)
    assert results.read(tmp_path / "here")["run"].nunique() == 4
