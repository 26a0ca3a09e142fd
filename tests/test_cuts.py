"""Translations of the second paper: pixel by pixel, and squares cut from images."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from marks import fast_first

from ws_jax import engine, results
from ws_jax.config import ConfigError
from ws_jax.data import make_splits, make_synthetic
from ws_jax.engine.program import make_program
from ws_jax.models import ConvNet, ResNet
from ws_jax.runs import Data, Run, Sweep, Train
from ws_jax.transforms import (
    Centre,
    Crop,
    Cut,
    Normalize,
    Repeat,
    ResizedCut,
    check_transforms,
    output_shape,
    transform_batch,
)

KEY = jax.random.key(3)
RANDOM = np.random.default_rng(0)


def change(chain, images, targets=None):
    if targets is None:
        targets = jnp.arange(len(images))
    changed = jax.jit(lambda: transform_batch(KEY, chain, jnp.asarray(images), targets))
    return jax.tree.map(np.asarray, changed())


@pytest.mark.parametrize("padding, count", fast_first([(1, 9), (4, 81), (8, 289)]))
def test_translations_are_as_many_and_pad_with_exact_zeros(padding, count):
    mean, std = (0.49, 0.48, 0.44), (0.25, 0.24, 0.26)
    image = RANDOM.random((12, 12, 3), np.float32)
    chain = (Repeat(40 * count), Normalize(mean=mean, std=std), Crop(padding=padding))
    got, targets = change(chain, image[None], jnp.array([7]))
    assert len(got) == 40 * count and set(targets.tolist()) == {7}
    normal = change((Normalize(mean=mean, std=std),), image[None])[0][0]
    padded = np.pad(normal, ((padding, padding),) * 2 + ((0, 0),))
    allowed = {
        padded[y : y + 12, x : x + 12].tobytes()
        for y in range(2 * padding + 1)
        for x in range(2 * padding + 1)
    }
    seen = {one.tobytes() for one in got}
    # Of `count` places 40 draws each leave out one in e^40.
    assert seen == allowed and len(seen) == count


def test_cut_takes_any_square_and_centre_the_middle():
    image = RANDOM.random((7, 6, 2), np.float32)
    got, _ = change((Cut(size=4), Centre(size=4)), np.stack([image] * 500))
    allowed = {
        image[y : y + 4, x : x + 4].tobytes() for y in range(4) for x in range(3)
    }
    assert {one.tobytes() for one in got} == allowed
    middle, _ = change((Centre(size=4),), image[None])
    np.testing.assert_array_equal(middle[0], image[1:5, 1:5])


def test_without_translations_a_cut_is_the_whole_image():
    images = RANDOM.random((4, 48, 48, 3), np.float32)
    got, _ = change((Cut(size=48), Centre(size=48)), images)
    np.testing.assert_array_equal(got, images)


def test_a_resized_cut_of_everything_is_the_image():
    image = RANDOM.random((9, 9, 3), np.float32)
    # A whole area that is not the square itself never fits: the middle is taken.
    got, _ = change((ResizedCut(size=9, least=1.0),), image[None])
    np.testing.assert_allclose(got[0], image, atol=1e-6)


@pytest.mark.slow
def test_resized_cuts_show_parts_of_the_image_at_its_scale():
    # On a ramp, the steps of the result tell the part's size, its values the place.
    rows = jnp.linspace(0, 1, 40, dtype=jnp.float32)
    image = jnp.broadcast_to(rows[:, None, None], (40, 30, 1))
    got, _ = change((ResizedCut(size=10),), np.stack([image] * 300))
    steps = np.diff(got[:, 2:8, 0, 0], axis=1)
    np.testing.assert_allclose(
        steps, steps.mean(1, keepdims=True) + 0 * steps, rtol=0.2
    )
    sides = steps.mean(1) * 39 * 10
    assert sides.min() >= 8 and sides.max() <= 41 and np.std(sides) > 5
    assert got.min() >= 0 and got.max() <= 1
    np.testing.assert_allclose(got, got[:, :, :1] + 0 * got, atol=1e-5)


def test_programs_see_the_size_that_is_cut():
    chain = (Cut(size=16), Normalize(), Centre(size=16))
    assert output_shape(chain, (24, 20, 3)) == (16, 16, 3)
    run = Run(network=ResNet(depth=8, width=2), transforms=chain)
    dataset = make_synthetic((20, 24, 20, 3))
    program = make_program(run, dataset, make_splits(dataset, Data()))
    assert program.image_shape == (16, 16, 3)
    assert program.layers[0].inputs == (16, 16, 3)


@pytest.mark.slow
def test_a_sweep_trains_on_cut_images(tmp_path):
    base = Run(
        data=Data("synthetic:60x14x14x1", num_folds=3),
        network=ConvNet(features=(2,), kernel_sizes=(3,), strides=(2,), hidden=4),
        transforms=(Cut(size=10), Normalize(), Centre(size=10)),
        train=Train(epochs=1, batch_size=16),
    )
    engine.run_sweep(Sweep("cut", base, {"seed": (0,)}), tmp_path)
    table = results.read(tmp_path)
    assert np.isfinite(table[table["epoch"] == 1][["loss", "val_loss"]]).all(axis=None)
    engine.study.prepare(Sweep("cut", base))
    shrunk = dataclasses.replace(base, transforms=(Cut(size=10),))
    with pytest.raises(ConfigError, match="10x10 in training and 14x14 in evaluation"):
        engine.study.prepare(Sweep("cut", shrunk))


def test_squares_larger_than_the_image_are_refused():
    with pytest.raises(
        ConfigError, match="cut.size: 13 is larger than images of 12x20"
    ):
        check_transforms((Cut(size=13),), (12, 20, 3))
    with pytest.raises(ConfigError, match="centre.size: 11 is larger than .* 10x10"):
        check_transforms((Cut(size=10), Centre(size=11)), (12, 20, 3))
