"""Several processes on one workdir: who may do what, and that the numbers are equal."""

import errno
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import chex
import numpy as np
import orbax.checkpoint as ocp
import pandas as pd
import pytest
from studies import tiny

from ws_jax import engine
from ws_jax.checkpoint import load_run
from ws_jax.engine import table
from ws_jax.engine.living import LivingRuns
from ws_jax.engine.progress import Progress
from ws_jax.storage import locks, results, stored
from ws_jax.storage.locks import Interrupted, Lock, part_lock
from ws_jax.storage.results import RECORD_FILE, RESULTS_FILE
from ws_jax.storage.workdir import Workdir, WorkdirError

ROOT = Path(__file__).parents[1]
GROUP = "full-paper-2layers-translation"

pytestmark = pytest.mark.usefixtures("kept_programs")
# Three chunks of one run.
CONFIG = tiny(
    execution__chunk=1,
    train__epochs=3,
    sweep__levels=(0.3,),
    sweep__folds=(0, 1, 2),
    sweep__sharing=("full",),
)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A sweep of one process."""
    workdir = tmp_path_factory.mktemp("whole")
    engine.run_sweep(CONFIG, workdir)
    return workdir


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    monkeypatch.setattr(locks, "POLL_SECONDS", 0.01)


def assert_same(workdir, whole):
    """All numbers of two sweeps are equal, bit for bit."""
    frame, other = (results.read(w).drop(columns="seconds") for w in (workdir, whole))
    pd.testing.assert_frame_equal(frame, other, check_exact=True)
    for run in other["run"].unique():
        chex.assert_trees_all_equal(
            load_run(workdir, run=run), load_run(whole, run=run)
        )


def begun(whole, workdir):
    """A sweep of which only the plan is there."""
    workdir.mkdir()
    shutil.copy(whole / results.RECORD_FILE, workdir)
    return workdir


def folder(workdir, index):
    (group,) = (workdir / "checkpoints").iterdir()
    return group / f"chunk_{index:03d}"


def chunk_lock(whole, workdir, index):
    return part_lock(workdir, folder(whole, index).parent.name, f"chunk_{index:03d}")


def when_waiting(monkeypatch, act):
    """Does something when a process says that it waits; returns what was said."""
    said, real = [], Progress.say

    def say(self, text):
        said.append(text)
        real(self, text)
        if "waiting" in text:
            act()

    monkeypatch.setattr(Progress, "say", say)
    return said


def test_a_lock_is_held_once_or_shared(tmp_path):
    one, other = Lock(tmp_path / "new" / "a"), Lock(tmp_path / "new" / "a")
    assert one.take() and not other.take() and not other.take(shared=True)
    assert other.holder() == locks.own_name()
    one.release()
    assert other.take(shared=True) and one.take(shared=True)
    third = Lock(tmp_path / "new" / "a")
    assert not third.take()
    one.release(), other.release()
    with third.tried() as taken, one.tried() as other_taken:
        assert taken and not other_taken
    with one.tried() as taken:
        assert taken


@pytest.mark.slow
@pytest.mark.parametrize("name", [".lock", ".locks/plan", ".locks", ".locks/status"])
def test_nothing_is_written_through_a_link_in_the_place_of_a_lock(
    name, whole, tmp_path
):
    workdir, victim = begun(whole, tmp_path / "new"), tmp_path / "victim"
    victim.mkdir() if name == ".locks" else victim.write_text("precious")
    (workdir / name).parent.mkdir(exist_ok=True)
    (workdir / name).symlink_to(victim)
    lock = part_lock(workdir, Path(name).name)
    lock = Lock(workdir / name) if name == ".lock" else lock
    with pytest.raises(WorkdirError, match="is a link"):
        lock.take()
    if name == ".locks/status":  # a status that cannot be written stops nothing
        return
    with pytest.raises(WorkdirError, match="is a link"):
        engine.run_sweep(CONFIG, workdir)
    kept = list(victim.iterdir()) if victim.is_dir() else victim.read_text()
    assert kept in ([], "precious")


def test_waiting_for_a_lock_ends_when_asked_to_stop(tmp_path):
    stop, told = threading.Event(), []
    with part_lock(tmp_path, "plan").tried():

        def waiting(holder):
            told.append(holder)
            stop.set()

        with pytest.raises(Interrupted):
            with Workdir(tmp_path) as folder, folder.planning(stop, waiting):
                pass
    assert told == [locks.own_name()]


def test_a_disk_without_locks_is_one_clear_error(tmp_path, monkeypatch):
    def flock(file, how):
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(locks.fcntl, "flock", flock)
    with pytest.raises(WorkdirError, match="cannot be locked .*clusters.md"):
        engine.run_sweep(CONFIG, tmp_path)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_not_called_one_without_locks(number, tmp_path, monkeypatch):
    def full(*args):
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:  # a lock needs no name of its holder
        patch.setattr(locks.os, "ftruncate", full)
        with part_lock(tmp_path, "a").tried() as taken:
            assert taken
    monkeypatch.setattr(locks, "open_own", full)
    said = f"cannot be locked .{os.strerror(number)}.: make room, and start"
    with pytest.raises(WorkdirError, match=said) as raised:
        part_lock(tmp_path, "b").take()
    assert "file locks" not in str(raised.value)
    monkeypatch.setattr("ws_jax.storage.workdir.open_own", full)
    with pytest.raises(WorkdirError, match="cannot write to .*: make room"):
        Workdir(tmp_path / "new")


@pytest.mark.slow
def test_what_others_work_on_is_not_overwritten(whole, monkeypatch):
    monkeypatch.setattr(LivingRuns, "train_epoch", None)
    before = (whole / RESULTS_FILE).read_bytes()
    stop = threading.Event()
    with Workdir(whole) as folder:
        with folder.planning(stop):
            pass
        with pytest.raises(WorkdirError, match="in use by another process"):
            engine.run_sweep(CONFIG, whole, overwrite=True)
        engine.run_sweep(CONFIG, whole)  # but it can be worked on together
    assert (whole / RESULTS_FILE).read_bytes() == before


@pytest.mark.slow
def test_a_chunk_that_another_process_gives_up_is_taken(whole, tmp_path, monkeypatch):
    workdir = begun(whole, tmp_path / "new")
    held = chunk_lock(whole, workdir, 0)
    assert held.take()
    seen = []

    def give_up():
        seen.append(set(results.read(workdir)["fold"]))
        held.release()

    said = when_waiting(monkeypatch, give_up)
    engine.run_sweep(CONFIG, workdir)
    # The others came first; nobody else's rows are missing at the end.
    assert seen == [{1, 2}]
    assert any(locks.own_name() in text and "1 of 3 chunks" in text for text in said)
    assert_same(workdir, whole)


@pytest.mark.slow
def test_what_another_process_ends_meanwhile_is_joined(whole, tmp_path, monkeypatch):
    workdir = begun(whole, tmp_path / "new")
    locked = [chunk_lock(whole, workdir, index) for index in (0, 2)]
    assert all(lock.take() for lock in locked)

    def end():
        for index in (0, 2):
            shutil.copytree(folder(whole, index), folder(workdir, index))

    when_waiting(monkeypatch, end)
    real, trained = LivingRuns.start, []

    def start(self):
        trained.append(1)
        return real(self)

    monkeypatch.setattr(LivingRuns, "start", start)
    engine.run_sweep(CONFIG, workdir)
    assert trained == [1]
    assert_same(workdir, whole)
    for lock in locked:
        lock.release()


def test_a_process_that_waits_can_be_stopped(whole, tmp_path, monkeypatch):
    workdir = begun(whole, tmp_path / "new")
    for index in (1, 2):
        shutil.copytree(folder(whole, index), workdir / "checkpoints" / folder(
            whole, index).relative_to(whole / "checkpoints"))  # fmt: skip
    with chunk_lock(whole, workdir, 0).tried():
        when_waiting(monkeypatch, lambda: signal.raise_signal(signal.SIGTERM))
        with pytest.raises(Interrupted):
            engine.run_sweep(CONFIG, workdir)
    assert set(results.read(workdir)["fold"]) == {1, 2}


@pytest.mark.slow
def test_the_table_grows_while_a_chunk_trains(whole, tmp_path, monkeypatch):
    monkeypatch.setattr(table, "GROWING_SHARE", np.inf)
    workdir = begun(whole, tmp_path / "new")
    sizes, write = [], results.write

    def watched(frame, workdir):
        sizes.append(len(frame))
        return write(frame, workdir)

    monkeypatch.setattr(results, "write", watched)
    engine.run_sweep(CONFIG, workdir)
    assert set(sizes) - {3, 6, 9} and sizes == sorted(sizes) and sizes[-1] == 9
    assert_same(workdir, whole)


@pytest.mark.slow
def test_a_paused_process_that_holds_the_table_stops_no_training(
    whole, tmp_path, monkeypatch
):
    monkeypatch.setattr(table, "GROWING_SHARE", np.inf)
    workdir, paused = begun(whole, tmp_path / "new"), []
    real, trained = LivingRuns.train_epoch, []

    def train_epoch(self, examples, epoch):
        if not paused:
            paused.append(part_lock(workdir, "table"))
            assert paused[0].take()
        trained.append(epoch)
        return real(self, examples, epoch)

    monkeypatch.setattr(LivingRuns, "train_epoch", train_epoch)

    def go_on():  # said where the table must be written: after the chunk's last epoch
        assert trained == [0, 1, 2]
        paused[0].release()

    when_waiting(monkeypatch, go_on)
    engine.run_sweep(CONFIG, workdir)
    assert_same(workdir, whole)


@pytest.mark.slow
@pytest.mark.parametrize("again", [False, True])
def test_a_workdir_that_was_moved_is_not_made_anew(whole, tmp_path, monkeypatch, again):
    workdir = begun(whole, tmp_path / "new")

    def move():
        workdir.rename(tmp_path / "moved")
        if again:  # another sweep has taken its place
            workdir.mkdir()

    with chunk_lock(whole, workdir, 0).tried():
        when_waiting(monkeypatch, move)
        with pytest.raises(WorkdirError, match="was moved or removed"):
            engine.run_sweep(CONFIG, workdir)
    assert again == workdir.exists()
    made = {path.name for path in tmp_path.glob("new/[!.]*")}
    assert made <= {"status.json"} and (tmp_path / "moved").exists()


@pytest.mark.slow
def test_a_workdir_that_is_moved_during_an_epoch_is_not_made_anew(
    whole, tmp_path, monkeypatch
):
    workdir = begun(whole, tmp_path / "new")
    real = LivingRuns.train_epoch

    def train_epoch(self, examples, epoch):
        if epoch == 0:  # later a checkpoint may be on its way to the disk
            workdir.rename(tmp_path / "moved")
        return real(self, examples, epoch)

    monkeypatch.setattr(LivingRuns, "train_epoch", train_epoch)
    with pytest.raises(WorkdirError, match="was moved or removed"):
        engine.run_sweep(CONFIG, workdir)
    assert not workdir.exists()


@pytest.mark.parametrize("gone", ["all", "record", "lock"])
def test_a_workdir_says_what_of_it_is_gone(tmp_path, gone):
    said = {"lock": r"\.lock was removed while .* start the same command again"}
    with Workdir(tmp_path / "new") as workdir, workdir.planning(threading.Event()):
        record = workdir.path / RECORD_FILE
        workdir.check_there()  # also before there is a record
        record.touch()
        workdir.check_there()
        if gone == "all":
            workdir.path.rename(tmp_path / "moved")
        else:
            (workdir.path / ".lock").unlink()
        if gone == "record":
            record.unlink()
        with pytest.raises(WorkdirError, match=said.get(gone, "moved or removed")):
            workdir.check_there()
    # Who starts again makes the file anew.
    with Workdir(tmp_path / "new") as workdir, workdir.planning(threading.Event()):
        workdir.check_there()


@pytest.mark.slow
@pytest.mark.parametrize("again", [False, True])
def test_who_has_lost_its_lock_file_saves_no_more(whole, tmp_path, monkeypatch, again):
    """As where somebody clears the lock files of processes that he takes for dead."""
    workdir, trained = begun(whole, tmp_path / "new"), []
    real, other = LivingRuns.train_epoch, chunk_lock(whole, workdir, 0)

    def train_epoch(self, examples, epoch):
        trained.append(epoch)
        if trained == [0, 1]:
            shutil.rmtree(workdir / ".locks")
            assert not again or other.take()  # another process trains the chunk now
        return real(self, examples, epoch)

    monkeypatch.setattr(LivingRuns, "train_epoch", train_epoch)
    with pytest.raises(WorkdirError, match="chunk_000 was removed while a process he"):
        engine.run_sweep(CONFIG, workdir)
    assert trained == [0, 1]
    assert stored.newest_step(folder(workdir, 0)) == 2, "it saved beside the other one"
    other.release()
    engine.run_sweep(CONFIG, workdir)
    assert_same(workdir, whole)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("delay", [None, 0, 0.005])
def test_a_workdir_that_is_moved_during_a_save_is_one_clear_error(
    whole, tmp_path, monkeypatch, delay
):
    """Orbax saves in the background, and makes anew what folders it misses."""
    workdir, saves = begun(whole, tmp_path / "new"), []
    real = ocp.CheckpointManager.save

    def save(self, *args, **kwargs):
        saves.append(args)
        if delay is not None and len(saves) == 2:
            move = threading.Timer(delay, workdir.rename, [tmp_path / "moved"])
            move.start()
        saved = real(self, *args, **kwargs)
        if delay is None and len(saves) == 2:
            workdir.rename(tmp_path / "moved")
        return saved

    monkeypatch.setattr(ocp.CheckpointManager, "save", save)
    with pytest.raises(WorkdirError, match="was moved or removed") as caught:
        engine.run_sweep(CONFIG, workdir)
    half = "half a checkpoint" in str(caught.value)
    assert half == workdir.exists() and not (workdir / RESULTS_FILE).exists()
    shutil.rmtree(workdir, ignore_errors=True)
    engine.run_sweep(CONFIG, tmp_path / "moved")
    assert_same(tmp_path / "moved", whole)


def test_a_glance_follows_checkpoints_that_give_way_to_newer_ones(
    whole, tmp_path, monkeypatch
):
    at = shutil.copytree(folder(whole, 0), tmp_path / "chunk_000")
    (newest,) = stored.steps(at)
    listed = [[newest - 2], [newest]]  # the first went while it was looked at
    monkeypatch.setattr(stored, "steps", lambda at: listed[0 if listed[1:] else -1])
    real = stored.read_rows

    def read_rows(path, digest=""):
        if len(listed) > 1:
            del listed[0]
        return real(path, digest)

    monkeypatch.setattr(stored, "read_rows", read_rows)
    assert stored.glance(at).epoch == 3


def test_rows_of_a_chunk_that_another_process_trains_are_not_lost(
    whole, tmp_path, monkeypatch
):
    """It holds the chunk, and nothing of it can be read at the moment."""
    workdir = shutil.copytree(whole, tmp_path / "new")
    frame = results.read_table(workdir / RESULTS_FILE)
    ended = (frame["fold"] == 1) & (frame["epoch"] == 3)
    running = frame["status"].where(frame["fold"] != 1, "running")
    results.write(frame.assign(status=running)[~ended], workdir)
    away = shutil.move(folder(workdir, 1), tmp_path / "away")
    held = chunk_lock(whole, workdir, 1)
    assert held.take()

    def end():
        shutil.copytree(away, workdir / folder(whole, 1).relative_to(whole))
        held.release()

    when_waiting(monkeypatch, end)
    monkeypatch.setattr(LivingRuns, "train_epoch", None)
    engine.run_sweep(CONFIG, workdir)
    assert_same(workdir, whole)


SCRIPT = f"""
import sys
sys.path.insert(0, {str(ROOT / "tests")!r})
import test_many_processes
from ws_jax import engine
engine.run_sweep(test_many_processes.LONG, sys.argv[1])
"""
# Twelve chunks of one run, and one program to compile.
LONG = tiny(
    {"seed": (0, 1)},
    execution__chunk=1,
    train__epochs=4,
    sweep__levels=(0.0, 0.3),
    sweep__folds=(0, 1, 2),
    sweep__sharing=("full",),
)


@pytest.fixture(scope="module")
def long(tmp_path_factory):
    """The same of one process."""
    workdir = tmp_path_factory.mktemp("long")
    engine.run_sweep(LONG, workdir)
    return workdir


@pytest.mark.slow
@pytest.mark.parametrize("number, killed", [(3, 1), (2, 0)])
def test_processes_beside_each_other_give_what_one_gives(
    number, killed, long, tmp_path
):
    workdir = tmp_path / "many"
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", SCRIPT, str(workdir)],
            cwd=ROOT,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ,
        )
        for _ in range(number)
    ]
    try:
        # The first to hold a chunk and save in it is the one that is killed.
        saved = "checkpoints/*/*/[0-9]*"
        while killed and not any(workdir.glob(saved)):
            assert any(process.poll() is None for process in processes)
            time.sleep(0.01)
        busy = {
            int(path.read_text().rpartition(":")[2])
            for path in workdir.glob(".locks/*/chunk_*")
            if path.read_text()
        }
        victims = [p for p in processes if p.pid in busy][:killed]
        assert len(victims) == killed
        for process in victims:
            process.kill()
        for process in processes:
            _, errors = process.communicate()
            assert process.returncode == (-signal.SIGKILL if process in victims else 0)
            assert "Traceback" not in errors, errors
    finally:
        for process in processes:
            process.kill()
    assert_same(workdir, long)
    # Each of them has trained something, but for the one that was killed.
    held = {p.read_text() for p in workdir.glob(".locks/*/chunk_*")}
    assert len(held) >= number - killed
