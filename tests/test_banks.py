"""Template banks: mixing, drawing, gradients, and banks over space and depth."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from marks import fast_first

from ws_jax.banks import TemplateBank, mix
from ws_jax.config import ConfigError
from ws_jax.conv import shared_conv
from ws_jax.initializers import kaiming_normal
from ws_jax.layers import SharedConv, describe_layers
from ws_jax.phases import GroupMean, map_fields
from ws_jax.schemes import parse_scheme
from ws_jax.sharing import full, group_mean, tiles


class Layers(nn.Module):
    """Several equal layers that draw from one bank."""

    num_layers: int
    num_templates: int
    scheme: str = "full"
    features: int = 3

    @nn.compact
    def __call__(self, x):
        bank = TemplateBank(self.num_templates, self.num_layers, name="bank")
        for row in range(self.num_layers):
            x = SharedConv(
                self.features, (3, 3), (1, 1), "SAME", parse_scheme(self.scheme)[0],
                kaiming_normal(fan="in"), use_bias=False, bank=bank, row=row,
                precision="highest", name=f"conv_{row}",
            )(x)  # fmt: skip
        return x


def made(num_layers, num_templates, scheme="full", features=3, side=5):
    module = Layers(num_layers, num_templates, scheme, features)
    x = jax.random.normal(jax.random.key(1), (2, side, side, features))
    return module, x, module.init(jax.random.key(0), x)["params"]


def rows(params):
    count = len(params) - 1
    found = [params[f"conv_{i}"]["coefficients"] for i in range(count)]
    return np.array(jnp.stack(found), np.float64)


@pytest.mark.parametrize(
    "layers, templates", fast_first([(6, 2), (6, 6), (4, 6), (1, 1), (6, 1)], 2)
)
def test_coefficients_are_one_orthogonal_matrix(layers, templates):
    matrix = rows(made(layers, templates)[2])
    assert matrix.shape == (layers, templates)
    products = matrix.T @ matrix if layers >= templates else matrix @ matrix.T
    np.testing.assert_allclose(products, np.eye(min(matrix.shape)), atol=1e-6)
    mean = (matrix**2).sum(1).mean()
    np.testing.assert_allclose(mean, min(matrix.shape) / layers, atol=1e-6)


@pytest.mark.slow
def test_templates_are_drawn_as_kernels_each_by_itself():
    bank = made(2, 2, features=32)[2]["bank"]["templates"]
    assert bank.shape == (2, 3, 3, 32, 32)
    for template in bank:
        # Of 9,216 draws the deviation has a standard error of 0.7 %.
        np.testing.assert_allclose(template.std(), (2 / (9 * 32)) ** 0.5, rtol=0.03)
    assert abs(np.corrcoef(bank[0].ravel(), bank[1].ravel())[0, 1]) < 0.05


@pytest.mark.slow
def test_a_mixed_kernel_acts_as_mixed_layers():
    keys = jax.random.split(jax.random.key(0), 3)
    x = np.asarray(jax.random.normal(keys[0], (2, 10, 10, 8)))
    templates = jax.random.normal(keys[1], (4, 3, 3, 8, 8)) * (2 / 72) ** 0.5
    coefficients = jax.random.normal(keys[2], (4,))
    sites = full((10, 10))

    def conv(x, kernel):
        return shared_conv(x, kernel[None], sites, padding="SAME")

    single = conv(x, mix(coefficients, templates))
    several = sum(a * conv(x, t) for a, t in zip(coefficients, templates, strict=True))
    np.testing.assert_allclose(single, several, atol=2e-5)
    with jax.enable_x64(True):  # the op sums in float32, so lax's own convolution
        x, coefficients, templates = (
            np.asarray(a, np.float64) for a in (x, coefficients, templates)
        )
        names = ("NHWC", "HWIO", "NHWC")
        conv = lambda x, k: jax.lax.conv_general_dilated(  # noqa: E731
            x, k, (1, 1), "SAME", dimension_numbers=names
        )
        single = conv(x, mix(coefficients, templates))
        several = [a * conv(x, t) for a, t in zip(coefficients, templates, strict=True)]
        assert single.dtype == jnp.float64
        np.testing.assert_allclose(single, sum(several), atol=1e-12)


@pytest.mark.slow
def test_gradients_are_those_of_the_sum():
    module, x, params = made(3, 2)
    target = jax.random.normal(jax.random.key(2), x.shape)
    grads = jax.grad(lambda p: jnp.sum(module.apply({"params": p}, x) * target))(params)
    layers = describe_layers(lambda key: module.init(key, x))

    def by_kernels(kernels):
        y = x
        for kernel in kernels:
            y = shared_conv(y, kernel[None], full((5, 5)), padding="SAME")
        return jnp.sum(y * target)

    templates = params["bank"]["templates"]
    of_kernels = jax.grad(by_kernels)([layer.kernel(params) for layer in layers])
    close = {"rtol": 1e-4, "atol": 1e-4}
    for row, kernel in enumerate(of_kernels):
        want = jnp.einsum("abcd,jabcd->j", kernel, templates)
        got = grads[f"conv_{row}"]["coefficients"]
        np.testing.assert_allclose(got, want, **close)
    want = sum(
        layer.coefficients(params)[:, None, None, None, None] * kernel[None]
        for layer, kernel in zip(layers, of_kernels, strict=True)
    )
    np.testing.assert_allclose(grads["bank"]["templates"], want, **close)


@pytest.mark.slow
def test_layers_say_where_their_bank_and_coefficients_lie():
    module, x, params = made(3, 2, "tiles:2", side=4)
    layers = describe_layers(lambda key: module.init(key, x))
    assert [layer.bank for layer in layers] == [("bank",)] * 3
    assert params["bank"]["templates"].shape == (2, 4, 3, 3, 3, 3)
    assert layers[1].parameter(params) is None and layers[1].field(params) is None
    assert layers[1].coefficients(params).shape == (2,)
    assert layers[1].kernel(params).shape == (4, 3, 3, 3, 3)
    assert set(params["conv_1"]) == {"coefficients"}


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["free", "tiles:2", "periodic:2", "mixed:3"])
def test_sharing_over_space_and_over_depth_combine(scheme):
    # With one-hot coefficients templates are the kernels of layers without a bank.
    module, x, params = made(3, 3, scheme, side=4)
    plain = SharedConv(
        3, (3, 3), (1, 1), "SAME", parse_scheme(scheme)[0], kaiming_normal(fan="in"),
        use_bias=False, precision="highest",
    )  # fmt: skip
    want = x
    for row in range(3):
        own = {**params[f"conv_{row}"], "kernel": params["bank"]["templates"][row]}
        own["coefficients"] = jnp.eye(3)[row]
        params = {**params, f"conv_{row}": {**own}}
        del own["coefficients"], params[f"conv_{row}"]["kernel"]
        want = plain.apply({"params": own}, want)
    got = module.apply({"params": params}, x)
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5)


@pytest.mark.slow
def test_what_a_phase_does_to_templates_it_does_to_kernels():
    module, x, params = made(2, 3, "free", side=4)
    layers = describe_layers(lambda key: module.init(key, x))
    phase = GroupMean(sharing="tiles:2")
    change = lambda field, layer: phase.change(field, phase.sharing_of(layer))  # noqa: E731
    after = map_fields(change, layers, params)
    assert jax.tree.structure(after) == jax.tree.structure(params)
    for layer in layers:
        want = group_mean(layer.kernel(params), tiles((4, 4), 2))
        np.testing.assert_allclose(layer.kernel(after), want, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("templates", [0, -1])
def test_a_bank_without_templates_is_refused(templates):
    with pytest.raises(ConfigError, match="needs at least 1"):
        made(2, templates)


def test_coefficients_must_fit_the_templates():
    with pytest.raises(ValueError, match="do not mix 3 templates"):
        mix(np.ones(2, np.float32), np.ones((3, 4), np.float32))
