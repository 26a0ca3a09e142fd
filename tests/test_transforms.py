"""Transforms of a batch: what each does, their order, keys and places, and targets."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from marks import fast_first
from scipy import stats

from ws_jax import transforms
from ws_jax.config import ConfigError, check_config, rules
from ws_jax.transforms import (
    Crop,
    Cutout,
    EdgeNoise,
    Flip,
    Noise,
    Normalize,
    Repeat,
    Rotation,
    Swap,
    Translation,
    check_transforms,
    num_copies,
    transform_batch,
)

KEY = jax.random.key(3)
RANDOM = np.random.default_rng(0)
IMAGES = jnp.asarray(RANDOM.random((6, 12, 11, 3), np.float32))
TARGETS = jnp.arange(6)


def change(*chain, images=IMAGES, targets=None, key=KEY, **options):
    if targets is None:
        targets = jnp.arange(images.shape[0])
    changed = jax.jit(lambda: transform_batch(key, chain, images, targets, **options))
    return jax.tree.map(np.asarray, changed())


def copies_of(image, n):
    return jnp.broadcast_to(jnp.asarray(image), (n, *image.shape))


def test_no_transform_leaves_a_batch_as_it_is():
    images, targets = change()
    np.testing.assert_array_equal(images, IMAGES)
    np.testing.assert_array_equal(targets, TARGETS)


@pytest.mark.parametrize("probability", [0.0, 0.2, 0.5, 1.0])
def test_flip_mirrors_left_to_right_as_often_as_said(probability):
    image, n = RANDOM.random((3, 4, 2), np.float32), 1000
    got, _ = change(Flip(probability=probability), images=copies_of(image, n))
    mirrored = (got == image[:, ::-1]).all(axis=(1, 2, 3))
    np.testing.assert_array_equal(got[~mirrored], copies_of(image, (~mirrored).sum()))
    assert stats.binomtest(int(mirrored.sum()), n, probability).pvalue > 0.01


@pytest.mark.parametrize("padding", [1, 2])
def test_crop_cuts_anywhere_from_the_padded_image(padding):
    image, n = 1 + RANDOM.random((4, 5, 2), np.float32), 1500
    got, _ = change(Crop(padding=padding), images=copies_of(image, n))
    padded = np.pad(image, ((padding,) * 2, (padding,) * 2, (0, 0)))
    offsets = [(y, x) for y in range(2 * padding + 1) for x in range(2 * padding + 1)]
    counts = [
        (got == padded[y : y + 4, x : x + 5]).all(axis=(1, 2, 3)).sum()
        for y, x in offsets
    ]
    assert sum(counts) == n
    assert stats.chisquare(counts).pvalue > 0.01


@pytest.mark.slow
@pytest.mark.parametrize("size", [1, 2, 3, 4, 99])
def test_cutout_blanks_a_square_about_any_pixel(size):
    image, n = 1 + RANDOM.random((4, 5, 2), np.float32), 2000
    got, _ = change(Cutout(size=size), images=copies_of(image, n))
    counts = {}
    for y in range(4):
        for x in range(5):
            want = image.copy()
            top, left = y - size // 2, x - size // 2
            want[max(top, 0) : top + size, max(left, 0) : left + size] = 0
            counts[want.tobytes()] = (got == want).all(axis=(1, 2, 3)).sum()
    assert sum(counts.values()) == n
    if size < 4:  # larger ones blank the same from several centres
        assert (
            len(counts) == 20 and stats.chisquare(list(counts.values())).pvalue > 0.01
        )


@pytest.mark.parametrize(
    ("mean", "std"),
    [((0.5,), (0.25,)), ((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616))],
)
def test_normalize_is_that_of_numpy(mean, std):
    got, _ = change(Normalize(mean=mean, std=std))
    want = (np.float64(IMAGES) - np.array(mean)) / np.array(std)
    np.testing.assert_allclose(got, want, rtol=1e-6, atol=1e-6)
    assert not Normalize().draws  # so it serves evaluations, too


def test_normalize_needs_a_number_for_each_channel():
    with pytest.raises(ConfigError, match="normalize.std has 2 numbers for 3 channels"):
        check_transforms((Normalize(std=(0.5, 0.5)),), (12, 11, 3))
    with pytest.raises(ConfigError, match="std: 0.0 must be above 0"):
        check_config(Normalize(std=(0.0,)))
    with pytest.raises(ConfigError, match="names one twice"):
        check_transforms((Normalize(), Normalize()), (12, 11, 3))


@pytest.mark.slow
def test_padding_is_zero_in_the_units_in_which_it_is_added():
    normalize, crop = Normalize(mean=(0.4,), std=(0.2,)), Crop(padding=3)
    ones = jnp.ones((64, 4, 4, 1))
    after, _ = change(normalize, crop, images=ones)
    np.testing.assert_allclose(np.unique(after), [0, 3], rtol=1e-6)
    assert (after == 0).any()
    before, _ = change(crop, normalize, images=ones)
    np.testing.assert_allclose(np.unique(before), [-2, 3], rtol=1e-6)
    # The draw is the same: normalisation has no part in it.
    np.testing.assert_array_equal(after == 0, before < 0)


@pytest.mark.slow
def test_transforms_act_in_order():
    cut, _ = change(Cutout(size=3), Normalize(mean=(0.5,), std=(0.5,)))
    plain, _ = change(Cutout(size=3))
    np.testing.assert_allclose(cut, 2 * plain - 1, atol=1e-6)
    blanked, _ = change(Normalize(mean=(0.5,), std=(0.5,)), Cutout(size=3))
    np.testing.assert_array_equal(blanked == 0, plain == 0)
    swapped, _ = change(Swap(), EdgeNoise(level=0.1))
    kept = change(Swap())[0]
    assert ((swapped - kept)[:, 5:-5, 5:-5] == 0).all()


@pytest.mark.slow
def test_several_that_draw_have_keys_of_their_own():
    # The same draws in any order, and for the second of a kind others.
    noisy, shifted = Noise(level=0.3), Flip()
    images = jnp.zeros((6, 5, 5, 1))
    first, _ = change(noisy, shifted, images=images)
    second, _ = change(shifted, noisy, images=images)
    flipped = (first != second).any(axis=(1, 2, 3))
    np.testing.assert_allclose(first[flipped], second[flipped][:, :, ::-1], rtol=1e-6)
    assert flipped.any() and not flipped.all()

    both, _ = change(noisy, noisy, images=images)
    alone, _ = change(noisy, images=images)
    assert stats.kstest(both.ravel(), stats.norm(0, 0.3 * 2**0.5).cdf).pvalue > 0.01
    assert np.abs(both - 2 * alone).min() > 0


def test_draws_of_two_transforms_are_independent():
    # A bright pixel is moved by as much as is drawn; noise is added by itself.
    n = 4000
    chain = (Flip(), Cutout(size=1))
    got, _ = change(*chain, images=copies_of(np.array([[[1.0], [2.0]]], "f4"), n))
    table = np.zeros((2, 2))
    for left, right in got[:, 0, :, 0]:
        blank_left = left == 0
        mirrored = (right == 1) if blank_left else (left == 2)
        table[int(blank_left), int(mirrored)] += 1
    assert stats.chi2_contingency(table).pvalue > 0.01


@pytest.mark.slow
@pytest.mark.parametrize("level", [0.0, 0.2])
@pytest.mark.parametrize("idle", [Noise(), Rotation(), Flip(probability=0.0), Repeat()])
def test_what_has_no_effect_leaves_no_trace_in_the_draws(idle, level):
    # So runs that differ in it alone are one, as their identity says.
    want, _ = change(Translation(level=level))
    for chain in (Translation(level=level), idle), (idle, Translation(level=level)):
        np.testing.assert_allclose(change(*chain)[0], want, atol=2e-6)
    assert idle.essence() is None


@pytest.mark.slow
def test_levels_of_several_are_data():
    def changed(shift, std):
        chain = (Translation(level=shift), Noise(level=std))
        return transform_batch(KEY, chain, IMAGES, TARGETS)[0]

    levels = jnp.array([[0.0, 0.0], [0.2, 0.0], [0.2, 0.3]], jnp.float32)
    none, one, both = jax.jit(jax.vmap(changed))(*levels.T)
    np.testing.assert_array_equal(none, IMAGES)
    alone, _ = change(Translation(level=0.2))
    np.testing.assert_allclose(one, alone, atol=2e-6)
    together, _ = change(Translation(level=0.2), Noise(level=0.3))
    np.testing.assert_allclose(both, together, atol=2e-6)


@pytest.mark.slow
def test_copies_stand_side_by_side_and_are_changed_each_by_itself():
    images, targets = change(Repeat(times=3))
    np.testing.assert_array_equal(images, np.repeat(IMAGES, 3, axis=0))
    np.testing.assert_array_equal(targets, np.repeat(TARGETS, 3))
    noisy, targets = change(Repeat(times=3), Noise(level=0.1))
    noise = (noisy - np.repeat(IMAGES, 3, axis=0)).reshape(18, -1)
    np.testing.assert_array_equal(targets, np.repeat(TARGETS, 3))
    assert stats.kstest(noise.ravel(), stats.norm(0, 0.1).cdf).pvalue > 0.01
    assert np.abs(np.corrcoef(noise) - np.eye(18)).max() < 0.25
    # What comes before changes all copies alike.
    alike, _ = change(Noise(level=0.1), Repeat(times=2))
    np.testing.assert_array_equal(alike[::2], alike[1::2])
    assert num_copies((Repeat(times=3), Noise(), Repeat(times=2))) == 6


@pytest.mark.slow
@pytest.mark.parametrize("chain", [(Flip(), Crop(padding=2)), (Repeat(2), Noise(0.1))])
def test_pieces_of_a_set_equal_the_whole(chain):
    whole, _ = change(*chain)
    pieces = [change(*chain, images=IMAGES[i : i + 2], start=i)[0] for i in (0, 2, 4)]
    np.testing.assert_allclose(np.concatenate(pieces), whole, atol=1e-6)


def test_places_count_copies():
    # Of a batch of 6 twice over, the first and the last five are all border.
    noise, _ = change(
        Repeat(times=2), EdgeNoise(level=0.1, border="batch"), batch_size=6
    )
    changed = noise != np.repeat(IMAGES, 2, axis=0)
    whole = changed[:, 5:-5].all(axis=(1, 2, 3))
    np.testing.assert_array_equal(whole, [True] * 5 + [False] * 2 + [True] * 5)


MOVING = [
    Translation(level=0.3),
    Rotation(level=0.2),
    Swap(),
    Flip(),
    Crop(padding=3),
]


@pytest.mark.parametrize("one", fast_first(MOVING, 2), ids=lambda one: one.kind)
def test_dense_targets_move_with_the_image(one):
    masks = jnp.asarray((RANDOM.random((6, 12, 11)) > 0.5).astype(np.float32))
    chain = (Noise(level=0.0), one, Repeat(times=2))
    options = {"images": masks[..., None], "targets": masks, "dense": True}
    images, targets = change(*chain, **options)
    np.testing.assert_array_equal(targets, images[..., 0])
    assert (targets[::2] != masks).any()
    _, kept = change(*chain, images=masks[..., None], targets=masks)
    np.testing.assert_array_equal(kept[::2], masks)


@pytest.mark.parametrize(
    "one", [Noise(level=0.2), EdgeNoise(level=0.2), Cutout(size=3), Normalize()],
    ids=lambda one: one.kind,
)  # fmt: skip
def test_dense_targets_stay_where_no_pixel_moves(one):
    masks = (IMAGES[..., 0] > 0.5).astype(jnp.float32)
    images, targets = change(one, targets=masks, dense=True)
    np.testing.assert_array_equal(targets, masks)
    assert (images != IMAGES).any()


def test_which_kinds_there_are():
    assert set(transforms.Transform.kinds) >= {
        "translation", "rotation", "noise", "edge_noise", "swap", "flip", "crop",
        "cutout", "normalize", "repeat",
    }  # fmt: skip
    ordered = [t().keeps_order() for t in transforms.Transform.kinds.values()]
    assert not any(ordered)
    for kind in (Noise, EdgeNoise):  # at level 0 they are the run that all kinds share
        assert kind(level=0.1, shuffled=False).keeps_order()
        assert not kind(level=0.0, shuffled=False).keeps_order()


@pytest.mark.parametrize(
    ("one", "message"),
    [
        (Translation(level=1.0), r"level: 1.0 is not in \[0, 1\)"),
        (Noise(level=-0.1), r"level: -0.1 is not in \[0, 1\)"),
        (Flip(probability=1.1), r"probability: 1.1 is not in \[0, 1\]"),
        (Crop(padding=0), "padding: 0 must be at least 1"),
        (Cutout(size=0), r"size: 0 is not in \[1, "),
        (Repeat(times=0), "times: 0 must be at least 1"),
    ],
)
def test_what_is_refused(one, message):
    with pytest.raises(ConfigError, match=message):
        check_config(one)


@pytest.mark.slow
def test_the_size_of_a_cutout_is_run_data():
    assert rules(Cutout)["size"].role == "data"
    sizes = jnp.array([1, 3, 99])
    cut = lambda size: transform_batch(KEY, (Cutout(size=size),), IMAGES, TARGETS)[0]  # noqa: E731
    for size, got in zip(sizes, jax.jit(jax.vmap(cut))(sizes), strict=True):
        want, _ = change(Cutout(size=int(size)), targets=TARGETS)
        np.testing.assert_array_equal(got, want)
