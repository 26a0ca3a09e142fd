"""Layers, schemes, normalisation and pooling, each against something independent."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from marks import fast_first
from studies import TINY

from ws_jax import engine, results
from ws_jax.config import ConfigError, replace_field
from ws_jax.conv import shared_conv
from ws_jax.initializers import glorot_uniform, kaiming_normal
from ws_jax.layers import Layer, SharedConv, describe_layers
from ws_jax.lowerings import LOWERINGS
from ws_jax.models import ConvNet
from ws_jax.normalization import BatchNorm, pool, subsample
from ws_jax.runs import Sweep
from ws_jax.schemes import SCHEME_STREAM, is_full, parse_scheme

LAYOUTS = ("NHWC", "CHWN", "HWCN", "HWNC")
PADS = ((1, 1), (1, 1))
X = jax.random.normal(jax.random.key(7), (4, 6, 7, 3))


def laid_out(x, layout, source="NHWC"):
    return jnp.transpose(x, [source.index(axis) for axis in layout])


def layer(scheme, **fields):
    parts = {"features": 5, "window": (3, 3), "strides": (2, 2), "padding": PADS}
    (scheme,) = parse_scheme(scheme)
    return SharedConv(scheme=scheme, kernel_init=glorot_uniform(), **parts | fields)


def init(module, x=X):
    """Initial variables, by one program rather than one for each operation."""
    return jax.jit(module.init)(jax.random.key(0), x)


def apply(module, variables, x=X):
    return jax.jit(module.apply)(variables, x)


@jax.jit
def moved(variables, by=0.1):
    """The same with all parameters moved, biases too."""
    return jax.tree.map(lambda a: a + by * jnp.sin(jnp.arange(a.size)).reshape(a.shape),
                        variables)  # fmt: skip


@pytest.mark.parametrize("share_bias", [True, False])
@pytest.mark.parametrize(
    "scheme", fast_first(["full", "free", "tiles:2", "mixed:2", "noisy:5"], 2)
)
def test_biases_are_stored_as_asked(scheme, share_bias):
    plain = layer(scheme, use_bias=False)
    with_bias = layer(scheme, share_bias=share_bias)
    params = init(with_bias)["params"]
    assert "bias" not in init(plain)["params"]
    lead = {"free": (3, 4), "mixed:2": (3, 4), "tiles:2": (4,)}.get(scheme, ())
    assert params["bias"].shape == ((5,) if share_bias else (*lead, 5))
    bias = jax.random.normal(jax.random.key(1), params["bias"].shape)
    kernels = {name: a for name, a in params.items() if name != "bias"}
    got = apply(with_bias, {"params": {**kernels, "bias": bias}})
    field = bias
    if lead == (4,) and not share_bias:
        sites = np.array([[0, 0, 1, 1], [0, 0, 1, 1], [2, 2, 3, 3]])
        field = bias[sites]
    want = np.asarray(apply(plain, {"params": kernels})) + np.asarray(field)
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("scheme", fast_first(["free", "full", "mixed:2"]))
def test_a_layer_is_the_same_in_any_layout(scheme, layout):
    one, other = layer(scheme), layer(scheme, layout=layout)
    variables = moved(init(one))
    got = apply(other, variables, laid_out(X, layout))
    np.testing.assert_allclose(
        laid_out(got, "NHWC", layout), apply(one, variables), rtol=1e-5, atol=1e-5
    )


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["full", "free", "tiles:2", "mixed:2"])
def test_products_in_bfloat16_of_parameters_in_float32(scheme):
    wide, narrow = layer(scheme), layer(scheme, dtype=jnp.bfloat16)
    variables = moved(init(narrow))
    assert {a.dtype for a in jax.tree.leaves(variables)} == {jnp.dtype("float32")}
    got, want = apply(narrow, variables), apply(wide, variables)
    assert got.dtype == jnp.bfloat16 and want.dtype == jnp.float32
    np.testing.assert_allclose(got.astype("float32"), want, rtol=0.03, atol=0.03)
    loss = jax.jit(jax.grad(lambda v: narrow.apply(v, X).astype("float32").sum()))
    grads = loss(variables)
    assert {a.dtype for a in jax.tree.leaves(grads)} == {jnp.dtype("float32")}
    own = init(layer(scheme, param_dtype=jnp.bfloat16))
    assert {a.dtype for a in jax.tree.leaves(own)} == {jnp.dtype("bfloat16")}


@pytest.mark.slow
@pytest.mark.parametrize("lowering", LOWERINGS)
@pytest.mark.parametrize("scheme", ["full", "free", "tiles:2"])
def test_sums_in_bfloat16_are_of_float32(scheme, lowering):
    """4,608 products near 1: sums in bfloat16 would stay at 256."""
    (scheme,) = parse_scheme(scheme)
    sharing = scheme.sharing((2, 2))
    x = jnp.ones((2, 4, 4, 512), jnp.bfloat16)
    bank = jnp.ones((sharing.num_kernels, 3, 3, 512, 2), jnp.bfloat16)

    def conv(x, bank):
        return shared_conv(x, bank, sharing, lowering=lowering)

    @jax.jit
    def with_gradients(x, bank):
        y, back = jax.vjp(conv, x, bank)
        return y, back(y)

    y, grads = with_gradients(x, bank)
    assert y.dtype == jnp.bfloat16
    np.testing.assert_array_equal(y.astype("float32"), 4608)
    for grad, like in zip(grads, (x, bank), strict=True):
        assert grad.dtype == like.dtype
    # Every site of a kernel adds 4,608 for each of two images.
    of_bank = np.asarray(grads[1].astype("float32"))
    sites = np.bincount(sharing.sites.ravel())[:, None, None, None, None]
    np.testing.assert_allclose(of_bank, 2 * 4608 * sites + 0 * of_bank, rtol=0.01)


def by_hand(x, field, strides, pads):
    """A local convolution, site by site, in float64."""
    x = np.pad(np.asarray(x, np.float64), ((0, 0), *pads, (0, 0)))
    oh, ow, kh, kw, _, o = field.shape
    y = np.zeros((len(x), oh, ow, o))
    for h in range(oh):
        for w in range(ow):
            i, j = h * strides[0], w * strides[1]
            patch = x[:, i : i + kh, j : j + kw]
            y[:, h, w] = np.einsum("nijc,ijco->no", patch, field[h, w])
    return y


@pytest.mark.slow
def test_mixed_mixes_and_learns_both():
    module = layer("mixed:2", use_bias=False)
    params = moved(init(module))["params"]
    templates, mixing = (
        np.asarray(params[n], np.float64) for n in ("kernel", "mixing")
    )
    assert templates.shape == (2, 3, 3, 3, 5) and mixing.shape == (3, 4, 2)
    field = np.einsum("hwj,jabco->hwabco", mixing, templates)
    want = by_hand(X, field, (2, 2), PADS)
    np.testing.assert_allclose(apply(module, {"params": params}), want, atol=1e-5)

    weights = np.cos(np.arange(want.size)).reshape(want.shape)
    weighted = jax.grad(
        lambda p: jnp.sum(module.apply({"params": p}, X) * jnp.float32(weights))
    )
    grads = jax.jit(weighted)(params)
    # The op is linear in each of the two: with a unit in one place it is its gradient.
    of_field = np.zeros_like(field)
    padded = np.pad(np.asarray(X, np.float64), ((0, 0), *PADS, (0, 0)))
    for h in range(3):
        for w in range(4):
            patch = padded[:, 2 * h : 2 * h + 3, 2 * w : 2 * w + 3]
            of_field[h, w] = np.einsum("nabc,no->abco", patch, weights[:, h, w])
    of_templates = np.einsum("hwj,hwabco->jabco", mixing, of_field)
    of_mixing = np.einsum("jabco,hwabco->hwj", templates, of_field)
    np.testing.assert_allclose(grads["kernel"], of_templates, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(grads["mixing"], of_mixing, rtol=1e-4, atol=1e-4)


@pytest.mark.slow
def test_mixed_starts_with_the_variance_of_its_templates():
    module = layer("mixed:4", window=(3, 3), features=16)
    params = init(module, jnp.zeros((1, 32, 32, 8)))["params"]
    field = jnp.tensordot(params["mixing"], params["kernel"], axes=1)
    np.testing.assert_allclose(field.var(), params["kernel"].var(), rtol=0.2)


def test_templates_are_no_field_though_as_many_as_sites():
    """Three by three sites, three templates, windows of three by three."""
    module = layer("mixed:3")
    x = jnp.zeros((1, 6, 6, 3))
    variables = init(module, x)
    (found,) = describe_layers(lambda key: module.init(key, x))
    assert found.sharing.shape == (3, 3)
    assert found.parameter(variables["params"]).shape == (3, 3, 3, 3, 5)
    assert found.field(variables["params"]) is None
    assert found.field(variables["params"], "bias").shape == (3, 3, 5)


class Nested(nn.Module):
    """A layer inside of a module inside of a module."""

    depth: int = 2

    @nn.compact
    def __call__(self, x):
        if self.depth:
            return Nested(self.depth - 1, name=f"inner_{self.depth}")(x)
        return layer("free")(x)


def test_a_nested_layer_is_found_read_and_replaced():
    (found,) = describe_layers(lambda key: Nested().init(key, X))
    assert isinstance(found, Layer)
    assert found.name == "inner_2/inner_1/SharedConv_0"
    params = init(Nested())["params"]
    inner = params["inner_2"]["inner_1"]["SharedConv_0"]
    assert found.field(params) is inner["kernel"]
    assert found.field(params).shape == (3, 4, 3, 3, 3, 5)
    new = found.replace(params, inner["kernel"] + 1)
    np.testing.assert_array_equal(found.field(new), inner["kernel"] + 1)
    assert found.field(new, "bias") is inner["bias"]
    assert found.field(params) is inner["kernel"]  # as it was
    assert found.parameter(params, "mixing") is None


class TestNoisy:
    def train(self, module, variables, seed, x=X):
        return module.apply(variables, x, rngs={SCHEME_STREAM: jax.random.key(seed)})

    def test_in_evaluation_it_is_a_convolution(self):
        noisy, full = layer("noisy:20"), layer("full")
        variables = moved(init(noisy))
        shapes = jax.tree.map(jnp.shape, variables["params"])
        assert shapes == {"kernel": (3, 3, 3, 5), "bias": (5,)}
        got = noisy.apply(variables, X)
        np.testing.assert_array_equal(got, full.apply(variables, X))

    def test_in_training_it_is_one_on_average(self):
        noisy = layer("noisy:20")
        variables = moved(init(noisy))
        seeds = jnp.arange(2000)
        draws = jax.jit(jax.vmap(lambda s: self.train(noisy, variables, s)))(seeds)
        assert np.abs(draws[0] - draws[1]).max() > 0.01
        plain = apply(noisy, variables)
        # Independent errors of every weight, in proportion to it.
        squared = apply(
            layer("full", use_bias=False),
            {"params": {"kernel": variables["params"]["kernel"] ** 2}},
            X**2,
        )
        spread = 0.2 * np.sqrt(squared)
        inside = spread > 1e-6
        error = np.asarray(draws.mean(0) - plain)[inside] / spread[inside]
        assert np.abs(error).max() < 5 / np.sqrt(2000)
        ratio = np.asarray(draws.std(0))[inside] / spread[inside]
        np.testing.assert_allclose(ratio, 1, atol=0.1)

    def test_sites_stray_apart_and_layers_too(self):
        """Equal images everywhere, so that a convolution answers all sites alike."""
        noisy = layer("noisy:20", padding=((0, 0), (0, 0)))
        x = jnp.ones((2, 7, 7, 3))
        variables = init(noisy, x)
        y = self.train(noisy, variables, 0, x)
        assert np.ptp(noisy.apply(variables, x), axis=(0, 1, 2)).max() < 1e-5
        assert np.ptp(y[0], axis=(0, 1)).min() > 1e-3
        np.testing.assert_array_equal(y[0], y[1])  # one draw a step, not an image
        again = self.train(noisy, variables, 0, x)
        np.testing.assert_array_equal(y, again)

    def test_it_counts_as_one_kernel(self):
        assert is_full("noisy:10") and is_full("full/noisy:3")
        assert not is_full("noisy:10/free")
        with pytest.raises(ConfigError, match="needs a size"):
            parse_scheme("noisy")

    @pytest.mark.slow
    def test_a_mapped_run_of_a_sweep_equals_the_run_alone(self, tmp_path):
        base = replace_field(TINY, "network.sharing", "noisy:30")
        base = replace_field(base, "evaluation.measures", ())
        engine.run_sweep(Sweep("noisy", base, {"seed": (0, 1)}), tmp_path / "both")
        engine.run_sweep(Sweep("noisy", base, {"seed": (1,)}), tmp_path / "one")
        both, one = (results.read(tmp_path / name) for name in ("both", "one"))
        numbers = ["epoch", "loss", "acc", "val_loss", "val_acc", "translation"]
        mapped = both[both["seed"] == 1].reset_index(drop=True)
        assert len(mapped) == 2 and set(one["status"]) == {"finished"}
        np.testing.assert_allclose(mapped[numbers], one[numbers], rtol=1e-5)
        other = both[both["seed"] == 0].reset_index(drop=True)
        assert not np.allclose(other["loss"], one["loss"])


@pytest.mark.parametrize("dtype", fast_first(["float32", "bfloat16"]))
@pytest.mark.parametrize("train", [True, False])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_batch_norm_is_that_of_flax(layout, train, dtype):
    x = (3 + 2 * X).astype(dtype)
    ours = BatchNorm(layout=layout, momentum=0.8, epsilon=1e-3)
    theirs = nn.BatchNorm(momentum=0.8, epsilon=1e-3, dtype=dtype)
    variables = jax.jit(ours.init, static_argnums=2)(
        jax.random.key(0), laid_out(x, layout), False
    )
    assert {a.dtype for a in jax.tree.leaves(variables)} == {jnp.dtype("float32")}
    variables = moved(variables)

    @jax.jit
    def of_ours(variables, x):
        return ours.apply(variables, x, train, mutable="batch_stats")

    @jax.jit
    def of_theirs(variables, x):
        return theirs.apply(
            variables, x, use_running_average=not train, mutable="batch_stats"
        )

    y, state = of_ours(variables, laid_out(x, layout))
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        want, other = of_theirs(variables, x)
    assert y.dtype == x.dtype
    tolerance = 1e-5 if dtype == "float32" else 0.05
    np.testing.assert_allclose(
        laid_out(y, "NHWC", layout).astype("float32"), want.astype("float32"),
        rtol=tolerance, atol=tolerance,
    )  # fmt: skip
    for name in ("mean", "var"):
        got, expected = (s["batch_stats"][name] for s in (state, other))
        assert got.dtype == jnp.float32
        np.testing.assert_allclose(got, expected, rtol=1e-5)
        changed = np.abs(got - variables["batch_stats"][name]).max() > 1e-3
        assert changed == train


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("how", ["max", "average"])
@pytest.mark.parametrize("pads", fast_first([(((1, 1), (1, 0)),), (((0, 0), (0, 0)),)]))
def test_pooling_and_its_gradient(layout, how, pads):
    """Against windows cut by hand; under `jit`, where starts must be known."""
    window, strides = (3, 2), (2, 1)
    fill = -np.inf if how == "max" else np.nan
    x = np.pad(X, ((0, 0), *pads, (0, 0)), constant_values=fill)
    reduce = np.max if how == "max" else np.nanmean
    oh, ow = ((n - k) // s + 1 for n, k, s in zip(x.shape[1:3], window, strides,
                                                  strict=True))  # fmt: skip
    want = np.stack([
        np.stack([reduce(x[:, 2 * h : 2 * h + 3, w : w + 2], axis=(1, 2))
                  for w in range(ow)], axis=1) for h in range(oh)
    ], axis=1)  # fmt: skip

    def ours(x):
        y = pool(laid_out(x, layout), layout, how, window, strides, pads)
        return laid_out(y, "NHWC", layout)

    np.testing.assert_allclose(jax.jit(ours)(X), want, rtol=1e-6, atol=1e-6)
    grad = jax.jit(jax.grad(lambda x: ours(x).sum()))(X)
    np.testing.assert_allclose(grad.sum(), want.size, rtol=1e-5)  # weights add up to 1


def test_pooling_sums_in_float32_and_names_what_it_knows():
    x = jnp.arange(256).reshape(1, 16, 16, 1).astype(jnp.bfloat16)
    y = pool(x, "NHWC", "average", (16, 16), (16, 16))
    assert y.dtype == jnp.bfloat16 and abs(float(y[0, 0, 0, 0]) - 127.5) <= 0.5
    with pytest.raises(ConfigError, match="did you mean 'max'"):
        pool(x, "NHWC", "maxi", (2, 2), (2, 2))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_shortcut_without_parameters(layout):
    y = laid_out(subsample(laid_out(X, layout), layout, 2, 8), "NHWC", layout)
    assert y.shape == (4, 3, 4, 8)
    np.testing.assert_array_equal(y[..., :3], X[:, ::2, ::2])
    np.testing.assert_array_equal(y[..., 3:], 0)


@pytest.mark.parametrize("fan, count", [("in", 9 * 16), ("out", 9 * 24)])
@pytest.mark.parametrize("lead", [(), (7,), (3, 4)])
def test_kaiming_counts_window_and_channels_not_sites(fan, count, lead):
    shape = (*lead, 3, 3, 16, 24)
    values = jax.jit(lambda key: kaiming_normal(fan=fan)(key, shape))(jax.random.key(0))
    np.testing.assert_allclose(values.std(), np.sqrt(2 / count), rtol=0.05)


def test_a_convnet_stores_no_field_under_noise():
    assert not ConvNet(sharing="noisy:10").stores_fields()
    assert ConvNet(sharing="mixed:2").stores_fields()
