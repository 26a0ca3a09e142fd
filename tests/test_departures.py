"""Further departures of the released code, as neutral options."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ws_jax import augment
from ws_jax.papers.ott2020 import presets, semantics
from ws_jax.tasks import Classification
from ws_jax.transforms import Place, Rotation

CLIP = 1e-7


def keras_loss(logits, target):
    """Keras 2.3 on one softmax: clips what it is given, then takes the logarithm."""
    p = np.exp(logits - logits.max())
    p /= p.sum()
    kept = np.clip(p, CLIP, 1 - CLIP)
    inside = CLIP < p[target] < 1 - CLIP
    # d(-log p_t)/dx = p - onehot, and nothing where the clip holds.
    slope = (p - np.eye(len(p))[target]) * inside
    return -np.log(kept[target]), slope


@pytest.mark.slow
@pytest.mark.parametrize("scale", [0.1, 3.0, 12.0, 300.0])
def test_the_clipped_loss_and_its_gradient(scale):
    draw = np.random.default_rng(0)
    logits = draw.normal(0, scale, (40, 10))
    targets = draw.integers(0, 10, 40)
    task = Classification(clip=CLIP)
    found = task.losses(jnp.asarray(logits, jnp.float32), jnp.asarray(targets))
    slopes = jax.grad(lambda x: task.losses(x, jnp.asarray(targets)).sum())(
        jnp.asarray(logits, jnp.float32)
    )
    wanted = [keras_loss(x, t) for x, t in zip(logits, targets, strict=True)]
    np.testing.assert_allclose(found, [w for w, _ in wanted], rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(slopes, [s for _, s in wanted], atol=1e-4)


@pytest.mark.slow
def test_extreme_logits_cost_no_more_than_the_clip_and_push_nothing():
    logits = jnp.array([[1000.0, 0.0, 0.0]])
    task = Classification(clip=CLIP)
    for target, loss in ((1, -np.log(CLIP)), (0, 1e-7)):
        labels = jnp.array([target])
        assert float(task.losses(logits, labels)[0]) == pytest.approx(loss, abs=1e-4)
        slope = jax.grad(lambda x, y=labels: task.losses(x, y)[0])(logits)
        assert not slope.any()
    assert float(Classification().losses(logits, jnp.array([1]))[0]) == 1000


@pytest.mark.slow
def test_without_a_clip_the_loss_is_what_it_was():
    logits = jax.random.normal(jax.random.key(0), (50, 10)) * 20
    targets = jnp.arange(50) % 10
    plain = optax.softmax_cross_entropy_with_integer_labels(logits, targets)
    np.testing.assert_array_equal(Classification().losses(logits, targets), plain)
    assert Classification().clip == 0


@pytest.mark.slow
def test_smoothing_goes_with_a_clip():
    logits = jnp.array([[1.0, 2.0, -1.0]])
    both = [Classification(label_smoothing=0.1, clip=c) for c in (0.0, CLIP)]
    plain, clipped = (task.losses(logits, jnp.array([1])) for task in both)
    np.testing.assert_allclose(plain, clipped, rtol=1e-5)


def test_the_loss_is_a_point_of_the_semantics():
    assert "loss" in semantics.POINTS
    sweep = presets.mnist("m")
    clips = {
        (): 0.0,
        ("released",): CLIP,
        ("paper", "released"): CLIP,
        ("released", "paper"): 0.0,
    }
    for (bundle, *loss), clip in ((k or ("paper",), v) for k, v in clips.items()):
        points = {"loss": loss[0]} if loss else {}
        found = semantics.with_semantics(sweep, bundle, **points)
        assert found.base.task.clip == clip


def test_whole_degrees_are_those_of_python():
    for level in presets.LEVELS:
        found = float(jax.jit(augment.whole_degrees)(jnp.float32(level)))
        assert found == int(level * 360), level
    assert float(augment.whole_degrees(1 / 7)) == 51


def test_released_rotation_is_cut_in_training_only():
    sweep = presets.mnist("m", augmentations=("rotation",), semantics="released")
    ((rotation,),) = sweep.axes["transforms"]
    assert rotation.whole_degrees and rotation.centre == "pixel_off"
    views = {view.kind: view for view in sweep.base.evaluation.views}
    assert not views["rotation"].whole_degrees
    paper = semantics.with_semantics(sweep, "paper")
    assert not paper.axes["transforms"][0][0].whole_degrees


@pytest.mark.slow
def test_whole_degrees_turn_less_and_are_off_by_default():
    image = jax.random.uniform(jax.random.key(1), (8, 8, 1))
    key, place = jax.random.key(0), Place(0, 1)
    turn = 0.99 * jax.random.uniform(key, minval=-1.0, maxval=1.0)
    usual = Rotation(level=0.99).apply(key, image, place)
    np.testing.assert_array_equal(usual, augment.rotate(image, 360 * turn))
    cut = Rotation(level=0.99, whole_degrees=True).apply(key, image, place)
    wanted = augment.rotate(image, 356 / 0.99 * turn)
    np.testing.assert_allclose(cut, wanted, atol=1e-4)
    assert np.abs(cut - usual).max() > 1e-3
