"""ResNet-18 by its published sizes, and kernels that start near a shared one."""

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from filled import module_variables
from marks import fast_first

from ws_jax.config import ConfigError, check_config, simplify
from ws_jax.initializers import kaiming_normal, near_shared
from ws_jax.models import Arithmetic, ResNet, ResNet18

# Trainable scalars on 224x224 with 1000 classes, facts of the released code of Pogodin
# et al. 2021; 11,689,512 is also torchvision's `resnet18`.
COUNTS = {
    ("full", "", 32): 3_055_880,
    ("free", "", 32): 483_155_624,
    ("free", "full", 32): 424_153_352,
    ("full", "", 64): 11_689_512,
    ("free", "", 64): 1_814_083_944,
}


def shapes(network, classes, side):
    module = network.make(classes, Arithmetic())
    x = jnp.zeros((1, side, side, 3))
    return jax.eval_shape(lambda: module.init(jax.random.key(0), x, False))["params"]


@pytest.mark.parametrize("sharing, stem, width", fast_first(COUNTS))
def test_resnet_18_has_the_published_size(sharing, stem, width):
    network = ResNet18(sharing=sharing, stem_sharing=stem, width=width)
    leaves = jax.tree.leaves(shapes(network, 1000, 224))
    count = sum(math.prod(leaf.shape) for leaf in leaves)
    assert count == COUNTS[sharing, stem, width]


@pytest.mark.slow
def test_a_small_one_maps_images_to_outputs():
    network = ResNet18(width=2, sharing="free", dtype="bfloat16")
    module = network.make(5, Arithmetic())
    x = jax.random.normal(jax.random.key(1), (2, 32, 32, 3))
    variables = module_variables(module, x, False)
    loss = lambda p: module.apply({**variables, "params": p}, x, False).sum()  # noqa: E731
    grads = jax.jit(jax.grad(loss))(variables["params"])
    assert variables["params"]["stem"]["kernel"].shape == (16, 16, 7, 7, 3, 2)
    kernel = variables["params"]["stage_2_block_1"]["conv_0"]["kernel"]
    assert kernel.shape == (2, 2, 3, 3, 8, 8)
    assert {leaf.dtype for leaf in jax.tree.leaves(grads)} == {np.dtype("float32")}
    assert np.abs(grads["stem"]["kernel"]).max() > 0


def test_first_layer_and_shortcuts_may_stay_convolutions():
    exceptions = {"stem_sharing": "full", "shortcut_sharing": "full"}
    params = shapes(ResNet(depth=8, width=2, sharing="free", **exceptions), 10, 8)
    assert params["stem"]["kernel"].ndim == 4
    assert params["stage_1_block_0"]["shortcut"]["kernel"].ndim == 4
    assert params["stage_1_block_0"]["conv_0"]["kernel"].ndim == 6


@pytest.mark.slow
@pytest.mark.parametrize("noise", [0.0, 0.5, 3.0])
def test_near_shared_kernels_have_the_variance_of_free_ones(noise):
    shape = (20, 20, 3, 3, 8, 8)
    field = near_shared(kaiming_normal(), noise)(jax.random.key(0), shape)
    kernel = near_shared(kaiming_normal(), noise)(jax.random.key(0), shape[2:])
    np.testing.assert_array_equal(
        kernel, kaiming_normal()(jax.random.key(0), shape[2:])
    )
    # Of 576 shared draws the standard deviation strays by 3 percent.
    want = math.sqrt(2 / (9 * 8))
    np.testing.assert_allclose(np.std(field), want, rtol=0.1)
    scale = 1 / math.sqrt(1 + noise**2)
    own = np.std(np.asarray(field) - scale * np.asarray(kernel))
    np.testing.assert_allclose(own, scale * noise * want, rtol=0.01)


@pytest.mark.slow
def test_without_noise_a_free_network_starts_as_the_convolution():
    one = ResNet(depth=8, width=2)
    many = dataclasses.replace(one, sharing="free", start="shared")
    x = jax.random.normal(jax.random.key(1), (2, 8, 8, 3))
    key = jax.random.key(0)
    shared, free = (
        net.make(10, Arithmetic()).init(key, x, False) for net in (one, many)
    )
    jax.tree.map(
        lambda a, b: np.testing.assert_array_equal(a, np.broadcast_to(b, a.shape)),
        free["params"], shared["params"],
    )  # fmt: skip


def test_a_start_has_no_effect_where_all_sites_share():
    assert simplify(ResNet(start="shared", start_noise=0.5)) == ResNet()


@pytest.mark.parametrize(
    "network, message",
    [
        (ResNet(sharing="free", start_noise=0.5), "set network.start to shared"),
        (ResNet(start="random", start_noise=-1.0), "start_noise"),
        (
            ResNet(sharing="free", start="shared", fans="stored"),
            "set network.fans to k",
        ),
        (ResNet18(sharing="full/full/full/full/free"), "names 5 schemes, for 4 stages"),
    ],
)
def test_networks_that_cannot_be_are_refused(network, message):
    with pytest.raises(ConfigError, match=message):
        check_config(network, "network.")


def test_too_small_an_image_is_refused():
    with pytest.raises(ConfigError, match="needs 32x32"):
        ResNet18().check_images((31, 40, 3))
