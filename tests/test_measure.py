"""Kernel distances against a plain loop in float64, and where they are known."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ws_jax import measure


def draw(*shape, seed=0):
    values = np.random.default_rng(seed).uniform(-1, 1, shape)
    return jnp.asarray(values, jnp.float32)


def distance_by_loop(kernel, radius):
    """The definition, site by site and neighbour by neighbour."""
    oh, ow = kernel.shape[:2]
    field = np.float64(kernel).reshape(oh, ow, -1)
    field = field / np.linalg.norm(field)
    euclidean, cosine = [], []
    for i in range(radius, oh - radius):
        for j in range(radius, ow - radius):
            for k in range(i - radius, i + radius + 1):
                for m in range(j - radius, j + radius + 1):
                    if abs(i - k) != radius and abs(j - m) != radius:
                        continue
                    a, b = field[i, j], field[k, m]
                    norms = np.linalg.norm(a) * np.linalg.norm(b)
                    euclidean.append(np.linalg.norm(a - b))
                    cosine.append(1 - a @ b / norms)
    return np.mean(euclidean), np.mean(cosine)


distance = jax.jit(measure.kernel_distance, static_argnums=1)


@pytest.mark.parametrize(
    ("sites", "radius"), [((5, 7), 1), ((5, 7), 2), ((13, 13), 1), ((13, 13), 4)]
)
def test_equals_the_loop(sites, radius):
    kernel = draw(*sites, 3, 2, 2, 4)
    want = distance_by_loop(kernel, radius)
    got = distance(kernel, radius)
    np.testing.assert_allclose(got, want, rtol=2e-6)


@pytest.mark.slow
@pytest.mark.parametrize("radius", [1, 4])
def test_small_differences_are_not_cancelled(radius):
    kernel = 1 + 1e-3 * draw(11, 11, 3, 3, 1, 8)
    want = distance_by_loop(kernel, radius)
    got = measure.kernel_distance(kernel, radius)
    np.testing.assert_allclose(got, want, rtol=2e-4)


@pytest.mark.slow
@pytest.mark.parametrize("radius", [1, 2])
def test_equal_kernels_have_no_distance(radius):
    kernel = jnp.broadcast_to(draw(3, 3, 2, 4), (6, 6, 3, 3, 2, 4))
    assert measure.kernel_distance(kernel, radius) == (0, 0)


def test_one_kernel_at_a_right_angle_by_hand():
    # Nine unit kernels have the norm 3, and any two at a right angle differ by sqrt 2.
    kernel = np.zeros((3, 3, 1, 1, 2, 1), np.float32)
    kernel[..., 0, 0] = 1
    kernel[1, 1, 0, 0] = [[0], [1]]
    euclidean, cosine = distance(jnp.asarray(kernel), 1)
    np.testing.assert_allclose(euclidean, np.sqrt(2) / 3, rtol=1e-6)
    np.testing.assert_allclose(cosine, 1, rtol=1e-6)


def test_a_kernel_of_zeros_is_at_a_right_angle_to_others():
    # The one whole ring is around the middle, and half of it is zero.
    kernel = np.zeros((3, 3, 1, 1, 1, 1), np.float32)
    kernel[1, 1] = kernel[0] = kernel[1, 0] = 2
    euclidean, cosine = distance(jnp.asarray(kernel), 1)
    np.testing.assert_allclose(euclidean, 0.5 / np.sqrt(5), rtol=1e-6)
    np.testing.assert_allclose(cosine, 0.5, rtol=1e-6)


@pytest.mark.slow
def test_scale_does_not_matter():
    kernel = draw(7, 6, 3, 3, 1, 4)
    want = measure.kernel_distance(kernel, 2)
    got = measure.kernel_distance(37 * kernel, 2)
    np.testing.assert_allclose(got, want, rtol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("radius", [1, 4])
def test_independent_kernels_start_as_published(radius):
    # Ott et al., Figure 5: about sqrt(2) / 13 at 13 x 13 sites; the cosine is near 0.
    euclidean, cosine = measure.kernel_distance(draw(13, 13, 3, 3, 1, 32), radius)
    np.testing.assert_allclose(euclidean, np.sqrt(2) / 13, rtol=0.01)
    np.testing.assert_allclose(cosine, 1, atol=0.03)


@pytest.mark.slow
def test_mapped_runs_equal_runs_alone():
    kernels = draw(3, 7, 9, 3, 3, 1, 4)
    mapped = jax.jit(jax.vmap(lambda kernel: measure.kernel_distance(kernel, 2)))(
        kernels
    )
    alone = [distance(kernel, 2) for kernel in kernels]
    np.testing.assert_allclose(np.stack(mapped, axis=1), alone, rtol=1e-6)


@pytest.mark.parametrize(
    ("shape", "radius", "message"),
    [
        ((8, 13, 3, 3, 1, 2), 4, "8x13 sites is too small for radius 4.* 9 sites"),
        ((5, 5, 3, 3, 1, 2), 0, "radius is 0"),
        ((3, 3, 1, 2), 1, r"kernel field.*\(3, 3, 1, 2\)"),
    ],
)
def test_bad_input_is_refused(shape, radius, message):
    with pytest.raises(ValueError, match=message):
        measure.kernel_distance(jnp.ones(shape), radius)
