"""Minimal filtering against plain sums, and where it is used."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from benchmarks.networks import make_benchmark
from ws_jax import conv, sharing, winograd
from ws_jax.lowerings import find_filter

HIGHEST = lax.Precision.HIGHEST


def draw(*shape, seed=0):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape), jnp.float32)


@pytest.mark.parametrize("sites", range(1, 7))
@pytest.mark.parametrize("taps", range(1, 6))
def test_a_row_of_sites_is_filtered_in_few_multiplications(sites, taps):
    if sites + taps > 8:
        assert winograd.tile_side(sites, sites, sites + taps - 1, taps, 1) is None
        return
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=sites + taps - 1), rng.normal(size=taps)
    side = winograd.tile_side(sites, sites, len(x), taps, 1)
    assert len(side.data) == len(side.kernel) == sites + taps - 1
    got = side.result @ ((side.kernel @ w) * (side.data @ x))
    np.testing.assert_allclose(got, np.correlate(x, w), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("scheme", "window", "strides", "more"),
    [
        (sharing.full((4, 4)), (3, 3), (1, 1), (0, 0)),
        (sharing.full((5, 5)), (5, 5), (2, 2), (1, 1)),
        (sharing.full((4, 3)), (2, 5), (3, 2), (2, 0)),
        (sharing.full((3, 2)), (2, 1), (3, 2), (0, 1)),
        (sharing.tiles((4, 6), 2), (3, 3), (1, 1), (0, 0)),
        (sharing.tiles((5, 4), 3), (3, 2), (2, 1), (1, 0)),
        (sharing.tiles((5, 5), 4), (5, 5), (2, 2), (0, 0)),
        (sharing.free((3, 3)), (3, 3), (2, 1), (0, 0)),
    ],
    ids=str,
)
def test_blocks_are_filtered_as_lax_convolves(scheme, window, strides, more):
    """`more` is units at the end of the image that no window sees."""
    sides = zip(scheme.shape, window, strides, more, strict=True)
    units = tuple(s * (n - 1) + k + m for n, k, s, m in sides)
    plan = winograd.make_plan(scheme, units, window, strides)
    x, bank = draw(*units, 3, 4), draw(scheme.num_kernels, *window, 3, 5, seed=1)
    pull = draw(*scheme.shape, 5, 4, seed=2)

    def ours(x, bank):
        return winograd.filter_blocks(x, bank, plan, HIGHEST)

    def plain(x, bank):
        return conv.shared_conv(
            x, bank, scheme, strides=strides, lowering="lax", layout="HWCN"
        )

    def with_gradients(function, x, bank, pull):
        y, pullback = jax.vjp(function, x, bank)
        return y, pullback(pull)

    got, want = jax.jit(
        lambda *arrays: [with_gradients(f, *arrays) for f in (ours, plain)]
    )(x, bank, pull)
    chex.assert_trees_all_close(got, want, rtol=1e-4, atol=1e-4)


def test_what_is_no_block_or_too_large_has_no_plan():
    def plan(scheme):
        units = tuple(n + 2 for n in scheme.shape)
        return winograd.make_plan(scheme, units, (3, 3), (1, 1))

    assert plan(sharing.full((5, 5))) and plan(sharing.tiles((9, 9), 5))
    assert plan(sharing.full((6, 5))) is None
    assert plan(sharing.periodic((4, 4), 2)) is None


def paper_layers(scheme):
    found = set()
    for network in ("mnist", "cifar10"):
        for layer in make_benchmark(network, scheme).layers():
            if layer.filter(scheme):
                found.add((network, layer.index + 1))
    return found


def test_the_layers_of_the_paper_that_it_makes_quicker():
    assert paper_layers("full") == {("mnist", 3), ("cifar10", 2), ("cifar10", 3)}
    assert paper_layers("tiles:2") == {("mnist", 3)}
    assert paper_layers("free") == set()


@pytest.mark.slow
def test_products_below_float32_are_left_to_columns():
    scheme = sharing.full((4, 4))

    def found(precision):
        geometry = conv.make_geometry((6, 6), (3, 3), (1, 1), "VALID", precision)
        return find_filter(scheme, geometry, (6, 6), 64, 128)

    assert found(None) and found(HIGHEST)
    assert found(lax.Precision.HIGH) is None
    x, bank = draw(2, 6, 6, 64), draw(1, 3, 3, 64, 128, seed=1) / 24
    halves = x.astype(jnp.bfloat16), bank.astype(jnp.bfloat16)
    columns, ours = (
        conv.shared_conv(*halves, scheme, lowering=name)
        for name in ("columns", "winograd")
    )
    np.testing.assert_array_equal(ours, columns)


@pytest.mark.slow
@pytest.mark.parametrize(("network", "index"), [("mnist", 2), ("cifar10", 1)])
def test_its_rounding_stays_that_of_float32(network, index):
    layer = make_benchmark(network, "full").layers()[index]
    scheme = layer.sharing("full")
    shape = (layer.window, layer.window, layer.channels, layer.features)
    x = jax.nn.relu(draw(8, *layer.size, layer.channels))
    bank = draw(1, *shape, seed=1) / np.sqrt(layer.taps)
    got = {
        name: conv.shared_conv(
            x, bank, scheme, strides=(layer.stride,) * 2, lowering=name
        )
        for name in ("columns", "winograd")
    }
    patches = np.lib.stride_tricks.sliding_window_view(
        np.asarray(x, np.float64), (layer.window, layer.window), (1, 2)
    )[:, :: layer.stride, :: layer.stride]
    want = np.einsum("nhwcij,ijco->nhwo", patches, np.asarray(bank[0], np.float64))
    scale = np.sqrt(np.mean(want**2))
    error = {k: np.sqrt(np.mean((y - want) ** 2)) / scale for k, y in got.items()}
    assert error["columns"] < 5e-7 and error["winograd"] < 3e-6
    assert error["winograd"] != error["columns"], "it was not used"
