"""Columns and names say what a run is, whatever kinds it is made of."""

import pytest

from ws_jax.config import config, data, replace_field
from ws_jax.names import column_of, run_columns
from ws_jax.phases import Couple, GroupMean, NoPhase, Phase
from ws_jax.runs import Run, Sweep
from ws_jax.tasks import Segmentation

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
