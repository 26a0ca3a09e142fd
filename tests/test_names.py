"""Columns and names say what a run is, whatever kinds it is made of."""

import re

import numpy as np
import pytest

from ws_jax import checkpoint
from ws_jax.columns import column_of
from ws_jax.config import config, data, replace_field, static
from ws_jax.models import ConvNet, Network
from ws_jax.names import group_names, run_columns
from ws_jax.optimizers import SGD, Adam, AdamW
from ws_jax.phases import Couple, GroupMean, NoPhase, Phase
from ws_jax.runs import Run, Sweep, Train
from ws_jax.runs import run as run_module
from ws_jax.storage.results import ResultsError
from ws_jax.tasks import Segmentation
from ws_jax.transforms import Flip, Noise, Translation

FREE = replace_field(Run(), "network.sharing", "free")


def columns_of(sweep):
    """What tables say of each run of a sweep."""
    sweep = sweep.checked()
    return list(run_columns(sweep, sweep.runs(), "data").values())


@pytest.fixture
def hebb(monkeypatch):
    """A phase of one's own whose strength is no part of a way to a mean."""
    monkeypatch.setattr(Phase, "kinds", dict(Phase.kinds))

    @config("hebb")
    class Hebb(Phase):
        strength: float = data(0.5, "how strong", low=0)

    return Hebb()


def test_the_strength_of_a_phase_of_ones_own_has_a_column(hebb):
    base = replace_field(FREE, "train.phase", hebb)
    told = columns_of(Sweep("s", base, {"strength": (0.0, 0.5, 1.0)}))
    assert [c["train.phase.strength"] for c in told] == [0, 0.5, 1]
    # It moves nothing to a mean, as far as anyone knows.
    assert {c["coupling"] for c in told} == {0.0}
    assert column_of("strength", list(told[0])) == "train.phase.strength"


def test_a_phase_of_ones_own_may_say_its_coupling(hebb):
    @config("half")
    class Half(type(hebb)):
        @property
        def coupling(self):
            return self.strength / 2

    told = columns_of(Sweep("s", replace_field(FREE, "train.phase", Half()), {}))
    assert [c["coupling"] for c in told] == [0.25]


def test_a_strength_that_is_a_coupling_has_that_column_alone(hebb):
    axes = {"train.phase": (NoPhase(), GroupMean(), Couple()), "strength": (0.2, 1.0)}
    told = columns_of(Sweep("s", FREE, axes))
    assert [c["coupling"] for c in told] == [0.0, 1.0, 0.2, 1.0]
    assert not any("train.phase.strength" in c for c in told)
    axes["train.phase"] = (Couple(), hebb)
    told = columns_of(Sweep("s", FREE, axes))
    assert [c["coupling"] for c in told] == [0.2, 1.0, 0.0, 0.0]
    assert [c["train.phase.strength"] for c in told] == [0.2, 1.0, 0.2, 1.0]


def test_what_a_run_is_judged_by_is_told_where_it_is_not_the_accuracy():
    told = columns_of(Sweep("s", replace_field(FREE, "task", Segmentation())))
    assert told[0]["task.watched"] == "f1" and told[0]["task.maximized"] is True
    assert not any(name.startswith("task.") for name in columns_of(Sweep())[0])


def test_fields_of_a_network_of_ones_own_are_shown_as_they_are(monkeypatch):
    monkeypatch.setattr(Network, "kinds", dict(Network.kinds))

    @config("mine")
    class Mine(Network):
        fans: int = static(3, "of the units")
        severing: str = static("soft", "how")

    sweep = Sweep("s", replace_field(Run(), "network", Mine()), {"seed": (0, 1)})
    told = columns_of(sweep)
    assert {(c["init"], c["severing"]) for c in told} == {("3", "soft")}
    assert told[0]["run"].startswith("mine-3-")
    (group,) = group_names(sweep, [Run(network=Mine())])
    assert group == "mine-3-translation-severed_soft"


def test_two_levels_have_a_column_each_and_a_name():
    base = Run(transforms=(Translation(level=0.2), Flip(), Noise(level=0.2)))
    axes = {"transforms.noise.level": (0.0, 0.1, 0.2)}
    told = columns_of(Sweep("s", base, axes))
    assert [c["transforms.noise.level"] for c in told] == [0.0, 0.1, 0.2]
    assert [c["transforms.translation.level"] for c in told] == [0.2] * 3
    assert [c["aug"] for c in told] == [0.2] * 3
    both = columns_of(Sweep("s", replace_field(base, "transforms.noise.level", 0.1)))
    assert both[0]["transforms.noise.level"] == 0.1
    assert "translation0.2+flip+noise0.1-" in both[0]["run"]
    # One level, or equal ones: the usual name.
    assert "translation+flip+noise0.2-" in told[2]["run"]
    one = columns_of(Sweep("s", Run(transforms=(Translation(level=0.2), Flip()))))
    assert not any(name.endswith(".level") for name in one[0])


def test_what_a_run_is_is_found_once_for_its_columns(monkeypatch):
    found = []
    real = run_module.essence
    monkeypatch.setattr(
        run_module, "essence", lambda run: found.append(run) or real(run)
    )
    sweep = Sweep("s", FREE, {"seed": tuple(range(5)), "fold": (0, 1)}).checked()
    runs = sweep.runs()
    told = run_columns(sweep, runs, "data")
    assert len(found) == len(runs) == 10
    for run, columns in told.items():
        assert columns["digest"] == run.digest("data")
        assert columns["cell"] == run.digest("data", pooled=True)
    assert len({columns["cell"] for columns in told.values()}) == 1


FIELDS = {
    "fans": "stored", "network.severing": "units", "vcp": 0.5, "level": 0.2,
    "transforms": "translation", "num_layers": 2, "strength": 0.5, "hidden": 8,
    "features": (4, 6, 8), "phase": "couple",
}  # fmt: skip
COLUMNS = {
    "init": "released", "severing": "released", "vcp": 0.5, "aug": 0.2,
    "aug_type": "translation", "num_conv_layers": 2, "coupling": 0.5,
    "network.hidden": 8, "network.features": "(4, 6, 8)", "model": "fcn",
}  # fmt: skip


@pytest.mark.parametrize("which", [*FIELDS.items(), *COLUMNS.items()])
def test_a_run_is_found_by_its_fields_and_by_its_columns(which):
    network = ConvNet(
        "free", fans="stored", severing="units", vcp=0.5, num_layers=2, hidden=8,
        features=(4, 6, 8),
    )  # fmt: skip
    train = Train(phase=Couple(strength=0.5))
    base = Run(network=network, train=train, transforms=(Translation(level=0.2),))
    runs = [*columns_of(Sweep("s", base)), *columns_of(Sweep())[:1]]
    chunks = [{"group": "a", "index": i, "runs": [run]} for i, run in enumerate(runs)]
    chunk, index = checkpoint.match_run(chunks, dict([which]))
    assert (chunk["index"], index) == (0, 0)


def chunks_of(sweep):
    return [
        {"group": "a", "index": i, "runs": [run]}
        for i, run in enumerate(columns_of(sweep))
    ]


@pytest.mark.parametrize(
    "views", [(Translation(level=0.1),), (Noise(level=0.3), Translation(level=0.1))]
)
@pytest.mark.parametrize(
    "transforms", [(Translation(),), (Translation(), Noise(level=0.1))]
)
def test_a_level_is_that_of_all_transforms(views, transforms):
    """Where a view or a single transform has one, too, it was an unknown field."""
    base = replace_field(FREE, "evaluation.views", views)
    base = replace_field(base, "transforms", transforms)
    chunks = chunks_of(Sweep("s", base, {"transforms.level": (0.2, 0.4)}))
    run = chunks[0]["runs"][0]
    assert len([name for name in run if name.endswith(".level")]) >= len(views)
    for place, level in enumerate((0.2, 0.4)):
        chunk, _ = checkpoint.match_run(chunks, {"level": level})
        assert chunk["index"] == place
    for number in (np.float64(0.4), np.float32(0.4)):
        chunk, _ = checkpoint.match_run(chunks, {"transforms.level": number})
        assert chunk["index"] == 1
    one = {"evaluation.views.translation.level": 0.1, "level": 0.2}
    assert checkpoint.match_run(chunks, one)[0]["index"] == 0


def test_a_name_that_may_mean_two_fields_is_to_be_named_in_full():
    runs = [{"run": "a", "coupling": 0.5, "task.terms.similarity.strength": 0.1}]
    chunks = [{"group": "a", "index": 0, "runs": runs}]
    message = (
        "'strength' may be train.phase.strength or task.terms.similarity.strength: name"
    )
    with pytest.raises(ResultsError, match=message):
        checkpoint.match_run(chunks, {"strength": 0.5})
    for which in ({"train.phase.strength": 0.5}, {"similarity.strength": 0.1}):
        assert checkpoint.match_run(chunks, which) == (chunks[0], 0)


def test_several_values_are_no_run():
    runs = [{"run": str(n), "fold": n, "network.features": "(4, 6)"} for n in (0, 1)]
    chunks = [{"group": "a", "index": 0, "runs": runs}]
    for folds in ([0, 1], np.arange(2)):
        with pytest.raises(ResultsError, match=r"no run has fold \(0, 1\): .* 0, 1"):
            checkpoint.match_run(chunks, {"fold": folds})
    with pytest.raises(ResultsError, match="no run has fold {0: 1}"):
        checkpoint.match_run(chunks, {"fold": {0: 1}})
    one, two = np.array([4, 6])
    for features in ([4, 6], (one, 6), [one, two], [np.array(4), 6], np.array([4, 6])):
        which = {"features": features, "fold": np.int64(1)}
        assert checkpoint.match_run(chunks, which) == (chunks[0], 1)


@pytest.mark.parametrize(
    "features, told",
    [
        ([1, [2, 3]], "(1, (2, 3))"),
        ([(4,), (4, 6)], "((4,), (4, 6))"),
        ([4, 6.0], "(4, 6.0)"),
    ],
)
def test_values_of_several_kinds_or_lengths_are_told_as_they_are(features, told):
    runs = [{"run": "a", "network.features": "(4, 6)"}]
    chunks = [{"group": "a", "index": 0, "runs": runs}]
    with pytest.raises(ResultsError, match=re.escape(f"no run has features {told}: ")):
        checkpoint.match_run(chunks, {"features": features})


def test_the_part_of_a_base_that_no_run_has_brings_no_column():
    axes = {"train.optimizer": (Adam(), AdamW())}
    told = [
        columns_of(Sweep("s", replace_field(FREE, "train.optimizer", part), axes))
        for part in (Adam(), SGD(momentum=0.3))
    ]
    assert told[0] == told[1]


def test_values_that_runs_have_are_named_in_their_order():
    runs = [{"run": str(n), "network.hidden": n} for n in (1, 10, 3, 40)]
    chunks = [{"group": "a", "index": 0, "runs": runs}]
    with pytest.raises(ResultsError, match="no run has hidden 2: there are 1, 3, 10"):
        checkpoint.match_run(chunks, {"hidden": 2})
