"""Any field is an axis, and a task says what is learned: through the real sweep."""

import dataclasses

import chex
import jax
import numpy as np
import pytest
import studies
from studies import one_scheme, stop_at_once, tiny

from ws_jax import cli, engine, results
from ws_jax.checkpoint import load_run
from ws_jax.config import ConfigError, replace_field
from ws_jax.data import DATASETS, Dataset
from ws_jax.engine import mapping
from ws_jax.engine import study as study_module
from ws_jax.engine.living import LivingRuns
from ws_jax.engine.mapping import MappedProgram
from ws_jax.engine.study import prepare
from ws_jax.phases import Couple, GroupMean, NoPhase
from ws_jax.runs import Data
from ws_jax.tasks import Classification, Segmentation

pytestmark = pytest.mark.usefixtures("kept_programs")


@pytest.fixture
def traces(monkeypatch):
    """Counts how often an epoch is traced."""
    counts = []
    real = mapping.train_epoch

    def counted(*args):
        counts.append(args[0].run)
        return real(*args)

    monkeypatch.setattr(mapping, "train_epoch", counted)
    monkeypatch.setattr(studies, "programs", {})
    return counts


def trained(mapped, examples, runs):
    """States and metrics of runs that train together for two epochs, as arrays."""
    living = LivingRuns(mapped, runs)
    metrics = [living.start()]
    metrics += [living.train_epoch(examples, epoch) for epoch in range(2)]
    return jax.tree.map(np.asarray, (living.all_states(), metrics))


def assert_each_is_itself(study):
    """Every run that trains with others of its group is what it is alone.

    Groups train in the programs of their sweep, runs in one program a group.
    """
    for group in study.groups:
        mapped = study_module.map_group(study, group)
        single = MappedProgram(mapped.program, 1, jax.local_devices()[:1])
        examples = mapped.axis.replicate(study.examples)
        together = trained(mapped, examples, group.runs)
        kernels = together[0].params["hidden"]["kernel"]
        for place, run in enumerate(group.runs):
            of_run = jax.tree.map(lambda a: a[place : place + 1], together)  # noqa: B023
            alone = trained(single, examples, [run])
            chex.assert_trees_all_close(of_run, alone, rtol=1e-5, atol=1e-6)
            others = np.delete(kernels, place, axis=0) - kernels[place]
            assert np.abs(others).max(axis=(1, 2)).min() > 1e-5


AXES = ["optimizer.weight_decay=0,1e-2", "phase.strength=0,.5,1", "seed=0,1"]


@pytest.mark.slow
def test_axes_of_numbers_are_one_program_and_each_run_is_itself(traces, tmp_path):
    base = one_scheme(train__phase=Couple(every=2), execution__chunk=12)
    sweep = cli.change_sweep(base, {}, AXES)
    engine.run_sweep(sweep, tmp_path)
    assert len(traces) == 1
    table = results.read(tmp_path)
    assert table["run"].nunique() == table["digest"].nunique() == 12
    assert table["cell"].nunique() == 6  # seeds are pooled
    assert set(table["train.optimizer.weight_decay"]) == {0, 1e-2}
    assert set(table["coupling"]) == {0, 0.5, 1}
    assert_each_is_itself(prepare(sweep))
    assert len(traces) == 2  # and one of a run alone


@pytest.mark.slow
def test_an_axis_of_sizes_is_a_program_each(traces, tmp_path):
    axes = ["network.hidden=32,64", "seed=0,1"]
    sweep = cli.change_sweep(one_scheme(), {}, axes)
    engine.run_sweep(sweep, tmp_path)
    assert [run.network.hidden for run in traces] == [32, 64]
    assert len(list((tmp_path / "checkpoints").iterdir())) == 2
    shapes = {
        load_run(tmp_path, hidden=h, seed=0)["params"]["hidden"]["kernel"].shape[1]
        for h in (32, 64)
    }
    assert shapes == {32, 64}
    assert_each_is_itself(prepare(sweep))
    assert len(traces) == 4


@pytest.mark.slow
def test_sweeps_that_differ_in_any_field_never_share_a_cell(tmp_path):
    engine.run_sweep(one_scheme({"train.batch_size": (8, 16)}), tmp_path / "batches")
    decays = {"train.optimizer.weight_decay": (0.0, 1e-2)}
    engine.run_sweep(one_scheme(decays), tmp_path / "decays")
    table = results.read(tmp_path)
    # One training stands in both: batches of 16 without a decay.
    assert table["run"].nunique() == 4 and table["digest"].nunique() == 3
    twice = table.groupby("digest")["sweep"].size()
    assert sorted(twice) == [3, 3, 6]


def disks(name):
    """Images of bright disks, and which pixels are of them."""
    random = np.random.RandomState(0)
    y, x = np.mgrid[:8, :8]
    at = random.randint(2, 6, (60, 2, 1, 1))
    masks = ((y - at[:, 0]) ** 2 + (x - at[:, 1]) ** 2 <= 4).astype(np.int32)
    images = masks * 180 + random.randint(0, 60, masks.shape)
    images = images.astype(np.uint8)[..., None]
    return Dataset(name, "made", images, masks, num_classes=2, num_train=48)


def dense(**parts):
    return one_scheme(
        data=Data("disks", num_folds=3),
        task=Segmentation(),
        transforms=(),
        network__hidden=64,
        train__optimizer__learning_rate=3e-3,
        **parts,
    )


@pytest.mark.slow
def test_a_dense_task_trains_stops_and_goes_on(tmp_path, monkeypatch):
    monkeypatch.setitem(DATASETS, "disks", disks)
    sweep = dense(train__epochs=30, train__patience=100, execution__checkpoint_every=10)
    engine.run_sweep(sweep, tmp_path / "whole")
    stop_at_once(sweep, tmp_path / "halves", monkeypatch)
    engine.run_sweep(sweep, tmp_path / "halves")
    whole, halves = (results.read(tmp_path / name) for name in ("whole", "halves"))
    names = ["f1", "val_f1", "val_loss", "translation"]
    np.testing.assert_array_equal(whole[names], halves[names])
    scores = whole.query("epoch > 0")["val_f1"].to_numpy()
    assert scores[-1] > 0.5 and scores[-1] > scores[0]


@pytest.mark.slow
def test_the_test_images_are_scored_once_at_the_end(tmp_path):
    # 60 images, of which 12 are the published test part; 48 are cut 36 to 12.
    data = Data("synthetic:60x10x10x1", split="holdout", holdout=0.25)
    study = prepare(one_scheme(data=data))
    (split,) = study.splits
    assert [len(part) for part in (split.train, split.validation, split.test)] == [
        36, 12, 12,
    ]  # fmt: skip
    # Some runs stop before others, whose chunk is compacted then.
    axes = {"learning_rate": (1e-8, 1e-9), "patience": (1, 9)}
    engine.run_sweep(one_scheme(axes, data=data, train__epochs=3), tmp_path)
    table = results.read(tmp_path)
    lengths = table.groupby("run")["epoch"].max()
    assert set(lengths) == {2, 3}
    scored = table["test_acc"].notna()
    np.testing.assert_array_equal(scored, table["epoch"] == table["run"].map(lengths))
    assert table.loc[scored, "test_acc"].between(0, 1).all()
    np.testing.assert_allclose(table.loc[scored, "test_acc"] * 12 % 1, 0, atol=1e-6)


@pytest.mark.slow
def test_vectors_and_matrices_are_kept_as_lists(tmp_path, monkeypatch):
    sweep = one_scheme(task=Classification(confusion=True, top=(3,)))
    stop_at_once(sweep, tmp_path, monkeypatch)
    engine.run_sweep(sweep, tmp_path)
    last = results.read(tmp_path).iloc[-1]
    confusion = np.array([list(row) for row in last["val_confusion"]])
    assert confusion.shape == (10, 10) and confusion.sum() == 20
    np.testing.assert_allclose(np.trace(confusion) / 20, last["val_acc"])
    assert last["val_top3"] >= last["val_acc"]


@pytest.mark.slow
@pytest.mark.parametrize("count, equal", [("training", False), ("epoch", True)])
def test_a_cadence_counts_all_of_training_or_each_epoch(count, equal, tmp_path):
    # Three steps an epoch: every third step of an epoch is its last, every second of
    # two epochs, and every sixth of training the last of the second.
    every = 3 if count == "epoch" else 4
    sweep = one_scheme(train__phase=GroupMean(every=every, count=count))
    engine.run_sweep(sweep, tmp_path)
    after = results.read(tmp_path).query("epoch == 2")
    assert ((after["dist_1"] < 1e-6) == equal).all()


def test_a_phase_is_left_out_where_it_cannot_act():
    both = tiny(train__phase=GroupMean(every=1), sweep__levels=(0.0,))
    study = prepare(both)
    told = {(own["model"], own["phase"]) for own in study.columns.values()}
    assert told == {("cnn", "none"), ("fcn", "group_mean")}
    phases = {
        group.run.network.sharing: group.run.train.phase for group in study.groups
    }
    assert phases["full"] == NoPhase() and phases["free"].every == 1
    for scheme in ("full", "tiles:2"):
        alone = tiny(train__phase=GroupMean(), sweep__sharing=(scheme,))
        with pytest.raises(ConfigError, match="would do nothing"):
            prepare(alone)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"train__batch_size": 64}, "train.batch_size is 64, with 40 images to train"),
        ({"task": Segmentation()}, "needs a mask .h, w. an image"),
        ({"task": Classification(top=(10,))}, "10 is not below the 10 classes"),
        ({"network": dataclasses.replace(one_scheme().base.network, num_layers=3)},
         "3 is not in 1..2"),
    ],
)  # fmt: skip
def test_what_does_not_suit_the_data_is_refused(change, message):
    sweep = one_scheme()
    for name, value in change.items():
        base = replace_field(sweep.base, name.replace("__", "."), value)
        sweep = dataclasses.replace(sweep, base=base)
    with pytest.raises(ConfigError, match=message):
        prepare(sweep)
