"""Kills and flipped bits: a sweep ends with the numbers of an undisturbed one, or says.

Few rounds, so that it is quick; more by `WS_JAX_TORTURE=34`, 34 times as many: 204
random kills of one process and as many of two, 306 flipped bits. Aimed kills repeat
`WS_JAX_TORTURE_AIMS` times; `WS_JAX_TORTURE_SEED` draws others. With `-s` they are
counted, by what came of them.
"""

import collections
import functools
import os
import random
import shutil
import signal
import time

import chex
import numpy as np
import pandas as pd
import pytest
from forks import Forks
from studies import stop_at_once, tiny

from ws_jax import engine
from ws_jax.checkpoint import load_run
from ws_jax.models import ConvNet
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
SMALL = {
    "network": ConvNet(features=(4,), kernel_sizes=(3,), strides=(2,), hidden=8),
    "evaluation__views": (),
    "execution__chunk": 1,
    "execution__keep": 2,
    "sweep__levels": (0.3,),
}
# Two groups of two chunks.
CONFIG = tiny(
    **SMALL, train__epochs=4, sweep__folds=(0, 1), sweep__sharing=("full", "free")
)
# One of three, so that little of the time is tracing.
QUICK = tiny(**SMALL, train__epochs=4, sweep__folds=(0, 1, 2), sweep__sharing=("full",))
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
def quick(tmp_path_factory):
    """An undisturbed sweep of random kills."""
    workdir = tmp_path_factory.mktemp("quick")
    engine.run_sweep(QUICK, workdir)
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


@functools.cache
def numbers(whole):
    """The table of an undisturbed sweep, and the parameters of its runs."""
    frame = results.read(whole).drop(columns="seconds")
    return frame, {run: load_run(whole, run=run) for run in frame["run"].unique()}


def assert_same(workdir, whole):
    """All numbers of two sweeps are equal, bit for bit."""
    frame, runs = numbers(whole)
    found = results.read(workdir).drop(columns="seconds")
    pd.testing.assert_frame_equal(found, frame, check_exact=True)
    for run, variables in runs.items():
        chex.assert_trees_all_equal(load_run(workdir, run=run), variables)


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """Two processes at a time."""
    folder = tmp_path_factory.mktemp("said")
    both = Forks("test_torture", folder), Forks("test_torture", folder)
    yield both
    for forks in both:
        forks.close()


@pytest.fixture(scope="module")
def longest(pair, quick, tmp_path_factory):
    """The seconds that a sweep of random kills takes."""
    finish(pair[:1], tmp_path_factory.mktemp("compiled"), quick, "QUICK")
    began = time.monotonic()
    finish(pair[:1], tmp_path_factory.mktemp("timed"), quick, "QUICK")
    return time.monotonic() - began


def finish(forks, workdir, whole, config="CONFIG"):
    """Starts one or both again; they end with the numbers of an undisturbed sweep."""
    for one in forks:
        one.start(workdir, config)
    for one in forks:
        status, errors = one.wait()
        assert status == 0 and "Traceback" not in errors, errors
    assert_same(workdir, whole)


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
def test_aimed_kills(pair, whole, tmp_path, aim, repeat):
    pair[0].start(tmp_path, aim=aim)
    status, errors = pair[0].wait()
    assert status == -signal.SIGKILL, errors
    finish(pair[:1], tmp_path, whole)


ENDED = {
    0: "ended before",
    -signal.SIGKILL: "killed",
    -signal.SIGTERM: "terminated at its start",
    143: "stopped and saved",
}


def send(chance, forks, counts, kill=False):
    """Sends a signal, most often SIGKILL, and counts what came of it."""
    forks.kill(signal.SIGKILL if kill or chance.random() < 0.8 else signal.SIGTERM)
    status, errors = forks.wait()
    assert status in ENDED and "Traceback" not in errors, errors
    counts[ENDED[status]] += 1
    return status


def test_random_kills(pair, quick, longest, tmp_path):
    chance, counts, number = random.Random(SEED), collections.Counter(), 0
    while counts["killed"] < 6 * ROUNDS:
        workdir, number = tmp_path / str(number), number + 1
        for _ in range(chance.randint(1, 3)):  # in a row
            pair[0].start(workdir, "QUICK")
            time.sleep(chance.uniform(0.1, 1.0) * longest)
            if send(chance, pair[0], counts) == 0:
                break
        finish(pair[:1], workdir, quick, "QUICK")
        shutil.rmtree(workdir)
    print(f"\n{number} sweeps: {dict(counts)}")


def test_random_kills_of_two_processes_on_one_workdir(pair, quick, longest, tmp_path):
    chance, counts, number = random.Random(SEED), collections.Counter(), 0
    while counts["killed"] < 6 * ROUNDS:
        workdir, number = tmp_path / str(number), number + 1
        first, second = chance.sample(pair, 2)
        for forks in pair:
            forks.start(workdir, "QUICK")
            time.sleep(chance.uniform(0, 0.2) * longest)
        time.sleep(chance.uniform(0, 0.8) * longest)
        send(chance, first, counts)
        if chance.random() < 0.5:  # both
            time.sleep(chance.uniform(0, 0.2) * longest)
            send(chance, second, counts)
        else:  # the other takes up what is left undone
            status, errors = second.wait()
            assert status == 0 and "Traceback" not in errors, errors
            assert_same(workdir, quick)
            counts["the other ended it"] += 1
        finish(pair[: chance.randint(1, 2)], workdir, quick, "QUICK")
        shutil.rmtree(workdir)
    print(f"\n{number} sweeps: {dict(counts)}")


KINDS = {"checkpoints": "checkpoints", ".locks": "locks", ".lock": "locks"}


@pytest.mark.parametrize("state", ["whole", "stopped"])
def test_flipped_bits(whole, stopped, tmp_path, state):
    """In any file that is kept, those included that tell nothing of the numbers."""
    chance, counts = random.Random(SEED), collections.Counter()
    origin = {"whole": whole, "stopped": stopped}[state]
    files = sorted(p.relative_to(origin) for p in origin.rglob("*") if p.is_file())
    files = [path for path in files if (origin / path).stat().st_size]
    kinds = collections.defaultdict(list)
    for path in files:
        kinds[KINDS.get(path.parts[0], path.name)].append(path)
    assert {"checkpoints", "locks", "status.json", "sweep.json"} < set(kinds)
    # Each kind in turn, the table first, whose digest finds any flip.
    names = sorted(kinds, key=lambda kind: kind != results.RESULTS_FILE)
    for number in range({"whole": 6, "stopped": 3}[state] * ROUNDS):
        # Every other in a checkpoint, where most of the bytes are.
        kind = names[number // 2 % len(names)] if number % 2 == 0 else "checkpoints"
        workdir = shutil.copytree(origin, tmp_path / str(number))
        path = workdir / chance.choice(kinds[kind])
        content = bytearray(path.read_bytes())
        place = chance.randrange(len(content))
        content[place] ^= 1 << chance.randrange(8)
        path.write_bytes(content)
        try:
            engine.run_sweep(CONFIG, workdir)
            assert_same(workdir, whole)
            healed = any(workdir.rglob("*.damaged"))
            counts[kind, "set aside" if healed else "no harm"] += 1
        except (WorkdirError, ResultsError) as error:
            assert "\n" not in str(error) and str(tmp_path) in str(error), error
            counts[kind, "refused"] += 1
        except BaseException as error:
            error.add_note(f"byte {place} of {path}")
            raise
        shutil.rmtree(workdir)
    print(f"\n{state}: {dict(counts)}")
