"""The recipe of the third paper: images, rates, decay, splits, and its configs."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ws_jax.cli import load_studies, load_sweep
from ws_jax.config import replace_field
from ws_jax.data import make_splits, make_synthetic
from ws_jax.models import WideBottleneck
from ws_jax.optimizers import make_optimizer
from ws_jax.papers.savarese2019.presets import cifar, optimizer, transforms
from ws_jax.runs import Data
from ws_jax.transforms import transform_batch


def test_the_rate_falls_at_epochs_60_120_and_160():
    steps = 352
    rule = make_optimizer(optimizer(momentum=0.0, nesterov=False), 200 * steps, steps)
    param, grad = {"w": jnp.ones(1)}, {"w": jnp.ones(1)}
    state = rule.init(param)
    falls = {0: 0.1, 59: 0.1, 60: 0.02, 119: 0.02, 120: 0.004, 159: 0.004, 160: 8e-4}
    counts = [leaf for leaf in jax.tree.leaves(state) if leaf.dtype == jnp.int32]
    assert len(counts) == 1
    for epoch, want in falls.items():
        for step in (epoch * steps, epoch * steps + steps - 1):
            now = jax.tree.map(
                lambda a, s=step: jnp.int32(s) if a.dtype == jnp.int32 else a, state
            )
            update, _ = rule.update(grad, now, param)
            np.testing.assert_allclose(0.1 * update["w"], want, rtol=1e-6)


def test_the_step_is_pytorchs_with_decay_but_for_coefficients():
    rule = make_optimizer(
        replace_field(optimizer(weight_decay=0.1), "decays", True), 1000, 10
    )
    params = {"a": jnp.float32(2.0), "coefficients": jnp.float32(2.0)}
    state = rule.init(params)
    velocity = {"a": 0.0, "coefficients": 0.0}
    for number in range(3):
        grads = jax.tree.map(lambda p, n=number: p * 0 + (n + 1), params)
        updates, state = rule.update(grads, state, params)
        for name, decay in (("a", 0.1), ("coefficients", 0.0)):
            grad = number + 1 + decay * float(params[name])
            velocity[name] = 0.9 * velocity[name] + grad
            want = grad + 0.9 * velocity[name]
            np.testing.assert_allclose(updates[name], want, rtol=1e-6)
        params = jax.tree.map(lambda p, u: p - 0.1 * u, params, updates)


@pytest.mark.slow
def test_images_are_changed_in_the_released_order():
    kinds = [transform.kind for transform in transforms("cifar100")]
    assert kinds == ["flip", "crop", "normalize", "cutout"]
    assert len(transforms("cifar10", cutout=False)) == 3
    white = jnp.ones((200, 32, 32, 3))
    chain = transforms("cifar10")
    out, _ = transform_batch(jax.random.key(0), chain, white, jnp.zeros(200, jnp.int32))
    normal = chain[2]
    mean, std = np.array(normal.mean), np.array(normal.std)
    known = np.stack([(1 - mean) / std, -mean / std, 0 * mean])
    distance = np.abs(np.asarray(out)[..., None, :] - known).max(-1)
    assert (distance.min(-1) < 1e-5).all()  # image, padding of black, or blanked
    nearest = distance.argmin(-1)
    assert all((nearest == kind).any() for kind in range(3))


def test_the_splits_have_the_published_sizes():
    config = cifar("some").base.data
    images = make_synthetic((60, 4, 4, 3))
    split = make_splits(images, Data(config.name, split="holdout", holdout=0.25))[0]
    assert [len(split.train), len(split.validation), len(split.test)] == [36, 12, 12]
    assert round(50_000 * config.holdout) == 5_000
    assert cifar("some", all_images=True).base.data.split == "published"


def test_every_study_of_the_paper_is_a_sweep():
    studies = load_studies("savarese2019")
    found = {name: load_sweep(path).checked() for name, path in studies.items()}
    assert {name: len(sweep.runs()) for name, sweep in found.items()} == {
        "cifar10": 15,
        "cifar100": 15,
        "cifar10_widths": 6,
        "shortest_paths": 15,
    }
    for sweep in (found[name] for name in ("cifar10", "cifar100", "cifar10_widths")):
        for run in sweep.runs():
            assert run.train.optimizer.decays
            assert run.train.optimizer.no_decay == ("coefficients",)


def test_imagenet_trains_the_bottleneck_network_and_its_twins_with_banks():
    path = Path(__file__).parents[1] / "configs" / "savarese2019" / "imagenet.py"
    sweep = load_sweep(str(path)).checked()
    text = " ".join(path.read_text().split())
    assert f"{len(sweep.runs())} runs of {sweep.base.train.epochs} epochs" in text
    assert [run.network.templates for run in sweep.runs()] == [0, 1, 2]
    assert sweep.base.network == WideBottleneck(dtype="bfloat16")
    train = sweep.base.train
    factor = train.optimizer.schedule.make(90 * 5005, 5005)
    factors = [factor(jnp.float32(epoch * 5005)) for epoch in (29, 30, 59, 60, 89)]
    np.testing.assert_allclose(factors, [1, 0.1, 0.1, 0.01, 0.01], rtol=1e-6)
    chosen = (train.batch_size, train.optimizer.weight_decay, train.optimizer.no_decay)
    assert chosen == (256, 1e-4, ("coefficients",))


@pytest.mark.parametrize("strengths, terms", [((), 0), ((0.0, 0.01), 1)])
def test_the_similarity_term_is_there_if_it_is_asked_for(strengths, terms):
    sweep = cifar("some", templates=(2,), seeds=(0,), strengths=strengths).checked()
    assert len(sweep.base.task.terms) == terms
    assert len(sweep.runs()) == max(1, len(strengths))
