"""The search asks for points, trains them as sweeps, and goes on where it was."""

import dataclasses
import itertools
import json
import sys

import numpy as np
import pandas as pd
import pytest
from studies import tiny

from ws_jax import search as search_module
from ws_jax.config import ConfigError, get_field, replace_field
from ws_jax.engine import training
from ws_jax.engine.study import make_groups
from ws_jax.names import run_columns
from ws_jax.optimizers import SGD, Adam
from ws_jax.phases import Couple, NoPhase
from ws_jax.runs import Sweep
from ws_jax.search import read_space, search, train_points
from ws_jax.search_record import SEARCH_FILE, asked_for, held
from ws_jax.storage import results
from ws_jax.storage.integrity import WorkdirError
from ws_jax.transforms import Noise, Rotation

CONFIG = tiny(
    train__epochs=1,
    sweep__levels=(0.0,),
    sweep__folds=(0,),
    sweep__sharing=("full",),
    sweep__num_layers=(1, 2),
)


@pytest.mark.slow
def test_a_search_tells_what_its_sweeps_found_and_goes_on(tmp_path, monkeypatch):
    pytest.importorskip("optuna")
    study = search(CONFIG, tmp_path, num_batches=2, batch_size=3)
    assert len(study.trials) == 6
    frame = results.read(tmp_path)
    for trial in study.trials:
        rate, depth = trial.params["learning_rate"], trial.params["num_layers"]
        row = frame[(frame["learning_rate"] == rate)
                    & (frame["num_conv_layers"] == depth)]  # fmt: skip
        assert trial.value == row["val_acc"].item()
        assert 1e-6 <= rate <= 1e-1
    # Started again, nothing trains, and the points are the same.
    monkeypatch.setattr(training.LivingRuns, "train_epoch", None)
    again = search(CONFIG, tmp_path, num_batches=2, batch_size=3)
    assert [t.params for t in again.trials] == [t.params for t in study.trials]


def test_a_search_of_nothing_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="at least one batch"):
        search(CONFIG, tmp_path, num_batches=0, batch_size=3)


@pytest.mark.slow
def test_any_fields_are_searched(tmp_path):
    pytest.importorskip("optuna")
    space = {"hidden": [4, 8], "weight_decay": (1e-6, 1e-2, "log")}
    study = search(CONFIG, tmp_path, num_batches=1, batch_size=3, space=space)
    frame = results.read(tmp_path)
    for trial in study.trials:
        decay = frame["train.optimizer.weight_decay"]
        row = frame[(decay == trial.params["weight_decay"])
                    & (frame["network.hidden"] == trial.params["hidden"])]  # fmt: skip
        assert trial.value == row["val_acc"].mean()


@pytest.mark.parametrize(
    "space, message",
    [
        ({"weight_decy": (0.0, 1.0)}, "did you mean 'weight_decay'"),
        ({"learning_rate": (1.0, 0.1)}, "learning_rate.* needs rising ends"),
        ({"learning_rate": (0.0, 0.1, "log")}, "learning_rate.* both positive"),
        ({"hidden": []}, "no choices for hidden"),
        ({}, "needs fields"),
        ({"learning_rate": (0.1, 1.0)}, "install the extra 'search'"),
    ],
)
def test_spaces_that_are_refused(space, message, tmp_path, monkeypatch):
    # A space is judged before Optuna is needed.
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(ConfigError, match=message):
        search(CONFIG, tmp_path, num_batches=1, batch_size=1, space=space)


@pytest.fixture
def trained(monkeypatch):
    """Stands in for training: what was asked for, each run scored by its place."""
    asked = {}

    def run_sweep(sweep, place, data_dir):
        runs = [run for group in make_groups(sweep) for run in group.runs]
        names = [c["run"] for c in run_columns(sweep, runs, "data").values()]
        assert place not in asked
        values = np.arange(len(names))
        asked[place] = pd.DataFrame(
            {"run": names, "val_acc": values, "status": "finished"}
        )

    monkeypatch.setattr(search_module, "run_sweep", run_sweep)
    monkeypatch.setattr(results, "read", asked.__getitem__)
    return asked


NO_EFFECT = {
    # Shared kernels are never severed, and drawn in one way. (A decay acts on all.)
    "vcp": (["network.vcp"], [0.0, 0.4, 0.8], {"network.severing": "connections"}),
    "fans": (["network.fans"], ["kernel", "stored"], {}),
    "phase": (["train.phase"], [NoPhase(), Couple(strength=0.5)], {}),
    "decay": (["train.optimizer.weight_decay"], [0.0, 0.1], {}),
}


@pytest.mark.parametrize(
    "case, sharing",
    [*itertools.product(NO_EFFECT, [("full", "free")]), ("fans", ("full",))],
)
def test_what_a_field_does_nothing_to_is_in_the_mean_of_every_point(
    case, sharing, tmp_path, monkeypatch
):
    (path,), values, more = NO_EFFECT[case]
    base = CONFIG.base
    for name, value in more.items():
        base = replace_field(base, name, value)
    sweep = Sweep("kept", base, {"network.sharing": sharing, "seed": (0, 1)}).checked()

    def run_sweep(part, place, data_dir=None):
        monkeypatch.setattr(results, "read", lambda folder: table(part))

    def table(part):
        runs = [run for group in make_groups(part) for run in group.runs]
        told = run_columns(part, runs)
        names = [told[run]["run"] for run in runs]
        values = [float(run.network.sharing == "full") for run in runs]
        return pd.DataFrame({"run": names, "val_acc": values, "status": "finished"})

    monkeypatch.setattr(search_module, "run_sweep", run_sweep)
    points = [{path: value} for value in values]
    found = train_points(sweep, points, tmp_path, None)
    assert found == [1 / len(sharing)] * len(values)


def test_a_point_is_not_checked_as_a_whole_sweep_is(tmp_path, trained):
    base = replace_field(CONFIG.base, "network.severing", "connections")
    base = replace_field(base, "network.vcp", 0.5)
    points = [{"network.sharing": sharing} for sharing in ("full", "free")]
    # Of the shared network alone it would be refused: nothing is severed there.
    found = train_points(Sweep("some", base, {}), points, tmp_path, None)
    assert sorted(found) == [0, 1]


def test_words_and_kinds_are_searched(trained, tmp_path):
    ranges = ["learning_rate=1e-4,1e-2,log"]
    space = read_space(CONFIG, ranges, ["sharing=full,free", "phase=none,couple"])
    assert space["sharing"] == ["full", "free"]
    sweep = dataclasses.replace(CONFIG.checked(), axes={})
    free, full = "network.sharing", "train.optimizer.learning_rate"
    points = [
        {full: rate, free: sharing, "train.phase": phase}
        for sharing, phase in itertools.product(space["sharing"], space["phase"])
        for rate in (1e-4, 1e-3, 1e-2)
    ]
    values = train_points(sweep, points, tmp_path, None)
    assert values == [0, 1, 2] * 4
    assert {path.name for path in trained} == {
        f"sharing{a}-phase{b}" for a in ("full", "free") for b in ("none", "couple")
    }
    assert train_points(sweep, [{free: "full"}, {free: "free"}], tmp_path / "b", None)


@pytest.fixture
def asked_of(monkeypatch):
    """Stands in for training: the sweep of each folder that was asked for."""
    asked = {}

    def run_sweep(sweep, place, data_dir):
        asked[place] = sweep

    monkeypatch.setattr(search_module, "run_sweep", run_sweep)
    monkeypatch.setattr(results, "read", lambda place: None)
    monkeypatch.setattr(search_module, "best_values", lambda part, frame: {})
    monkeypatch.setattr(search_module, "mean_value", lambda *asked: 0.0)
    return asked


OPTIMIZER, RATE = "train.optimizer", "train.optimizer.learning_rate"


@pytest.mark.parametrize("kinds", [(Adam(), SGD()), (Adam(), Adam())])
@pytest.mark.parametrize("rates", [(0.05, 0.05), (0.05, 0.02)])
@pytest.mark.parametrize("swapped", [False, True])
def test_a_part_and_a_field_of_it_are_both_searched(
    kinds, rates, swapped, asked_of, tmp_path
):
    sweep = dataclasses.replace(CONFIG.checked(), axes={"seed": (0, 1)})
    points = [
        {RATE: rate, "network.hidden": 6, OPTIMIZER: kind}
        for rate, kind in zip(rates, kinds, strict=True)
    ]
    points = [dict(reversed(point.items())) if swapped else point for point in points]
    train_points(sweep, points, tmp_path, None)
    runs = [run for part in asked_of.values() for run in part.runs()]
    found = {tuple(get_field(run, p) for p in (RATE, "network.hidden")) for run in runs}
    assert found == {(rate, 6) for rate in rates}
    assert {type(run.train.optimizer) for run in runs} == set(map(type, kinds))


def test_a_searched_field_that_a_part_does_not_have_is_left_out(asked_of, tmp_path):
    momentum = f"{OPTIMIZER}.momentum"
    base = replace_field(CONFIG.checked().base, OPTIMIZER, SGD())
    sweep = Sweep("some", base, {"seed": (0, 1)}).checked()
    points = [
        {momentum: value, OPTIMIZER: kind}
        for kind in (Adam(), SGD())
        for value in (0.5, 0.9)
    ]
    train_points(sweep, points, tmp_path, None)
    adam, sgd = (
        asked_of[tmp_path / "optimizeradam"],
        asked_of[tmp_path / "optimizersgd"],
    )
    assert len(adam.runs()) == 2 and len(sgd.runs()) == 4
    assert {run.train.optimizer.momentum for run in sgd.runs()} == {0.5, 0.9}


def test_results_tell_a_searched_value_that_is_the_default(asked_of, tmp_path):
    sweep = dataclasses.replace(CONFIG.checked(), axes={"seed": (0,)})
    default = sweep.base.network.hidden
    widths = (default, default + 1)
    points = [{RATE: rate, "network.hidden": w} for w in widths for rate in (0.1, 0.2)]
    train_points(sweep, points, tmp_path, None)
    told = [
        columns["network.hidden"]
        for part in asked_of.values()
        for columns in run_columns(part, part.runs()).values()
    ]
    assert sorted(told) == [default, default, default + 1, default + 1]


def test_a_sweep_that_an_older_version_began_goes_on(asked_of, tmp_path):
    sweep = dataclasses.replace(CONFIG.checked(), axes={"seed": (0, 1)})
    points = [{RATE: rate, "network.hidden": 6} for rate in (0.1, 0.2)]
    place = tmp_path / "hidden6"
    place.mkdir()
    base = replace_field(sweep.base, "network.hidden", 6)
    begun = Sweep(sweep.name, base, {**sweep.axes, RATE: (0.1, 0.2)}).checked()
    record = {"config": begun.values(), "data": {}, "chunks": []}
    results.write_record(json.loads(json.dumps(record)), place)
    train_points(sweep, points, tmp_path, None)
    assert asked_of[place].values() == begun.values()


@pytest.mark.filterwarnings("error")
def test_optuna_and_people_are_told_the_kinds_of_parts(trained, tmp_path):
    pytest.importorskip("optuna")
    kinds = [SGD(), Adam(), Adam(learning_rate=0.3)]
    sweep = dataclasses.replace(CONFIG.checked(), axes={})
    asked = {"num_batches": 1, "batch_size": 9, "space": {OPTIMIZER: kinds}}
    study = search(sweep, tmp_path, **asked)
    words = {trial.params[OPTIMIZER] for trial in study.trials}
    assert words == {"sgd", "adam", "adam-no2"}
    assert all(search_module.point_text(t).split()[-1] in words for t in study.trials)


def test_what_a_value_is_a_mean_over_is_said():
    plain = "the best epoch's val_acc, and the point"
    assert search_module.value_text(CONFIG) == plain
    left = dataclasses.replace(CONFIG, axes={**CONFIG.axes, "fold": (0, 1)})
    said = search_module.value_text(left, {"learning_rate": (0.1, 0.2)})
    assert said == f"mean over network.num_layers (1, 2) and fold (0, 1) of {plain}"
    parts = {"train.phase": (Couple(), NoPhase()), "seed": (0,)}
    said = search_module.value_text(dataclasses.replace(CONFIG, axes=parts))
    assert said == f"mean over train.phase (couple, none) of {plain}"


def test_choices_of_several_parts_are_told_by_their_kinds():
    pytest.importorskip("optuna")
    noises = (Noise(level=0.1),), (Noise(level=0.2),), (Noise(), Rotation())
    values = [(), *noises, (4, 6)]
    words = ["none", "noise", "noise-no2", "noise+rotation", "4x6"]
    made = search_module._distributions({"transforms": values})["transforms"]
    assert list(made.choices) == words
    assert [search_module._meant(values, word) for word in words] == values


def test_runs_of_one_name_are_told_apart(trained, tmp_path):
    phases = (Couple(strength=0.1), Couple(strength=0.9))
    base = replace_field(CONFIG.checked().base, "network.sharing", "free")
    sweep = Sweep("twice", base, {"train.phase": phases}).checked()
    values = train_points(
        sweep, [{"network.hidden": h} for h in (4, 8)], tmp_path, None
    )
    # Two runs of each, the first group's before the second's.
    assert values == [0.5, 2.5]


def test_a_point_that_diverged_has_no_value(monkeypatch, tmp_path, trained):
    pytest.importorskip("optuna")

    def read(place):
        """The highest rate diverged, after its best epoch."""
        frame = trained[place]
        last = np.arange(len(frame)) == len(frame) - 1
        return frame.assign(status=np.where(last, "diverged", "finished"))

    monkeypatch.setattr(results, "read", read)
    space = {"learning_rate": (1e-4, 1e-1, "log")}
    sweep = dataclasses.replace(CONFIG.checked(), axes={})
    asked = {"num_batches": 1, "batch_size": 3, "space": space}
    study = search(sweep, tmp_path, **asked)
    lost = max(study.trials, key=lambda trial: trial.params["learning_rate"])
    assert lost.state.name == "FAIL"
    said = list(map(search_module.point_text, search_module.best_first(study)))
    assert [line.split()[0] for line in said] == ["1.0000", "0.0000", "diverged"]
    assert f"{lost.params['learning_rate']:.6g}" in said[-1]


@pytest.mark.parametrize(
    "other, message",
    [
        ({"seed": 1}, "another search .*--seed: 0 -> 1. Name another folder with --w"),
        ({"batch_size": 3}, "--batch_size: 2 -> 3"),
        ({"space": {"hidden": [4, 9]}}, "--choice: hidden=4,8 -> hidden=4,9"),
        ({"epochs": 2}, "base.train.epochs: 1 -> 2"),
        ({"num_batches": 2}, ""),
    ],
)
def test_another_search_in_a_folder_is_refused(other, message, tmp_path, trained):
    pytest.importorskip("optuna")
    asked = {"num_batches": 1, "batch_size": 2, "space": {"hidden": [4, 8]}}
    sweep = dataclasses.replace(CONFIG.checked(), axes={})
    search(sweep, tmp_path, **asked)
    assert trained
    trained.clear()
    (tmp_path / "batch_000").mkdir()  # as training makes it
    if "epochs" in other:
        base = replace_field(sweep.base, "train.epochs", other.pop("epochs"))
        sweep = dataclasses.replace(sweep, base=base)
    if not message:
        assert len(search(sweep, tmp_path, **asked | other).trials) == 4
        return
    with pytest.raises(WorkdirError, match=message) as refused:
        search(sweep, tmp_path, **asked | other)
    assert "--overwrite" not in str(refused.value)
    assert not trained


def test_a_search_keeps_its_folder_before_its_first_batch(tmp_path):
    config = CONFIG.checked().values()
    asked = [asked_for(config, {"hidden": [4, 8]}, seed, 2) for seed in range(3)]
    with held(tmp_path, asked[0]) as recorded:
        assert recorded
        with pytest.raises(WorkdirError, match="another search .*--seed: 0 -> 1. Name"):
            held(tmp_path, asked[1]).__enter__()
        with held(tmp_path, asked[0]) as again:
            assert again
    # Neither has trained anything: the folder is free again.
    with held(tmp_path, asked[1]) as recorded:
        assert recorded
    with held(tmp_path, asked[2]):
        assert '"--seed": 2' in (tmp_path / SEARCH_FILE).read_text()


@pytest.fixture
def kept(trained, monkeypatch):
    """The same stand-in for training, which leaves the records of its sweeps."""
    run_sweep = search_module.run_sweep

    def recorded(sweep, place, data_dir):
        run_sweep(sweep, place, data_dir)
        place.mkdir(parents=True, exist_ok=True)
        record = {"config": sweep.values(), "data": {}, "chunks": []}
        results.write_record(json.loads(json.dumps(record)), place)

    monkeypatch.setattr(search_module, "run_sweep", recorded)
    return trained


@pytest.mark.parametrize(
    "other, message",
    [
        ({"seed": 1}, "batch_000 is of another search, .*there -> asked"),
        # One point of the two is the first of this search, too.
        ({"batch_size": 1}, r"learning_rate\S+ is in one of them only.*Ask for what"),
        ({"batch_size": 4}, "batch_000 is of another search"),
        ({"space": {"hidden": [4, 9], "learning_rate": (1e-4, 1e-1)}}, "of another"),
        ({"epochs": 2}, "base.train.epochs: 1 -> 2"),
    ],
)
def test_a_folder_without_record_is_taken_by_its_own_search(
    other, message, tmp_path, kept
):
    pytest.importorskip("optuna")
    space = {"hidden": [4, 8], "learning_rate": (1e-4, 1e-1, "log")}
    asked = {"num_batches": 2, "batch_size": 2, "space": space}
    sweep = dataclasses.replace(CONFIG.checked(), axes={})
    before = search(sweep, tmp_path, **asked)
    record = tmp_path / SEARCH_FILE
    record.unlink()
    base = replace_field(sweep.base, "train.epochs", other.pop("epochs", 1))
    kept.clear()
    with pytest.raises(WorkdirError, match=message):
        search(dataclasses.replace(sweep, base=base), tmp_path, **asked | other)
    assert not kept and not record.exists()
    again = search(sweep, tmp_path, **asked)
    assert [t.params for t in again.trials] == [t.params for t in before.trials]
    with pytest.raises(WorkdirError, match="--seed: 0 -> 1"):
        search(sweep, tmp_path, **asked, seed=1)


def test_a_batch_of_another_search_is_refused_by_what_a_search_can_do(tmp_path, kept):
    pytest.importorskip("optuna")
    asked = {"num_batches": 1, "batch_size": 2, "space": {"hidden": [4, 8]}}
    sweep = dataclasses.replace(CONFIG.checked(), axes={})
    search(sweep, tmp_path, **asked)
    record = (tmp_path / SEARCH_FILE).read_bytes()
    base = replace_field(sweep.base, "train.epochs", 2)
    other = dataclasses.replace(sweep, base=base)
    search(other, tmp_path / "other", **asked)
    (tmp_path / "other" / SEARCH_FILE).write_bytes(record)
    kept.clear()
    with pytest.raises(WorkdirError, match="batch_000 is of another.* 2 -> 1") as told:
        search(sweep, tmp_path / "other", **asked)
    assert "--overwrite" not in str(told.value) and not kept


def test_a_folder_without_record_is_its_searchs_before_more_is_trained(tmp_path, kept):
    pytest.importorskip("optuna")
    asked = {"batch_size": 2, "space": {"hidden": [4, 8, 16, 32]}}
    sweep = dataclasses.replace(CONFIG.checked(), axes={})
    search(sweep, tmp_path, num_batches=1, **asked)
    record = tmp_path / SEARCH_FILE
    whole = record.read_bytes()
    record.unlink()
    kept.clear()
    search(sweep, tmp_path, num_batches=3, **asked)
    assert len(kept) == 3 and record.read_bytes() == whole
    record.write_bytes(whole[:-20])
    with pytest.raises(WorkdirError, match="remove it, and the search goes on that"):
        search(sweep, tmp_path, num_batches=1, **asked)
