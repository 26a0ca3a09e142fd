"""Folding networks on grids: the same outputs, fewer parameters, a whole run."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from filled import module_variables
from test_shortest_paths import small

from ws_jax import engine
from ws_jax.checkpoint import load_run
from ws_jax.config import ConfigError, check_config, replace_field
from ws_jax.folding.loops import Rule, fold
from ws_jax.folding.run import fold_run, num_parameters
from ws_jax.models import Arithmetic, FoldedGridNet, GridNet
from ws_jax.models.grid_net import count_parameters
from ws_jax.storage import results
from ws_jax.transforms.paths import DrawPaths

PATTERN = (0, 1, 0, 1, 2, 2)


def looping(skip, factors):
    """A network of six layers with three kernels, up to a factor."""
    network = GridNet(depth=6, width=4, templates=3, skip=skip)
    module = network.make(1, Arithmetic())
    x = jnp.asarray(np.random.default_rng(1).normal(size=(3, 7, 7, 2)), jnp.float32)
    variables = module_variables(module, x)
    rows = np.random.RandomState(0).randn(3, 3).astype(np.float32)
    params = dict(variables["params"])
    for number, (row, factor) in enumerate(zip(PATTERN, factors, strict=True)):
        params[f"conv_{number}"] = {"coefficients": np.float32(factor) * rows[row]}
    return network, module, x, {**variables, "params": params}


@pytest.mark.slow
@pytest.mark.parametrize("factors", [(1,) * 6, (1, 1, -2, 0.5, 1, 3)])
@pytest.mark.parametrize("skip", [0, 2, 3])
def test_a_folded_network_loops_and_equals_what_it_was(skip, factors):
    network, module, x, variables = looping(skip, factors)
    folded = fold(network, variables, Rule(0.9999))
    assert folded.network.kernels == PATTERN
    assert folded.network.scaled == (factors != (1,) * 6)
    assert check_config(folded.network) == folded.network
    assert folded.banks[0].change.max() < 1e-6
    own = folded.network.make(1, Arithmetic())
    like = jax.eval_shape(lambda: own.init(jax.random.key(0), x))
    for part in ("params", "batch_stats"):
        want, got = (jax.tree.map(np.shape, tree[part])
                     for tree in (like, folded.variables))  # fmt: skip
        assert want == got
    kept = {"mutable": ("batch_stats",)}
    for train in (False, True):
        want, stats = jax.jit(lambda v, t=train: module.apply(v, x, t, **kept))(
            variables
        )
        got, own_stats = jax.jit(lambda v, t=train: own.apply(v, x, t, **kept))(
            folded.variables
        )
        np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-4)
        step, place = divmod(5, skip or 1)
        a = stats["batch_stats"]["norm_5"]["mean"]
        b = own_stats["batch_stats"]["loop"][f"norm_{place}"]["mean"][step]
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
    # A bank of three kernels and no coefficients are left, and scales if there are any.
    less = 6 * 3 - 6 * folded.network.scaled
    assert num_parameters(folded.variables) == count_parameters(network) - less


@pytest.mark.slow
def test_all_layers_tied_are_one_kernel_in_a_loop():
    network, _, x, variables = looping(2, (1,) * 6)
    folded = fold(network, variables, Rule(0.0))
    assert folded.variables["params"]["kernels"].shape == (1, 3, 3, 4, 4)
    own = folded.network.make(1, Arithmetic())
    one = GridNet(depth=6, width=4, templates=1)
    scales = 6 * folded.network.scaled
    assert num_parameters(folded.variables) == count_parameters(one) - 6 + scales

    def loss(params):
        return jnp.sum(own.apply({**folded.variables, "params": params}, x) ** 2)

    grads = jax.jit(jax.grad(loss))(folded.variables["params"])
    assert all((np.abs(a) > 0).any() for a in jax.tree.leaves(grads))
    steps = jax.make_jaxpr(loss)(folded.variables["params"]).eqns
    assert 3 in [s.params["length"] for s in steps if s.primitive.name == "scan"]


@pytest.mark.parametrize(
    "fields, message",
    [
        ({"depth": 3}, "skip: 2 does not divide network.depth, 3"),
        ({"depth": 4}, "kernels has 2 numbers, for 4 layers"),
        ({"kernels": (0, 2)}, "must use every number from 0 to 2"),
        ({"kernels": ()}, "kernels has 0 numbers, for 2 layers"),
    ],
)
def test_loops_that_cannot_be_are_refused(fields, message):
    with pytest.raises(ConfigError, match=message):
        check_config(FoldedGridNet(**{"depth": 2, "kernels": (0, 1), **fields}))


def test_training_goes_on_with_the_distances_that_it_had():
    growing = DrawPaths(shortest=2, longest=4, growth=2, every=4, limit=10)
    assert growing.after(24) == dataclasses.replace(growing, longest=10, growth=0)
    assert growing.after(5).window(100) == (2, 6)
    still = DrawPaths(longest=8)
    assert still.after(24) == still


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    workdir = tmp_path_factory.mktemp("trained") / "sweep"
    sweep = small(templates=(2,), strengths=(0.01,), seeds=(0,), depth=4)
    base = replace_field(sweep.base, "data.split", "holdout")
    base = replace_field(base, "data.holdout", 0.2)
    sweep = dataclasses.replace(sweep, base=base)
    engine.run_sweep(sweep, workdir)
    (name,) = set(results.read(workdir)["run"])
    return workdir, name


@pytest.mark.slow
def test_a_run_on_grids_is_folded_on_the_grids_of_its_last_epoch(trained, tmp_path):
    workdir, name = trained
    report = fold_run(workdir, name, tmp_path, [Rule(1.0), Rule(0.0)])
    row = results.read(workdir).iloc[-1]
    for column in ("val_loss", "val_f1", "val_ones_f1", "test_loss", "test_ones_f1"):
        np.testing.assert_allclose(report["before"][column], row[column], rtol=1e-5)
    none, tied = report["foldings"]
    assert none["groups"] == [[0, 1, 2, 3]] and tied["groups"] == [[0, 0, 0, 0]]
    assert none["after"]["val_f1"] == pytest.approx(report["before"]["val_f1"])
    assert report["network"] == "2 templates, term 0.01" and report["watched"] == "f1"
    # Two kernels more than the bank has, and no coefficients.
    assert none["saved"] == 8 - 2 * 9 * 16 and report["data"] == "paths:40x6"
    variables = load_run(tmp_path / "threshold_0", seed=0)
    assert variables["params"]["kernels"].shape == (1, 3, 3, 4, 4)


@pytest.mark.slow
def test_a_folded_network_on_grids_trains_on(trained, tmp_path):
    workdir, name = trained
    report = fold_run(workdir, name, tmp_path, [Rule(0.0)], epochs=1)
    frame = results.read(tmp_path / "threshold_0")
    assert list(frame["epoch"]) == [0, 1]
    assert report["foldings"][0]["trained"]["epoch"] == 1
    assert frame["val_f1"].notna().all()
