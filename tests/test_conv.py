"""The op against lax's own, in value and both gradients."""

import functools
import itertools

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from marks import fast_first

from ws_jax import conv, sharing
from ws_jax.lowerings import LOWERINGS, natural_layout

NHWC = ("NHWC", "HWIO", "NHWC")
SIZE, BATCH, FEATURES = (9, 8), 4, 5


def sites_of(window, strides, padding):
    pads = padding
    if isinstance(padding, str):
        pads = lax.padtype_to_pads(SIZE, window, strides, padding)
    return tuple(
        (n + sum(p) - k) // s + 1
        for n, k, s, p in zip(SIZE, window, strides, pads, strict=True)
    )


def lax_local(x, field, strides, padding):
    """lax's local convolution, called without any of our code."""
    kh, kw, c, o = field.shape[2:]
    unfolded = field.transpose(0, 1, 4, 2, 3, 5).reshape(*field.shape[:2], -1, o)
    return lax.conv_general_dilated_local(
        x, unfolded, strides, padding, (kh, kw), dimension_numbers=NHWC,
        precision="highest",
    )  # fmt: skip


def value_and_gradients(function, x, kernel):
    def loss(x, kernel):
        y = function(x, kernel)
        weights = jnp.sin(jnp.arange(y.size, dtype=jnp.float32)).reshape(y.shape)
        return (y * weights.astype(y.dtype)).sum()

    return function(x, kernel), jax.grad(loss, (0, 1))(x, kernel)


def draw(*shape, seed=0, dtype=jnp.float32):
    # By NumPy, since JAX compiles its draws for every shape.
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape), dtype)


@pytest.mark.parametrize("channels", fast_first([3, 1]))
@pytest.mark.parametrize("window", [(1, 1), (2, 3)])
@pytest.mark.parametrize("padding", ["VALID", "SAME", ((1, 2), (0, 1))])
@pytest.mark.parametrize("strides", [(1, 1), (2, 1)])
def test_local_conv_equals_lax(strides, padding, window, channels):
    x = draw(BATCH, *SIZE, channels)
    sites = sites_of(window, strides, padding)
    field = draw(*sites, *window, channels, FEATURES, seed=1)

    @jax.jit
    def everything(x, field):
        want = value_and_gradients(
            lambda x, k: lax_local(x, k, strides, padding), x, field
        )
        got = {
            name: value_and_gradients(
                lambda x, k, name=name: conv.local_conv(
                    x, k, strides=strides, padding=padding, lowering=name
                ),
                x,
                field,
            )
            for name in LOWERINGS
        }
        return want, got

    want, got = everything(x, field)
    for values in got.values():
        chex.assert_trees_all_close(values, want, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("lowering", sorted(LOWERINGS))
@pytest.mark.parametrize("padding", fast_first(["SAME", "VALID"]))
@pytest.mark.parametrize("strides", [(1, 1), (2, 1)])
def test_tiled_kernels_equal_a_convolution(strides, padding, lowering):
    x, kernel = draw(BATCH, *SIZE, 3), draw(3, 2, 3, FEATURES, seed=1)
    sites = sites_of((3, 2), strides, padding)

    def ordinary(x, kernel):
        return lax.conv_general_dilated(
            x, kernel, strides, padding, dimension_numbers=NHWC, precision="highest"
        )

    def tiled(x, kernel):
        field = jnp.broadcast_to(kernel, (*sites, *kernel.shape))
        return conv.local_conv(
            x, field, strides=strides, padding=padding, lowering=lowering
        )

    def shared(x, kernel):
        return conv.shared_conv(
            x,
            kernel[None],
            sharing.full(sites),
            strides=strides,
            padding=padding,
            lowering=lowering,
        )

    want, *got = jax.jit(
        lambda x, k: [value_and_gradients(f, x, k) for f in (ordinary, tiled, shared)]
    )(x, kernel)
    chex.assert_trees_all_close(got[0], want, rtol=1e-4, atol=1e-4)
    chex.assert_trees_all_close(got[1], want, rtol=1e-4, atol=1e-4)


SCHEMES = {
    "full": sharing.full((7, 6)),
    "free": sharing.free((7, 6)),
    "tiles2": sharing.tiles((7, 6), 2),
    "tiles3": sharing.tiles((7, 6), 3),
    "periodic2": sharing.periodic((7, 6), 2),
    "periodic3": sharing.periodic((7, 6), 3),
    "any": sharing.Sharing(np.random.default_rng(0).permutation(42).reshape(7, 6) % 5),
}


@pytest.mark.parametrize("name", sorted(SCHEMES))
def test_shared_conv_equals_lax_on_the_unfolded_bank(name):
    scheme = SCHEMES[name]
    x, bank = draw(BATCH, *SIZE, 2), draw(scheme.num_kernels, 3, 3, 2, 4, seed=1)

    def reference(x, b):
        return lax_local(x, b[scheme.sites], (1, 1), "VALID")

    def ours(x, b):
        return conv.shared_conv(x, b, scheme)

    want, got = jax.jit(
        lambda x, b: [value_and_gradients(f, x, b) for f in (reference, ours)]
    )(x, bank)
    chex.assert_trees_all_close(got, want, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    "mapped",
    fast_first([((True, True),), ((True, False),), ((False, True),)]),
    ids=["both", "x", "kernel"],
)
@pytest.mark.parametrize("name", ["full", "free", "tiles2"])
@pytest.mark.parametrize("lowering", sorted(LOWERINGS))
def test_a_run_axis_equals_a_loop(lowering, name, mapped):
    scheme, runs = SCHEMES[name], 3
    x = draw(*([runs] if mapped[0] else []), BATCH, *SIZE, 2)
    bank = draw(*([runs] if mapped[1] else []), scheme.num_kernels, 3, 3, 2, 4, seed=1)

    def function(x, bank):
        return value_and_gradients(
            lambda x, b: conv.shared_conv(x, b, scheme, lowering=lowering), x, bank
        )

    in_axes = tuple(0 if m else None for m in mapped)
    got = jax.jit(jax.vmap(function, in_axes))(x, bank)
    of_one = jax.jit(function)
    alone = [
        of_one(x[i] if mapped[0] else x, bank[i] if mapped[1] else bank)
        for i in range(runs)
    ]
    want = jax.tree.map(lambda *leaves: np.stack(leaves), *alone)
    chex.assert_trees_all_close(got, want, rtol=1e-4, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["full", "free", "tiles2"])
def test_bfloat16_to_its_precision(name):
    scheme = SCHEMES[name]
    x = draw(BATCH, *SIZE, 2).astype(jnp.bfloat16)
    bank = draw(scheme.num_kernels, 3, 3, 2, 4, seed=1).astype(jnp.bfloat16)

    @jax.jit
    def ours(x, b):
        return value_and_gradients(lambda x, b: conv.shared_conv(x, b, scheme), x, b)

    y, grads = ours(x, bank)
    assert y.dtype == grads[0].dtype == grads[1].dtype == jnp.bfloat16
    want, want_grads = ours(x.astype(jnp.float32), bank.astype(jnp.float32))
    # Products are summed in float32, so a response is rounded once, by half a unit in
    # 2**-8. A gradient starts from rounded weights, and the input's adds up windows.
    np.testing.assert_allclose(y.astype(jnp.float32), want, rtol=2**-8, atol=2**-8)
    for got, exact in zip(grads, want_grads, strict=True):
        scale = float(jnp.abs(exact).max())
        np.testing.assert_allclose(got.astype(jnp.float32), exact, atol=2**-6 * scale)


@pytest.mark.slow
@pytest.mark.parametrize("lowering", sorted(LOWERINGS))
@pytest.mark.parametrize("name", fast_first(["tiles2", "full"]))
def test_layouts_agree(name, lowering):
    scheme = SCHEMES[name]
    x, bank = draw(BATCH, *SIZE, 2), draw(scheme.num_kernels, 3, 3, 2, 4, seed=1)
    want = conv.shared_conv(x, bank, scheme, lowering=lowering)
    for layout in ("HWNC", "CHWN", natural_layout(lowering, scheme.is_full)):
        there = ["NHWC".index(axis) for axis in layout]
        back = [layout.index(axis) for axis in "NHWC"]
        got = conv.shared_conv(
            x.transpose(there), bank, scheme, lowering=lowering, layout=layout
        )
        np.testing.assert_array_equal(got.transpose(back), want)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("lowering", "name"),
    # Between free and full, `patches` has a gradient of its own making: no forward one.
    [
        (low, n)
        for low in sorted(LOWERINGS)
        for n in ("full", "free", "tiles2")
        if (low, n) != ("patches", "tiles2")
    ],
)
def test_derivatives_forward_and_of_the_second_order(lowering, name):
    chosen = SCHEMES[name]
    x, bank = draw(BATCH, *SIZE, 3), draw(chosen.num_kernels, 3, 3, 3, 2, seed=1)

    def op(lowering):
        return lambda x: conv.shared_conv(x, bank, chosen, lowering=lowering)

    def second(lowering):
        return jax.grad(
            lambda x: jax.grad(lambda x: (op(lowering)(x) ** 3).sum())(x).sum()
        )

    @jax.jit
    def everything(x):
        moved = (jax.jvp(op(n), (x,), (jnp.cos(x),)) for n in (lowering, "lax"))
        return *moved, second(lowering)(x), second("lax")(x)

    moved, want, twice, want_twice = everything(x)
    chex.assert_trees_all_close(moved, want, atol=1e-4)
    np.testing.assert_allclose(twice, want_twice, rtol=1e-3, atol=1e-2)


def test_a_site_sees_its_window_only():
    field = jnp.ones((7, 6, 3, 3, 1, 1))
    one = jax.jit(jax.grad(lambda x: conv.local_conv(x, field)[0, 2, 3, 0]))
    grad = one(draw(1, *SIZE, 1))
    want = np.zeros((1, *SIZE, 1))
    want[:, 2:5, 3:6] = 1
    np.testing.assert_array_equal(grad, want)


def test_masked_taps_and_units_have_no_effect_and_no_gradient():
    x, field = draw(BATCH, *SIZE, 2), draw(7, 6, 3, 3, 2, 4, seed=1)
    kernel_mask = (draw(*field.shape, seed=2) > 0).astype(jnp.float32)
    input_mask = (draw(*SIZE, 2, seed=3) > 0).astype(jnp.float32)

    def function(x, k):
        return conv.local_conv(x, k, kernel_mask=kernel_mask, input_mask=input_mask)

    y, (dx, dk) = jax.jit(lambda x, k: value_and_gradients(function, x, k))(x, field)
    want = lax_local(x * input_mask[None], field * kernel_mask, (1, 1), "VALID")
    np.testing.assert_allclose(y, want, rtol=1e-4, atol=1e-4)
    assert np.all(np.asarray(dx)[:, np.asarray(input_mask) == 0] == 0)
    assert np.all(np.asarray(dk)[np.asarray(kernel_mask) == 0] == 0)
    assert np.any(np.asarray(dk) != 0) and np.any(np.asarray(dx) != 0)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"kernel": (6, 6, 3, 3, 2, 4)}, r"kernels for \(6, 6\) sites do not fit"),
        ({"kernel": (7, 6, 3, 3, 1, 4)}, "over 1 channels does not fit"),
        ({"lowering": "patch"}, "did you mean 'patches'"),
        ({"layout": "NHWD"}, "unknown layout"),
        ({"dtype": jnp.bfloat16}, "cast one"),
    ],
)
def test_what_does_not_fit_is_refused(change, message):
    options = {k: v for k, v in change.items() if k in ("lowering", "layout")}
    kernel = draw(*change.get("kernel", (7, 6, 3, 3, 2, 4)))
    x = draw(BATCH, *SIZE, 2, dtype=change.get("dtype", jnp.float32))
    with pytest.raises(ValueError, match=message):
        conv.local_conv(x, kernel, **options)


def test_strided_sites_are_counted_as_lax_does():
    for window, strides in itertools.product(
        [(1, 1), (3, 2), (5, 5)], [(1, 1), (3, 2)]
    ):
        x, k = draw(1, *SIZE, 1), draw(*window, 1, 1)
        for padding in ("VALID", "SAME"):
            ordinary = functools.partial(
                lax.conv_general_dilated,
                window_strides=strides,
                padding=padding,
                dimension_numbers=NHWC,
            )
            want = jax.eval_shape(ordinary, x, k).shape[1:3]
            got = conv.make_geometry(SIZE, window, strides, padding).sites(SIZE)
            assert got == want
