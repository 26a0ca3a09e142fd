"""From config to results: resuming, refusing, and what stands in the folder."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import chex
import jax.numpy as jnp
import numpy as np
import orbax.checkpoint as ocp
import pandas as pd
import pytest
from studies import stop_at_once, tiny

from ws_jax import engine
from ws_jax.checkpoint import load_run
from ws_jax.engine.living import LivingRuns
from ws_jax.measure import kernel_distance
from ws_jax.names import run_columns
from ws_jax.phases import Couple, GroupMean, NoPhase
from ws_jax.storage import results
from ws_jax.storage.checkpoint import open_chunk
from ws_jax.storage.integrity import seal, unseal
from ws_jax.storage.results import ResultsError
from ws_jax.storage.stored import Saved
from ws_jax.storage.workdir import Workdir, WorkdirError

pytestmark = pytest.mark.usefixtures("kept_programs")

YOUNG = ("optimizer", "phase", "coupling")
ROOT = Path(__file__).parents[1]
CONFIG = tiny(execution__chunk=2, train__epochs=3)
NUMBERS = [name for name in results.EPOCH_COLUMNS if name not in ("seconds", "status")]


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """A finished sweep, and its results."""
    workdir = tmp_path_factory.mktemp("done")
    engine.run_sweep(CONFIG, workdir)
    return workdir, results.read(workdir)


def test_results_have_a_row_for_every_run_and_epoch(done):
    _, frame = done
    identity = ["digest", "cell", "epochs"]
    known = [*results.COLUMNS, *identity]
    assert list(frame.columns[: len(known)]) == known
    # Fields that are not at their default, by name.
    *fields, fingerprint, folder = frame.columns[len(known) :]
    assert (fingerprint, folder) == ("data.fingerprint", "folder")  # of the record
    assert fields == sorted(fields) and all("." in name for name in fields)
    assert set(frame["train.batch_size"]) == {16}
    counts = frame.groupby(["model", "aug", "fold"])["epoch"].agg(list)
    assert len(counts) == 8
    assert all(e == [1, 2, 3] for e in counts["cnn"])
    assert all(e == [0, 1, 2, 3] for e in counts["fcn"])  # 0: its distances
    trained = frame[frame["epoch"] > 0]
    assert (
        trained[["loss", "val_loss", "acc", "val_acc", "translation"]]
        .notna()
        .all(axis=None)
    )
    assert trained[["rotation", "noise", "swap"]].isna().all(axis=None)
    assert (frame["dist_1"].notna() == (frame["model"] == "fcn")).all()
    assert set(frame["status"]) == {"finished"}
    zero = frame["aug"] == 0
    assert (frame.loc[zero, "aug_type"] == "none").all()
    assert (frame.loc[~zero, "aug_type"] == "translation").all()


def test_the_record_says_what_was_run(done):
    workdir, _ = done
    (record,) = results.read_records(workdir)
    assert record["config"]["base"]["train"]["epochs"] == 3
    assert record["data"]["name"].startswith("synthetic")
    assert {"jax", "flax", "ws_jax", "python"} <= set(record["versions"])
    assert record["device"]["platform"] == "cpu"


@pytest.mark.parametrize(
    "phase, coupling",
    [(NoPhase(), 0.0), (Couple(strength=0.4), 0.4), (GroupMean(), 1.0)],
    ids=lambda value: getattr(value, "kind", ""),
)
def test_columns_say_how_runs_were_trained(phase, coupling):
    sweep = tiny(train__phase=phase).checked()
    told = run_columns(sweep, sweep.runs(), "").values()
    for columns in told:
        free = columns["sharing"] == "free"  # a convolution has nothing to couple
        assert columns["phase"] == (phase.kind if free else "none")
        assert columns["coupling"] == (coupling if free else 0.0)
        assert columns["optimizer"] == "adam"
    assert len(told) == 8


def test_tables_older_than_a_column_are_read(done, tmp_path):
    path = tmp_path / results.RESULTS_FILE
    done[1].drop(columns=[*YOUNG, "digest", "cell"]).to_parquet(path)
    train = {"optimizer": {"name": "sgd"}, "phase": {"name": "none", "strength": 0.4}}
    for phase, coupling in [("none", 0.0), ("couple", 0.4), ("group_mean", 1.0)]:
        train["phase"]["name"] = phase
        record = {"config": {"train": train}, "data": {}, "chunks": []}
        (tmp_path / results.RECORD_FILE).write_text(json.dumps(record))
        frame = results.read(tmp_path)
        assert set(results.COLUMNS) < set(frame.columns)
        assert set(frame["optimizer"]) == {"sgd"} and set(frame["phase"]) == {phase}
        assert set(frame["coupling"]) == {coupling}
        rows = frame.to_dict("records")
        assert frame.dtypes.to_dict() == results.make_frame(rows).dtypes.to_dict()
        assert frame["digest"].nunique() == 8 and frame["cell"].nunique() == 4


def test_a_finished_sweep_is_not_trained_again(done, monkeypatch):
    workdir, frame = done
    before = (workdir / results.RESULTS_FILE).read_bytes()
    monkeypatch.setattr(LivingRuns, "train_epoch", None)
    engine.run_sweep(CONFIG, workdir)
    pd.testing.assert_frame_equal(results.read(workdir), frame)
    assert (workdir / results.RESULTS_FILE).read_bytes() == before


def test_another_config_is_refused_by_its_fields(done):
    workdir, frame = done
    other = tiny(execution__chunk=2, train__epochs=4, sweep__levels=(0.0,))
    with pytest.raises(WorkdirError) as refusal:
        engine.run_sweep(other, workdir)
    assert "base.train.epochs: 3 -> 4" in str(refusal.value)
    assert "axes.transforms.level: [0.0, 0.3] -> [0.0]" in str(refusal.value)
    pd.testing.assert_frame_equal(results.read(workdir), frame)


def test_another_saving_rhythm_is_not_another_sweep(done):
    workdir, _ = done
    engine.run_sweep(
        tiny(execution__chunk=2, train__epochs=3, execution__checkpoint_every=7),
        workdir,
    )


@pytest.mark.slow
def test_overwrite_starts_anew(done, tmp_path):
    small = tiny(sweep__levels=(0.0,), sweep__folds=(0,), train__epochs=1)
    engine.run_sweep(small, tmp_path)
    engine.run_sweep(
        tiny(sweep__levels=(0.3,), sweep__folds=(0,), train__epochs=1),
        tmp_path,
        overwrite=True,
    )
    assert set(results.read(tmp_path)["aug"]) == {0.3}


def test_one_run_is_lifted_out_of_a_checkpoint(done):
    workdir, frame = done
    run = load_run(workdir, model="fcn", aug=0.3, fold=1)
    assert run["params"]["conv_0"]["kernel"].shape == (4, 4, 3, 3, 1, 4)
    assert isinstance(run["params"]["hidden"]["kernel"], np.ndarray)
    with pytest.raises(ResultsError, match="2 runs fit"):
        load_run(workdir, model="fcn", aug=0.3)
    with pytest.raises(ResultsError, match="did you mean 'fold'"):
        load_run(workdir, folds=1)
    # The measured distance is that of the kernel that was saved.
    kernel = jnp.asarray(run["params"]["conv_0"]["kernel"])
    euclidean, _ = kernel_distance(kernel, 1)
    row = frame.query("model == 'fcn' and aug == 0.3 and fold == 1 and epoch == 3")
    np.testing.assert_allclose(float(euclidean), row["dist_1"].item(), rtol=1e-5)


def test_results_are_found_while_a_running_sweep_removes_folders(done, monkeypatch):
    workdir, frame = done
    real = os.scandir

    def scandir(path):
        # A checkpoint that was there when its parent was listed.
        if Path(path).name == "state":
            raise FileNotFoundError(path)
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    pd.testing.assert_frame_equal(results.read(workdir), frame)
    assert len(results.read_records(workdir)) == 1


def test_a_run_is_loaded_though_its_checkpoint_gives_way_to_a_newer_one(
    done, tmp_path, monkeypatch
):
    workdir = shutil.copytree(done[0], tmp_path / "running")
    which = dict(model="fcn", aug=0.3, fold=1)
    newest = next(workdir.glob("checkpoints/free-*translation/chunk_001/7"))
    older = shutil.copytree(newest, newest.with_name("6"))
    table = unseal((older / "rows" / "metadata").read_bytes())
    (older / "rows" / "metadata").write_text(json.dumps(seal({**table, "step": 6})))
    hidden = newest.rename(tmp_path / "not yet there")
    real = ocp.StandardCheckpointHandler.restore
    removed = []

    def restore(self, path, **arguments):
        if not removed:
            removed.append(path.parent)
            shutil.rmtree(path.parent)
            hidden.rename(newest)
        return real(self, path, **arguments)

    with monkeypatch.context() as patch:
        patch.setattr(ocp.StandardCheckpointHandler, "restore", restore)
        run = load_run(workdir, **which)
    assert removed
    chex.assert_trees_all_equal(run, load_run(done[0], **which))
    # What is broken, and not followed by a newer one, is said.
    shutil.rmtree(newest / "state")
    with pytest.raises(ResultsError, match="arrays cannot be read"):
        load_run(workdir, **which)


def test_folders_that_cannot_serve(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(WorkdirError, match="cannot write"):
        Workdir(tmp_path / "file" / "below")
    (tmp_path / "used").mkdir()
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / results.RESULTS_FILE).write_text("")
    with (
        Workdir(tmp_path / "old") as folder,
        pytest.raises(WorkdirError, match="says of what"),
    ):
        folder.find({}, overwrite=False)
    with pytest.raises(ResultsError, match="no results"):
        results.read(tmp_path / "used")


SCRIPT = """
import sys
sys.path.insert(0, {tests!r})
from studies import stop_at_once, tiny
from ws_jax import engine
engine.run_sweep(tiny(execution__chunk=2, train__epochs=3), sys.argv[1])
"""


@contextlib.contextmanager
def started(workdir):
    """The sweep of `done` in a process of its own, which does not outlive the block."""
    script = SCRIPT.format(tests=str(ROOT / "tests"))
    with subprocess.Popen(
        [sys.executable, "-c", script, str(workdir)],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def go_on(workdir):
    """Starts the sweep again and lets it end."""
    with started(workdir) as process:
        _, errors = process.communicate()
    assert process.returncode == 0, errors


def wait_for(condition, process):
    """Waits until something is there, or the process ends."""
    while not condition() and process.poll() is None:
        time.sleep(0.005)


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["while saving", "after the first chunk"])
def test_killed_and_started_again_gives_the_same_numbers(done, tmp_path, moment):
    # Found by name in folders that stay: what Orbax writes moves while one looks.
    saving = "checkpoints/*/*/*orbax-checkpoint-tmp*"
    with started(tmp_path) as process:
        if moment == "while saving":
            wait_for(lambda: any(tmp_path.glob(saving)), process)
        else:
            wait_for((tmp_path / results.RESULTS_FILE).exists, process)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    assert process.returncode == -signal.SIGKILL, "it ended before it was killed"
    go_on(tmp_path)
    frame = results.read(tmp_path)
    np.testing.assert_array_equal(frame[NUMBERS], done[1][NUMBERS])


def test_what_a_killed_save_left_is_gone_before_the_next_one(tmp_path):
    state = {"a": jnp.arange(3.0)}
    saved = Saved(epoch=1, done=False, rows=[{"run": "r", "epoch": 1}])
    leftover = tmp_path / "2.orbax-checkpoint-tmp" / "state"
    leftover.mkdir(parents=True)
    with open_chunk(tmp_path, keep=1) as checkpoints:
        assert not leftover.parent.exists()
        checkpoints.save(state, saved)
    with open_chunk(tmp_path, keep=1) as checkpoints:
        assert checkpoints.latest() == saved
        np.testing.assert_array_equal(checkpoints.restore(state)["a"], state["a"])


@pytest.mark.slow
def test_sigterm_saves_and_the_next_start_goes_on(done, tmp_path):
    with started(tmp_path) as process:
        wait_for(lambda: any(tmp_path.glob("checkpoints/*/*/2")), process)
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate()
    assert process.returncode != 0 and "start the same command again" in errors
    record = json.loads((tmp_path / results.RECORD_FILE).read_text())
    assert len(record["chunks"]) == 4
    go_on(tmp_path)
    np.testing.assert_array_equal(results.read(tmp_path)[NUMBERS], done[1][NUMBERS])


@pytest.mark.slow
def test_a_sweep_goes_on_with_another_number_of_devices(tmp_path, monkeypatch):
    # Three runs in a chunk, which two devices cannot share evenly.
    parts = {"sweep__levels": (0.3,), "sweep__folds": (0, 1, 2), "execution__chunk": 3}
    engine.run_sweep(tiny(**parts), tmp_path / "whole")
    stop_at_once(tiny(**parts), tmp_path / "moved", monkeypatch)
    script = f"""
import sys
sys.path.insert(0, {str(ROOT / "tests")!r})
from studies import stop_at_once, tiny
from ws_jax import engine
engine.run_sweep(tiny(**{parts!r}), sys.argv[1])
"""
    devices = "--xla_force_host_platform_device_count=2"
    subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "moved")],
        cwd=ROOT,
        env={**os.environ, "XLA_FLAGS": f"{os.environ['XLA_FLAGS']} {devices}"},
        check=True,
    )
    moved, whole = (results.read(tmp_path / name) for name in ("moved", "whole"))
    assert list(moved["run"]) == list(whole["run"])
    numbers = ["epoch", "loss", "acc", "val_acc", "translation", "dist_1"]
    np.testing.assert_allclose(moved[numbers], whole[numbers], rtol=2e-3, atol=1e-3)


@pytest.mark.slow
def test_two_devices_give_what_one_gives(done, tmp_path):
    script = SCRIPT.format(tests=str(ROOT / "tests"))
    devices = "--xla_force_host_platform_device_count=2"
    flags = {"XLA_FLAGS": f"{os.environ['XLA_FLAGS']} {devices}"}
    subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)],
        cwd=ROOT,
        env={**os.environ, **flags},
        check=True,
    )
    (record,) = results.read_records(tmp_path)
    assert record["device"]["count"] == 2
    numbers = ["loss", "acc", "val_acc", "translation", "dist_1"]
    np.testing.assert_allclose(
        results.read(tmp_path)[numbers], done[1][numbers], rtol=2e-3, atol=1e-3
    )


@pytest.mark.slow
def test_a_restart_never_shrinks_the_results(tmp_path, monkeypatch):
    config = tiny(execution__chunk=1, train__epochs=2, sweep__sharing=("full",))
    stop_at_once(config, tmp_path, monkeypatch)
    sizes = [len(results.read(tmp_path))]
    write = results.write

    def watched(frame, workdir):
        sizes.append(len(frame))
        return write(frame, workdir)

    monkeypatch.setattr(results, "write", watched)
    engine.run_sweep(config, tmp_path)
    assert sizes == sorted(sizes) and {2, 4, 6} < set(sizes) and sizes[-1] == 8
    written = len(sizes)
    engine.run_sweep(config, tmp_path)
    assert len(sizes) == written, "a finished sweep was written again"


@pytest.mark.slow
def test_a_full_disk_is_one_clear_error_and_loses_nothing(tmp_path, monkeypatch):
    config = tiny(train__epochs=2, sweep__folds=(0,), execution__chunk=1)
    real = shutil.disk_usage

    def nearly_full(path):
        # Room for the first chunk alone.
        full = any(Path(tmp_path).rglob("chunk_000/*/state"))
        return real(path)._replace(free=100) if full else real(path)

    with monkeypatch.context() as patch, pytest.raises(OSError, match="disk is full"):
        patch.setattr("ws_jax.storage.checkpoint.shutil.disk_usage", nearly_full)
        engine.run_sweep(config, tmp_path)
    engine.run_sweep(config, tmp_path)
    assert len(results.read(tmp_path)) == 2 * 2 + 2 * 3
