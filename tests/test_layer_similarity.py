"""Similarity of layers that draw from one bank: as a matrix, a measure, a loss term."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from filled import network_variables

from ws_jax import engine, results
from ws_jax.config import ConfigError
from ws_jax.engine.study import prepare
from ws_jax.measure import LayerSimilarity, layer_similarity
from ws_jax.models import ConvNet, WideResNet
from ws_jax.optimizers import SGD
from ws_jax.papers.savarese2019 import presets
from ws_jax.runs import Data, Evaluation, Run, Sweep, Train
from ws_jax.tasks import Classification, SimilarityTerm


def reference(coefficients):
    """By loops, in float64."""
    rows = np.asarray(coefficients, np.float64)
    return np.array([
        [abs(a @ b) / np.sqrt((a @ a) * (b @ b)) for b in rows] for a in rows
    ])  # fmt: skip


def test_it_is_the_absolute_cosine():
    rows = np.random.RandomState(0).randn(6, 3).astype(np.float32)
    found = layer_similarity(rows)
    np.testing.assert_allclose(found, reference(rows), atol=1e-6)
    np.testing.assert_allclose(found, found.T, atol=1e-7)
    np.testing.assert_allclose(jnp.diag(found), 1, atol=1e-6)
    assert found.min() >= 0 and found.max() <= 1
    scales = np.array([2, -3, 1e3, -1e-3, 1, 0.5], np.float32)[:, None]
    np.testing.assert_allclose(layer_similarity(rows * scales), found, atol=1e-6)


def test_it_is_the_identity_at_the_start_and_ones_with_one_template():
    rows = jax.nn.initializers.orthogonal()(jax.random.key(0), (4, 6))
    np.testing.assert_allclose(layer_similarity(rows), np.eye(4), atol=1e-6)
    np.testing.assert_allclose(layer_similarity(np.ones((4, 1), np.float32)), 1)


@pytest.mark.slow
def test_zeros_are_like_none_and_have_a_gradient():
    rows = jnp.zeros((2, 2)).at[0, 0].set(1.0)
    np.testing.assert_array_equal(layer_similarity(rows), [[1, 0], [0, 0]])
    grads = jax.grad(lambda a: layer_similarity(a).sum())(rows)
    assert np.isfinite(grads).all()


@pytest.mark.parametrize("value", [np.ones(3, np.float32), np.ones((3, 2), np.int32)])
def test_what_is_no_matrix_of_floats_is_refused(value):
    with pytest.raises(ValueError, match="coefficients need"):
        layer_similarity(value)


def run(templates=2, over="sum", terms=True, **fields):
    term = (SimilarityTerm(over=over, **fields),) if terms else ()
    return Run(
        data=Data("synthetic:48x8x8x3", num_folds=3),
        network=WideResNet(depth=16, width=1, templates=templates),
        task=Classification(terms=term),
        transforms=(),
        train=Train(epochs=2, batch_size=16, optimizer=SGD(learning_rate=0.05)),
        evaluation=Evaluation(views=(), measures=(LayerSimilarity(),)),
    )


def prepared(base):
    """The program of a run."""
    study = prepare(Sweep("some", base, {"seed": (0,)}))
    return study.program(study.groups[0])


@pytest.mark.slow
def test_the_term_is_minus_the_similarity_of_pairs():
    program = prepared(run())
    params = network_variables(program, program.run)["params"]
    rng = np.random.RandomState(0)
    pairs = []
    for stage in range(3):
        own = params[f"stage_{stage}_block_1"]
        rows = rng.randn(2, 2).astype(np.float32)
        for name, row in zip(("conv_0", "conv_1"), rows, strict=True):
            own[name] = {"coefficients": jnp.asarray(row)}
        pairs.append(reference(rows)[0, 1])
    for over, want in (("sum", -2 * sum(pairs)), ("mean", -sum(pairs))):
        got = SimilarityTerm(over=over).value(program.layers, params)
        np.testing.assert_allclose(got, want, rtol=1e-5)


def test_the_term_is_refused_where_no_network_can_have_a_bank():
    network = ConvNet(features=(2,), kernel_sizes=(3,), strides=(2,))
    base = dataclasses.replace(run(), network=network)
    with pytest.raises(ConfigError, match="draws from a template bank"):
        prepare(Sweep("some", base, {"seed": (0,)}))


def test_one_sweep_has_plain_networks_beside_banks_with_strengths():
    axes = {"network.templates": (0, 2), "strength": (0.0, 0.1)}
    runs = prepare(Sweep("some", run(), axes)).sweep.runs()
    terms = [(one.network.templates, len(one.task.terms)) for one in runs]
    assert terms == [(0, 0), (2, 1), (2, 1)]
    alone = Sweep("some", run(templates=0, terms=False)).checked().runs()
    assert runs[0].digest("data") == alone[0].digest("data")


def test_the_strengths_of_the_preset_go_with_its_own_templates():
    sweep = presets.cifar("some", strengths=(0.0, 0.1), seeds=(0,)).checked()
    assert len(sweep.runs()) == 1 + 4 * 2


@pytest.mark.parametrize("strength", [0.0, 0.1])
def test_a_term_that_acts_in_no_run_is_warned_of(strength, caplog):
    prepare(Sweep("some", run(templates=0, strength=strength)))
    told = [line for line in caplog.messages if "task.terms" in line]
    assert len(told) == (strength > 0)
    assert all("layer_similarity is left out" in line for line in told)


@pytest.mark.slow
def test_at_the_start_no_two_layers_are_alike_and_the_term_draws_them_together():
    program = prepared(run(strength=1.0))
    params = dict(network_variables(program, program.run)["params"])
    start = jax.nn.initializers.orthogonal()(jax.random.key(0), (2, 2))
    for stage in range(3):
        own = dict(params[f"stage_{stage}_block_1"])
        for name, row in zip(("conv_0", "conv_1"), start, strict=True):
            own[name] = {"coefficients": row}
        params[f"stage_{stage}_block_1"] = own
    term, measure = program.run.task.terms[0], LayerSimilarity()

    def alike(params):
        found = measure.measure(program.layers, params)
        return np.stack(list(found.values()))

    np.testing.assert_allclose(alike(params), [np.eye(2)] * 3, atol=1e-6)
    # At right angles nothing draws: a little nearer first.
    near = jax.tree.map(lambda a: a + 0.05 * (a.shape == (2,)), params)
    falls = jax.grad(lambda p: term.value(program.layers, p))(near)
    after = jax.tree.map(lambda a, g: a - 0.1 * g, near, falls)
    assert (alike(after)[:, 0, 1] > alike(near)[:, 0, 1] + 0.01).all()


@pytest.mark.slow
def test_it_stands_in_the_results_from_before_training(tmp_path):
    base = run(strength=0.0)
    engine.run_sweep(Sweep("some", base, {"strength": (0.0, 1.0)}), tmp_path)
    frame = results.read(tmp_path)
    column = "layer_similarity_stage_1_bank"
    assert {f"layer_similarity_stage_{i}_bank" for i in range(3)} <= set(frame.columns)
    values = {
        key: np.stack([np.stack(row) for row in own[column]])
        for key, own in frame.groupby("task.terms.layer_similarity.strength")
    }
    for rows in values.values():
        assert rows.shape == (3, 2, 2)
        np.testing.assert_allclose(rows[0], np.eye(2), atol=1e-6)
    plain, drawn = values[0.0][-1, 0, 1], values[1.0][-1, 0, 1]
    assert drawn > plain + 0.2


def test_a_network_without_banks_has_no_such_column():
    network = WideResNet(depth=16, width=1)
    base = dataclasses.replace(run(terms=False), network=network)
    program = prepared(base)
    params = network_variables(program, base)["params"]
    assert LayerSimilarity().measure(program.layers, params) == {}
