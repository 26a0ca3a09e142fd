"""What those who watch a sweep are told."""

import contextlib
import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from studies import stop_at_once, tiny

from launch import status as launcher
from ws_jax import engine
from ws_jax.config import ConfigError
from ws_jax.engine.living import LivingRuns
from ws_jax.storage import status
from ws_jax.storage.locks import Lock

ROOT = Path(__file__).parents[1]
CONFIG = tiny(
    execution__chunk=1,
    train__epochs=2,
    sweep__levels=(0.0,),
    sweep__folds=(0, 1),
    sweep__sharing=("full",),
)
NOON = "2026-01-01T12:00:00+00:00"


def test_a_sweep_tells_how_far_it_is(tmp_path, monkeypatch):
    stop_at_once(CONFIG, tmp_path, monkeypatch)
    told = status.read(tmp_path)
    (process,) = told["processes"].values()
    assert process["state"] == "stopped" and process["checkpoint"]["epoch"] == 1
    assert "error" not in process
    assert (process["chunk"], process["epoch"], process["epochs"]) == (0, 1, 2)
    assert told["run_epochs_done"] == 1 and told["run_epochs"] == 4
    assert told["chunks"] == 2 and told["chunks_done"] == 0
    engine.run_sweep(CONFIG, tmp_path)
    told = status.read(tmp_path)
    assert told["chunks_done"] == 2 and told["run_epochs_done"] == 4
    assert [p["state"] for p in told["processes"].values()] == ["finished"]
    assert told["diverged"] == []


@pytest.mark.slow
def test_what_failed_is_told(tmp_path, monkeypatch):
    def fail(self, examples, epoch):
        raise RuntimeError("out of luck\nsecond line")

    monkeypatch.setattr(LivingRuns, "train_epoch", fail)
    with pytest.raises(RuntimeError):
        engine.run_sweep(CONFIG, tmp_path)
    (process,) = status.read(tmp_path)["processes"].values()
    assert process["state"] == "failed" and process["error"] == "out of luck"
    text = status.as_table([tmp_path], status.now())
    assert "failed: out of luck" in text


def test_processes_tell_beside_each_other(tmp_path, monkeypatch):
    lock = tmp_path / "lock"
    for name in ("a:1", "b:2"):
        monkeypatch.setattr(status, "own_name", lambda name=name: name)
        with status.Status(tmp_path, Lock(lock)) as told:
            told.tell("training", group="g")
    assert set(status.read(tmp_path)["processes"]) == {"a:1", "b:2"}
    # One that holds the lock for good, or a full disk, stops nobody.
    with Lock(lock).tried(), status.Status(tmp_path, Lock(lock)) as told:
        told.tell("training")

    @contextlib.contextmanager
    def broken():
        raise OSError("no room")
        yield

    lock = type("Broken", (), {"tried": staticmethod(broken)})()
    with status.Status(tmp_path, lock):
        pass


def test_a_status_is_not_written_through_a_link(tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / f"{status.STATUS_FILE}.tmp").symlink_to(victim)
    with status.Status(tmp_path, Lock(tmp_path / "lock")):
        pass
    assert victim.read_text() == "precious" and status.read(tmp_path)


def test_a_full_disk_is_told_in_the_place_of_what_was_told(tmp_path, monkeypatch):
    def full(*args):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    lock, victim = tmp_path / "lock", tmp_path / "victim"
    with status.Status(tmp_path, Lock(lock)) as told:
        told.tell("training", group="a name that is longer than all that is told next")
    monkeypatch.setattr(status.os, "replace", full)
    reason = "results.parquet could not be written (No space left on device)"
    with pytest.raises(OSError), status.Status(tmp_path, Lock(lock)):
        raise OSError(reason)
    assert f"failed: {reason}" in status.as_table([tmp_path], status.now())
    assert not (tmp_path / f"{status.STATUS_FILE}.tmp").exists()
    victim.write_text("precious")
    (tmp_path / status.STATUS_FILE).unlink()
    (tmp_path / status.STATUS_FILE).symlink_to(victim)
    with status.Status(tmp_path, Lock(lock)):
        pass
    assert victim.read_text() == "precious"


def write(folder, **told):
    folder.mkdir(parents=True)
    (folder / status.STATUS_FILE).write_text(json.dumps(told))


def test_a_table_over_folders(tmp_path):
    training = {
        "state": "training", "group": "g", "chunk": 3, "epoch": 2, "epochs": 9,
        "seconds_left": 600, "told": "2026-01-01T11:59:50+00:00",
        "checkpoint": {"epoch": 1, "at": "11:58"},
    }  # fmt: skip
    silent = {**training, "told": "2026-01-01T11:30:00+00:00"}
    ended = {"state": "finished", "told": NOON}
    write(
        tmp_path / "a", chunks=8, chunks_done=3, run_epochs=100, run_epochs_done=41,
        diverged=["r"], processes={"x:1": training, "y:2": silent, "z:3": ended},
    )  # fmt: skip
    write(tmp_path / "deep" / "b", processes={"z:3": ended})
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / status.STATUS_FILE).write_text("{")
    found = status.find([tmp_path, tmp_path / "a"])
    assert [path.name for path in found] == ["a", "c", "b"]
    text = status.as_table(found, NOON)
    lines = text.splitlines()
    assert len(lines) == 5
    assert "3/8" in lines[1] and "41%" in lines[1] and "10 min" in lines[1]
    assert "x:1" in lines[1] and "g chunk 3 epoch 2/9" in lines[1]
    assert "silent for 30 min" in lines[2] and "y:2" in lines[2]
    assert "finished" in lines[4]
    assert not status.all_ended(found, NOON) and status.all_ended(found[1:], NOON)


KILLED = {
    "state": "training", "group": "g", "chunk": 3, "epoch": 2, "epochs": 9,
    "seconds_left": 600, "since": "2026-01-01T05:00:00+00:00",
    "told": "2026-01-01T06:00:00+00:00",
}  # fmt: skip
ELEVEN, TEN = "2026-01-01T11:00:00+00:00", "2026-01-01T10:00:00+00:00"
LONG = f"a checkpoint could not be written to /{'long/' * 30} (No space left on device)"
FULL = {"state": "failed", "error": LONG, "told": ELEVEN}
SILENT = "silent for 6 h, killed or paused (g chunk 3 epoch 2/9)"
WORKING = {**KILLED, "since": TEN, "told": NOON}


def test_a_time_that_is_yet_to_come_is_no_sign_of_life(tmp_path):
    tomorrow = {**KILLED, "told": "2026-01-02T12:00:00+00:00"}
    write(tmp_path / "a", chunks=8, chunks_done=3, processes={"x:1": tomorrow})
    assert "silent for 24 h" in status.as_table([tmp_path / "a"], NOON)
    assert status.all_ended([tmp_path / "a"], NOON)
    # Another host's clock may be a little ahead.
    ahead = {**KILLED, "told": "2026-01-01T12:05:00+00:00"}
    write(tmp_path / "b", chunks=8, chunks_done=3, processes={"x:1": ahead})
    assert "silent" not in status.as_table([tmp_path / "b"], NOON)
    assert not status.all_ended([tmp_path / "b"], NOON)


def test_a_status_that_cannot_be_read_is_none(tmp_path):
    (tmp_path / status.STATUS_FILE).write_text("[" * 100_000)
    assert status.read(tmp_path) is None


@pytest.mark.parametrize(
    ("others", "chunks_done", "lines"),
    [
        ([], 3, [SILENT]),
        ([FULL], 3, [SILENT, f"failed: {LONG}"]),
        ([{**FULL, "since": TEN}], 3, [f"failed: {LONG}"]),
        ([FULL, WORKING], 3, [f"failed: {LONG}", "g chunk 3 epoch 2/9"]),
        ([{**FULL, "told": TEN}, {**WORKING, "since": ELEVEN}], 3, ["g chunk 3 epo"]),
        ([{"state": "finished", "told": ELEVEN}], 8, ["finished"]),
        ([{"state": "stopped", "since": TEN, "told": ELEVEN}], 3, ["stopped"]),
    ],
    ids=["killed", "full", "again full", "works beside", "works on", "done", "stopped"],
)
def test_what_ended_a_process_is_shown_until_another_starts(
    others, chunks_done, lines, tmp_path
):
    processes = {f"x:{n}": told for n, told in enumerate([KILLED, *others])}
    write(tmp_path / "a", chunks=8, chunks_done=chunks_done, processes=processes)
    found = status.find([tmp_path])
    shown = status.as_table(found, NOON).splitlines()[1:]
    assert len(shown) == len(lines), shown
    for line, end in zip(shown, lines, strict=True):
        assert end in line and ("silent" not in line or "10 min" not in line)
    works = any(line.startswith("g chunk 3") for line in lines)
    assert status.all_ended(found, NOON) is not works


@pytest.mark.parametrize(
    ("told", "done", "ended"),
    [
        ("11:59:50", 3, False), ("11:58:00", 3, False), ("11:46:00", 3, False),
        ("11:44:00", 3, True), ("11:58:00", 8, True),
    ],
)  # fmt: skip
def test_nobody_watches_for_ever_what_was_killed(told, done, ended, tmp_path):
    lost = {**KILLED, "told": f"2026-01-01T{told}+00:00"}
    write(tmp_path / "a", chunks=8, chunks_done=done, processes={"x:1": lost})
    assert status.all_ended(status.find([tmp_path]), NOON) is ended


def test_a_sweep_that_was_moved_and_linked_back_is_shown_once(tmp_path):
    write(tmp_path / "away" / "b", chunks=8)
    write(tmp_path / "results" / "a", chunks=8)
    (tmp_path / "results" / "b").symlink_to(tmp_path / "away" / "b")
    (tmp_path / "results" / "round").symlink_to(tmp_path / "results")
    found = status.find([tmp_path / "results", tmp_path / "away"])
    assert found == [tmp_path / "results" / name for name in "ab"]


@pytest.mark.parametrize(
    "told",
    [
        {"processes": None},
        {"processes": []},
        {"processes": {"a": 3}},
        {"processes": {"a": {"state": "training", "told": "yesterday"}}},
        {"processes": {"a": {"state": "training", "told": "2026-01-01T00:00:00"}}},
        {"processes": {"\x1b[31mx": {"state": "failed", "error": None}}},
        {"run_epochs": "x"},
        {"diverged": 3},
    ],
)
def test_odd_statuses_are_a_line_and_are_mended(told, tmp_path):
    write(tmp_path / "odd", **told)
    write(tmp_path / "sound", chunks=8, chunks_done=3)
    found = status.find([tmp_path])
    text = status.as_table(found, NOON)
    assert len(text.splitlines()) == 3 and "3/8" in text and "\x1b" not in text
    status.all_ended(found, NOON)
    with status.Status(tmp_path / "odd", Lock(tmp_path / "lock")):
        pass
    assert status.own_name() in status.read(tmp_path / "odd")["processes"]


@pytest.mark.slow
def test_the_launcher_needs_folders_and_no_jax(tmp_path):
    write(tmp_path / "a", processes={})
    script = (
        "import sys, runpy; sys.argv = ['status', *sys.argv[1:]]\n"
        "try: runpy.run_module('launch.status', run_name='__main__')\n"
        "except SystemExit as end:\n"
        "    assert end.code or 'jax' not in sys.modules\n    raise"
    )

    def launch(*folders):
        return subprocess.run(
            [sys.executable, "-c", script, *folders],
            cwd=ROOT,
            capture_output=True,
            text=True,
        )

    got = launch(str(tmp_path))
    assert got.returncode == 0 and str(tmp_path / "a") in got.stdout, got.stderr
    assert f"below {tmp_path / 'none'}" in launch(str(tmp_path / "none")).stderr
    with pytest.raises(ConfigError, match="name a folder of sweeps: .*launch.status"):
        launcher.main([])
