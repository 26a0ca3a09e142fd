"""Bottleneck networks for large images: sizes, and what draws from the banks."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from filled import module_variables
from test_wide_resnet import count, shapes

from ws_jax.config import ConfigError, check_config
from ws_jax.models import Arithmetic, WideBottleneck

LAYERS = (3, 4, 6, 3)
INNER = (128, 256, 512, 1024)


@pytest.mark.slow
def test_wrn_50_2_has_the_published_size():
    # Of torchvision's `wide_resnet50_2` and `wide_resnet101_2`.
    assert count(shapes(WideBottleneck(), 1000, 224)) == 68_883_240
    assert count(shapes(WideBottleneck(depth=101), 1000, 224)) == 126_886_696


@pytest.mark.slow
@pytest.mark.parametrize("first", [False, True])
def test_banks_replace_the_inner_layers_kernels(first):
    net = WideBottleneck(templates=2, first_blocks=first)
    layers = [n - (not first) for n in LAYERS]
    one = [9 * c * c for c in INNER]
    more = sum((2 - n) * size + 2 * n for n, size in zip(layers, one, strict=True))
    found = shapes(net, 1000, 224)
    assert count(found) == 68_883_240 + more
    assert ("coefficients" in found["stage_1_block_0"]["conv_1"]) == first
    assert "kernel" in found["stage_1_block_1"]["conv_0"]


@pytest.mark.slow
def test_mixed_kernels_act_as_kernels_of_its_own():
    net = WideBottleneck(width=1, templates=2)
    module = net.make(5, Arithmetic())
    x = jax.random.normal(jax.random.key(1), (2, 32, 32, 3))
    variables = module_variables(module, x, False)
    own = {n: dict(p) for n, p in variables["params"].items() if "bank" not in n}
    for stage, blocks in enumerate(LAYERS):
        templates = variables["params"][f"stage_{stage}_bank"]["templates"]
        for number in range(1, blocks):
            block = own[f"stage_{stage}_block_{number}"]
            alpha = block["conv_1"]["coefficients"]
            block["conv_1"] = {"kernel": jnp.tensordot(alpha, templates, axes=1)}
    plain = dataclasses.replace(net, templates=0).make(5, Arithmetic())
    want = jax.jit(plain.apply, static_argnums=2)(
        {**variables, "params": own}, x, False
    )
    got = jax.jit(module.apply, static_argnums=2)(variables, x, False)
    np.testing.assert_allclose(got, want, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(
    "fields, message",
    [
        ({"depth": 56}, "56 is none of 50, 101, 152; the nearest is 50"),
        ({"sharing": "full/free/full/free/full"}, "names 5 schemes"),
    ],
)
def test_networks_that_cannot_be_are_refused(fields, message):
    with pytest.raises(ConfigError, match=message):
        check_config(WideBottleneck(**fields), "network.")


def test_too_small_images_are_refused():
    with pytest.raises(ConfigError, match="needs 32x32"):
        WideBottleneck().check_images((28, 28, 1))
