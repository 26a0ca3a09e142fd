"""The signal-to-noise ratio of weights in its three forms, and in training."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest
from filled import network_variables

from ws_jax import engine, results
from ws_jax.config import ConfigError
from ws_jax.data import make_splits, make_synthetic
from ws_jax.engine.program import make_program
from ws_jax.measure import SNR_FORMS, Distances, WeightSNR, weight_snr
from ws_jax.models import ConvNet, ResNet
from ws_jax.phases import GroupMean
from ws_jax.runs import Data, Evaluation, Run, Sweep, Train


def field(*shape, mean=1.0, seed=0):
    return np.random.default_rng(seed).normal(mean, 1, shape).astype(np.float32)


def by_loop(kernel, form):
    """The definitions, weight by weight."""
    flat = np.float64(kernel).reshape(kernel.shape[0] * kernel.shape[1], -1)
    found = []
    for weights in flat.T:
        mean, variance = weights.mean(), ((weights - weights.mean()) ** 2).mean()
        found.append({
            "ratio": mean**2 / variance,
            "inverse": variance / mean**2,
            "deviation": abs(mean) / weights.std(ddof=1),
        }[form])  # fmt: skip
    return np.mean(found)


@pytest.mark.parametrize("form", SNR_FORMS)
def test_equals_the_definition(form):
    kernel = field(7, 5, 3, 3, 2, 4)
    np.testing.assert_allclose(
        weight_snr(kernel, form), by_loop(kernel, form), rtol=1e-4
    )


def test_the_inverse_is_never_below_the_ratio():
    for seed in range(5):
        kernel = field(10, 10, 9, seed=seed)
        ratio, inverse = weight_snr(kernel), weight_snr(kernel, "inverse")
        assert np.log(inverse) >= -np.log(ratio)


def test_known_values():
    # Two sites, weights 1 and 3: mean 2, variance 1, and 2 with one degree less.
    kernel = np.array([[1.0], [3.0]], np.float32)[..., None]
    assert weight_snr(kernel) == 4 and weight_snr(kernel, "inverse") == 0.25
    np.testing.assert_allclose(
        weight_snr(kernel, "deviation"), 2 / np.sqrt(2), rtol=1e-6
    )
    equal = np.full((4, 4, 3), 0.5, np.float32)
    assert weight_snr(equal) == np.inf and weight_snr(equal, "inverse") == 0
    assert weight_snr(equal, "deviation") == np.inf


def test_scale_does_not_matter_and_small_deviations_are_not_cancelled():
    kernel = 1 + 1e-4 * field(9, 9, 8, mean=0)
    for form in SNR_FORMS:
        np.testing.assert_allclose(
            weight_snr(kernel, form), by_loop(kernel, form), rtol=1e-3
        )
        np.testing.assert_allclose(
            weight_snr(64 * kernel, form), weight_snr(kernel, form), rtol=1e-6
        )


def small(side=16, **network):
    run = Run(
        data=Data(f"synthetic:60x{side}x{side}x3", num_folds=3),
        network=ResNet(depth=8, width=2, sharing="free", **network),
        transforms=(),
        train=Train(epochs=1, batch_size=16),
        evaluation=Evaluation(views=(), measures=(WeightSNR(),)),
    )
    dataset = make_synthetic((60, side, side, 3))
    return run, make_program(run, dataset, make_splits(dataset, run.data))


@pytest.mark.slow
def test_layers_are_measured_without_their_border():
    run, program = small(stem_sharing="full")
    params = network_variables(program, run)["params"]
    found = WeightSNR().measure(program.layers, params)
    names = [f"snr_{layer.name}" for layer in program.layers[1:]]
    assert list(found) == names and len(names) == 8
    kernel = params["stage_0_block_0"]["conv_1"]["kernel"]
    want = by_loop(kernel[1:-1, 1:-1], "deviation")
    np.testing.assert_allclose(found["snr_stage_0_block_0/conv_1"], want, rtol=1e-4)
    whole = WeightSNR(form="ratio", border=True).measure(program.layers, params)
    want = by_loop(kernel, "ratio")
    np.testing.assert_allclose(whole["snr_stage_0_block_0/conv_1"], want, rtol=1e-4)
    # A 1x1 layer has no border.
    shortcut = params["stage_1_block_0"]["shortcut"]["kernel"]
    want = by_loop(shortcut, "deviation")
    np.testing.assert_allclose(found["snr_stage_1_block_0/shortcut"], want, rtol=1e-4)


def test_too_few_sites_are_refused():
    _, program = small(side=8)  # the last stage has 2x2 sites, all at the border
    with pytest.raises(ConfigError, match="conv_0 has 2x2 sites, of which 1 read"):
        WeightSNR().check_layers(program.layers)
    WeightSNR(border=True).check_layers(program.layers)
    with pytest.raises(ValueError, match="two sites"):
        weight_snr(jnp.ones((1, 1, 3)))
    with pytest.raises(ConfigError, match="did you mean 'ratio'"):
        weight_snr(jnp.ones((2, 1, 3)), "ratoi")


@pytest.mark.parametrize("sharing", ["full", "free", "mixed:2"])
def test_a_layer_of_one_site_is_passed_over(sharing):
    network = ConvNet(
        sharing=sharing, features=(4, 6), kernel_sizes=(3, 4), strides=(2, 1), hidden=8
    )
    run = Run(
        data=Data("synthetic:60x10x10x1", num_folds=3),
        network=network,
        transforms=(),
        train=Train(epochs=1, batch_size=16),
    )
    dataset = make_synthetic((60, 10, 10, 1))
    program = make_program(run, dataset, make_splits(dataset, run.data))
    assert [layer.sharing.shape for layer in program.layers] == [(4, 4), (1, 1)]
    params = network_variables(program, run)["params"]
    free = sharing == "free"
    for measure, names in (
        (WeightSNR(), ["snr_conv_0"]), (Distances((1,)), ["dist_1", "cos_1"]),
    ):  # fmt: skip
        measure.check_layers(program.layers)
        assert list(measure.measure(program.layers, params)) == names * free
        measure.check_layers(program.layers[1:])
        assert not measure.measure(program.layers[1:], params)
    if not free:
        Distances((2,)).check_layers(program.layers)


@pytest.mark.slow
def test_sharing_raises_the_ratio_while_training(tmp_path):
    run, _ = small()
    train = dataclasses.replace(
        run.train, phase=GroupMean(sharing="periodic:window", count="epoch", first=1)
    )
    sweep = Sweep(
        "snr", dataclasses.replace(run, train=train), {"every": (1, 2**31 - 1)}
    )
    engine.run_sweep(sweep, tmp_path)
    table = results.read(tmp_path)
    column = "snr_stage_0_block_0/conv_0"
    assert column in table
    last = table[table["epoch"] == 1].set_index("train.phase.every")[column]
    first = table[table["epoch"] == 0].set_index("train.phase.every")[column]
    assert first.nunique() == 1
    assert last[1] > 2 * last[2**31 - 1]
