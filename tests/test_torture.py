"""Kills and flipped bits: a sweep ends with the numbers of an undisturbed one, or says.

Few rounds, so that it is quick; more by `WS_JAX_TORTURE=34`, 34 rounds or more: 204
random kills of one process and as many of two, 204 flipped bits of a sweep, and more in
the caches of data and of compiled programs. Aimed kills repeat `WS_JAX_TORTURE_AIMS`
times; `WS_JAX_TORTURE_SEED` draws others. With `-s` they are counted, by what came of
them.
"""

import collections
import dataclasses
import functools
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time

import chex
import jax
import numpy as np
import pandas as pd
import pytest
from forks import NO_THREADS, TESTS, Forks
from jax.experimental.compilation_cache import compilation_cache
from PIL import Image
from studies import stop_at_once, tiny

from ws_jax import data, engine
from ws_jax.checkpoint import load_run
from ws_jax.cli import compile_cache
from ws_jax.data import embedded
from ws_jax.models import ConvNet
from ws_jax.storage import results
from ws_jax.storage.results import RECORD_FILE, RESULTS_FILE, ResultsError
from ws_jax.storage.workdir import WorkdirError

pytestmark = [
    pytest.mark.slow,
    # Orbax abandons the reading of other arrays when one cannot be read.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

ROUNDS = int(os.environ.get("WS_JAX_TORTURE", "1"))
KILLS = 6 * ROUNDS if ROUNDS > 1 else 3
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
    ("ws_jax.storage.checkpoint", "ChunkCheckpoints.close", 3),  # while it saves
    ("ws_jax.storage.checkpoint", "sync_folder", 1),
    ("os", "replace", 2),  # the table lies beside the one that it replaces
    ("ws_jax.storage.workdir", "write_record", 1),  # at the start
]
TWO_GROUPS = ("SweepTable.write", "ChunkCheckpoints.close")
# Of files or of bytes the disk has no more before these calls; and what they write.
FULL = [
    (0, ("ws_jax.storage.workdir", "write_record", 1)),
    (None, ("ws_jax.storage.workdir", "write_record", 1)),
    (None, ("ws_jax.engine.table", "SweepTable.write", 1)),
    (0, ("ws_jax.engine.table", "SweepTable.write", 2)),
]
WRITTEN = {"write_record": RECORD_FILE, "SweepTable.write": RESULTS_FILE}
LOGGED = re.compile(r"\d\d:\d\d:\d\d ")


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
    assert_finish(pair[:1], tmp_path_factory.mktemp("compiled"), quick, "QUICK")
    began = time.monotonic()
    assert_finish(pair[:1], tmp_path_factory.mktemp("timed"), quick, "QUICK")
    return time.monotonic() - began


def assert_finish(forks, workdir, whole, config="CONFIG"):
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
def test_aimed_kills(pair, whole, quick, tmp_path, aim, repeat):
    config, undisturbed = "QUICK", quick
    if aim[1] in TWO_GROUPS:
        config, undisturbed = "CONFIG", whole
    pair[0].start(tmp_path, config, aim=aim)
    status, errors = pair[0].wait()
    assert status == -signal.SIGKILL, errors
    assert_finish(pair[:1], tmp_path, undisturbed, config)


ENDED = {
    0: "ended before",
    -signal.SIGKILL: "killed",
    -signal.SIGTERM: "terminated at its start",
    143: "stopped and saved",
}


def assert_ends(chance, forks, counts, kill=False):
    """Sends a signal, most often SIGKILL; the process ends of it, which is counted."""
    forks.kill(signal.SIGKILL if kill or chance.random() < 0.8 else signal.SIGTERM)
    status, errors = forks.wait()
    assert status in ENDED and "Traceback" not in errors, errors
    counts[ENDED[status]] += 1
    return status


def test_random_kills(pair, quick, longest, tmp_path):
    chance, counts, number = random.Random(SEED), collections.Counter(), 0
    while counts["killed"] < KILLS:
        workdir, number = tmp_path / str(number), number + 1
        for _ in range(chance.randint(1, 3)):  # in a row
            pair[0].start(workdir, "QUICK")
            time.sleep(chance.uniform(0.1, 1.0) * longest)
            if assert_ends(chance, pair[0], counts) == 0:
                break
        assert_finish(pair[:1], workdir, quick, "QUICK")
        shutil.rmtree(workdir)
    print(f"\n{number} sweeps: {dict(counts)}")


def test_random_kills_of_two_processes_on_one_workdir(pair, quick, longest, tmp_path):
    chance, counts, number = random.Random(SEED), collections.Counter(), 0
    while counts["killed"] < KILLS:
        workdir, number = tmp_path / str(number), number + 1
        first, second = chance.sample(pair, 2)
        for forks in pair:
            forks.start(workdir, "QUICK")
            time.sleep(chance.uniform(0, 0.2) * longest)
        time.sleep(chance.uniform(0, 0.8) * longest)
        assert_ends(chance, first, counts)
        if chance.random() < 0.5:  # both
            time.sleep(chance.uniform(0, 0.2) * longest)
            assert_ends(chance, second, counts)
        else:  # the other takes up what is left undone
            status, errors = second.wait()
            assert status == 0 and "Traceback" not in errors, errors
            assert_same(workdir, quick)
            counts["the other ended it"] += 1
        assert_finish(pair[: chance.randint(1, 2)], workdir, quick, "QUICK")
        shutil.rmtree(workdir)
    print(f"\n{number} sweeps: {dict(counts)}")


def flip(path, chance, until=None):
    """Flips a bit of a file, as a disk does, which keeps its time; returns the byte.

    Args:
      path: of the file.
      chance: draws the bit.
      until: of the bytes, the first so many only.
    """
    stat, content = path.stat(), bytearray(path.read_bytes())
    place = chance.randrange(min(until or len(content), len(content)))
    content[place] ^= 1 << chance.randrange(8)
    path.write_bytes(content)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    return place


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
    names = sorted(kinds, key=lambda kind: kind != RESULTS_FILE)
    for number in range({"whole": 4, "stopped": 2}[state] * ROUNDS):
        # Every other in a checkpoint, where most of the bytes are.
        kind = names[number // 2 % len(names)] if number % 2 == 0 else "checkpoints"
        workdir = shutil.copytree(origin, tmp_path / str(number))
        path = workdir / chance.choice(kinds[kind])
        place = flip(path, chance)
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


@pytest.fixture(params=["folder", "embedded"])
def cached(request, tmp_path):
    """A data set's name, and where its decoded images are cached."""
    if request.param == "embedded":
        return embedded.NAME, tmp_path
    pixels = np.random.default_rng(0).integers(0, 256, (6, 5, 5, 3), np.uint8)
    for number, image in enumerate(pixels):
        path = tmp_path / "own/train" / "ab"[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)
    return f"folder:{tmp_path / 'own'}", tmp_path


def test_flipped_bits_in_the_cache_of_data(cached):
    """Half of them in the first bytes, which say what all others are."""
    chance, counts = random.Random(SEED), collections.Counter()
    name, folder = cached
    whole = data.load(name, cache_dir=folder)
    (path,) = folder.glob("*.ws2")
    kept = path.read_bytes()
    for number in range(20 * ROUNDS):
        place = flip(path, chance, until=600 if number % 2 else None)
        found = data.load(name, cache_dir=folder)
        for field in dataclasses.fields(whole):
            one, two = getattr(found, field.name), getattr(whole, field.name)
            assert type(one) is type(two), (field.name, place)
            np.testing.assert_array_equal(one, two, str(place), strict=True)
        counts["decoded anew" if path.read_bytes() == kept else "no harm"] += 1
        path.write_bytes(kept)
    print(f"\n{name}: {dict(counts)}")


@pytest.fixture
def programs(tmp_path):
    """A folder in which JAX keeps all programs that it compiles."""
    told = {
        "jax_compilation_cache_dir": str(tmp_path / "xla"),
        "jax_persistent_cache_min_compile_time_secs": 0.0,
        "jax_persistent_cache_min_entry_size_bytes": -1,
    }
    before = {name: getattr(jax.config, name) for name in told}
    try:
        for name, value in told.items():
            jax.config.update(name, value)
        compilation_cache.reset_cache()
        yield tmp_path / "xla"
    finally:
        for name, value in before.items():
            jax.config.update(name, value)
        compilation_cache.reset_cache()


# What JAX says of an entry that it cannot read, before it compiles the program.
@pytest.mark.filterwarnings("ignore:Error reading persistent:UserWarning")
def test_flipped_bits_in_compiled_programs(programs, quick, tmp_path):
    """Seen before the flip or not, looked at as a launcher starts or missed."""
    chance, counts = random.Random(SEED), collections.Counter()
    engine.run_sweep(QUICK, tmp_path / "first")
    kept = {path: path.read_bytes() for path in sorted(programs.glob("*-cache"))}
    epochs = [path for path in kept if "one" in path.name or "mapped" in path.name]
    assert epochs, list(kept)
    for number in range(2 * ROUNDS):
        for path, content in kept.items():
            path.write_bytes(content)
        if number % 2:
            compile_cache.remove_damaged(programs)
        for path in chance.sample(epochs, len(epochs) // 2 + 1):
            flip(path, chance)
        if chance.random() < 0.5:
            counts["removed"] += len(compile_cache.remove_damaged(programs))
        jax.clear_caches()
        workdir = tmp_path / str(number)
        engine.run_sweep(QUICK, workdir)
        assert_same(workdir, quick)
        counts["sweeps"] += 1
        shutil.rmtree(workdir)
    print(f"\n{len(epochs)} programs: {dict(counts)}")


_ALONE = ("unshare", "--user", "--map-root-user", "--mount")
_MOUNTS = f"mount -t tmpfs none {TESTS}"


@pytest.mark.skipif(
    not shutil.which("unshare")
    or bool(
        subprocess.run([*_ALONE, "sh", "-c", _MOUNTS], capture_output=True).returncode
    ),
    reason="no disk can be mounted here",
)
def test_disks_that_run_full(quick, tmp_path):
    """In a record, a lock, a save or a table; of inodes, or of bytes."""
    chance = random.Random(SEED)
    lows = (0, 14, 30, 60) * ROUNDS if ROUNDS > 1 else (14, 60)
    lefts = [chance.randrange(low, low + 20) for low in lows]
    rounds = [(left, ("", "", 0)) for left in lefts]
    rounds += FULL
    script = (sys.executable, str(TESTS / "full_disk.py"), "test_torture", "QUICK")
    paths = os.pathsep.join([str(TESTS.parent), str(TESTS)])
    done = subprocess.run(
        [*_ALONE, *script, str(tmp_path), json.dumps(rounds)],
        env={**os.environ, **NO_THREADS, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        timeout=900 * ROUNDS,  # what cannot be written keeps no process from its end
    )
    assert done.returncode == 0, done.stderr
    ended = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(ended) == len(rounds)
    for number, (status, said) in enumerate(ended):
        about = (rounds[number], said)
        errors = [line for line in said.splitlines() if not LOGGED.match(line)]
        assert status == 1 and len(errors) == 1, about
        assert errors[0].startswith("error: ") and "No space left" in errors[0], about
        assert "file locks" not in errors[0], about
        if (aimed := WRITTEN.get(rounds[number][1][1])) is not None:
            assert f"{aimed} could not be written" in errors[0], about
        assert_same(tmp_path / str(number), quick)
