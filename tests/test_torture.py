"""Kills and flipped bits: a sweep ends with the numbers of an undisturbed one, or says.

Few rounds, so that it is quick; more by `WS_JAX_TORTURE=34`, 34 times as many (204
random kills), and others by `WS_JAX_TORTURE_SEED`. Aimed kills repeat
`WS_JAX_TORTURE_AIMS` times.
"""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import chex
import numpy as np
import pandas as pd
import pytest
from studies import stop_at_once, tiny

from ws_jax import engine
from ws_jax.checkpoint import load_run
from ws_jax.storage import results
from ws_jax.storage.results import ResultsError
from ws_jax.storage.workdir import WorkdirError

pytestmark = [
    pytest.mark.slow,
    # Orbax abandons the reading of other arrays when one cannot be read.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

ROUNDS = int(os.environ.get("WS_JAX_TORTURE", "1"))
SEED = int(os.environ.get("WS_JAX_TORTURE_SEED", "0"))
AIMED = int(os.environ.get("WS_JAX_TORTURE_AIMS", "1"))
ROOT = Path(__file__).parents[1]
CONFIG = tiny(
    execution__chunk=1,
    execution__keep=2,
    train__epochs=4,
    sweep__levels=(0.3,),
    sweep__folds=(0, 1),
    sweep__sharing=("full", "free"),
)
SCRIPT = f"""
import os, signal, sys
sys.path.insert(0, {str(ROOT / "tests")!r})
import test_torture
from ws_jax import engine
from ws_jax.cli.main import guard

module, name, count = sys.argv[2:5]
if name:
    owner = sys.modules[module]
    *path, name = name.split(".")
    for part in path:
        owner = getattr(owner, part)
    real, calls = getattr(owner, name), []

    def dying(*args, **kwargs):
        calls.append(name)
        if len(calls) == int(count):
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*args, **kwargs)

    setattr(owner, name, dying)
sys.exit(guard(lambda: engine.run_sweep(test_torture.CONFIG, sys.argv[1])))
"""
# Where to kill: a function, at one of its calls.
AIMS = [
    ("ws_jax.storage.results", "write", 1),  # a checkpoint is there, no table yet
    ("ws_jax.engine.table", "SweepTable.write", 3),  # somewhere in the middle
    ("ws_jax.engine.progress", "Progress.close", 1),  # the last table is written
    ("ws_jax.storage.checkpoint", "ChunkCheckpoints.close", 2),  # while it saves
    ("ws_jax.storage.checkpoint", "sync_folder", 1),
    ("os", "replace", 2),  # the table lies beside the one that it replaces
    ("ws_jax.storage.workdir", "write_record", 1),  # at the start
]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """An undisturbed sweep."""
    workdir = tmp_path_factory.mktemp("whole")
    engine.run_sweep(CONFIG, workdir)
    return workdir


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    """A sweep that was stopped in its first chunk, after its second epoch."""
    workdir = tmp_path_factory.mktemp("stopped")
    with pytest.MonkeyPatch.context() as patch:
        stop_at_once(CONFIG, workdir, patch)
        stop_at_once(CONFIG, workdir, patch)
    assert len(list(workdir.glob("checkpoints/*/*/*/state"))) == 2
    return workdir


def table(workdir):
    return results.read(workdir).drop(columns="seconds")


def assert_same(workdir, whole):
    """All numbers of two sweeps are equal, bit for bit."""
    frame, other = table(workdir), table(whole)
    pd.testing.assert_frame_equal(frame, other, check_exact=True)
    for run in other["run"].unique():
        chex.assert_trees_all_equal(
            load_run(workdir, run=run), load_run(whole, run=run)
        )


def started(workdir, aim=("", "", 0)):
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(workdir), *map(str, aim)],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(workdir):
    process = started(workdir)
    _, errors = process.communicate()
    assert process.returncode == 0, errors


def test_the_comparison_can_fail(whole, tmp_path):
    other = shutil.copytree(whole, tmp_path / "other")
    frame = results.read(other)
    bits = frame["loss"].to_numpy().copy()
    bits[3] = np.nextafter(bits[3], 2)
    results.write(frame.assign(loss=bits), other)
    with pytest.raises(AssertionError):
        assert_same(other, whole)


@pytest.mark.parametrize("repeat", range(AIMED))
@pytest.mark.parametrize("aim", AIMS, ids=lambda aim: f"{aim[1]}-{aim[2]}")
def test_aimed_kills(whole, tmp_path, aim, repeat):
    process = started(tmp_path, aim)
    _, errors = process.communicate()
    assert process.returncode == -signal.SIGKILL, errors
    finish(tmp_path)
    assert_same(tmp_path, whole)


def test_random_kills(whole, tmp_path):
    chance = random.Random(SEED)
    began = time.monotonic()
    finish(tmp_path / "timed")
    longest = time.monotonic() - began
    for number in range(3 * ROUNDS):
        workdir = tmp_path / str(number)
        for _ in range(2):  # twice in a row
            process = started(workdir)
            time.sleep(chance.uniform(0.3, 1.0) * longest)
            process.send_signal(chance.choice([signal.SIGKILL] * 3 + [signal.SIGTERM]))
            _, errors = process.communicate()
            assert process.returncode in (0, -signal.SIGKILL, -signal.SIGTERM, 143), (
                errors
            )
        finish(workdir)
        assert_same(workdir, whole)


@pytest.mark.parametrize("state", ["whole", "stopped"])
def test_flipped_bits(whole, stopped, tmp_path, state):
    chance = random.Random(SEED)
    origin = {"whole": whole, "stopped": stopped}[state]
    files = sorted(p.relative_to(origin) for p in origin.rglob("*") if p.is_file())
    # Locks and what watchers read tell nothing of what was trained.
    files = [path for path in files if path.parts[0] not in (".lock", ".locks")]
    files = [path for path in files if path.name != "status.json"]
    files = [path for path in files if (origin / path).stat().st_size]
    found = 0
    for number in range({"whole": 20, "stopped": 15}[state] * ROUNDS):
        workdir = shutil.copytree(origin, tmp_path / str(number))
        # The table first, whose digest finds any flip: so that `found` cannot be 0.
        path = workdir / (chance.choice(files) if number else results.RESULTS_FILE)
        content = bytearray(path.read_bytes())
        place = chance.randrange(len(content))
        content[place] ^= 1 << chance.randrange(8)
        path.write_bytes(content)
        try:
            engine.run_sweep(CONFIG, workdir)
            pd.testing.assert_frame_equal(table(workdir), table(whole))
            assert_same(workdir, whole)
            found += any(workdir.rglob("*.damaged"))
        except (WorkdirError, ResultsError):
            found += 1
        except Exception as error:
            error.add_note(f"byte {place} of {path}")
            raise
        shutil.rmtree(workdir)
    assert found, "no flip was ever found"
