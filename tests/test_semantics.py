"""The readings of the paper and of its released code, where they act in training."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from studies import started, tiny

from ws_jax.cli import change_sweep, load_sweep
from ws_jax.config import ConfigError
from ws_jax.engine import train
from ws_jax.engine.program import Status, forward
from ws_jax.engine.study import prepare
from ws_jax.papers.ott2020.semantics import with_semantics
from ws_jax.transforms import VIEWS

SEVERED = {
    "sweep__sharing": ("free",),
    "sweep__severing": (0.0, 0.5, 0.99),
    "sweep__folds": (0,),
    "sweep__levels": (0.0,),
}


def one_run(living, index):
    """The inputs and state of one run of a stack."""
    return jax.tree.map(lambda a: a[index], (living.placed, living.state))


@pytest.mark.slow
@pytest.mark.parametrize("reading", ["paper", "released"])
def test_severed_connections_stay_severed(reading):
    sweep = tiny(semantics__severing=reading, **SEVERED)
    _, living, program, examples = started(sweep)
    before = jax.tree.map(np.asarray, living.state.params)
    for epoch in range(2):
        living.train_epoch(examples, epoch)
    after = jax.tree.map(np.asarray, living.state.params)
    for run, p in enumerate(SEVERED["sweep__severing"]):
        inputs, _ = one_run(living, run)
        masks = train.run_masks(program, inputs)
        for layer in ("conv_0", "conv_1"):
            (mask,) = jax.tree.leaves(masks[layer])
            share = 1 - np.mean(np.asarray(mask))
            assert abs(share - p) < 4 * np.sqrt(p * (1 - p) / mask.size) + 1e-9
            moved = after[layer]["kernel"][run] != before[layer]["kernel"][run]
            if reading == "paper":
                severed = np.asarray(mask) == 0
                assert not after[layer]["kernel"][run][severed].any()
                # With hardly a connection left, no gradient may come through.
                assert not moved[severed].any() and (moved[~severed].any() or p > 0.9)


@pytest.mark.slow
def test_released_severing_hides_units_from_every_filter():
    sweep = tiny(semantics__severing="released", **SEVERED)
    study, living, program, _ = started(sweep)
    inputs, state = one_run(living, 1)
    masks = train.run_masks(program, inputs)
    hidden = np.asarray(masks["conv_0"]["inputs"]) == 0
    x = jnp.asarray(study.dataset.images[:2] / np.float32(255))

    def total(x):
        return forward(program, inputs.config, state.params, {}, masks, x)[0].sum()

    grad = np.asarray(jax.grad(total)(x))
    assert hidden.any() and not grad[:, hidden].any() and grad[:, ~hidden].any()


@pytest.mark.slow
@pytest.mark.parametrize("reading, count", [("paper", 20), ("released", 16)])
def test_perturbed_validation_on_the_fold_or_on_whole_batches(reading, count):
    _, living, _, examples = started(
        tiny(semantics__batches=reading, evaluation__views=tuple(VIEWS.values()))
    )
    metrics = living.train_epoch(examples, 0)
    # A fold is 20 images; batches are of 16. The plain set is always whole.
    assert np.all(metrics["val"]["acc"].count == 20)
    for name in VIEWS:
        assert np.all(metrics[f"view_{name}"]["acc"].count == count), name


@pytest.mark.slow
@pytest.mark.parametrize(
    "kind, reading, shuffled",
    [
        ("noise", "released", False),
        ("noise", "paper", True),
        ("edge_noise", "released", False),
        ("translation", "released", True),
    ],
)
def test_shuffling_under_noise(kind, reading, shuffled):
    study, living, program, examples = started(
        tiny(
            semantics__shuffling=reading,
            sweep__augmentations=(kind,),
            sweep__folds=(1,),
        )
    )
    for run, level in enumerate((0.0, 0.3)):
        inputs, _ = one_run(living, run)
        where, counted = train.epoch_order(
            program, jax.random.key(0), examples, inputs.config
        )
        in_order = np.array_equal(where[counted], study.splits[1].train)
        # Level 0 is the run that all kinds share.
        assert in_order == (not shuffled and level > 0)


@pytest.mark.slow
def test_perturbed_images_are_the_same_for_all_runs_on_a_fold():
    _, living, _, _ = started(tiny())
    keys = jax.random.key_data(living.placed.evaluation_key)
    own = jax.random.key_data(living.placed.key)
    assert len(np.unique(keys, axis=0)) == 2 and len(np.unique(own, axis=0)) == 4
    _, cnn, _, _ = started(tiny(), which=1)
    np.testing.assert_array_equal(keys, jax.random.key_data(cnn.placed.evaluation_key))


@pytest.mark.slow
def test_both_initialisations_differ_by_their_scale_alone():
    states = []
    for reading in ("paper", "released"):
        sweep = tiny(
            sweep__init=(reading,), sweep__sharing=("free",), sweep__levels=(0.0,)
        )
        _, living, _, _ = started(sweep)
        states.append(np.asarray(living.state.params["conv_0"]["kernel"]))
        assert np.all(living.status == Status.ALIVE)
    paper, released = states
    # 9 + 36 fans against 16 * 9 + 16 * 4.
    ratio = np.sqrt((9 + 36) / (16 * 9 + 16 * 4))
    np.testing.assert_allclose(released, paper * ratio, atol=1e-6)


def test_a_point_overrides_the_bundle():
    sweep = tiny(semantics="released", semantics__severing="paper", **SEVERED)
    (group,) = prepare(sweep).groups
    network = group.run.network
    assert network.severing == "connections" and network.fans == "stored"
    # Named empty, a point follows the bundle.
    again = with_semantics(sweep, "released", severing="")
    assert again.base.network.severing == "units"


def test_a_field_that_is_said_outlasts_what_a_bundle_sets_with_others():
    sweep = load_sweep("configs/smoke.py")
    said = {"task.clip": "0.01", "semantics.bundle": "released"}
    base = change_sweep(sweep, said).base
    assert (base.task.clip, base.network.fans) == (0.01, "stored")
    with pytest.raises(ConfigError, match="learning_rate=0.5: it would change nothing"):
        change_sweep(
            sweep,
            {"train.optimizer.learning_rate": "0.5", "sweep.learning_rates": "(0.1,)"},
        )
