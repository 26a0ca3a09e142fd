"""A locally connected layer of equal kernels is a convolution, over the released grid.

The grid and the tolerance are those of the unit tests of Pogodin et al. 2021, without
their groups of channels, which these layers do not have.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from ws_jax.conv import local_conv


def draw(*shape, seed=0):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape), jnp.float32)


def convolve(x, kernel, stride, pads):
    return lax.conv_general_dilated(
        x, kernel, (stride, stride), pads, precision=lax.Precision.HIGHEST,
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )  # fmt: skip


@pytest.mark.parametrize("stride", [1, 2, 4])
@pytest.mark.parametrize("window", [1, 3])
def test_equal_kernels_are_a_convolution_and_its_gradient_their_sum(window, stride):
    pads = ((window // 2,) * 2,) * 2
    for size, channels, features in ((2, 1, 4), (4, 4, 2), (8, 3, 3)):
        if stride > size:
            continue
        x = draw(3, size, size, channels)
        kernel = draw(window, window, channels, features, seed=1)
        sites = -(-size // stride)
        field = jnp.broadcast_to(kernel, (sites, sites, *kernel.shape))
        weight = draw(3, sites, sites, features, seed=2)

        def both(x, field, kernel, pads=pads, weight=weight):
            local = lambda f: local_conv(x, f, strides=stride, padding=pads)  # noqa: E731
            plain = lambda k: convolve(x, k, stride, pads)  # noqa: E731
            y, pull = jax.vjp(local, field)
            want, pull_one = jax.vjp(plain, kernel)
            return y, want, pull(weight)[0].sum((0, 1)), pull_one(weight)[0]

        y, want, summed, whole = jax.jit(both)(x, field, kernel)
        np.testing.assert_allclose(y, want, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(summed, whole, rtol=1e-5, atol=1e-5)
