"""A sweep over a whole axis of the paper traces each of its functions once.

For an accelerator the traced epoch is one program: each product takes all runs, and
nothing is left to the host.
"""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import pytest
from studies import tiny

from ws_jax import cli, engine, results
from ws_jax.engine import mapping
from ws_jax.engine.study import prepare
from ws_jax.engine.train import init_run, train_epoch
from ws_jax.papers.ott2020.presets import LEVELS
from ws_jax.phases import Couple, GroupMean, Hebbian, NoPhase
from ws_jax.runs import Data


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


SEVERING = ("vcp", {"severing": LEVELS, "levels": (0.2,), "folds": (0, 1)})
ALL_LEVELS = ("aug", {"levels": LEVELS})


# All in one program, and in three chunks that share one, the last of them not full.
@pytest.mark.slow
@pytest.mark.parametrize(
    "column, axes, chunk",
    [
        pytest.param(*SEVERING, 4, id="severing in chunks"),
        pytest.param(*ALL_LEVELS, 11, id="levels"),
        pytest.param(*SEVERING, 11, id="severing"),
        pytest.param(*ALL_LEVELS, 4, id="levels in chunks"),
    ],
)
def test_all_values_of_an_axis_trace_once(column, axes, chunk, traces, tmp_path):
    axes = {"sharing": ("free",), "folds": (0,), **axes}
    sweep = tiny(
        evaluation__views=(),
        evaluation__measures=(),
        execution__chunk=chunk,
        execution__checkpoint_every=10,
        **{f"sweep__{axis}": values for axis, values in axes.items()},
    )
    engine.run_sweep(sweep, tmp_path)
    assert traces == {"init_run": 1, "train_epoch": 1}
    table = results.read(tmp_path)
    assert sorted(table[column].unique()) == pytest.approx(LEVELS)
    assert set(table["status"]) == {"finished"} and table["epoch"].max() == 2


PHASES = [
    GroupMean(every=2, count="epoch", first=1),
    Couple(every=2),
    Hebbian(every=2, iterations=2),
]
LOWERED = [
    *[(scheme, NoPhase()) for scheme in ("full", "free", "tiles:2")],
    *[("free", phase) for phase in PHASES],
]


@pytest.mark.slow
@pytest.mark.parametrize(
    "scheme, phase", LOWERED, ids=lambda value: getattr(value, "kind", value)
)
@pytest.mark.parametrize("platform", ["cuda", "tpu"])
def test_an_epoch_of_mapped_runs_can_be_lowered_for_an_accelerator(
    platform, scheme, phase
):
    parts = {"sweep__sharing": (scheme,), "execution__lowering": "patches"}
    parts |= {"train__phase": phase, "data__name": "synthetic:60x16x16x1"}
    study = prepare(tiny(**parts))
    (group,) = study.groups
    program = study.program(group)
    inputs = mapping.stack_inputs(group.runs)
    state, _ = jax.eval_shape(jax.vmap(functools.partial(init_run, program)), inputs)

    def epoch(examples, epoch, inputs, state):
        return train_epoch(program, examples, inputs, state, epoch)

    mapped = jax.jit(mapping.over_runs(epoch, num_shared=2))
    traced = mapped.trace(study.examples, jnp.int32(0), inputs, state)
    text = traced.lower(lowering_platforms=(platform,)).as_text()
    products = [line for line in text.splitlines() if "stablehlo.dot_general" in line]
    assert products
    if not isinstance(phase, Hebbian):  # which run after run sleeps by itself
        assert all("batching_dims" in line for line in products)
    for absent in ("stablehlo.convolution", "callback", "f64"):
        assert absent not in text


lowered = set()


@pytest.mark.slow
@pytest.mark.parametrize(
    "config",
    [
        "pogodin2021/cifar10_reduced",
        "pogodin2021/cifar10_reduced_sleep",
        "pogodin2021/cifar10_reduced_start",
        "pogodin2021/cifar10_translations",
        "savarese2019/cifar10_reduced",
        "savarese2019/shortest_paths_reduced",
    ],
)
def test_studies_of_the_later_papers_can_be_lowered_for_a_gpu(config):
    """Every group of theirs, with its phases, transforms, banks, terms and views.

    Groups of one structure are one program, of whichever study they are.
    """
    sweep = cli.load_sweep(f"configs/{config}.py")
    base = sweep.base
    if not base.data.name.startswith("paths:"):
        images = Data("synthetic:60x32x32x3", split="holdout", holdout=0.2)
        base = dataclasses.replace(base, data=images)
    train = dataclasses.replace(base.train, batch_size=16)
    base = dataclasses.replace(base, train=train)
    study = prepare(dataclasses.replace(sweep, base=base))
    assert study.groups
    for group in study.groups:
        structure = jax.tree.structure(group.run)
        if structure in lowered:
            continue
        lowered.add(structure)
        program = study.program(group)
        inputs = mapping.stack_inputs(group.runs[:2])
        start = mapping.over_runs(functools.partial(init_run, program), 0)
        state, _ = jax.eval_shape(start, inputs)
        one = lambda *args, p=program: train_epoch(p, *args, jnp.int32(0))  # noqa: E731
        traced = jax.jit(mapping.over_runs(one, 1)).trace(study.examples, inputs, state)
        text = traced.lower(lowering_platforms=("cuda",)).as_text()
        assert "stablehlo" in text and "f64" not in text
