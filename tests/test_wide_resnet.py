"""Wide residual networks: published sizes, a plain one beside them, and banks."""

import dataclasses
import math

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from absl import logging
from filled import module_variables
from marks import fast_first
from plain_layers import conv, flat

from ws_jax.banks import COEFFICIENTS
from ws_jax.config import ConfigError, check_config
from ws_jax.models import Arithmetic, WideResNet
from ws_jax.optimizers import SGD, make_optimizer

# Trainable scalars by (depth, width, templates): for 10 classes, and for 100.
COUNTS = {
    (28, 10, 0): (36_479_194, 36_536_884),
    (28, 10, 1): (12_287_212, 12_344_902),
    (28, 10, 2): (17_125_630, 17_183_320),
    (28, 10, 3): (21_964_048, 22_021_738),
    (28, 10, 4): (26_802_466, 26_860_156),
    (28, 10, 5): (31_640_884, 31_698_574),
    (28, 10, 6): (36_479_302, 36_536_992),
    (28, 10, 7): (41_317_720, 41_375_410),
    (28, 10, 8): (46_156_138, 46_213_828),
    (28, 12, 1): (17_681_388, 17_750_598),
    (28, 12, 2): (24_648_702, 24_717_912),
    (28, 12, 4): (38_583_330, 38_652_540),
    (28, 14, 1): (24_054_508, 24_135_238),
    (28, 14, 2): (33_537_790, 33_618_520),
    (28, 14, 4): (52_504_354, 52_585_084),
    (28, 18, 1): (39_737_580, 39_841_350),
    (28, 18, 2): (55_414_014, 55_517_784),
    (40, 8, 8): (29_555_402, 29_601_572),
    (40, 8, 0): (35_748_314, 35_794_484),
    (16, 1, 1): (126_688, 132_538),
    (16, 1, 2): (175_078, 180_928),
    (16, 1, 0): (175_066, 180_916),
    (28, 1, 2): (175_998, 181_848),
    (28, 1, 0): (369_498, 375_348),
    (28, 2, 2): (693_502, 705_112),
    (28, 2, 0): (1_467_610, 1_479_220),
    (40, 1, 2): (176_918, 182_768),
    (40, 1, 0): (563_930, 569_780),
}


def shapes(network, classes=10, side=32):
    module = network.make(classes, Arithmetic())
    x = jnp.zeros((1, side, side, 3))
    return jax.eval_shape(lambda: module.init(jax.random.key(0), x, False))["params"]


def count(params):
    return sum(math.prod(a.shape) for a in jax.tree.leaves(params))


@pytest.mark.parametrize(
    "size",
    fast_first([(size,) for size in COUNTS], 2),
    ids=lambda size: "-".join(map(str, size)),
)
def test_a_network_has_the_published_size(size):
    found = shapes(WideResNet(depth=size[0], width=size[1], templates=size[2]))
    # The classifier is the only part that knows of the classes.
    more = 90 * (64 * size[1] + 1)
    assert (count(found), count(found) + more) == COUNTS[size]
    assert count(found["output"]) == 10 * (64 * size[1] + 1)


def test_only_the_coefficients_do_not_decay():
    params = shapes(WideResNet(depth=28, width=10, templates=6))
    optimizer = SGD(weight_decay=1.0, decays=True, no_decay=(COEFFICIENTS,))
    mask = optimizer.decayed(params)
    decayed, kept = [], []
    for leaf, decays in zip(*map(jax.tree.leaves, (params, mask)), strict=True):
        (decayed if decays else kept).append(leaf)
    assert (count(kept), count(decayed)) == (3 * 6 * 6, 36_479_194)
    ones = jax.tree.map(lambda a: jnp.ones(()), params)
    zeros = jax.tree.map(jnp.zeros_like, ones)
    rule = make_optimizer(optimizer, 1, 1)
    steps, _ = rule.update(zeros, rule.init(ones), ones)
    moved = jax.tree.map(lambda a: bool(a == 1), steps)
    assert moved == mask


class Plain(nn.Module):
    """The same network of flax's own layers."""

    depth: int
    width: int

    @nn.compact
    def __call__(self, x, train):
        def norm(name, x):
            return nn.relu(nn.BatchNorm(not train, momentum=0.9, name=name)(x))

        x = conv(16, 3, 1, "stem")(x)
        for stage in range(3):
            for number in range((self.depth - 4) // 6):
                features = 16 * self.width * 2**stage
                stride = 2 if stage and not number else 1
                name = f"stage_{stage}_block_{number}"
                y = norm(f"{name}/norm_0", x)
                if x.shape[-1] != features:
                    x = conv(features, 1, stride, f"{name}/shortcut")(y)
                y = conv(features, 3, stride, f"{name}/conv_0")(y)
                y = norm(f"{name}/norm_1", y)
                x = x + conv(features, 3, 1, f"{name}/conv_1")(y)
        x = norm("norm", x).mean(axis=(1, 2))
        return nn.Dense(10, name="output", precision="highest")(x)


def drawn(network, side=8, seed=0):
    """A network, images, and variables of which none are at a round value."""
    module = network.make(10, Arithmetic())
    x = np.random.default_rng(seed + 1).normal(size=(4, side, side, 3))
    x = jnp.asarray(x, jnp.float32)
    return module, x, module_variables(module, x, False, seed=seed)


def applied(module):
    """What a network does, as one program."""
    return jax.jit(module.apply, static_argnums=2, static_argnames="mutable")


@pytest.mark.slow
@pytest.mark.parametrize(
    "train, width",
    # At width 2 the first block has a shortcut, too.
    [
        (False, 1),
        (True, 2),
        (True, 1),
        (False, 2),
    ],
)
def test_one_without_templates_is_the_plain_network(train, width):
    module, x, variables = drawn(WideResNet(depth=16, width=width))
    got, state = applied(module)(variables, x, train, mutable=("batch_stats",))
    plain = {name: flat(part) for name, part in variables.items()}
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        apply = applied(Plain(16, width))
        want, other = apply(plain, x, train, mutable=("batch_stats",))
    np.testing.assert_allclose(got, want, rtol=1e-3, atol=1e-4)
    for name, part in flat(state["batch_stats"]).items():
        for key, value in part.items():
            np.testing.assert_allclose(
                value, other["batch_stats"][name][key], rtol=1e-3, atol=1e-4
            )


def unshared(params, network):
    """The kernels that a network mixes, as a WRN stores them."""
    found = {n: dict(p) for n, p in params.items() if not n.endswith("bank")}
    for stage in range(3):
        templates = params[f"stage_{stage}_bank"]["templates"]
        for block in range(1, network.num_blocks):
            own = found[f"stage_{stage}_block_{block}"]
            for layer in ("conv_0", "conv_1"):
                alpha = own[layer]["coefficients"]
                own[layer] = {"kernel": jnp.tensordot(alpha, templates, axes=1)}
    return found


@pytest.mark.slow
@pytest.mark.parametrize("sharing", ["full", "full/tiles:2/free"])
def test_mixed_kernels_act_as_kernels_of_its_own(sharing):
    network = WideResNet(depth=16, width=1, templates=3, sharing=sharing)
    module, x, variables = drawn(network)
    plain = dataclasses.replace(network, templates=0).make(10, Arithmetic())
    own = {**variables, "params": unshared(variables["params"], network)}
    want = applied(plain)(own, x, False)
    np.testing.assert_allclose(
        applied(module)(variables, x, False), want, rtol=1e-3, atol=1e-4
    )


def frozen_identity(params, network):
    """Every layer takes a template of its own."""
    found = {name: dict(part) for name, part in params.items()}
    for stage in range(3):
        for row in range(network.num_shared):
            own = found[f"stage_{stage}_block_{row // 2 + 1}"]
            own[f"conv_{row % 2}"] = {COEFFICIENTS: jnp.eye(network.num_shared)[row]}
    return found


@pytest.mark.slow
def test_with_a_template_a_layer_training_is_that_of_a_wrn():
    network = WideResNet(depth=16, width=1, templates=2)
    module, x, variables = drawn(network)
    plain = dataclasses.replace(network, templates=0).make(10, Arithmetic())
    shared = frozen_identity(variables["params"], network)
    own = unshared(shared, network)
    stats, labels = variables["batch_stats"], jnp.arange(4)
    rule = make_optimizer(
        SGD(momentum=0.9, nesterov=True, weight_decay=5e-4, decays=True), 9, 9
    )

    def step(module, frozen):
        def loss(params):
            variables = {"params": params, "batch_stats": stats}
            out, _ = module.apply(variables, x, True, mutable=["batch_stats"])
            losses = optax.softmax_cross_entropy_with_integer_labels(out, labels)
            return losses.mean()

        @jax.jit
        def move(params, state):
            value, grads = jax.value_and_grad(loss)(params)
            updates, state = rule.update(grads, state, params)
            new = jax.tree.map(lambda p, u: p - 0.01 * u, params, updates)
            return frozen(new), state, value, frozen(grads)

        return move

    moves = (
        step(module, lambda p: frozen_identity(p, network)),
        step(plain, lambda p: p),
    )
    states = rule.init(shared), rule.init(own)
    for _ in range(3):
        shared, first, loss, slopes = moves[0](shared, states[0])
        own, second, own_loss, own_slopes = moves[1](own, states[1])
        states = first, second
        np.testing.assert_allclose(loss, own_loss, rtol=1e-5)
        # What the templates are and how they slope, as kernels of the layers.
        for got, want in ((slopes, own_slopes), (shared, own)):
            got = unshared(got, network)
            assert jax.tree.structure(got) == jax.tree.structure(want)
            for a, b in zip(*map(jax.tree.leaves, (got, want)), strict=True):
                np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5)
        # Of equal kernels again: else rounding puts a unit near 0 on in one of them.
        own = unshared(shared, network)


@pytest.mark.parametrize(
    "fields, message",
    [
        ({"depth": 27}, "27 is not 6 n . 4; the nearest is 28"),
        ({"depth": 31}, "the nearest is 34|the nearest is 28"),
        ({"depth": 10, "templates": 2}, "at depth 10 a stage has one block"),
        ({"templates": -1}, "templates: -1 must be at least 0"),
        ({"sharing": "full/free/full/free"}, "names 4 schemes, for 3 stages"),
    ],
)
def test_networks_that_cannot_be_are_refused(fields, message):
    with pytest.raises(ConfigError, match=message):
        check_config(WideResNet(**fields), "network.")


def test_depth_10_without_templates_is_a_network():
    assert count(shapes(check_config(WideResNet(depth=10, width=1)))) > 0


def test_a_bank_that_saves_nothing_is_warned_of(monkeypatch):
    said = []
    monkeypatch.setattr(logging, "warning", lambda text, *a: said.append(text % a))
    WideResNet(depth=16, templates=2).check_images((32, 32, 3))
    assert not said
    WideResNet(depth=16, templates=3).check_images((32, 32, 3))
    assert len(said) == 1 and "3 templates for 2 layers" in said[0]
