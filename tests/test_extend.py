"""More runs and more epochs of a sweep that is there: what is trained stays."""

import shutil
import threading
from pathlib import Path
from unittest.mock import Mock

import chex
import pandas as pd
import pytest
from studies import stop_at_once, tiny

from ws_jax import engine, results
from ws_jax.checkpoint import load_run
from ws_jax.config import ConfigError
from ws_jax.engine.extend import check_extension
from ws_jax.engine.living import LivingRuns
from ws_jax.engine.study import make_record, make_study
from ws_jax.engine.sweep import check_start
from ws_jax.engine.table import SweepTable
from ws_jax.optimizers import Constant, Cosine, Steps
from ws_jax.storage import ledger
from ws_jax.storage.records import differences
from ws_jax.storage.results import RECORD_FILE, RESULTS_FILE
from ws_jax.storage.workdir import Workdir, WorkdirError

pytestmark = pytest.mark.usefixtures("kept_programs")
PARTS = {
    "execution__chunk": 1,
    "execution__keep_state": True,
    "train__epochs": 2,
    "sweep__levels": (0.3,),
    "sweep__folds": (0, 1),
    "sweep__sharing": ("full",),
}


def study(axes=(), **parts):
    return tiny(axes, **{**PARTS, **parts})


@pytest.fixture(scope="module")
def short(tmp_path_factory):
    """A finished sweep of two runs."""
    workdir = tmp_path_factory.mktemp("short")
    engine.run_sweep(study(), workdir)
    return workdir


@pytest.fixture
def sweep(short, tmp_path):
    return shutil.copytree(short, tmp_path / "sweep")


@pytest.fixture
def epochs(monkeypatch):
    """Which epochs are trained."""
    real, trained = LivingRuns.train_epoch, []

    def train_epoch(self, examples, epoch):
        trained.append(epoch)
        return real(self, examples, epoch)

    monkeypatch.setattr(LivingRuns, "train_epoch", train_epoch)
    return trained


def assert_same(workdir, whole):
    """All numbers of two sweeps are equal, bit for bit."""
    frame, other = (results.read(w).drop(columns="seconds") for w in (workdir, whole))
    pd.testing.assert_frame_equal(frame, other, check_exact=True)
    for run in other["run"].unique():
        chex.assert_trees_all_equal(
            load_run(workdir, run=run), load_run(whole, run=run)
        )


def content(workdir):
    files = (p for p in Path(workdir).rglob("*") if p.is_file())
    return {p: p.read_bytes() for p in files if ".lock" not in str(p)}


@pytest.mark.slow
def test_more_values_of_axes_train_and_nothing_else(sweep, tmp_path, epochs):
    before = content(sweep / "checkpoints")
    more = study({"seed": (0, 3)}, sweep__folds=(2, 1, 0), sweep__levels=(0.0, 0.3))
    engine.run_sweep(more, sweep, extend=True)
    assert len(epochs) == 2 * 10  # 12 runs, two of which were there
    after = content(sweep / "checkpoints")
    assert {path: after[path] for path in before} == before
    engine.run_sweep(more, tmp_path / "at once")
    assert_same(sweep, tmp_path / "at once")
    trained = len(epochs)
    engine.run_sweep(more, sweep, extend=True)
    engine.run_sweep(more, sweep)
    assert len(epochs) == trained
    (record,) = results.read_records(sweep)
    before = record["extended_from"][0]
    assert before["config"]["axes"]["fold"] == [0, 1]
    assert before["flags"] == record["flags"]  # tests are compiled by some


@pytest.mark.slow
def test_more_epochs_go_on_from_where_they_were(sweep, tmp_path, epochs):
    engine.run_sweep(study(train__epochs=4), sweep, extend=True)
    assert epochs == [2, 3, 2, 3]
    engine.run_sweep(study(train__epochs=4), tmp_path / "at once")
    assert_same(sweep, tmp_path / "at once")


@pytest.mark.slow
def test_a_stop_before_the_table_knows_more_epochs_loses_nothing(
    sweep, tmp_path, monkeypatch, epochs
):
    """Its rows were taken for another sweep's once a checkpoint was lost, too."""
    for more in (3, 4):  # extended twice, each time stopped at once
        with monkeypatch.context() as stopped:
            stopped.setattr(SweepTable, "begin", Mock(side_effect=KeyboardInterrupt))
            with pytest.raises(KeyboardInterrupt):
                engine.run_sweep(study(train__epochs=more), sweep, extend=True)
    lost = sorted(sweep.glob("checkpoints/*/chunk_*"))[0]
    shutil.rmtree(lost)
    engine.run_sweep(study(train__epochs=4), sweep)
    assert sorted(epochs) == [0, 1, 2, 2, 3, 3]  # anew, and on
    engine.run_sweep(study(train__epochs=4), tmp_path / "at once")
    assert_same(sweep, tmp_path / "at once")


def test_rows_of_before_more_epochs_are_of_runs_that_were_begun(tmp_path, monkeypatch):
    row = {"status": "finished", "epoch": 1}
    rows = [{**row, "run": name, "digest": f"{name} once"} for name in "abc"]
    (tmp_path / RESULTS_FILE).touch()
    monkeypatch.setattr(ledger, "read_table", lambda path: pd.DataFrame(rows))
    (tmp_path / "checkpoints" / "group").mkdir(parents=True)
    lost, digests = {("g", 0): ["a"], ("g", 1): ["b"]}, {n: {f"{n} now"} for n in "abc"}
    asked = tmp_path, lost, {"c": False}, digests
    kept = ledger.rows_to_keep(*asked, {n: {f"{n} once"} for n in "abc"})
    assert kept == ledger.Kept({}, {}, ["a", "b"])
    with pytest.raises(WorkdirError, match="of another sweep.* as of b:"):
        ledger.rows_to_keep(*asked, {"a": {"a once", "a twice"}})


@pytest.mark.slow
def test_an_unfinished_sweep_is_extended(tmp_path, monkeypatch, epochs):
    plain = {"execution__keep_state": False}
    stop_at_once(study(**plain), tmp_path / "sweep", monkeypatch)
    more = study(train__epochs=3, sweep__folds=(0, 1, 2), **plain)
    stop_at_once_more = epochs.copy()
    engine.run_sweep(more, tmp_path / "sweep", extend=True)
    assert stop_at_once_more == [0] and len(epochs) == 9
    engine.run_sweep(more, tmp_path / "at once")
    assert_same(tmp_path / "sweep", tmp_path / "at once")


@pytest.mark.slow
def test_runs_that_stopped_early_stay(tmp_path, epochs):
    parts = {"train__patience": 1, "train__optimizer.learning_rate": 1e-12}
    engine.run_sweep(study(train__epochs=5, **parts), tmp_path)
    stopped = results.read(tmp_path)
    assert set(stopped["status"]) == {"stopped"} and stopped["epoch"].max() < 5
    trained = len(epochs)
    engine.run_sweep(study(train__epochs=8, **parts), tmp_path, extend=True)
    assert len(epochs) == trained
    after = results.read(tmp_path)
    same = ["run", "epoch", "loss", "val_acc", "status"]
    pd.testing.assert_frame_equal(after[same], stopped[same])
    assert set(after["epochs"]) == {8}


@pytest.mark.slow
def test_what_a_base_has_in_a_swept_field_is_not_asked(short, epochs):
    # Folds, levels and sharing are axes: all runs are those that are there.
    other = {"fold": 2, "transforms__level": 0.1, "network__sharing": "free"}
    before = content(short / "checkpoints"), (short / RECORD_FILE).read_bytes()
    engine.run_sweep(study(**other), short)
    engine.run_sweep(study(**other), short, extend=True)
    more = check_start(study(sweep__folds=(0, 1, 2), **other), short, extend=True)
    assert epochs == [] and more.num_runs == 3
    assert before == (
        content(short / "checkpoints"),
        (short / RECORD_FILE).read_bytes(),
    )
    with pytest.raises(WorkdirError, match=r"asked\):\n  base.seed: 0 -> 1\n"):
        engine.run_sweep(study(seed=1, **other), short)


def test_a_swept_length_is_no_length_of_the_base(tmp_path):
    def asked(epochs, **base):
        sweep = study({"train.epochs": epochs}, sweep__folds=(0,), **base)
        made = make_study(sweep)
        return made, make_record(made.sweep, made.dataset)

    begun, record = asked((1, 2))
    record["chunks"] = [
        {"group": group.name, "index": 0, "runs": [begun.columns[run]]}
        for group in begun.groups
        for run in group.runs
    ]
    same, new = asked((1, 2), train__epochs=1)
    assert differences(record, new) == []
    assert check_extension(same, tmp_path, record, new)
    more, new = asked((1, 2, 3), train__epochs=1)
    assert len(check_extension(more, tmp_path, record, new)) == 2


@pytest.mark.parametrize(
    "parts, named",
    [
        ({"train__batch_size": 8}, "base.train.batch_size: 16 -> 8"),
        ({"train__epochs": 1}, "base.train.epochs: 2 -> 1"),
        ({"sweep__folds": (1, 2)}, r"axes.fold: \[0, 1\] -> \[1, 2\]"),
        ({"sweep__levels": (0.2,)}, r"axes.transforms.level"),
        ({"data__name": "synthetic:60x9x9x1"}, r"\(data\) "),
    ],
)
def test_what_would_change_runs_is_refused(short, parts, named):
    before = content(short)
    with pytest.raises(WorkdirError, match=named) as refusal:
        engine.run_sweep(study(**parts), short, extend=True)
    assert "cannot be extended" in str(refusal.value)
    assert content(short) == before


@pytest.mark.slow
def test_epochs_that_cannot_be_added_are_refused(short, tmp_path):
    parts = {"execution__keep_state": False, "sweep__folds": (0,)}
    engine.run_sweep(study(**parts), tmp_path / "params")
    with pytest.raises(WorkdirError, match="execution.keep_state"):
        engine.run_sweep(
            study(train__epochs=3, **parts), tmp_path / "params", extend=True
        )
    lost = shutil.copytree(short, tmp_path / "lost")
    shutil.rmtree(lost / "checkpoints")
    with pytest.raises(WorkdirError, match="no checkpoint to go on from"):
        engine.run_sweep(study(train__epochs=3), lost, extend=True)
    assert (lost / RESULTS_FILE).exists()


def test_schedules_say_whether_they_hang_on_the_length():
    assert not Constant().depends_on_length and Cosine().depends_on_length
    assert Steps().depends_on_length and not Steps(unit="epoch").depends_on_length


def test_no_sweep_is_extended_while_another_process_works(short):
    stop = threading.Event()
    before = (short / RECORD_FILE).read_bytes()
    with Workdir(short) as folder:
        with folder.planning(stop):
            pass
        with pytest.raises(WorkdirError, match="cannot be changed while it works"):
            engine.run_sweep(study(sweep__folds=(0, 1, 2)), short, extend=True)
        engine.run_sweep(study(), short, extend=True)
    assert (short / RECORD_FILE).read_bytes() == before
    with pytest.raises(ConfigError, match="take one of them"):
        engine.run_sweep(study(), short, extend=True, overwrite=True)


@pytest.mark.slow
def test_epochs_are_not_added_to_a_run_whose_schedule_spreads_over_them(tmp_path):
    axis = {"train.optimizer.schedule": (Constant(), Cosine())}
    parts = {"sweep__folds": (0,), "train__epochs": 1}
    engine.run_sweep(study(axis, **parts), tmp_path)
    before = content(tmp_path)
    more = study(axis, **{**parts, "train__epochs": 2})
    with pytest.raises(WorkdirError, match="the schedule cosine of run .* spreads"):
        engine.run_sweep(more, tmp_path, extend=True)
    assert content(tmp_path) == before


@pytest.mark.slow
def test_what_was_the_last_epoch_loses_the_scores_of_a_last_one(tmp_path):
    parts = {"data__split": "holdout", "data__holdout": 0.2, "sweep__folds": (0,)}
    for epochs in (1, 2):
        more = study(**{**parts, "train__epochs": epochs})
        engine.run_sweep(more, tmp_path / "sweep", extend=epochs > 1)
    engine.run_sweep(more, tmp_path / "at once")
    assert_same(tmp_path / "sweep", tmp_path / "at once")
    frame = results.read(tmp_path / "sweep")
    assert list(frame["test_acc"].notna()) == [False, True]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_damaged_chunk_is_found_before_the_sweep_is_changed(sweep):
    (chunk,) = sweep.glob("checkpoints/*/chunk_001")
    for path in chunk.glob("*/state/**/d/*"):
        damaged = bytearray(path.read_bytes())
        for place in (0.3, 0.5, 0.7):
            damaged[int(place * len(damaged))] ^= 1
        path.write_bytes(damaged)
    before = content(sweep)
    with pytest.raises(WorkdirError, match="chunk_001.* is damaged"):
        engine.run_sweep(study(train__epochs=3), sweep, extend=True)
    assert content(sweep) == before
    engine.run_sweep(study(), sweep)  # the sweep as it was is still there
