"""Nothing lost, nothing silently wrong: damage, links, full disks, strange folders."""

import asyncio
import dataclasses
import json
import logging
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import warnings
import zlib
from pathlib import Path
from unittest.mock import Mock

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
import tensorstore
from jax.experimental.compilation_cache import compilation_cache
from studies import stop_at_once, tiny

from ws_jax import engine
from ws_jax.analysis.page.what_was_run import _made_with
from ws_jax.checkpoint import load_run
from ws_jax.cli import compile_cache, main
from ws_jax.config import ConfigError, replace_field
from ws_jax.engine.living import LivingRuns
from ws_jax.storage import ledger, results, standins
from ws_jax.storage.checkpoint import open_chunk
from ws_jax.storage.environments import changes, environments
from ws_jax.storage.integrity import (
    Damage,
    check_parquet,
    seal_parquet,
    unseal,
    write_atomically,
)
from ws_jax.storage.results import RECORD_FILE, RESULTS_FILE, ResultsError
from ws_jax.storage.stored import Saved, chunk_folder, latest_saved
from ws_jax.storage.workdir import Workdir, WorkdirError, environment

ROOT = Path(__file__).parents[1]
# When one array cannot be read, Orbax abandons the reading of the others, which tell
# of their end to nobody.
pytestmark = pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)
# Three chunks of one run; the last checkpoint and one before it stay.
CONFIG = tiny(
    execution__chunk=1,
    execution__keep=2,
    train__epochs=2,
    sweep__levels=(0.0,),
    sweep__folds=(0, 1, 2),
    sweep__sharing=("full",),
)
GROUP = "conv-paper-2layers-translation"
# That programs are kept, however small and quick to compile.
_CACHE = {
    "jax_compilation_cache_dir": None,
    "jax_persistent_cache_min_compile_time_secs": 0.0,
    "jax_persistent_cache_min_entry_size_bytes": -1,
}


def saved_otherwise(sweep, **fields):
    """The same runs, saved or cut into chunks in another way."""
    base = sweep.base
    for name, value in fields.items():
        base = replace_field(base, f"execution.{name}", value)
    return dataclasses.replace(sweep, base=base)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    workdir = tmp_path_factory.mktemp("finished")
    engine.run_sweep(CONFIG, workdir)
    return workdir


@pytest.fixture
def sweep(finished, tmp_path):
    """A finished sweep to break, and its table."""
    workdir = shutil.copytree(finished, tmp_path / "sweep")
    return workdir, results.read(workdir)


@pytest.fixture
def no_training(monkeypatch):
    monkeypatch.setattr(LivingRuns, "train_epoch", None)


def chunk(workdir, index):
    (folder,) = Path(workdir).glob(f"checkpoints/*/chunk_{index:03d}")
    return folder


def flip(path, place=0.5):
    content = bytearray(path.read_bytes())
    content[int(place * (len(content) - 1))] ^= 1
    path.write_bytes(content)


def largest(folder):
    return max(folder.rglob("d/*"), key=lambda path: path.stat().st_size)


def spoil(state):
    """Flips bits of saved arrays; of a file's copies only one is read."""
    for path in state.rglob("d/*"):
        for place in (0.3, 0.5, 0.7):
            flip(path, place)


def unharmed(frame, workdir):
    again = results.read(workdir)
    timed = ["seconds"]
    pd.testing.assert_frame_equal(again.drop(columns=timed), frame.drop(columns=timed))


@pytest.mark.parametrize("wrong", ["missing", "fewer rows", "other", "cut off", "flip"])
def test_the_table_of_a_finished_sweep_is_mended(sweep, wrong, no_training):
    workdir, frame = sweep
    path = workdir / RESULTS_FILE
    if wrong == "missing":
        path.unlink()
    elif wrong == "fewer rows":
        results.write(frame[frame["fold"] != 2], workdir)
    elif wrong == "other":
        results.write(frame.assign(acc=frame["acc"] + 0.01), workdir)
    elif wrong == "cut off":
        path.write_bytes(path.read_bytes()[:-100])
    else:
        flip(path)
    engine.run_sweep(CONFIG, workdir)
    pd.testing.assert_frame_equal(results.read(workdir), frame)
    written = path.stat().st_mtime_ns
    engine.run_sweep(CONFIG, workdir)
    assert path.stat().st_mtime_ns == written, "a sound table was written again"


_TOLD = """
import sys
from launch import sweep
from ws_jax import cli
try:
    cli.run(sweep.main)
except SystemExit as end:
    loaded = {"orbax", "pandas", "scipy", "matplotlib", "tensorflow"} & set(sys.modules)
    sys.exit(end.code or ", ".join(loaded) or 0)
"""


@pytest.mark.slow
def test_a_finished_sweep_is_told_without_devices_or_what_it_does_not_need(sweep):
    workdir, _ = sweep
    config = workdir.with_name("values.py")
    config.write_text(f"def get_config():\n    return {CONFIG.values()}")
    told = subprocess.run(
        [
            *(sys.executable, "-c", _TOLD),
            *(f"--config={config}", f"--workdir={workdir}"),
        ],
        cwd=ROOT,
        env={**os.environ, "JAX_PLATFORMS": "none"},  # there is no such device
        capture_output=True,
        text=True,
    )
    assert told.returncode == 0, told.stderr
    assert told.stdout == f"results: {workdir / RESULTS_FILE}\n"


def test_checks_are_passed_over_only_where_the_very_same_began(sweep, monkeypatch):
    workdir, _ = sweep
    checked = []
    monkeypatch.setattr("ws_jax.engine.sweep.check_fits", checked.append)
    engine.run_sweep(CONFIG, workdir)
    assert not checked
    with pytest.raises(WorkdirError, match="another config"):
        engine.run_sweep(dataclasses.replace(CONFIG, name="other"), workdir)
    assert len(checked) == 1
    record = unseal((workdir / RECORD_FILE).read_bytes())
    results.write_record({**record, "versions": {"jax": "0.0.1"}}, workdir)
    engine.run_sweep(CONFIG, workdir)
    assert len(checked) == 2


@pytest.mark.parametrize("setting", ["threefry_partitionable", "enable_x64"])
def test_a_begun_sweep_goes_on_with_the_same_draws_only(setting, sweep, tmp_path):
    workdir = tmp_path / "copy"
    shutil.copytree(sweep[0], workdir)
    usual = getattr(jax.config, f"jax_{setting}")
    with getattr(jax, setting)(not usual):
        engine.run_sweep(CONFIG, workdir)  # finished: nothing is drawn
        (workdir / RESULTS_FILE).unlink()
        shutil.rmtree(workdir / "checkpoints")
        with pytest.raises(ConfigError, match=f"jax_{setting} is {not usual}, needs"):
            engine.run_sweep(CONFIG, workdir)
    assert not (workdir / RESULTS_FILE).exists()


@pytest.mark.slow
def test_a_start_with_another_device_or_versions_is_noted(sweep, caplog, monkeypatch):
    workdir, frame = sweep
    record = results.read_record(workdir / RECORD_FILE)
    here = environment()
    gone = {
        "versions": {**here["versions"], "jax": "0.4.1"},
        "device": {"platform": "gpu", "kind": "H100", "count": 8},
    }
    results.write_record({**record, **gone}, workdir)
    monkeypatch.setattr(logging.getLogger("absl"), "propagate", True)
    begun = (workdir / RECORD_FILE).read_bytes()
    engine.run_sweep(CONFIG, workdir)  # nothing is left to train
    assert (workdir / RECORD_FILE).read_bytes() == begun
    for _ in range(2):  # noted and told once
        shutil.rmtree(chunk(workdir, 1))
        (workdir / RESULTS_FILE).unlink()
        engine.run_sweep(CONFIG, workdir)
    noted = results.read_record(workdir / RECORD_FILE)
    assert noted == {**record, **gone, "environments": [here]}
    told = [m for m in caplog.messages if "than it began with" in m]
    device = here["device"]
    text = f"(8 x H100 (gpu) -> {device['count']} x {device['kind']} ("
    assert len(told) == 1 and text in told[0]
    assert f"jax 0.4.1 -> {here['versions']['jax']}" in told[0]
    said = _made_with(noted)
    assert "tiny: 8 x H100 (gpu); " in said and said.count(text[1:]) == 1
    assert "trained with others" not in _made_with(record)
    unharmed(frame, workdir)


def test_environments_are_told_once_and_stay_when_a_sweep_is_extended():
    a, b, c = ({"versions": {"jax": v}, "device": {}} for v in "123")
    record = {**b, "extended_from": [{"config": {}, **a, "environments": [c, b]}]}
    assert environments(record) == [b, a, c]
    assert environments({**record, "environments": [a]}) == [b, a, c]
    assert changes(b, c) == ["jax 2 -> 3"]
    fast = {**b, "flags": ["--xla_cpu_enable_fast_math=true"]}
    assert changes(b, fast) == ["XLA_FLAGS none -> --xla_cpu_enable_fast_math=true"]
    assert environments({**record, "environments": [fast]}) == [b, fast, a, c]


def test_flags_that_round_otherwise_are_noted(monkeypatch):
    monkeypatch.setenv("XLA_FLAGS", "--xla_force_host_platform_device_count=2")
    assert "flags" not in environment()
    monkeypatch.setenv("XLA_FLAGS", "--xla_dump_to=x --xla_b=1  --xla_a=true")
    assert environment()["flags"] == ["--xla_b=1", "--xla_a=true"]  # the last counts
    assert environments({"config": {}}) == [{}]  # as records of old may be


def test_a_table_is_known_to_hold_rows_or_looked_at_in_full(tmp_path):
    rows = [
        {"run": "a", "epoch": epoch, "acc": 0.1 * epoch, "counts": [[epoch, 2]]}
        for epoch in range(3)
    ]
    rows[0]["loss"] = float("nan")  # as if it were not there
    text = {name: "" for name, kind in results.RUN_COLUMNS.items() if kind == "str"}
    whole = {name: 0 for name, kind in results.COLUMNS.items() if kind == "int64"}
    rows = [{**text, **whole, "status": "finished", **row} for row in rows]
    assert not results.holds(tmp_path, rows)
    results.write(results.make_frame(rows), tmp_path)
    assert results.holds(tmp_path, rows)
    assert not results.holds(tmp_path, rows[:2])
    assert not results.holds(tmp_path, rows[::-1])
    for name, value in {"acc": np.nextafter(0.1, 1), "counts": [[1, 3]]}.items():
        assert not results.holds(tmp_path, [rows[0], {**rows[1], name: value}, rows[2]])
    flip(tmp_path / RESULTS_FILE)
    assert not results.holds(tmp_path, rows)


def test_a_table_with_vectors_and_matrices_is_not_written_again(sweep):
    workdir, frame = sweep
    lists = {
        "correct": [[1, float("nan"), i / 3] for i in range(len(frame))],
        "confusion": [[[i, 0], [1, i]] for i in range(len(frame))],
        "some": [None, *([[0.1]] * (len(frame) - 1))],
    }
    ledger.settle(frame.assign(**lists), workdir)
    written = (workdir / RESULTS_FILE).stat()
    ledger.settle(frame.assign(**lists), workdir)
    after = (workdir / RESULTS_FILE).stat()
    assert (after.st_ino, after.st_mtime_ns) == (written.st_ino, written.st_mtime_ns)
    there = results.read_table(workdir / RESULTS_FILE)
    lists["confusion"][2][1][1] += 1
    assert not results.same(frame.assign(**lists), there)


def test_a_finished_sweep_without_checkpoints_stays_finished(sweep, no_training):
    workdir, frame = sweep
    before = (workdir / RESULTS_FILE).read_bytes()
    shutil.rmtree(workdir / "checkpoints")
    engine.run_sweep(CONFIG, workdir)
    assert (workdir / RESULTS_FILE).read_bytes() == before


def test_rows_of_chunks_without_checkpoints_stay(sweep, no_training):
    workdir, frame = sweep
    shutil.rmtree(chunk(workdir, 1))
    # A row of another chunk is missing, so that the table is written anew.
    # These come from the record and the folder.
    stored = frame.drop(columns=["data.fingerprint", "folder"])
    results.write(stored[(frame["fold"] != 2) | (frame["epoch"] != 1)], workdir)
    engine.run_sweep(CONFIG, workdir)
    pd.testing.assert_frame_equal(results.read(workdir), frame)


def test_rows_that_nothing_could_give_back_are_refused(tmp_path, monkeypatch):
    stop_at_once(CONFIG, tmp_path, monkeypatch)
    frame = results.read_table(tmp_path / RESULTS_FILE)
    # A table of before digests, which does not tell whose rows it holds.
    results.write(frame.drop(columns=list(standins.IDENTITY_COLUMNS)), tmp_path)
    before = (tmp_path / RESULTS_FILE).read_bytes()
    shutil.rmtree(chunk(tmp_path, 0))
    with pytest.raises(WorkdirError, match="--overwrite"):
        engine.run_sweep(CONFIG, tmp_path)
    assert (tmp_path / RESULTS_FILE).read_bytes() == before
    engine.run_sweep(CONFIG, tmp_path, overwrite=True)
    assert len(results.read(tmp_path)) == 6


def test_rows_of_before_digests_are_taken_as_the_sweeps_own(sweep, no_training):
    workdir, frame = sweep
    stored = frame.drop(columns=["data.fingerprint", "folder"])
    results.write(stored.drop(columns=list(standins.IDENTITY_COLUMNS)), workdir)
    shutil.rmtree(workdir / "checkpoints")
    engine.run_sweep(CONFIG, workdir)
    pd.testing.assert_series_equal(results.read(workdir)["loss"], frame["loss"])


@pytest.mark.parametrize("lost", ["all", "one"])
def test_a_table_of_another_sweep_is_refused(sweep, lost, no_training):
    workdir, frame = sweep
    path = workdir / RESULTS_FILE
    shutil.rmtree(workdir / "checkpoints" if lost == "all" else chunk(workdir, 1))
    other = results.read_table(path)
    # As a sweep with another batch size would have them, under the same names.
    results.write(other.assign(digest="0123456789abcdef"), workdir)
    before = path.read_bytes()
    with pytest.raises(WorkdirError, match="of another sweep.*move this one away"):
        engine.run_sweep(CONFIG, workdir)
    assert path.read_bytes() == before
    results.write(other, workdir)  # as the error says
    engine.run_sweep(CONFIG, workdir)
    pd.testing.assert_frame_equal(results.read(workdir), frame)


def test_vectors_in_rows_without_checkpoints_stay(sweep, no_training):
    workdir, frame = sweep
    stored = results.read_table(workdir / RESULTS_FILE)
    counts = [[[float(i), 2.0], [3.0, 4.0]] for i in range(len(stored))]
    results.write(stored.assign(val_counts=counts), workdir)
    before = (workdir / RESULTS_FILE).read_bytes()
    shutil.rmtree(workdir / "checkpoints")
    engine.run_sweep(CONFIG, workdir)
    assert (workdir / RESULTS_FILE).read_bytes() == before


@pytest.mark.slow
def test_the_advice_on_a_damaged_checkpoint_comes_true(finished, tmp_path, monkeypatch):
    frame = results.read(finished)
    config = saved_otherwise(CONFIG, keep=1)
    stop_at_once(config, tmp_path, monkeypatch)
    flip(chunk(tmp_path, 0) / "2" / "rows" / "metadata")
    with pytest.raises(WorkdirError, match="is damaged") as refused:
        engine.run_sweep(config, tmp_path)
    folder = re.search(r"remove (\S+) and start the same command", str(refused.value))
    shutil.rmtree(folder[1])
    engine.run_sweep(config, tmp_path)
    unharmed(frame, tmp_path)


@pytest.mark.slow
def test_begun_runs_do_not_train_anew_where_no_checkpoint_at_all_is(
    tmp_path, monkeypatch
):
    """As where `checkpoints` is a link to a disk that is not mounted, but is there."""
    stop_at_once(CONFIG, tmp_path, monkeypatch)
    (tmp_path / "checkpoints").rename(tmp_path / "disk")
    (tmp_path / "empty").mkdir()
    (tmp_path / "checkpoints").symlink_to(tmp_path / "empty")
    before = (tmp_path / RESULTS_FILE).read_bytes()
    with pytest.raises(WorkdirError, match="or mount the disk"):
        engine.run_sweep(CONFIG, tmp_path)
    assert (tmp_path / RESULTS_FILE).read_bytes() == before
    (tmp_path / "checkpoints").unlink()
    (tmp_path / "disk").rename(tmp_path / "checkpoints")
    engine.run_sweep(CONFIG, tmp_path)


@pytest.mark.slow
def test_rows_of_ended_runs_stay_while_their_chunk_trains_anew(tmp_path, monkeypatch):
    base = replace_field(CONFIG.base, "train.epochs", 3)
    together = dataclasses.replace(CONFIG, base=base)
    together = saved_otherwise(together, chunk=3, keep=1)
    engine.run_sweep(together, tmp_path)
    frame = results.read(tmp_path)
    # Fold 0 had ended, fold 1 was after its first epoch, as where runs end at different
    # ones; then their checkpoint was damaged, and removed.
    stored = results.read_table(tmp_path / RESULTS_FILE)
    begun = stored[(stored["fold"] == 1) & (stored["epoch"] < 2)]
    ended = stored[stored["fold"] == 0]
    results.write(pd.concat([ended, begun.assign(status="running")]), tmp_path)
    shutil.rmtree(chunk(tmp_path, 0))
    for epoch in (1, 2):  # of the checkpoint that is there then, not at the end
        stop_at_once(together, tmp_path, monkeypatch)
        there = results.read_table(tmp_path / RESULTS_FILE)
        pd.testing.assert_frame_equal(there[there["fold"] == 0], ended)
        others = there[there["fold"] != 0]
        assert set(others["status"]) == {"running"}
        assert others["epoch"].max() == epoch
    engine.run_sweep(together, tmp_path)
    unharmed(frame, tmp_path)


def test_a_damaged_table_without_checkpoints_is_refused(sweep):
    workdir, _ = sweep
    shutil.rmtree(workdir / "checkpoints")
    flip(workdir / RESULTS_FILE)
    with pytest.raises(WorkdirError, match="no checkpoints"):
        engine.run_sweep(CONFIG, workdir)


@pytest.mark.slow
def test_flipped_bits_in_a_table_are_found_wherever_they_are(sweep):
    workdir, _ = sweep
    content = (workdir / RESULTS_FILE).read_bytes()
    check_parquet(content)
    for place in range(0, len(content), 37):
        changed = bytearray(content)
        changed[place] ^= 1 << place % 8
        (workdir / RESULTS_FILE).write_bytes(changed)
        try:
            frame = results.read(workdir)
        except ResultsError:
            continue
        # Only the mark of the digest itself may change unseen: the rows are whole.
        (workdir / RESULTS_FILE).write_bytes(content)
        pd.testing.assert_frame_equal(frame, results.read(workdir))


def test_a_table_is_sealed_within_the_file(tmp_path):
    frame = pd.DataFrame({"a": [1.0, 2.0]})
    frame.to_parquet(tmp_path / "plain.parquet")
    plain = (tmp_path / "plain.parquet").read_bytes()
    check_parquet(plain)  # as tables of former versions are
    sealed = seal_parquet(plain)
    (tmp_path / "sealed.parquet").write_bytes(sealed)
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "sealed.parquet"), frame)
    with pytest.raises(Damage, match="not whole"):
        check_parquet(sealed[:-3])


@pytest.mark.parametrize("part", ["arrays", "rows", "no arrays", "no rows", "cut off"])
def test_a_damaged_checkpoint_gives_way_to_an_older_one(
    tmp_path, part, caplog, monkeypatch
):
    state = {"params": {"a": jnp.arange(300.0)}, "model_state": None}
    older, newer = (Saved(n, False, [{"run": "r", "loss": 0.5 + n}]) for n in (1, 2))
    with open_chunk(tmp_path, keep=2) as checkpoints:
        checkpoints.save(state, older)
        checkpoints.save(state, newer)
    bad = tmp_path / "4"
    if part == "arrays":
        spoil(bad / "state")
    elif part == "cut off":
        largest(bad / "state").write_bytes(b"")
    elif part == "rows":
        text = (bad / "rows" / "metadata").read_text()
        assert "2.5" in text
        (bad / "rows" / "metadata").write_text(text.replace("2.5", "2.6"))
    else:
        shutil.rmtree(bad / {"no arrays": "state", "no rows": "rows"}[part])
    monkeypatch.setattr(logging.getLogger("absl"), "propagate", True)
    with open_chunk(tmp_path, keep=2) as checkpoints:
        assert checkpoints.latest() == older
        chex.assert_trees_all_equal(checkpoints.restore(state), state)
        checkpoints.save(state, newer)
    assert str(bad) in caplog.text and "is damaged" in caplog.text
    assert latest_saved(tmp_path) == newer


@pytest.mark.slow
def test_damaged_checkpoints_alone_are_one_clear_error(tmp_path, monkeypatch):
    config = tiny(sweep__levels=(0.0,), sweep__folds=(0,), execution__keep=1)
    stop_at_once(config, tmp_path, monkeypatch)
    spoil(next(tmp_path.glob("checkpoints/*/chunk_000/2/state")))
    with pytest.raises(WorkdirError, match="is damaged .* remove"):
        engine.run_sweep(config, tmp_path)


@pytest.mark.slow
def test_a_damaged_checkpoint_of_a_sweep_trains_to_the_same_numbers(sweep):
    workdir, frame = sweep
    before = load_run(workdir, fold=1)
    flip(chunk(workdir, 1) / "5" / "rows" / "metadata")
    engine.run_sweep(CONFIG, workdir)
    unharmed(frame, workdir)
    chex.assert_trees_all_equal(load_run(workdir, fold=1), before)


def test_a_damaged_run_is_not_loaded(sweep):
    workdir, _ = sweep
    spoil(chunk(workdir, 0) / "5" / "state")
    with pytest.raises(ResultsError, match="is damaged"):
        load_run(workdir, fold=0)
    load_run(workdir, fold=1)


def test_checkpoints_older_than_their_sums_are_read(sweep, no_training):
    workdir, frame = sweep
    before = load_run(workdir, fold=0)
    for path in workdir.glob("checkpoints/*/*/*/rows/metadata"):
        table = json.loads(path.read_text())
        path.write_text(json.dumps({k: table[k] for k in ("done", "columns")}))
    record = json.loads((workdir / RECORD_FILE).read_text())
    del record["sha256"]
    (workdir / RECORD_FILE).write_text(json.dumps(record))
    engine.run_sweep(CONFIG, workdir)
    pd.testing.assert_frame_equal(results.read(workdir), frame)
    chex.assert_trees_all_equal(load_run(workdir, fold=0), before)


def test_committed_results_are_sound():
    for record in (ROOT / "docs" / "results").glob(f"*/{RECORD_FILE}"):
        assert results.read_record(record)["chunks"]
        assert len(results.read(record.parent))


def test_a_checkpoint_of_another_config_is_never_resumed(sweep, tmp_path, monkeypatch):
    other = tiny(**{**_PARTS, "train__epochs": 3})
    stop_at_once(other, tmp_path / "other", monkeypatch)
    shutil.rmtree(tmp_path / "other" / "checkpoints")
    (tmp_path / "other" / RESULTS_FILE).unlink()
    shutil.copytree(sweep[0] / "checkpoints", tmp_path / "other" / "checkpoints")
    with pytest.raises(WorkdirError, match="another sweep"):
        engine.run_sweep(other, tmp_path / "other")
    with pytest.raises(ResultsError, match="another sweep"):
        load_run(tmp_path / "other", fold=0)


_PARTS = {
    "execution__chunk": 1,
    "train__epochs": 2,
    "sweep__levels": (0.0,),
    "sweep__folds": (0,),
    "sweep__sharing": ("full",),
}


@pytest.mark.slow
def test_overwrite_empties_what_a_link_leads_to(sweep, tmp_path):
    workdir, _ = sweep
    away = (workdir / "checkpoints").rename(tmp_path / "away")
    (workdir / "checkpoints").symlink_to(away)
    other = tiny(**{**_PARTS, "train__epochs": 1})
    engine.run_sweep(other, workdir, overwrite=True)
    assert (workdir / "checkpoints").is_symlink()
    assert [path.name for path in away.glob("*/*")] == ["chunk_000"]
    assert set(results.read(workdir)["epoch"]) == {1}
    # What is not of this sweep is neither removed nor trusted.
    (away / "thesis").mkdir()
    before = (workdir / RESULTS_FILE).read_bytes()
    with pytest.raises(WorkdirError, match="is a link"):
        engine.run_sweep(other, workdir, overwrite=True)
    assert (away / "thesis").exists()
    assert (workdir / RESULTS_FILE).read_bytes() == before


def test_arrays_that_end_after_a_failed_save_do_not_tell_it_again(tmp_path, capfd):
    """As those of Orbax, whose event loop is closed when the first of them fails."""
    before = sys.unraisablehook

    def end_late():
        promise, future = tensorstore.Promise.new()
        loop = asyncio.new_event_loop()

        async def begin():
            return next(future.__await__())  # from here on the loop is to be told

        loop.run_until_complete(begin())
        loop.close()
        promise.set_result(1)

    with open_chunk(tmp_path / "a", keep=1):
        end_late()
    assert sys.unraisablehook is before
    try:
        with (
            pytest.raises(OSError, match=r"\(No space left on device\); those"),
            open_chunk(tmp_path / "b", keep=1) as checkpoints,
        ):
            error = RuntimeError("EXHAUSTED: No space left on device [code='28']")
            checkpoints._manager.wait_until_finished = Mock(side_effect=error)
        end_late()
    finally:
        kept_on, sys.unraisablehook = sys.unraisablehook, before
    assert kept_on is not before and "closed" not in capfd.readouterr().err


def test_arrays_that_had_not_begun_when_a_save_failed_are_not_told(tmp_path):
    async def write_fragment():
        """As Orbax names it."""

    async def another():
        """Of somebody else."""

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with open_chunk(tmp_path / "a", keep=1):
            pass
        write_fragment()
        another()
    (told,) = caught
    assert "another' was never awaited" in str(told.message)


def test_a_folder_that_cannot_be_made_is_not_called_a_link(tmp_path):
    (tmp_path / "group").write_text("in the way")
    with pytest.raises(WorkdirError, match="cannot be made .*: mend that"):
        open_chunk(tmp_path / "group" / "chunk_000", keep=1).__enter__()


def test_linked_events_are_refused_before_anything_is_removed(sweep, tmp_path):
    workdir, frame = sweep
    (tmp_path / "elsewhere").mkdir()
    (workdir / "tensorboard").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(WorkdirError, match="tensorboard is a link"):
        engine.run_sweep(CONFIG, workdir, overwrite=True)
    unharmed(frame, workdir)


def test_a_removal_that_fails_is_an_error(sweep, monkeypatch):
    workdir, _ = sweep

    def fail(path, **options):
        raise PermissionError(13, "Permission denied", str(path))

    with monkeypatch.context() as patch, pytest.raises(WorkdirError, match="denied"):
        patch.setattr("ws_jax.storage.integrity.shutil.rmtree", fail)
        engine.run_sweep(CONFIG, workdir, overwrite=True)
    assert (workdir / RECORD_FILE).exists()


def test_linked_folders_of_chunks_are_refused_and_left_alone(sweep, tmp_path):
    workdir, _ = sweep
    linked = chunk(workdir, 0)
    away = linked.rename(tmp_path / "away")
    (away / "9.orbax-checkpoint-tmp").mkdir()
    linked.symlink_to(away)
    with pytest.raises(WorkdirError, match="is a link"):
        engine.run_sweep(CONFIG, workdir)
    with pytest.raises(WorkdirError, match="is a link"):
        open_chunk(linked, keep=1).__enter__()
    assert (away / "9.orbax-checkpoint-tmp").exists()


def test_a_link_that_leads_nowhere_is_one_clear_error(tmp_path):
    (tmp_path / "w").mkdir()
    (tmp_path / "w" / "checkpoints").symlink_to(tmp_path / "gone")
    with pytest.raises(WorkdirError, match="link"):
        engine.run_sweep(CONFIG, tmp_path / "w")


@pytest.mark.parametrize("name", ["a[b]", "a*", "a?", "a\\b"])
def test_a_path_that_checkpoints_cannot_be_kept_under_is_refused(name, tmp_path):
    with pytest.raises(WorkdirError, match="in its path"):
        Workdir(tmp_path / name)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["a b", "ü{x}%20#", "w" * 240, "a]'\"$~|&@:"])
def test_other_strange_paths_keep_checkpoints(name, tmp_path):
    Workdir(tmp_path / name)
    state, saved = {"a": jnp.arange(3.0)}, Saved(1, False, [{"run": "r"}])
    folder = chunk_folder(tmp_path / name, "g", 0)
    with open_chunk(folder, keep=1) as checkpoints:
        checkpoints.save(state, saved)
    with open_chunk(folder, keep=1) as checkpoints:
        np.testing.assert_array_equal(checkpoints.restore(state)["a"], state["a"])


@pytest.mark.parametrize("how", ["cut off", "edited", "no record", "empty"])
def test_a_damaged_record_is_one_clear_error(sweep, how):
    workdir, frame = sweep
    path = workdir / RECORD_FILE
    text = path.read_text()
    changed = {
        "cut off": text[:300],
        "edited": text.replace('"fold": 1', '"fold": 0'),
        "no record": "[]",
        "empty": "",
    }
    path.write_text(changed[how])
    for ask in (results.read_records, lambda folder: load_run(folder, fold=0)):
        with pytest.raises(ResultsError, match="is damaged or was edited"):
            ask(workdir)
    with pytest.raises(WorkdirError, match="--overwrite"):
        engine.run_sweep(CONFIG, workdir)
    stored = frame.drop(columns="data.fingerprint")  # that comes from the record
    pd.testing.assert_frame_equal(results.read(workdir), stored)


@pytest.mark.parametrize("group", ["../..", "..", "/etc", "a/b", ""])
def test_no_group_leads_out_of_the_workdir(sweep, group):
    workdir, _ = sweep
    record = json.loads((workdir / RECORD_FILE).read_text())
    for entry in record["chunks"]:
        entry["group"] = group
    del record["sha256"]
    (workdir / RECORD_FILE).write_text(json.dumps(record))
    with pytest.raises(ResultsError, match="cannot be the name"):
        load_run(workdir, fold=0)


def test_a_record_of_unknown_runs_is_one_clear_error(sweep):
    workdir, _ = sweep
    record = json.loads((workdir / RECORD_FILE).read_text())
    record["chunks"][0]["runs"][0]["run"] = "unknown"
    del record["sha256"]
    (workdir / RECORD_FILE).write_text(json.dumps(record))
    with pytest.raises(WorkdirError, match="names 'unknown'"):
        engine.run_sweep(CONFIG, workdir)


class Full:
    """A disk on which no file grows beyond some bytes."""

    def __init__(self, size):
        self.size = size

    def __enter__(self):
        self.limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        self.handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (self.size, self.limits[1]))

    def __exit__(self, *exception):
        resource.setrlimit(resource.RLIMIT_FSIZE, self.limits)
        signal.signal(signal.SIGXFSZ, self.handler)


def test_a_table_that_cannot_be_written_leaves_the_old_one(sweep):
    workdir, frame = sweep
    before = (workdir / RESULTS_FILE).read_bytes()
    with Full(1000), pytest.raises(OSError, match="could not be written .* same comm"):
        results.write(frame, workdir)
    assert (workdir / RESULTS_FILE).read_bytes() == before
    assert not list(workdir.glob("*.tmp"))


def test_a_disk_that_fills_during_a_save_is_one_clear_error(tmp_path):
    state = {"a": jnp.asarray(np.random.default_rng(0).random(20_000))}
    saved = Saved(1, False, [{"run": "r"}])
    with open_chunk(tmp_path, keep=1) as checkpoints:
        checkpoints.save(state, saved)
    with (
        Full(20_000),
        pytest.raises(OSError, match="could not be written .* make room"),
    ):
        with open_chunk(tmp_path, keep=1) as checkpoints:
            checkpoints.save(state, saved._replace(epoch=2))
    with open_chunk(tmp_path, keep=1) as checkpoints:
        assert checkpoints.latest() == saved
        np.testing.assert_array_equal(checkpoints.restore(state)["a"], state["a"])


def test_files_are_on_the_disk_before_they_are_seen(tmp_path, monkeypatch):
    order = []
    real = {name: getattr(os, name) for name in ("fsync", "replace")}
    for name in real:

        def watched(*args, name=name):
            order.append(name)
            return real[name](*args)

        monkeypatch.setattr(os, name, watched)
    write_atomically(tmp_path / "a", b"content")
    assert order == ["fsync", "replace", "fsync"]
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_cut_off_programs_leave_the_compile_cache(tmp_path):
    whole = zlib.compress(np.random.default_rng(0).bytes(3_000_000))
    bad = bytearray(whole)
    bad[1_000] ^= 1
    contents = {"a": whole, "b": whole[:-7], "c": bytes(bad), "d": b"", "e": whole}
    for name, content in contents.items():
        (tmp_path / f"jit_{name}-cache").write_bytes(content)
    assert compile_cache.remove_damaged(tmp_path) == [
        f"jit_{name}-cache" for name in "bcd"
    ]
    # What was whole is read again only if it has changed.
    (tmp_path / "jit_e-cache").write_bytes(whole[:-1])
    real, read = compile_cache.is_whole, []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            compile_cache,
            "is_whole",
            lambda path: read.append(path.name) or real(path),
        )
        assert compile_cache.remove_damaged(tmp_path) == ["jit_e-cache"]
    assert read == ["jit_e-cache"]
    assert (tmp_path / "jit_a-cache").read_bytes() == whole
    assert compile_cache.remove_damaged(tmp_path / "missing") == []


def test_a_flipped_bit_is_found_in_a_program_without_checksum(tmp_path, monkeypatch):
    """JAX writes zstd frames without one where Python has zstd; they decompress."""
    monkeypatch.setattr(compile_cache, "is_whole", lambda path: True)
    entry = tmp_path / "jit_a-cache"
    entry.write_bytes(b"\x28\xb5\x2f\xfd" + bytes(100))
    stat = entry.stat()
    assert compile_cache.remove_damaged(tmp_path) == []
    assert compile_cache.remove_damaged(tmp_path) == []
    entry.write_bytes(b"\x28\xb5\x2f\xfd" + bytes(99) + b"\1")
    os.utime(entry, ns=(stat.st_atime_ns, stat.st_mtime_ns))  # as a disk does it
    assert compile_cache.remove_damaged(tmp_path) == [entry.name]


@pytest.mark.slow
def test_a_program_that_was_cut_off_is_compiled_and_kept_anew(tmp_path):
    """JAX itself compiles it, but keeps the entry that it cannot read."""
    before = {name: getattr(jax.config, name) for name in _CACHE}

    def compile_anew():
        jax.clear_caches()
        jitted = jax.jit(lambda x: x * 3.25 + 1)
        return float(jitted(jnp.float32(2)))

    try:
        for name, value in {
            **_CACHE,
            "jax_compilation_cache_dir": str(tmp_path),
        }.items():
            jax.config.update(name, value)
        compilation_cache.reset_cache()
        assert compile_anew() == 7.5
        (entry,) = tmp_path.glob("jit__lambda*-cache")
        whole = entry.read_bytes()
        entry.write_bytes(whole[: len(whole) // 2])
        with pytest.warns(UserWarning, match="Error reading persistent"):
            assert compile_anew() == 7.5
        assert len(entry.read_bytes()) < len(whole)
        assert compile_cache.remove_damaged(tmp_path) == [entry.name]
        assert compile_anew() == 7.5
        assert entry.exists() and compile_cache.remove_damaged(tmp_path) == []
    finally:
        for name, value in before.items():
            jax.config.update(name, value)
        compilation_cache.reset_cache()


@pytest.mark.parametrize(
    "error, status, said",
    [
        (KeyboardInterrupt(), 130, "interrupted"),
        (MemoryError(), 1, "memory ran out"),
        (RuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating"), 1, "memory ran"),
    ],
)
def test_interrupts_and_exhausted_memory_are_one_sentence(error, status, said, capsys):
    def fail():
        raise error

    assert main.guard(fail) == status
    assert said in capsys.readouterr().err


def test_other_errors_are_not_hidden():
    def fail():
        raise RuntimeError("a bug")

    with pytest.raises(RuntimeError, match="a bug"):
        main.guard(fail)
