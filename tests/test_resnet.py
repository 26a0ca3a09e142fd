"""Residual networks: their published sizes, a plain one beside them, and in sweeps."""

import dataclasses
import math

import chex
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from filled import module_variables, network_variables
from marks import fast_first
from plain_layers import conv, flat
from studies import stop_at_once

from ws_jax import engine, results
from ws_jax.checkpoint import load_run
from ws_jax.config import ConfigError, check_config
from ws_jax.data import make_splits, make_synthetic
from ws_jax.engine.program import make_program
from ws_jax.models import Arithmetic, ResNet, ResNet18
from ws_jax.optimizers import SGD
from ws_jax.phases import GroupMean, map_fields
from ws_jax.runs import Data, Evaluation, Execution, Run, Sweep, Train
from ws_jax.transforms import Crop, Flip, Normalize

# Trainable scalars, facts of the released code of Pogodin et al. 2021.
COUNTS = {
    ("full", 10, 32): 272_474,
    ("free", 10, 32): 40_814_762,
    ("full", 100, 32): 278_324,
    ("free", 100, 32): 40_820_612,
    ("full", 200, 48): 284_824,
    ("free", 200, 48): 91_842_792,
}


@pytest.mark.parametrize("sharing, classes, side", fast_first(COUNTS, 2))
def test_resnet_20_has_the_published_size(sharing, classes, side):
    module = ResNet(sharing=sharing).make(classes, Arithmetic())
    x = jnp.zeros((1, side, side, 3))
    shapes = jax.eval_shape(lambda: module.init(jax.random.key(0), x, False))
    leaves = jax.tree.leaves(shapes["params"])
    assert sum(math.prod(a.shape) for a in leaves) == COUNTS[sharing, classes, side]


class Plain(nn.Module):
    """The same network of flax's own layers."""

    depth: int
    width: int

    @nn.compact
    def __call__(self, x, train):
        def norm(name):
            return nn.BatchNorm(not train, momentum=0.9, name=name)

        x = nn.relu(norm("stem_norm")(conv(self.width, 3, 1, "stem")(x)))
        for stage in range(3):
            for number in range((self.depth - 2) // 6):
                features = self.width * 2**stage
                stride = 2 if stage and not number else 1
                name = f"stage_{stage}_block_{number}"
                y = conv(features, 3, stride, f"{name}/conv_0")(x)
                y = nn.relu(norm(f"{name}/norm_0")(y))
                y = conv(features, 3, 1, f"{name}/conv_1")(y)
                y = norm(f"{name}/norm_1")(y)
                if x.shape != y.shape:
                    x = conv(features, 1, stride, f"{name}/shortcut")(x)
                    x = norm(f"{name}/shortcut_norm")(x)
                x = nn.relu(x + y)
        return nn.Dense(10, name="output", precision="highest")(x.mean(axis=(1, 2)))


@pytest.mark.slow
@pytest.mark.parametrize("train", [False, True])
def test_a_shared_one_is_the_plain_network(train):
    module = ResNet(depth=8, width=3).make(10, Arithmetic())
    x = jnp.asarray(np.random.default_rng(1).normal(size=(4, 8, 8, 3)), jnp.float32)
    variables = module_variables(module, x, False)

    def applied(module):
        return jax.jit(lambda v, x: module.apply(v, x, train, mutable=["batch_stats"]))

    got, state = applied(module)(variables, x)
    plain = {name: flat(part) for name, part in variables.items()}
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        want, other = applied(Plain(8, 3))(plain, x)
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-4)
    chex.assert_trees_all_close(
        flat(state["batch_stats"]), dict(other["batch_stats"]), rtol=1e-4, atol=1e-5
    )


@pytest.mark.slow
@pytest.mark.parametrize("network", [ResNet(depth=8, width=16), ResNet18(width=2)])
def test_how_the_classifier_starts(network):
    x, classes, width = jnp.zeros((1, 32, 32, 3)), 1000, network.width
    found = {}
    for name in ("normal", "uniform"):
        started = dataclasses.replace(network, output_init=name)
        module = started.make(classes, Arithmetic())
        init = jax.jit(module.init, static_argnums=2)
        found[name] = init(jax.random.key(0), x, False)["params"]
    fan_in = width * 2 ** (network.stages - 1)
    usual, own = (found[name].pop("output") for name in ("normal", "uniform"))
    # Nothing else starts otherwise.
    chex.assert_trees_all_equal(found["normal"], found["uniform"])
    assert not np.any(usual["bias"])
    assert np.asarray(usual["kernel"]).shape == (fan_in, classes)
    error = 4 * math.sqrt(2 / usual["kernel"].size)  # of a variance, in parts of it
    np.testing.assert_allclose(usual["kernel"].var(), 1 / fan_in, rtol=error)
    bound = 1 / math.sqrt(fan_in)
    for part in own.values():
        near = 8 / part.size  # that none of so many comes nearer has odds of e^-8
        assert bound * (1 - near) < float(jnp.abs(part).max()) <= bound
        np.testing.assert_allclose(
            part.var(), 1 / (3 * fan_in), rtol=4 * math.sqrt(0.8 / part.size)
        )
        assert abs(float(part.mean())) < 4 * bound / math.sqrt(3 * part.size)
    assert abs(np.corrcoef(own["kernel"][0], own["bias"])[0, 1]) < 0.2


def test_an_unknown_start_of_the_classifier_is_refused():
    with pytest.raises(ConfigError, match="did you mean 'uniform'"):
        check_config(ResNet(output_init="unifrom"))


def spread(params, like):
    """Gives every site the kernel that all share."""
    return jax.tree.map(lambda a, b: jnp.broadcast_to(a, b.shape), params, like)


@pytest.mark.slow
@pytest.mark.parametrize("dtype, tolerance", [("float32", 1e-4), ("bfloat16", 0.15)])
def test_equal_kernels_at_all_sites_are_a_convolution(dtype, tolerance):
    shared = ResNet(depth=8, width=2, dtype=dtype)
    free = dataclasses.replace(shared, sharing="free")
    x = jax.random.normal(jax.random.key(1), (4, 8, 8, 3))
    one, many = (net.make(10, Arithmetic()) for net in (shared, free))
    variables = module_variables(one, x, False)
    like = jax.eval_shape(lambda: many.init(jax.random.key(0), x, False))
    same = {**variables, "params": spread(variables["params"], like["params"])}
    assert variables["params"]["stem"]["kernel"].dtype == jnp.float32
    want, got = (
        jax.jit(net.apply, static_argnums=2)(v, x, False)
        for net, v in ((one, variables), (many, same))
    )
    assert got.dtype == jnp.float32
    np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance)


def study(**network):
    base = Run(
        data=Data("synthetic:60x8x8x3", num_folds=3),
        network=ResNet(depth=8, width=2, sharing="free", **network),
        transforms=(Flip(), Normalize(), Crop(padding=1)),
        train=Train(
            epochs=2,
            batch_size=16,
            optimizer=SGD(momentum=0.9, nesterov=True, learning_rate=0.05),
        ),
        evaluation=Evaluation(),
        execution=Execution(chunk=2, checkpoint_every=1),
    )
    return Sweep("resnet", base, {"weight_decay": (0.0, 1e-3), "seed": (0,)})


pytestmark = pytest.mark.usefixtures("kept_programs")
NUMBERS = ["epoch", "loss", "acc", "val_loss", "val_acc", "translation"]


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_one_trains_stops_and_goes_on(dtype, tmp_path, monkeypatch):
    sweep = study(dtype=dtype)
    engine.run_sweep(sweep, tmp_path / "whole")
    stop_at_once(sweep, tmp_path / "halves", monkeypatch)
    engine.run_sweep(sweep, tmp_path / "halves")
    whole, halves = (results.read(tmp_path / name) for name in ("whole", "halves"))
    np.testing.assert_array_equal(whole[NUMBERS], halves[NUMBERS])
    assert set(whole["epoch"]) == {1, 2} and len(whole) == 4
    runs = [
        load_run(tmp_path / name, weight_decay=1e-3) for name in ("whole", "halves")
    ]
    chex.assert_trees_all_equal(*runs)
    block = runs[0]["params"]["stage_1_block_0"]
    assert block["conv_0"]["kernel"].shape == (4, 4, 3, 3, 2, 4)
    assert block["shortcut"]["kernel"].shape == (4, 4, 1, 1, 2, 4)
    assert {a.dtype for a in jax.tree.leaves(runs[0])} == {np.dtype("float32")}
    means = runs[0]["batch_stats"]["stage_2_block_0"]["norm_1"]["mean"]
    assert np.abs(means).max() > 1e-4  # 0 at the start


@pytest.mark.slow
def test_a_mapped_run_equals_the_run_alone(tmp_path):
    engine.run_sweep(study(), tmp_path / "both")
    alone = dataclasses.replace(study(), axes={"weight_decay": (1e-3,)})
    engine.run_sweep(alone, tmp_path / "one")
    both, one = (results.read(tmp_path / name) for name in ("both", "one"))
    both = both[both["digest"] == one["digest"].iloc[0]].reset_index(drop=True)
    np.testing.assert_allclose(both[NUMBERS], one[NUMBERS], rtol=1e-5)


@pytest.mark.slow
def test_a_phase_finds_the_kernels_of_nested_blocks():
    network = ResNet(depth=8, width=2, sharing="free", stem_sharing="full")
    dataset = make_synthetic((30, 8, 8, 3))
    program = make_program(Run(network=network), dataset, make_splits(dataset, Data()))
    names = [layer.name for layer in program.layers]
    assert names[:3] == ["stem", "stage_0_block_0/conv_0", "stage_0_block_0/conv_1"]
    assert "stage_2_block_0/shortcut" in names and len(names) == 9
    params = network_variables(program, program.run)["params"]
    phase = GroupMean(sharing="tiles:2")
    change = lambda field, layer: phase.change(field, phase.sharing_of(layer))  # noqa: E731
    after = map_fields(change, program.layers, params)
    kernel = after["stage_1_block_0"]["conv_1"]["kernel"]
    np.testing.assert_allclose(kernel[0, 0], kernel[1, 1], rtol=1e-6)
    assert not np.allclose(kernel[0, 0], kernel[2, 2])
    np.testing.assert_array_equal(after["stem"]["kernel"], params["stem"]["kernel"])


@pytest.mark.parametrize(
    "network, message",
    [
        (ResNet(depth=21), "21 is not 6 n . 2; the nearest is 20"),
        (ResNet(sharing="tile:2"), "did you mean 'tiles'"),
        (ResNet(stem_sharing="fre"), "did you mean 'free'"),
    ],
)
def test_networks_that_cannot_be_are_refused(network, message):
    with pytest.raises(ConfigError, match=message):
        check_config(network, "network.")


def test_too_small_an_image_is_refused():
    with pytest.raises(ConfigError, match="needs 4x4"):
        ResNet().check_images((3, 3, 1))
