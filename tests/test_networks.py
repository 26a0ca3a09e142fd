"""The networks of Table A.2: sizes, initial values, and what they compute."""

import dataclasses
import math

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from filled import network_variables

from ws_jax.config import ConfigError, check_config, simplify
from ws_jax.data import make_splits, make_synthetic
from ws_jax.engine import describe
from ws_jax.engine.program import Program, forward, init_variables, make_program
from ws_jax.initializers import fans, glorot_uniform
from ws_jax.measure import Distances
from ws_jax.models import ConvNet, ResNet, WideResNet
from ws_jax.runs import Data, Run
from ws_jax.schemes import SCHEME_STREAM

NETWORKS = {
    "mnist": (ConvNet(), (28, 28, 1)),
    "cifar10": (ConvNet(features=(64, 128, 256), kernel_sizes=(5, 5, 3)), (32, 32, 3)),
}
# Worked out by hand from Table A.2. MNIST, three layers, shared: 9*32 + 32 = 320,
# 288*64 + 64 = 18,496, 576*128 + 128 = 73,856, dense 2048*1024 + 1024, and output
# 1024*10 + 10; free layers hold 13*13, 6*6 and 4*4 times as much.
COUNTS = {
    ("mnist", 3, "full"): 2_201_098,
    ("mnist", 3, "free"): 4_010_058,
    ("mnist", 2, "full"): 2_389_386,
    ("mnist", 2, "free"): 3_090_506,
    ("cifar10", 3, "full"): 2_875_530,
    ("cifar10", 3, "free"): 11_103_626,
    ("cifar10", 2, "full"): 3_497_866,
    ("cifar10", 2, "free"): 9_364_618,
    # 49 tiles of the 13x13 sites, 9 of the 6x6, 4 of the 4x4.
    ("mnist", 3, "tiles:2"): 49 * 320 + 9 * 18_496 + 4 * 73_856 + 2_098_176 + 10_250,
    ("mnist", 3, "full/free"): 320 + 36 * 18_496 + 16 * 73_856 + 2_098_176 + 10_250,
}


def program_of(name, depth, sharing):
    network, shape = NETWORKS[name]
    network = dataclasses.replace(network, sharing=sharing, num_layers=depth)
    dataset = make_synthetic((100, *shape))
    run = Run(network=network)
    return make_program(run, dataset, make_splits(dataset, Data()))


@pytest.mark.parametrize("name, depth, sharing", sorted(COUNTS))
def test_parameter_counts(name, depth, sharing):
    program = program_of(name, depth, sharing)
    assert describe.count_parameters(program) == COUNTS[name, depth, sharing]


def test_sites_of_table_a2():
    for name, want in [
        ("mnist", [(13, 13), (6, 6), (4, 4)]),
        ("cifar10", [(14, 14), (5, 5), (3, 3)]),
    ]:
        network, shape = NETWORKS[name]
        assert network.layer_sites(shape) == want
        layers = program_of(name, 3, "free").layers
        assert [layer.sharing.shape for layer in layers] == want
        assert [layer.name for layer in layers] == ["conv_0", "conv_1", "conv_2"]


def test_an_image_too_small_is_refused():
    with pytest.raises(ConfigError, match="nothing is left after layer 2"):
        ConvNet().check_images((6, 6, 1))
    with pytest.raises(ConfigError, match="6 needs more than 12 sites a side"):
        Distances((6,)).check_layers(program_of("cifar10", 3, "free").layers[1:])
    Distances((6,)).check_layers(program_of("mnist", 3, "full").layers)


@pytest.mark.slow
def test_a_layer_knows_where_its_kernels_lie():
    program = program_of("mnist", 3, "free/tiles:2/full")
    begin = jax.jit(lambda key: init_variables(program, program.run, key)["params"])
    params = begin(jax.random.key(0))
    first, second, third = program.layers
    assert first.field(params).shape == (13, 13, 3, 3, 1, 32)
    assert first.field(params, "bias").shape == (13, 13, 32)
    assert second.field(params) is None and third.field(params) is None
    assert second.parameter(params).shape == (9, 3, 3, 32, 64)
    new = first.replace(params, 0 * first.field(params))
    assert not new["conv_0"]["kernel"].any() and params["conv_0"]["kernel"].any()
    assert new["conv_1"] is params["conv_1"]


@pytest.mark.parametrize(
    "network, message",
    [
        (ConvNet(strides=(1, 1)), "one entry a layer"),
        (ConvNet(num_layers=4), "4 is not in 1..3"),
        (ConvNet(sharing="fre"), "did you mean 'free'"),
        (ConvNet(sharing="tiles"), "needs a size"),
        (ConvNet(sharing="free:2"), "takes no size"),
        (ConvNet(sharing="free", vcp=0.5), "nothing would be severed"),
        (ConvNet(features=(0, 1, 2)), "network.features: 0 must be at least 1"),
    ],
)
def test_networks_that_cannot_be_are_refused(network, message):
    with pytest.raises(ConfigError, match=message):
        check_config(network, "network.")


def test_one_network_has_one_name():
    for text, short in (("free/free", "free"), ("full/full/full", "full"),
                        ("full/free/free", "full/free")):  # fmt: skip
        for kind in (ConvNet, ResNet, WideResNet):
            assert simplify(kind(sharing=text)) == simplify(kind(sharing=short))
    assert simplify(ConvNet(sharing="free/full/free")).sharing == "free/full/free"


@pytest.mark.parametrize("reading", ["kernel", "stored"])
@pytest.mark.parametrize("shape", [(3, 3, 4, 8), (5, 5, 3, 3, 4, 8), (7, 3, 3, 4, 8)])
def test_glorot_uniform_fills_its_limits(shape, reading):
    kernels = math.prod(shape[:-4])
    fan_in, fan_out = 36, 72
    if reading == "stored" and len(shape) > 4:
        fan_in, fan_out = kernels * 36, kernels * 8
    assert fans(shape, reading) == (fan_in, fan_out)
    limit = math.sqrt(6 / (fan_in + fan_out))
    values = np.asarray(glorot_uniform(reading)(jax.random.key(0), shape))
    assert np.abs(values).max() <= limit
    # The variance of a uniform draw is limit^2 / 3; 288 draws or more.
    np.testing.assert_allclose(values.std(), limit / math.sqrt(3), rtol=0.12)


def test_released_initialisation_is_smaller_by_root_of_sites():
    # 13 times in MNIST's first layer if both fans held the sites alike.
    paper = math.sqrt(6 / sum(fans((13, 13, 3, 3, 1, 32), "kernel")))
    released = math.sqrt(6 / sum(fans((13, 13, 3, 3, 1, 32), "stored")))
    np.testing.assert_allclose(paper, math.sqrt(6 / (9 + 288)))
    np.testing.assert_allclose(released, math.sqrt(6 / (169 * 9 + 169 * 32)))


@pytest.mark.slow
@pytest.mark.parametrize("sharing", ["full", "free", "tiles:2", "full/free"])
def test_the_network_computes_what_its_table_says(sharing):
    """Against a network written out in NumPy, site by site."""
    program = program_of("mnist", 3, sharing)

    params = network_variables(program, program.run)["params"]
    x = y = np.random.default_rng(3).random((2, 28, 28, 1), np.float32)
    outputs = jax.jit(lambda p, x: forward(program, program.run, p, {}, {}, x)[0])
    logits = outputs(params, x)
    params = jax.tree.map(np.asarray, params)
    for i, (side, stride) in enumerate([(13, 2), (6, 2), (4, 1)]):
        kernel, bias = (params[f"conv_{i}"][k] for k in ("kernel", "bias"))
        y = by_hand(y, kernel, bias, side, stride)
    y = y.reshape(2, -1) @ params["hidden"]["kernel"] + params["hidden"]["bias"]
    y = np.maximum(y, 0) @ params["output"]["kernel"] + params["output"]["bias"]
    np.testing.assert_allclose(logits, y, rtol=1e-4, atol=1e-4)


def by_hand(x, kernel, bias, side, stride):
    rows = []
    for h in range(side):
        row = []
        for w in range(side):
            patch = x[:, h * stride : h * stride + 3, w * stride : w * stride + 3]
            if kernel.ndim == 4:
                k, b = kernel, bias
            elif kernel.ndim == 6:
                k, b = kernel[h, w], bias[h, w]
            else:  # tiles of two
                index = (h // 2) * -(-side // 2) + w // 2
                k, b = kernel[index], bias[index]
            row.append(np.einsum("nijc,ijco->no", patch, k) + b)
        rows.append(np.stack(row, axis=1))
    return np.maximum(np.stack(rows, axis=1), 0)


class Drawing(nn.Module):
    """Draws for a scheme and for dropout, and returns both."""

    @nn.compact
    def __call__(self, x, train=False):
        if not train:
            return x
        scheme = jax.random.uniform(self.make_rng(SCHEME_STREAM))
        return scheme, nn.Dropout(0.5, deterministic=False)(jnp.ones(64))


def test_networks_may_drop_units_by_a_stream_of_their_own(monkeypatch):
    monkeypatch.setattr(Program, "module", lambda self, config: Drawing())
    program = Program(Run(), (2, 2, 1), 10, {})
    key, x = jax.random.key(3), jnp.zeros((1, 2, 2, 1))

    def draw(key):
        return forward(program, Run(), {}, {}, {}, x, key=key)[0]

    scheme, kept = draw(key)
    # What schemes drew before is what they draw.
    alone = Drawing().apply(
        {}, x, True, rngs={SCHEME_STREAM: key, "dropout": jax.random.key(0)}
    )
    assert scheme == alone[0]
    again, other = draw(key)[1], draw(jax.random.key(4))[1]
    assert 0 < kept.sum() < 128 and (kept == again).all() and (kept != other).any()
    # Not the bits that the scheme's key would have given.
    same = Drawing().apply({}, x, True, rngs={SCHEME_STREAM: key, "dropout": key})
    assert (kept != same[1]).any()
