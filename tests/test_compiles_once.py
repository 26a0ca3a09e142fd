"""A sweep over a whole axis of the paper traces each of its functions once."""

import pytest
from studies import tiny

from ws_jax import experiment, mapping, results
from ws_jax.config import EvaluationConfig, ExecutionConfig, SweepConfig
from ws_jax.config.presets import LEVELS


@pytest.fixture
def traces(monkeypatch):
    """Counts how often a run's functions are traced; they run in no other way."""
    counts = {"init_run": 0, "train_epoch": 0}

    def counted(name, function):
        def wrapper(*args):
            counts[name] += 1
            return function(*args)

        return wrapper

    for name in counts:
        monkeypatch.setattr(mapping, name, counted(name, getattr(mapping, name)))
    return counts


# All in one program, and in three chunks that share one, the last of them not full.
@pytest.mark.parametrize("chunk", [11, 4])
@pytest.mark.parametrize(
    "column, axes",
    [("vcp", {"severing": LEVELS, "levels": (0.2,)}), ("aug", {"levels": LEVELS})],
    ids=["severing", "levels"],
)
def test_all_values_of_an_axis_trace_once(column, axes, chunk, traces, tmp_path):
    config = tiny(
        sweep=SweepConfig(sharing=("free",), folds=(0,), **axes),
        evaluation=EvaluationConfig(perturbations=()),
        execution=ExecutionConfig(chunk=chunk),
    )
    experiment.run_sweep(config, tmp_path)
    assert traces == {"init_run": 1, "train_epoch": 1}
    table = results.read(tmp_path)
    assert sorted(table[column].unique()) == pytest.approx(LEVELS)
    assert set(table["status"]) == {"finished"} and table["epoch"].max() == 2
