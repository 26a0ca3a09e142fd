"""The readings of the paper and of its released code, where they act in training."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from studies import tiny

from ws_jax import train
from ws_jax.config import PERTURBATION_NAMES, EvaluationConfig, SemanticsConfig
from ws_jax.mapping import MappedProgram
from ws_jax.program import Status, draw_masks, forward
from ws_jax.study import prepare
from ws_jax.sweep import LivingRuns

SEVERED = {
    "sweep__sharing": ("free",),
    "sweep__severing": (0.0, 0.5, 0.99),
    "sweep__folds": (0,),
    "sweep__levels": (0.0,),
}


def started(which=0, **parts):
    """The living runs of a study's group, its program, and its data."""
    study = prepare(tiny(**parts))
    group = study.groups[which]
    mapped = MappedProgram(
        study.program(group), len(group.runs), jax.local_devices()[:1]
    )
    living = LivingRuns(mapped, group.runs, study.folds)
    living.start()
    data = mapped.axis.replicate((study.dataset.images, study.dataset.labels))
    return study, living, mapped.program, data


def one_run(living, index):
    """The inputs and state of one run of a stack."""
    return jax.tree.map(lambda a: a[index], (living._placed, living._state))


@pytest.mark.parametrize("reading", ["paper", "released"])
def test_severed_connections_stay_severed(reading):
    semantics = SemanticsConfig(severing=reading)
    _, living, program, data = started(semantics=semantics, **SEVERED)
    before = jax.tree.map(np.asarray, living._state.params)
    for epoch in range(2):
        living.train_epoch(*data, epoch)
    after = jax.tree.map(np.asarray, living._state.params)
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


def test_released_severing_hides_units_from_every_filter():
    semantics = SemanticsConfig(severing="released")
    study, living, program, _ = started(semantics=semantics, **SEVERED)
    inputs, state = one_run(living, 1)
    masks = train.run_masks(program, inputs)
    hidden = np.asarray(masks["conv_0"]["inputs"]) == 0
    x = jnp.asarray(study.dataset.images[:2] / np.float32(255))

    def total(x):
        return forward(program, state.params, {}, masks, x, train=False)[0].sum()

    grad = np.asarray(jax.grad(total)(x))
    assert hidden.any() and not grad[:, hidden].any() and grad[:, ~hidden].any()


def test_masks_follow_from_the_key_and_nest_as_the_probability_rises():
    _, living, program, _ = started(**SEVERED)
    key = jax.random.key(3)
    few, many = (
        jax.tree.leaves(draw_masks(program, key, jnp.float32(p))) for p in (0.3, 0.8)
    )
    for a, b in zip(few, many, strict=True):
        assert np.all(np.asarray(b) <= np.asarray(a))


@pytest.mark.parametrize("reading, count", [("paper", 20), ("released", 16)])
def test_perturbed_validation_on_the_fold_or_on_whole_batches(reading, count):
    evaluation = EvaluationConfig(perturbations=tuple(PERTURBATION_NAMES))
    _, living, _, data = started(
        semantics=SemanticsConfig(batches=reading), evaluation=evaluation
    )
    metrics = living.train_epoch(*data, 0)
    # A fold is 20 images; batches are of 16. The plain set is always whole.
    assert np.all(metrics["val_acc"].count == 20)
    for name in PERTURBATION_NAMES:
        assert np.all(metrics[name].count == count), name


@pytest.mark.parametrize(
    "kind, reading, shuffled",
    [
        ("noise", "paper", True),
        ("noise", "released", False),
        ("edge_noise", "released", False),
        ("translation", "released", True),
    ],
)
def test_shuffling_under_noise(kind, reading, shuffled):
    study, living, program, _ = started(
        semantics=SemanticsConfig(shuffling=reading),
        sweep__augmentations=(kind,),
        sweep__folds=(1,),
    )
    fold = study.folds[1]
    for run, level in enumerate((0.0, 0.3)):
        inputs, _ = one_run(living, run)
        where, counted = train.epoch_order(program, jax.random.key(0), inputs)
        in_order = np.array_equal(where[counted], fold.train_index)
        # Level 0 is the run that all kinds share.
        assert in_order == (not shuffled and level > 0)


def test_perturbed_images_are_the_same_for_all_runs_on_a_fold():
    _, living, _, _ = started(sweep__folds=(0, 1))
    keys = jax.random.key_data(living._placed.evaluation_key)
    own = jax.random.key_data(living._placed.key)
    assert len(np.unique(keys, axis=0)) == 2 and len(np.unique(own, axis=0)) == 4
    _, cnn, _, _ = started(which=1, sweep__folds=(0, 1))
    np.testing.assert_array_equal(keys, jax.random.key_data(cnn._placed.evaluation_key))


def test_both_initialisations_differ_by_their_scale_alone():
    states = []
    for reading in ("paper", "released"):
        _, living, _, _ = started(
            sweep__init=(reading,), sweep__sharing=("free",), sweep__levels=(0.0,)
        )
        states.append(np.asarray(living._state.params["conv_0"]["kernel"]))
        assert np.all(living.status == Status.ALIVE)
    paper, released = states
    # 9 + 36 fans against 16 * 9 + 16 * 4.
    ratio = np.sqrt((9 + 36) / (16 * 9 + 16 * 4))
    np.testing.assert_allclose(released, paper * ratio, atol=1e-6)


def test_a_field_overrides_the_bundle():
    released = SemanticsConfig(bundle="released", severing="paper")
    config = tiny(semantics=released, **SEVERED)
    (group,) = prepare(config).groups
    assert group.spec.severing == "paper" and group.spec.init == "released"
    assert dataclasses.replace(released, severing="").resolve().severing == "released"
