"""A locally connected layer of equal kernels is a convolution, over the released grid.

The grid and the tolerance are those of the unit tests of Pogodin et al. 2021, without
their groups of channels, which these layers do not have.
"""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from marks import fast_first

from ws_jax.conv import local_conv
from ws_jax.initializers import glorot_uniform
from ws_jax.layers import SharedConv
from ws_jax.schemes import parse_scheme


def draw(*shape, seed=0):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape), jnp.float32)


def convolve(x, kernel, stride, pads):
    return lax.conv_general_dilated(
        x, kernel, (stride, stride), pads, precision=lax.Precision.HIGHEST,
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )  # fmt: skip


# Sizes and strides of the grid. Each has two pairs of channels: together all sixteen.
PLACES = [(n, s) for n in (2, 4, 8) for s in (1, 2, 4) if s <= n]
PAIRS = list(itertools.product(range(1, 5), repeat=2))


def pairs_of(window, size, stride):
    """Two pairs of input and output channels; other ones for another window."""
    place = PLACES.index((size, stride)) + window
    return PAIRS[place % 8], PAIRS[8 + place % 8]


@pytest.mark.parametrize("window", [1, 3])
def test_all_pairs_of_channels_are_compared(window):
    assert len({p for at in PLACES for p in pairs_of(window, *at)}) == len(PAIRS) == 16


@pytest.mark.parametrize("size, stride", fast_first(PLACES[::-1], 3))
@pytest.mark.parametrize("window", [1, 3])
def test_equal_kernels_are_a_convolution_and_its_gradient_their_sum(
    window, size, stride
):
    pads = ((window // 2,) * 2,) * 2
    for channels, features in pairs_of(window, size, stride):
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


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("stride", [1, 2, 4])
def test_a_layer_of_equal_kernels_is_a_convolution_with_the_shared_bias_and_without(
    stride, bias
):
    pads = ((1, 1), (1, 1))
    layer = SharedConv(
        features=3, window=(3, 3), strides=(stride,) * 2, padding=pads,
        scheme=parse_scheme("free")[0], kernel_init=glorot_uniform(), use_bias=bias,
        share_bias=True, precision=lax.Precision.HIGHEST,
    )  # fmt: skip
    x, kernel = draw(3, 8, 8, 2), draw(3, 3, 2, 3, seed=1)
    shapes = jax.eval_shape(layer.init, jax.random.key(0), x)["params"]
    params = {"kernel": jnp.broadcast_to(kernel, shapes["kernel"].shape)}
    want = convolve(x, kernel, stride, pads)
    assert ("bias" in shapes) == bias
    if bias:
        params["bias"] = draw(*shapes["bias"].shape, seed=2)
        assert params["bias"].shape == (3,)
        want = want + params["bias"].reshape(1, 1, 1, 3)
    got = jax.jit(layer.apply)({"params": params}, x)
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)
