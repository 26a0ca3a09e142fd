"""Folding: which layers are tied, to what, and a loop that equals what it was."""

import dataclasses
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from test_wide_resnet import applied, count, drawn, shapes

from ws_jax.config import ConfigError, check_config
from ws_jax.folding.grouping import group_layers, similarity
from ws_jax.folding.loops import Rule, fold, tie
from ws_jax.layers import describe_layers
from ws_jax.measure import layer_similarity
from ws_jax.models import (
    Arithmetic,
    ConvNet,
    FoldedWideResNet,
    GridNet,
    WideBottleneck,
    WideResNet,
)

CHAIN = np.array([[1.0, 0.9, 0.1, 0.0], [0.9, 1.0, 0.9, 0.0],
                  [0.1, 0.9, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0]])  # fmt: skip


@pytest.mark.parametrize(
    "threshold, link, groups",
    [
        (0.9, "connected", (0, 0, 0, 1)),
        (0.9, "complete", (0, 0, 1, 2)),
        (0.95, "connected", (0, 1, 2, 3)),
        (0.05, "complete", (0, 0, 0, 1)),
        (0.0, "complete", (0, 0, 0, 0)),
        (1.0, "connected", (0, 1, 2, 3)),
    ],
)
def test_layers_are_grouped_by_a_threshold(threshold, link, groups):
    assert group_layers(CHAIN, threshold, link) == groups


@pytest.mark.parametrize("link", ["connected", "complete"])
@pytest.mark.parametrize("lost, groups", [((0, 1, 2, 3), (0, 1, 2, 3)),
                                          ((0,), (0, 1, 1, 2)),
                                          ((1, 3), (0, 1, 2, 3))])  # fmt: skip
def test_similarities_that_are_no_numbers_tie_nothing(lost, groups, link):
    similar = CHAIN.copy()
    similar[list(lost)] = similar[:, list(lost)] = np.nan
    for threshold in (0.0, 0.9) if len(lost) == 4 else (0.9,):
        assert group_layers(similar, threshold, link) == groups


def test_connected_groups_are_those_of_a_graph():
    for seed in range(20):
        rows = np.random.RandomState(seed).randn(7, 3)
        similar = similarity(rows)
        np.testing.assert_allclose(
            similar, layer_similarity(rows.astype(np.float32)), atol=1e-5
        )
        reach = (similar >= 0.8).astype(int)
        reach = np.linalg.matrix_power(reach, 7) > 0
        groups = group_layers(similar, 0.8, "connected")
        for a, b in itertools.product(range(7), repeat=2):
            assert (groups[a] == groups[b]) == reach[a, b]
        complete = group_layers(similar, 0.8, "complete")
        for a, b in itertools.product(range(7), repeat=2):
            assert complete[a] != complete[b] or similar[a, b] >= 0.8 - 1e-6


def test_equal_coefficients_are_tied_at_a_threshold_of_one():
    row = np.random.RandomState(0).randn(5).astype(np.float32)
    rows = np.stack([row, -3 * row, row / 7, row + 0.1])
    assert group_layers(layer_similarity(rows), 1.0, "complete") == (0, 0, 0, 1)


@pytest.mark.parametrize("kernel", ["first", "mean"])
def test_kept_scales_make_a_fold_of_multiples_exact(kernel):
    row = np.random.RandomState(0).randn(3)
    factors = np.array([2.0, -0.5, 1.0])
    rows = factors[:, None] * row
    vectors, scales = tie(rows, (0, 0, 0), kernel, "kept")
    np.testing.assert_allclose(scales[:, None] * vectors[[0, 0, 0]], rows, rtol=1e-6)
    vectors, scales = tie(rows, (0, 0, 0), kernel, "sign")
    np.testing.assert_array_equal(scales, [1, -1, 1])
    vectors, scales = tie(rows, (0, 0, 0), kernel, "dropped")
    np.testing.assert_array_equal(scales, 1)
    if kernel == "mean":
        np.testing.assert_allclose(vectors[0], rows.mean(0))


PATTERN = (0, 1, 0, 1)


def looping(scheme="full", factors=(1, 1, 1, 1), seed=0):
    """A network of depth 22 whose last blocks have the layers of the one before."""
    network = WideResNet(depth=22, width=1, templates=3, sharing=scheme)
    module, x, variables = drawn(network, seed=seed)
    params = {name: dict(part) for name, part in variables["params"].items()}
    rows = np.random.RandomState(seed).randn(2, 3).astype(np.float32)
    for stage, row in itertools.product(range(3), range(4)):
        alpha = np.float32(factors[row]) * rows[PATTERN[row]]
        block = params[f"stage_{stage}_block_{row // 2 + 1}"]
        block[f"conv_{row % 2}"] = {**block[f"conv_{row % 2}"], "coefficients": alpha}
    variables = jax.tree.map(np.asarray, {**variables, "params": params})
    return network, module, x, variables


@pytest.mark.slow
@pytest.mark.parametrize("factors", [(1, 1, 1, 1), (1, 1, -2, 0.5)])
@pytest.mark.parametrize("scheme", ["full", "tiles:2/mixed:2"])
def test_a_folded_network_loops_and_equals_what_it_was(factors, scheme):
    network, module, x, variables = looping(scheme, factors)
    folded = fold(network, variables, Rule(0.999))
    assert folded.network.kernels == PATTERN * 3
    assert folded.network.scaled == (factors != (1, 1, 1, 1))
    assert check_config(folded.network) == folded.network
    for bank in folded.banks:
        assert bank.change.max() < 1e-6
    own = folded.network.make(10, Arithmetic())
    like = jax.eval_shape(lambda: own.init(jax.random.key(0), x, False))
    assert jax.tree.structure(like["params"]) == jax.tree.structure(
        folded.variables["params"]
    )
    variables, looped = jax.tree.map(jnp.asarray, (variables, folded.variables))
    for train in (False, True):
        kept = {"mutable": ("batch_stats",)}
        want, stats = applied(module)(variables, x, train, **kept)
        got, own_stats = applied(own)(looped, x, train, **kept)
        # To rounding: some 1e-6 of the largest was found.
        close = 1e-5 * np.abs(want).max()
        np.testing.assert_allclose(got, want, rtol=0, atol=close)
        a = stats["batch_stats"]["stage_2_block_2"]["norm_1"]["mean"]
        b = own_stats["batch_stats"]["stage_2_loop"]["block"]["norm_1"]["mean"][1]
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-3)
    steps = jax.make_jaxpr(lambda v: own.apply(v, x, False))(looped).eqns
    scanned = [
        step
        for step in steps
        if step.primitive.name == "scan"
        # The numbers of the two kernels of each of two steps.
        and any(
            v.aval.shape == (2, 2) and v.aval.dtype == np.int32 for v in step.invars
        )
    ]
    assert len(scanned) == 3


@pytest.mark.slow
def test_equal_coefficients_give_equal_kernels_bit_for_bit():
    network, module, x, variables = looping()
    folded = fold(network, variables, Rule(1.0))
    layers = describe_layers(lambda key: module.init(key, x, False))
    params = jax.tree.map(jnp.asarray, variables["params"])
    for stage in range(3):
        assert folded.banks[stage].groups == PATTERN
        name = f"stage_{stage}_bank"
        own = [layer for layer in layers if layer.bank == (name,)]
        mixed = [np.asarray(layer.kernel(params)) for layer in own]
        for kernel, number in zip(mixed, PATTERN, strict=True):
            np.testing.assert_array_equal(kernel, mixed[number])
        assert (mixed[0] != mixed[1]).any()
        # Mixed in float64 and rounded once; the layers mix in float32.
        kernels = folded.variables["params"][f"stage_{stage}_kernels"]
        assert kernels.dtype == np.float32
        np.testing.assert_allclose(kernels, mixed[:2], rtol=1e-5, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("distinct, size", [(1, 12_287_194), (2, 17_125_594)])
def test_a_folded_network_has_the_published_size(distinct, size):
    kernels = tuple(layer % distinct for layer in range(6)) * 3
    net = check_config(FoldedWideResNet(depth=28, width=10, kernels=kernels))
    assert count(shapes(net)) == size
    scaled = dataclasses.replace(net, scaled=True)
    assert count(shapes(scaled)) == size + 18


def test_each_stage_may_have_its_own_number_of_kernels():
    kernels = (0,) * 6 + (0, 1) * 3 + (0, 1, 2, 3, 2, 3)
    net = check_config(FoldedWideResNet(depth=28, width=10, kernels=kernels))
    want = 7_448_794 + 230_400 + 2 * 921_600 + 4 * 3_686_400
    assert count(shapes(net)) == want


def test_the_change_of_a_kernel_grows_with_the_angle():
    network, _, _, variables = looping()
    rng = np.random.RandomState(1)
    first, other = np.linalg.qr(rng.randn(3, 3))[0][:2]
    templates = variables["params"]["stage_0_bank"]["templates"].reshape(3, -1)
    largest = np.linalg.svd(templates.astype(np.float64))[1][0]
    changes = []
    for angle in (0.0, 0.05, 0.2, 0.6):
        turned = np.cos(angle) * first + np.sin(angle) * other
        for row, alpha in enumerate((first, first, turned, first)):
            block = variables["params"][f"stage_0_block_{row // 2 + 1}"]
            block[f"conv_{row % 2}"]["coefficients"] = alpha.astype(np.float32)
        bank = fold(network, variables, Rule(0.8, scale="dropped")).banks[0]
        assert bank.groups == (0, 0, 0, 0)
        size = np.linalg.norm(turned @ templates)
        bound = largest * np.sqrt(2 - 2 * np.cos(angle)) / size
        assert bank.change[2] <= bound + 1e-6
        changes.append(bank.change[2])
    assert changes[0] < 1e-6 and np.all(np.diff(changes) > 0)


@pytest.mark.parametrize(
    "network, rule, message",
    [
        (WideResNet(depth=16), Rule(0.9), "has no template bank"),
        (ConvNet(), Rule(0.9), "network convnet of this run has no template bank"),
        (WideBottleneck(templates=2), Rule(0.9), "bottleneck of this run cannot be fo"),
        (GridNet(), Rule(0.9), "grid_net of this run has no template bank"),
        (GridNet(templates=1), Rule(0.9), "says nothing"),
        (WideResNet(templates=1), Rule(0.9), "says nothing"),
        (WideResNet(templates=2), Rule(1.2), "1.2 is not in .0, 1."),
        (WideResNet(templates=2), Rule(-0.1), "-0.1 is not in"),
        (WideResNet(templates=2), Rule(0.9, link="complet"), "mean 'complete'"),
        (WideResNet(templates=2), Rule(0.9, scale="keep"), "mean 'kept'"),
        (
            WideResNet(templates=2, sharing="free", severing="units", vcp=0.1),
            Rule(0.9),
            "would not survive",
        ),
    ],
)
def test_what_cannot_be_folded_is_refused(network, rule, message):
    with pytest.raises(ConfigError, match=message):
        fold(network, {}, rule)


@pytest.mark.parametrize(
    "kernels, message",
    [
        ((0, 1), "has 2 numbers, for 3 stages of 2 layers"),
        ((0, 0, 0, 2, 0, 0), "of stage 1 are .0, 2.: they must use every"),
    ],
)
def test_loops_that_cannot_be_are_refused(kernels, message):
    with pytest.raises(ConfigError, match=message):
        check_config(FoldedWideResNet(depth=16, kernels=kernels))


@pytest.mark.slow
def test_gradients_reach_every_step_and_kernel():
    network, _, x, variables = looping()
    folded = fold(network, variables, Rule(0.999))
    own = folded.network.make(10, Arithmetic())

    def loss(params):
        out, _ = own.apply({**folded.variables, "params": params}, x, True,
                           mutable=["batch_stats"])  # fmt: skip
        return jnp.sum(out**2)

    grads = jax.jit(jax.grad(loss))(folded.variables["params"])
    loop = grads["stage_1_loop"]["block"]["norm_0"]["scale"]
    assert loop.shape == (2, 32) and (np.abs(loop).max(1) > 0).all()
    kernels = grads["stage_1_kernels"]
    assert (np.abs(kernels).max((1, 2, 3, 4)) > 0).all()
