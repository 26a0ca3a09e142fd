"""The search asks for points, trains them as sweeps, and goes on where it was."""

import sys

import pytest
from studies import tiny

from ws_jax import results
from ws_jax.config import ConfigError
from ws_jax.engine import sweep as engine_sweep
from ws_jax.search import search

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
    monkeypatch.setattr(engine_sweep.LivingRuns, "train_epoch", None)
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
