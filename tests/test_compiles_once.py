"""A sweep over a whole axis of the paper traces each of its functions once.

For an accelerator the traced epoch is one program: each product takes all runs, and
nothing is left to the host.
"""

import functools

import jax
import jax.numpy as jnp
import pytest
from studies import tiny

from ws_jax import experiment, mapping, results
from ws_jax.config import EvaluationConfig, ExecutionConfig, SweepConfig
from ws_jax.config.presets import LEVELS
from ws_jax.study import prepare
from ws_jax.train import init_run, train_epoch


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


@pytest.mark.parametrize("scheme", ["full", "free", "tiles:2"])
@pytest.mark.parametrize("platform", ["cuda", "tpu"])
def test_an_epoch_of_mapped_runs_can_be_lowered_for_an_accelerator(platform, scheme):
    parts = {"sweep__sharing": (scheme,), "execution__lowering": "patches"}
    study = prepare(tiny(**parts))
    (group,) = study.groups
    program = study.program(group)
    inputs = mapping.stack_inputs(group.runs, study.folds)
    state, _ = jax.eval_shape(jax.vmap(functools.partial(init_run, program)), inputs)
    data = study.dataset

    def epoch(images, labels, epoch, inputs, state):
        return train_epoch(program, images, labels, inputs, state, epoch)

    mapped = jax.jit(mapping.over_runs(epoch, num_shared=3))
    traced = mapped.trace(data.images, data.labels, jnp.int32(0), inputs, state)
    text = traced.lower(lowering_platforms=(platform,)).as_text()
    products = [line for line in text.splitlines() if "stablehlo.dot_general" in line]
    assert products and all("batching_dims" in line for line in products)
    for absent in ("stablehlo.convolution", "callback", "f64"):
        assert absent not in text
