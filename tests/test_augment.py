"""Augmentations against scipy's affine transform, by hand, and by their statistics."""

import dataclasses

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage, stats

from ws_jax import augment
from ws_jax.config import ConfigError, check_config
from ws_jax.transforms import (
    VIEWS,
    EdgeNoise,
    Noise,
    Place,
    Rotation,
    Swap,
    Transform,
    Translation,
    transform_batch,
)

KEY = jax.random.key(7)
LEVEL = jnp.float32(0.3)
READINGS = [
    (),
    (Translation(),),
    (Rotation(),),
    (Rotation(centre="pixel_off"),),
    (Noise(),),
    (EdgeNoise(),),
    (EdgeNoise(border="batch"),),
]
# One of each way to draw and to place.
SOME_READINGS = [READINGS[i] for i in (1, 2, 6)]


def augmented(key, images, level, transforms, **places):
    """The images of a batch under transforms of one level."""
    leveled = tuple(dataclasses.replace(t, level=level) for t in transforms)
    labels = jnp.zeros(images.shape[0], jnp.int32)
    return transform_batch(key, leveled, images, labels, **places)[0]


augment_batch = jax.jit(augmented, static_argnames=("batch_size",))


def by_reading(readings):
    names = ["-".join(map(repr, reading)) or "none" for reading in readings]
    return pytest.mark.parametrize("reading", readings, ids=names)


def draw(*shape, seed=0):
    return jnp.asarray(np.random.default_rng(seed).random(shape, np.float32))


IMAGES = draw(12, 14, 17, 2)


def keras_transform(image, degrees=0.0, tx=0.0, ty=0.0, centre=-0.5):
    """The full matrix of `ImageDataGenerator`, applied by scipy in float64."""
    theta = np.deg2rad(degrees)
    c, s = np.cos(theta), np.sin(theta)
    rotation = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
    translation = np.array([[1, 0, tx], [0, 1, ty], [0, 0, 1]])
    oy, ox = (n / 2 + centre for n in image.shape[:2])
    to_centre = np.array([[1, 0, -oy], [0, 1, -ox], [0, 0, 1]])
    back = np.array([[1, 0, oy], [0, 1, ox], [0, 0, 1]])
    matrix = back @ rotation @ translation @ to_centre
    channels = [
        ndimage.affine_transform(
            channel, matrix[:2, :2], matrix[:2, 2], order=1, mode="nearest"
        )
        for channel in np.moveaxis(np.float64(image), 2, 0)
    ]
    return np.stack(channels, axis=2)


def ramps(h, w):
    """An image whose two channels are the row and the column of each pixel."""
    return np.stack(np.mgrid[:h, :w], axis=2).astype(np.float32)


def batch_of(image, n):
    return jnp.broadcast_to(jnp.asarray(image), (n, *image.shape))


@pytest.mark.parametrize("shape", [(28, 28, 1), (9, 13, 3)])
@pytest.mark.parametrize(
    ("dy", "dx"), [(0.0, 2.0), (-3.0, 0.5), (1.3, -4.75), (-30.2, 6.6), (27.7, -0.01)]
)
def test_shift_equals_keras_transform(shape, dy, dx):
    image = draw(*shape)
    want = keras_transform(image, tx=-dy, ty=-dx)
    np.testing.assert_allclose(augment.shift(image, dy, dx), want, atol=3e-6)


def test_shift_moves_content_down_and_right():
    image = jnp.zeros((5, 6, 1)).at[1, 2].set(1)
    want = jnp.zeros((5, 6, 1)).at[3, 3].set(1)
    np.testing.assert_array_equal(augment.shift(image, 2.0, 1.0), want)


@pytest.mark.parametrize(("centre", "offset"), [("middle", -0.5), ("pixel_off", 0.5)])
@pytest.mark.parametrize("shape", [(28, 28, 1), (9, 13, 3)])
@pytest.mark.parametrize("degrees", [-45.0, 12.3, 90.0, 217.0])
def test_rotate_equals_keras_transform(degrees, shape, centre, offset):
    image = draw(*shape)
    want = keras_transform(image, degrees, centre=offset)
    got = augment.rotate(image, degrees, centre)
    np.testing.assert_allclose(got, want, atol=2e-5)


def test_rotate_by_a_quarter_turn_is_clockwise():
    image = draw(6, 6, 2)
    want = np.rot90(image, k=-1)
    np.testing.assert_allclose(augment.rotate(image, 90.0), want, atol=1e-5)


def test_released_centre_drags_the_image():
    # Half a turn about 14.5 exchanges pixels i and 29 - i.
    image = draw(28, 28, 1)
    got = augment.rotate(image, 180.0, "pixel_off")
    np.testing.assert_allclose(got[2:, 2:], image[:1:-1, :1:-1], atol=2e-5)


def test_swap_quadrants_by_hand():
    image = jnp.arange(16.0).reshape(4, 4, 1)
    want = [[0, 1, 8, 9], [4, 5, 12, 13], [2, 3, 10, 11], [6, 7, 14, 15]]
    np.testing.assert_array_equal(augment.swap_quadrants(image)[..., 0], want)


def test_swap_quadrants_keeps_the_middle_of_odd_sides():
    image = jnp.arange(15.0).reshape(3, 5, 1)
    want = [[0, 1, 2, 10, 11], [5, 6, 7, 8, 9], [3, 4, 12, 13, 14]]
    np.testing.assert_array_equal(augment.swap_quadrants(image)[..., 0], want)


@pytest.mark.parametrize("shape", [(28, 28, 1), (5, 8, 3), (7, 7, 1), (1, 4, 1)])
def test_swap_quadrants_is_its_own_inverse(shape):
    image = draw(*shape)
    twice = augment.swap_quadrants(augment.swap_quadrants(image))
    np.testing.assert_array_equal(twice, image)


@by_reading(READINGS)
def test_level_is_data_and_zero_returns_the_image_exactly(reading):
    chex.clear_trace_counter()

    @jax.jit
    @chex.assert_max_traces(n=1)
    def change(level):
        return augmented(KEY, IMAGES, level, reading)

    none, weak, strong = (change(jnp.float32(level)) for level in (0.0, 0.1, 0.4))
    np.testing.assert_array_equal(none, IMAGES)
    assert bool(jnp.any(weak != strong)) == bool(reading)


@pytest.mark.slow
@by_reading(SOME_READINGS)
def test_mapped_runs_equal_runs_alone_in_a_scan(reading):
    keys, levels = jax.random.split(KEY, 3), jnp.array([0.0, 0.2, 0.7])

    def run(key, level):
        def step(_, index):
            step_key = jax.random.fold_in(key, index)
            return _, augmented(step_key, IMAGES, level, reading)

        return jax.lax.scan(step, None, jnp.arange(2))[1]

    mapped = jax.jit(jax.vmap(run))(keys, levels)
    for i, (key, level) in enumerate(zip(keys, levels, strict=True)):
        for index in range(2):
            step_key = jax.random.fold_in(key, index)
            alone = augment_batch(step_key, IMAGES, level, reading)
            np.testing.assert_allclose(mapped[i, index], alone, atol=2e-5)


@pytest.mark.slow
@by_reading([reading for reading in READINGS if reading])
def test_batch_equals_single_images(reading):
    batch = augment_batch(KEY, IMAGES, LEVEL, reading)
    key = jax.random.fold_in(KEY, 7)
    (transform,) = (dataclasses.replace(t, level=LEVEL) for t in reading)
    single = jax.jit(transform.apply)(key, IMAGES[7], Place(7, 12))
    np.testing.assert_allclose(batch[7], single, atol=2e-5)


def test_pieces_of_a_set_equal_the_whole():
    whole = augment_batch(KEY, IMAGES, LEVEL, (Translation(),))
    pieces = [
        augment_batch(KEY, IMAGES[i : i + 4], LEVEL, (Translation(),), start=i)
        for i in (0, 4, 8)
    ]
    np.testing.assert_allclose(np.concatenate(pieces), whole, atol=2e-5)


@pytest.mark.slow
def test_translation_is_uniform_on_each_axis():
    # Far from the edges a ramp's value falls by the shift. Side 20 by 40, level 0.25:
    # shifts within 5 and 10 pixels.
    images = batch_of(ramps(20, 40), 2000)
    moved = augment_batch(KEY, images, 0.25, (Translation(),))
    dy, dx = (np.array([10, 20]) - np.asarray(moved[:, 10, 20])).T
    assert stats.kstest(dy, stats.uniform(-5, 10).cdf).pvalue > 0.01
    assert stats.kstest(dx, stats.uniform(-10, 20).cdf).pvalue > 0.01
    assert abs(np.corrcoef(dy, dx)[0, 1]) < 4 / np.sqrt(2000)


def turned_by(images):
    """The angles by which the ramps of side 29 were turned about their centre."""
    y, x = np.asarray(images[:, 14, 20]).T - 14
    return np.rad2deg(np.arctan2(-y, x))


@pytest.mark.slow
@pytest.mark.parametrize(("level", "limit"), [(0.125, 45), (0.4, 144)])
def test_rotation_is_uniform(level, limit):
    images = batch_of(ramps(29, 29), 2000)
    angles = turned_by(augment_batch(KEY, images, level, (Rotation(),)))
    assert stats.kstest(angles, stats.uniform(-limit, 2 * limit).cdf).pvalue > 0.01


@pytest.mark.slow
def test_released_centre_serves_the_batch():
    images = batch_of(ramps(29, 29), 8)
    paper, released = (
        augment_batch(KEY, images, LEVEL, (Rotation(centre=centre),))
        for centre in augment.CENTRES
    )
    for angle, got in zip(turned_by(paper), released, strict=True):
        want = keras_transform(ramps(29, 29), angle, centre=0.5)
        np.testing.assert_allclose(got, want, atol=1e-3)


def noise_of(transform, **places):
    noisy = augment_batch(KEY, IMAGES, LEVEL, (transform,), **places)
    return np.asarray(noisy) - np.asarray(IMAGES)


def test_noise_is_normal_independent_and_not_clipped():
    noise = noise_of(Noise())
    assert stats.kstest(noise.ravel(), stats.norm(0, 0.3).cdf).pvalue > 0.01
    for pair in (
        (noise[..., 0], noise[..., 1]),
        (noise[:, 1:], noise[:, :-1]),
        (noise[1:], noise[:-1]),
    ):
        a, b = (x.ravel() for x in pair)
        assert abs(np.corrcoef(a, b)[0, 1]) < 4 / np.sqrt(a.size)
    noisy = noise + np.asarray(IMAGES)
    assert noisy.min() < 0
    assert noisy.max() > 1


def test_edge_noise_covers_five_pixels_on_all_sides():
    noise = noise_of(EdgeNoise())
    border = np.ones((14, 17), bool)
    border[5:-5, 5:-5] = False
    np.testing.assert_array_equal(noise.any(axis=(0, 3)), border)
    assert stats.kstest(noise[:, border].ravel(), stats.norm(0, 0.3).cdf).pvalue > 0.01


def outside_the_slice(n):
    """What the released code's slice of a batch of n images leaves out."""
    region = np.ones((n, *IMAGES.shape[1:]), bool)
    region[5:-5, 5:-5] = False
    return region


def test_released_edge_noise_slices_batch_and_rows():
    noise = noise_of(EdgeNoise(border="batch"))
    np.testing.assert_array_equal(noise != 0, outside_the_slice(12))


def test_released_edge_noise_counts_places_in_batches_of_the_set():
    noise = noise_of(EdgeNoise(border="batch"), start=6, batch_size=11)
    two_batches = np.concatenate([outside_the_slice(11)] * 2)
    np.testing.assert_array_equal(noise != 0, two_batches[6:18])


def test_views_have_the_levels_of_the_paper():
    levels = {name: getattr(view, "level", None) for name, view in VIEWS.items()}
    assert levels == {
        "translation": 0.25,
        "rotation": 45 / 360,
        "noise": 0.15,
        "edge_noise": 0.15,
        "swap": None,
    }
    assert all(Transform.kinds[name] is type(view) for name, view in VIEWS.items())


def test_a_swap_swaps_every_image():
    labels = jnp.zeros(12, jnp.int32)
    got, _ = transform_batch(KEY, (Swap(),), IMAGES, labels)
    want = np.stack([augment.swap_quadrants(image) for image in IMAGES])
    np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize(
    ("transform", "message"),
    [
        (EdgeNoise(border="images"), "did you mean 'image'"),
        (Rotation(centre="true"), "Known: middle, pixel_off"),
        (Noise(level=1.0), "level: 1.0 is not in"),
    ],
)
def test_what_is_not_allowed_is_refused(transform, message):
    with pytest.raises(ConfigError, match=message):
        check_config(transform)


@pytest.mark.parametrize("function", [augment.swap_quadrants, augment.rotate])
def test_numpy_images_are_taken_and_batches_refused(function):
    args = () if function is augment.swap_quadrants else (10.0,)
    image = np.random.default_rng(0).random((6, 6, 1))
    np.testing.assert_allclose(
        function(image, *args), function(jnp.float32(1) * image, *args), atol=1e-6
    )
    with pytest.raises(ValueError, match="map it over a batch with jax.vmap"):
        function(np.zeros((2, 6, 6, 1), np.float32), *args)
    with pytest.raises(ValueError, match="as floats in .0, 1., got uint8"):
        function(np.zeros((6, 6, 1), np.uint8), *args)


def test_rotate_refuses_an_unknown_centre():
    with pytest.raises(ValueError, match="did you mean 'pixel_off'"):
        augment.rotate(jnp.zeros((4, 4, 1)), 10.0, "pixel_of")
