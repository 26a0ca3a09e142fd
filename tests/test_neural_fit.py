"""Layers beside neural data: against known answers, scipy and scikit-learn."""

import dataclasses
import functools
import io
import json
import shutil
import zipfile

import jax
import numpy as np
import pandas as pd
import pytest
from filled import network_variables
from scipy import stats
from scipy.spatial.distance import pdist
from sklearn.cross_decomposition import PLSRegression
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, PredefinedSplit
from test_launch import launch

from ws_jax import checkpoint, engine, neural_fit, results
from ws_jax.checkpoint import load_run
from ws_jax.config import ConfigError
from ws_jax.data import arrays as npz
from ws_jax.data import load, make_splits, make_synthetic
from ws_jax.engine import predict
from ws_jax.engine.program import init_variables, make_program, network_program
from ws_jax.keys import make_key
from ws_jax.models import FoldedWideResNet, GridNet, ResNet
from ws_jax.neural_fit import fit, regression, similarity
from ws_jax.neural_fit import table as files
from ws_jax.runs import Data, Evaluation, Run, Sweep, Train
from ws_jax.storage import stored
from ws_jax.storage.integrity import WorkdirError
from ws_jax.tasks import ShortestPaths
from ws_jax.transforms import DrawPaths, Flip, Normalize


def draw(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def turn(size, seed=0):
    return np.linalg.qr(draw(size, size, seed=seed))[0]


@pytest.mark.parametrize("debiased", [False, True])
def test_cka_does_not_see_turns_scales_and_shifts(debiased):
    x, y = draw(12, 5), draw(12, 30, seed=1)
    cka = lambda a, b: neural_fit.linear_cka(a, b, debiased)  # noqa: E731
    np.testing.assert_allclose(cka(x, 3 * x @ turn(5) + 7), 1)
    np.testing.assert_allclose(cka(-2 * x[:, ::-1] + 1, y), cka(x, y))
    np.testing.assert_allclose(cka(y, x), cka(x, y))
    assert cka(x, x * [9, 1, 1, 1, 1]) < 0.99  # it does see which units are large
    np.testing.assert_allclose(cka(x.reshape(12, 5, 1, 1), y), cka(x, y))


def test_cka_of_one_unit_is_the_square_of_the_correlation():
    x, y = draw(20, 1), draw(20, 1, seed=1)
    want = np.corrcoef(x[:, 0], y[:, 0])[0, 1] ** 2
    np.testing.assert_allclose(neural_fit.linear_cka(x, y), want)


def test_only_the_debiased_cka_of_independent_units_is_none():
    pairs = [(draw(20, 400, seed=s), draw(20, 400, seed=s + 50)) for s in range(20)]
    assert all(neural_fit.linear_cka(*pair) > 0.9 for pair in pairs)
    found = [neural_fit.linear_cka(*pair, debiased=True) for pair in pairs]
    assert abs(np.mean(found)) < 3 * np.std(found) / np.sqrt(20) and np.std(found) > 0


@pytest.mark.parametrize("distance", ["correlation", "euclidean"])
def test_dissimilarities_and_rsa_are_those_of_scipy(distance):
    x, y = draw(9, 6), draw(9, 4, seed=1)
    want = [pdist(a, distance) for a in (x, y)]
    np.testing.assert_allclose(neural_fit.dissimilarities(x, distance), want[0])
    for comparison, of in (("spearman", stats.spearmanr), ("pearson", stats.pearsonr)):
        got = neural_fit.rsa(x, y, distance, comparison)
        np.testing.assert_allclose(got, of(*want).statistic)


def test_rsa_sees_order_alone():
    x = draw(9, 6)
    np.testing.assert_allclose(neural_fit.rsa(x, 5 * x @ turn(6), "euclidean"), 1)
    low, high = neural_fit.rsa_ceiling(np.stack([x, x + 1, 3 * x]))
    np.testing.assert_allclose([low, high], 1)
    noisy = x + draw(4, 9, 6, seed=1)
    low, high = neural_fit.rsa_ceiling(noisy)
    assert low < high < 1
    alone = [neural_fit.rsa(one, np.delete(noisy, i, 0)[0]) for i, one in
             enumerate(noisy)]  # fmt: skip
    assert np.mean(alone) < high


@pytest.mark.parametrize("comparison", ["spearman", "pearson"])
@pytest.mark.parametrize("distance", ["correlation", "euclidean"])
def test_nothing_has_a_larger_rsa_than_the_upper_ceiling(distance, comparison):
    gains = np.array([0.2, 1.0, 5.0])[:, None, None]  # repetitions of unlike strength
    repeats = gains * draw(1, 9, 6) + draw(3, 9, 6, seed=1)
    tables = [neural_fit.dissimilarities(own, distance) for own in repeats]
    if comparison == "spearman":
        units = [stats.rankdata(table) for table in tables]
    else:
        units = [stats.zscore(table) for table in tables]
    of = {"spearman": stats.spearmanr, "pearson": stats.pearsonr}[comparison]
    best = np.mean([of(sum(units), table).statistic for table in tables])
    low, high = neural_fit.rsa_ceiling(repeats, distance, comparison)
    np.testing.assert_allclose(high, best)
    single = [
        neural_fit.rsa_of_repeats(own, repeats, distance, comparison) for own in repeats
    ]
    assert low < high and max(single) <= high


@pytest.mark.parametrize("noise", [1.0, 3.0])
def test_the_rsa_of_the_truth_comes_to_its_ceiling(noise):
    truth = draw(30, 20)
    responses = truth + noise * draw(20, 30, 20, seed=1)
    data = neural_fit.NeuralData(np.zeros((30, 1, 1, 1), np.uint8), responses, ())
    (row,) = neural_fit.compare(
        {"truth": truth}, data, fit.Settings(measures=("rsa",))
    ).to_dict("records")
    low, high = neural_fit.rsa_ceiling(responses)
    assert low < row["score"] < high == row["ceiling"]
    assert row["normalized"] == row["score"] / high < 1


@pytest.mark.parametrize("units", [7, 60])
def test_ridge_is_that_of_scikit_learn(units):
    x, y = draw(30, units), draw(30, 3, seed=1) + draw(30, units)[:, :3]
    found = neural_fit.ridge(x, y, folds=4, penalties=(0.3,), seed=2)
    for number in range(4):
        train, test = found.fold != number, found.fold == number
        centred = x[train] - x[train].mean(0)
        model = Ridge(alpha=0.3 * (centred**2).sum() / train.sum())
        want = model.fit(x[train], y[train]).predict(x[test])
        np.testing.assert_allclose(found.responses[test], want, rtol=1e-6, atol=1e-8)


def test_the_penalty_is_the_best_over_folds_of_the_others():
    x = draw(40, 30)
    y = (x[:, :2] * [3, 0.3]).sum(1, keepdims=True) + draw(40, 1, seed=1)
    grid = (1e-3, 1e-1, 1.0, 10.0)
    found = neural_fit.ridge(x, y, folds=3, penalties=grid, inner=4)
    for number in range(3):
        train = np.flatnonzero(found.fold != number)
        part = regression.cut(len(train), 4, seed=1)
        errors = []
        for penalty in grid:
            total = 0.0
            for held in range(4):
                a, b = train[part != held], train[part == held]
                scale = ((x[a] - x[a].mean(0)) ** 2).sum() / len(a)
                model = Ridge(alpha=penalty * scale).fit(x[a], y[a])
                total += ((model.predict(x[b]).reshape(-1, 1) - y[b]) ** 2).sum()
            errors.append(total)
        assert found.penalty[number, 0] == grid[int(np.argmin(errors))]


def test_the_choice_is_that_of_a_grid_search_where_scales_are_alike():
    # All parts of x are alike, so that one alpha is one penalty everywhere.
    base = draw(8, 5)
    x = np.tile(base - base.mean(0), (6, 1))
    y = x[:, :1] + draw(48, 1, seed=1)
    fold = np.repeat(np.arange(6), 8)
    grid = np.array([1e-2, 1.0, 100.0])
    alphas = grid * (x[:40] ** 2).sum() / 40 * 1
    search = GridSearchCV(
        Ridge(), {"alpha": alphas}, cv=PredefinedSplit(fold),
        scoring="neg_mean_squared_error",
    ).fit(x, y)  # fmt: skip
    gram = x @ x.T
    errors = [0.0] * 3
    for number in range(6):
        a, b = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
        paths = regression.ridge_paths(gram, y, a, b, grid)
        errors = [e + ((p - y[b]) ** 2).mean() for e, p in zip(errors, paths,
                  strict=True)]  # fmt: skip
    np.testing.assert_allclose(
        -search.cv_results_["mean_test_score"], np.divide(errors, 6), rtol=1e-6
    )


@pytest.mark.parametrize("how", ["ridge", "pls"])
def test_nothing_of_a_fold_is_used_to_predict_it(how):
    x, y = draw(30, 12), draw(30, 4, seed=1)
    function = getattr(neural_fit, how)
    before = function(x, y, folds=3)
    held = before.fold == 1
    changed = np.where(held[:, None], 100 * draw(30, 4, seed=2), y)
    after = function(x, changed, folds=3)
    np.testing.assert_allclose(after.responses[held], before.responses[held])
    np.testing.assert_array_equal(after.penalty[1], before.penalty[1])
    assert not np.allclose(after.responses[~held], before.responses[~held])


@pytest.mark.parametrize("units, neurons", [(8, 3), (5, 9), (40, 2)])
def test_pls_is_that_of_scikit_learn(units, neurons):
    x = draw(24, units)
    y = x[:, :2] @ draw(2, neurons, seed=3) + 0.3 * draw(24, neurons, seed=1)
    found = neural_fit.pls(x, y, folds=3, components=3)
    for number in range(3):
        train, test = found.fold != number, found.fold == number
        model = PLSRegression(n_components=3, scale=False, tol=1e-14, max_iter=10_000)
        want = model.fit(x[train], y[train]).predict(x[test])
        got = found.responses[test]
        np.testing.assert_allclose(got, want.reshape(got.shape), rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_a_linear_map_is_predicted_whole_and_noise_not_at_all():
    x = draw(120, 6)
    y = np.concatenate([x @ draw(6, 2, seed=1), draw(120, 2, seed=2)], axis=1)
    for found in (neural_fit.ridge(x, y), neural_fit.pls(x, y)):
        np.testing.assert_allclose(found.r[:2], 1, atol=1e-3)
        np.testing.assert_allclose(found.r2[:2], 1, atol=1e-3)
        assert (np.abs(found.r[2:]) < 0.3).all() and (found.r2[2:] < 0.1).all()


@pytest.mark.parametrize("value", [0.0, 0.1, 0.3, 1e-30, 7e20])
def test_what_is_constant_but_for_rounding_scores_nothing(value):
    same = np.full((60, 5), value)
    for method in (neural_fit.ridge, neural_fit.pls):
        np.testing.assert_array_equal(method(same, draw(60, 4)).r, 0)
    np.testing.assert_array_equal(neural_fit.ridge(draw(60, 4), same).r, 0)
    for other in (same, np.full((60, 7), 0.3), draw(60, 7)):
        with pytest.raises(ConfigError, match="the same for all images"):
            neural_fit.linear_cka(same, other)
    equally_unlike = np.eye(60) + value
    with pytest.raises(ConfigError, match="equally unlike"):
        neural_fit.linear_cka(equally_unlike, draw(60, 7), debiased=True)
    mixed = draw(60, 5)
    mixed[3] = value
    with pytest.raises(ConfigError, match="image 3 is the same in all units"):
        neural_fit.dissimilarities(mixed)


def test_images_that_are_alike_in_what_is_fitted_predict_its_mean():
    x, y = np.full((60, 5), 0.1), draw(60, 4)
    x[-10:] += draw(10, 5)
    train, test = np.arange(50), np.arange(50, 60)
    paths = regression.ridge_paths(x @ x.T, y, train, test, np.array([1e-3, 1.0]))
    want = np.broadcast_to(y[:50].mean(axis=0), paths.shape)
    np.testing.assert_allclose(paths, want, rtol=1e-12)


@pytest.mark.parametrize("repeats, noise", [(2, 1.0), (5, 2.0)])
def test_the_ceiling_is_that_of_the_closed_form(repeats, noise):
    signal = draw(2000, 40)
    seen = signal + noise * draw(repeats, 2000, 40, seed=1)
    want = 1 / (1 + noise**2 / repeats)
    np.testing.assert_allclose(neural_fit.reliability(seen).mean(), want, atol=0.01)
    ceiling = neural_fit.noise_ceiling(seen)
    np.testing.assert_allclose(ceiling.mean(), np.sqrt(want), atol=0.01)
    # It is what a perfect prediction reaches.
    reached = regression.correlations(signal, seen.mean(0))
    np.testing.assert_allclose(reached.mean(), ceiling.mean(), atol=0.01)


def test_reliability_at_its_ends():
    signal = draw(10, 3)
    np.testing.assert_allclose(neural_fit.reliability(np.stack([signal] * 2)), 1)
    np.testing.assert_array_equal(neural_fit.reliability(np.ones((2, 10, 3))), 0)
    opposite = np.stack([signal, -signal])
    np.testing.assert_array_equal(neural_fit.noise_ceiling(opposite), 0)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: neural_fit.linear_cka(draw(5, 2), draw(6, 2)), "of 5 and 6 images"),
        (lambda: neural_fit.linear_cka(draw(3, 2), draw(3, 2), True), "are too few"),
        (lambda: neural_fit.linear_cka(np.ones((5, 2)), draw(5, 2)), "is the same"),
        (lambda: neural_fit.rsa(np.ones((5, 2)), draw(5, 2)), "same in all units"),
        (lambda: neural_fit.rsa(draw(5, 2), draw(5, 2), "cosine"), "unknown distance"),
        (lambda: neural_fit.rsa_ceiling(draw(1, 5, 2)), "two repetitions, got 1"),
        (lambda: neural_fit.ridge(draw(5, 2), draw(5, 2)), "folds: 5 need 10 images"),
        (lambda: neural_fit.ridge(draw(9, 2), draw(8, 2)), "of 9 images and"),
        (lambda: neural_fit.ridge(draw(9, 2), draw(9, 2), 2, penalties=()), "penal"),
        (lambda: neural_fit.pls(draw(9, 2), draw(9, 2), 2, components=0), "components"),
        (lambda: neural_fit.reliability(draw(5, 2)), "repeats, images, neurons"),
        (lambda: neural_fit.linear_cka(draw(5, 2) * np.nan, draw(5, 2)), "not finite"),
        (lambda: neural_fit.linear_cka(draw(5, 2) + 1j, draw(5, 2)), "got complex128"),
        (lambda: neural_fit.ridge(draw(9, 2), np.full((9, 2), "a"), 2), "got <U1"),
        (lambda: similarity.real([[1], [2, 3]], "rows"), "rows must be one array"),
        (lambda: neural_fit.noise_ceiling(draw(2, 5, 2) + 1j), "got complex128"),
        (lambda: fit.Settings(measures=("cca",)).check(), "did you mean 'cka'"),
        (lambda: fit.Settings(measures=("cka", "cka")).check(), "there twice"),
        (lambda: fit.Settings(folds=1).check(), "at least 2"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(call, message):
    with pytest.raises(ConfigError, match=message):
        call()


def save(path, **arrays):
    np.savez(path, **arrays)
    return path


IMAGES = np.zeros((6, 4, 4, 1), np.uint8)


@pytest.mark.parametrize(
    "arrays, message",
    [
        ({"responses": draw(6, 2)}, "has no array 'images'"),
        ({"images": IMAGES / 2.0}, "images are float64"),
        ({"images": IMAGES, "response": draw(6, 2)}, "did you mean 'responses'"),
        ({"images": IMAGES, "responses": draw(5, 2)}, "not to the 6 images"),
        ({"images": IMAGES, "responses": draw(6)}, "must be floats"),
        ({"images": IMAGES, "responses": np.array([["a"]] * 6)}, "must be floats"),
        ({"images": IMAGES, "responses": draw(6, 0)}, "are empty"),
        ({"images": IMAGES, "responses": np.full((6, 2), np.nan)}, "12 responses"),
        ({"images": IMAGES, "responses": draw(6, 2), "neurons": np.array(["a"])},
         "must be 2 names"),
    ],
)  # fmt: skip
def test_files_that_are_no_neural_data_are_refused(arrays, message, tmp_path):
    with pytest.raises(ConfigError, match=message):
        neural_fit.read_neural(save(tmp_path / "data.npz", **arrays))


def test_other_files_are_refused_and_good_ones_read(tmp_path):
    with pytest.raises(ConfigError, match="no such file"):
        neural_fit.read_neural(tmp_path / "none.npz")
    (tmp_path / "text.npz").write_text("images")
    with pytest.raises(ConfigError, match="cannot be read"):
        neural_fit.read_neural(tmp_path / "text.npz")
    objects = save(tmp_path / "o.npz", images=np.array([None], object))
    with pytest.raises(ConfigError, match="cannot be read"):
        neural_fit.read_neural(objects)
    repeats = draw(3, 6, 2)
    found = neural_fit.read_neural(
        save(tmp_path / "d.npz", images=IMAGES[..., 0], responses=repeats)
    )
    assert found.images.shape == IMAGES.shape and found.repeated
    np.testing.assert_allclose(found.mean, repeats.mean(0))
    assert found.neurons == ("neuron_0", "neuron_1")
    alone = neural_fit.read_neural(
        save(tmp_path / "m.npz", images=IMAGES, responses=np.ones((6, 2), int))
    )
    assert not alone.repeated and alone.responses.shape == (1, 6, 2)


def npy_file(shape, content=b""):
    """The bytes of an array's file whose header says a shape, whatever follows."""
    buffer = io.BytesIO()
    told = {"descr": "|u1", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(buffer, told)
    return buffer.getvalue() + content


@pytest.mark.parametrize(
    "content, message",
    [
        (b"no array", "cannot be read"),
        (npy_file((1,))[:-2] + b"(\n", "cannot be read"),
        (npy_file((10**6, 1000, 1000, 3)), "and there are 0"),
        (npy_file((1, 2**10, 2**10, 1), bytes(2**20)), "would unpack to 1 MiB"),
    ],
    ids=["bytes", "bracket", "lie", "bomb"],
)
def test_files_that_would_fill_the_memory_are_refused(
    content, message, tmp_path, monkeypatch
):
    monkeypatch.setattr(npz, "_ALWAYS_BYTES", 2**10)
    path = tmp_path / "data.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file:
        file.writestr("images.npy", content)
    with pytest.raises(ConfigError, match=message):
        neural_fit.read_neural(path)


def test_files_of_one_array_or_none_are_refused(tmp_path):
    path = tmp_path / "data.npz"
    for content in (npy_file((2,), bytes(2)), b""):
        path.write_bytes(content)
        with pytest.raises(ConfigError, match="cannot be read"):
            neural_fit.read_neural(path)


@functools.cache
def network(sharing):
    """An untrained ResNet-8 of two channels, and its variables."""
    dataset = make_synthetic((10, 8, 8, 3))
    run = Run(
        network=ResNet(depth=8, width=2, sharing=sharing),
        transforms=(Flip(), Normalize((0.4,) * 3, (0.2,) * 3)),
    )
    program = make_program(run, dataset, make_splits(dataset, Data()))
    return run, network_variables(program, run), dataset


@pytest.mark.slow
@pytest.mark.parametrize("sharing", ["full", "free"])
def test_layers_are_recorded_as_the_network_uses_them(sharing):
    run, variables, dataset = network(sharing)
    known = neural_fit.layer_names(run, (8, 8, 3), 10)
    assert list(known)[:2] == ["stem", "stem_norm"] and list(known)[-1] == "output"
    assert known["stem"] == (8, 8, 2) and known["stage_2_block_0"] == (2, 2, 8)
    assert known["stage_1_block_0/conv_0"] == (4, 4, 4) and known["output"] == (10,)
    layers = ["stem", "stem_norm", "stem_norm:relu", "output"]
    images = dataset.images
    found = neural_fit.record(run, variables, images, 10, layers)
    assert {n: a.shape[1:] for n, a in found.items()} == {
        n: known[n.partition(":")[0]] for n in layers
    }
    np.testing.assert_allclose(
        found["stem_norm:relu"], found["stem_norm"].clip(0), atol=1e-6
    )
    assert (found["stem_norm"] < 0).any()
    logits = predict(run, variables, images, 10)
    np.testing.assert_allclose(found["output"], logits, rtol=1e-4, atol=1e-5)
    # The stem by hand, without padding: sites, rows, columns and channels in place.
    x = (images / np.float32(255) - np.float32(0.4)) / np.float32(0.2)
    kernel = np.asarray(variables["params"]["stem"]["kernel"])
    kernel = kernel if kernel.ndim == 4 else kernel[3, 5]
    want = np.einsum("nijc,ijco->no", x[:, 2:5, 4:7], kernel)
    np.testing.assert_allclose(found["stem"][:, 3, 5], want, rtol=1e-3, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize(
    "layers, message",
    [
        ([], "layers: none is named; known: stem"),
        (["steam"], "did you mean 'stem'"),
        (["stem:tanh"], "unknown change of a layer's output 'tanh'"),
    ],
)
def test_layers_that_are_none_are_refused(layers, message):
    run, variables, dataset = network("full")
    with pytest.raises(ConfigError, match=message):
        neural_fit.record(run, variables, dataset.images, 10, layers)
    with pytest.raises(ConfigError, match="images must be uint8"):
        neural_fit.record(run, variables, dataset.images / 2.0, 10, ["stem"])


def neurons_of(layer, repeats, noise):
    """Neurons that read a layer linearly, with noise."""
    flat = layer.reshape(len(layer), -1)
    signal = flat @ draw(flat.shape[1], 5, seed=4)
    signal = (signal - signal.mean(0)) / signal.std(0)
    return signal + noise * draw(repeats, *signal.shape, seed=5)


@pytest.mark.slow
def test_the_layer_that_neurons_read_fits_best():
    layers = {"other": draw(60, 4, 4, 3), "read": draw(60, 12, seed=1)}
    responses = neurons_of(layers["read"], 4, 1.0)
    data = neural_fit.NeuralData(np.zeros((60, 1, 1, 1), np.uint8), responses, ())
    settings = fit.Settings(measures=fit.MEASURES)
    table = neural_fit.compare(layers, data, settings).set_index(["layer", "measure"])
    for name in fit.MEASURES:
        assert table["score"]["read", name] > table["score"]["other", name], name
    best = table.loc["read", "ridge"]
    np.testing.assert_allclose(best["ceiling"], np.sqrt(1 / (1 + 1 / 4)), atol=0.05)
    np.testing.assert_allclose(best["normalized"], 1, atol=0.1)
    assert best["reliable"] == 5 and np.isnan(table["ceiling"]["read", "cka"])
    once = dataclasses.replace(data, responses=responses[:1])
    table = neural_fit.compare(layers, once, settings)
    assert table["ceiling"].isna().all() and table["score"].notna().all()
    none = dataclasses.replace(data, responses=responses[:, :, :0])
    with pytest.raises(ConfigError, match="have no responses"):
        neural_fit.compare(layers, none, settings)


@pytest.mark.slow
def test_layers_see_the_images_given_though_the_run_makes_others_in_training():
    run = Run(
        data=Data("paths:20x6", split="published"),
        network=GridNet(depth=2, width=3),
        task=ShortestPaths(),
        transforms=(DrawPaths(longest=4, limit=4),),
        train=Train(epochs=1, batch_size=4),
        evaluation=Evaluation(views=()),
    )
    dataset = load("paths:20x6,longest=4")
    program = make_program(run, dataset, make_splits(dataset, run.data))
    variables = network_variables(program, run)
    (layer, *_) = neural_fit.layer_names(run, dataset.image_shape, 2)
    one, other = (
        neural_fit.record(run, variables, dataset.images[i : i + 1], 2, [layer])[layer]
        for i in (0, 1)
    )
    assert (one != other).any()


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A tiny sweep that has been trained, and neurons that read one of its layers."""
    folder = tmp_path_factory.mktemp("fit")
    base = Run(
        data=Data("synthetic:40x8x8x3", split="holdout", holdout=0.2),
        network=ResNet(depth=8, width=2),
        transforms=(),
        train=Train(epochs=1, batch_size=16),
        evaluation=Evaluation(views=()),
    )
    engine.run_sweep(Sweep("small", base, {"seed": (0,)}), folder / "sweep")
    (name,) = set(results.read(folder / "sweep")["run"])
    images = np.random.default_rng(1).integers(0, 256, (40, 8, 8, 3), np.uint8)
    variables = load_run(folder / "sweep", run=name)
    found = neural_fit.record(base, variables, images, 10, ["stage_0_block_0"])
    responses = neurons_of(found["stage_0_block_0"], 3, 0.1)
    save(folder / "data.npz", images=images, responses=responses)
    save(folder / "images.npz", images=images)
    save(folder / "large.npz", images=np.zeros((40, 9, 9, 3), np.uint8))
    return folder, name


@pytest.mark.parametrize("name", [fit.TABLE, fit.RECORD])
def test_a_damaged_or_another_table_is_refused(name, tmp_path):
    for folder, score in ((tmp_path / "a", 0.5), (tmp_path / "b", 0.25)):
        folder.mkdir()
        files.write(pd.DataFrame({"layer": ["stem"], "score": [score]}), {}, folder)
        assert neural_fit.read(folder)["score"].item() == score
    good = (tmp_path / "a" / name).read_bytes()
    spoiled = bytearray(good)
    spoiled[len(good) // 2] ^= 1
    for content in (good[:-1], bytes(spoiled), (tmp_path / "b" / name).read_bytes()):
        (tmp_path / "a" / name).write_bytes(content)
        with pytest.raises(
            results.ResultsError, match="cannot be read .* make it anew"
        ):
            neural_fit.read(tmp_path / "a")


@pytest.mark.parametrize("written", [0, 1])
def test_a_write_that_was_killed_leaves_no_table(written, tmp_path, monkeypatch):
    """Neither beside the record of another, nor without one."""
    frame = pd.DataFrame({"layer": ["stem"], "score": [0.5]})
    files.write(frame, {"run": "a"}, tmp_path)
    left = [files.write_atomically] * written

    def killed(path, content):
        if not left:
            raise KeyboardInterrupt
        left.pop()(path, content)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(files, "write_atomically", killed)
        files.write(frame, {"run": "b"}, tmp_path)
    assert not (tmp_path / fit.TABLE).exists()
    with pytest.raises(ConfigError, match="gone.npz"):  # not for what was left there
        neural_fit.fit_run(tmp_path, "a", tmp_path / "gone.npz", tmp_path)


def test_a_table_whose_record_was_lost_is_not_replaced(tmp_path):
    """None is read of what is to be compared: both are refused at once."""
    frame = pd.DataFrame({"layer": ["stem"], "score": [0.5]})
    files.write(frame, {"run": "a"}, tmp_path)
    ask = tmp_path, "a", tmp_path / "gone.npz", tmp_path
    with pytest.raises(WorkdirError, match="holds a table: name another"):
        neural_fit.fit_run(*ask)
    (tmp_path / fit.RECORD).unlink()
    with pytest.raises(WorkdirError, match="a table without its neural_fit.json") as at:
        neural_fit.fit_run(*ask)
    assert "\n" not in str(at.value) and (tmp_path / fit.TABLE).exists()
    with pytest.raises(ConfigError, match="gone.npz"):
        neural_fit.fit_run(*ask, overwrite=True)


def test_the_folder_of_a_sweep_is_no_folder_of_tables(tmp_path):
    (tmp_path / "sweep.json").write_text("{}")
    with pytest.raises(WorkdirError, match="holds a sweep, with which a neural fit"):
        neural_fit.fit_run(tmp_path, "a", "gone.npz", tmp_path, overwrite=True)


@pytest.mark.slow
def test_a_run_is_compared_written_and_refused(trained, tmp_path):
    folder, name = trained
    where = folder / "sweep", name
    settings = fit.Settings(measures=("rsa", "ridge"), folds=4)
    table = neural_fit.fit_run(
        *where, folder / "data.npz", tmp_path / "out", settings, save_activations=True
    )
    scores = table[table["measure"] == "rsa"].set_index("layer")["score"]
    assert scores.idxmax() == "stage_0_block_0" and "stem" in scores
    record = json.loads((tmp_path / "out" / fit.RECORD).read_text())
    rows = results.read(folder / "sweep")
    assert record["digest"] == rows["digest"].iloc[0]
    assert record["sweep"] == rows["sweep"].iloc[0] and "jax" in record["versions"]
    pd.testing.assert_frame_equal(neural_fit.read(tmp_path / "out"), table)
    with np.load(tmp_path / "out" / fit.ACTIVATIONS) as kept:
        assert list(kept) == list(scores.index)
        assert kept["stem"].shape == (40, 8, 8, 2)
    again = tmp_path / "again"
    shutil.copytree(tmp_path / "out", again)
    neural_fit.fit_run(*where, folder / "data.npz", again, settings, overwrite=True)
    assert not (again / fit.ACTIVATIONS).exists()  # they are of what was there
    with pytest.raises(WorkdirError, match="holds a table"):
        neural_fit.fit_run(*where, folder / "data.npz", tmp_path / "out", settings)
    with pytest.raises(ConfigError, match="are 9x9x3, .* was trained on 8x8x3"):
        neural_fit.fit_run(*where, folder / "large.npz", tmp_path / "other")
    with pytest.raises(ConfigError, match="folds: 21 need 42 images, there are 40"):
        neural_fit.fit_run(
            *where, folder / "data.npz", tmp_path / "other", fit.Settings(folds=21)
        )
    with pytest.raises(ConfigError, match="have no responses"):
        neural_fit.fit_run(*where, folder / "images.npz", tmp_path / "other")
    with pytest.raises(results.ResultsError, match="no run 'nobody'"):
        neural_fit.fit_run(where[0], "nobody", folder / "data.npz", tmp_path / "other")
    assert not (tmp_path / "other").exists()
    with pytest.raises(WorkdirError, match="another folder with --output"):
        neural_fit.fit_run(*where, folder / "data.npz", folder / "data.npz" / "out")


@pytest.mark.slow
def test_a_run_that_trains_is_taken_at_one_epoch_which_is_said(
    trained, tmp_path, monkeypatch, caplog
):
    folder, name = trained
    looks = []

    def glance(*args):
        """As if a newer checkpoint came between the first look and the second."""
        saved = stored.glance(*args)
        looks.append(saved)
        epoch = 1 if len(looks) == 1 else 2
        rows = [{**row, "epoch": epoch, "status": "running"} for row in saved.rows]
        return saved._replace(rows=rows)

    monkeypatch.setattr(checkpoint, "glance", glance)
    where = folder / "sweep", name, folder / "images.npz", tmp_path
    neural_fit.fit_run(*where, fit.Settings(measures=()), layers=["stem"])
    assert json.loads((tmp_path / fit.RECORD).read_text())["epoch"] == 2
    assert f"{name} has not finished: it is taken as it was after epoch 2" in (
        caplog.text
    )


@pytest.mark.slow
def test_the_launcher(trained, tmp_path):
    folder, name = trained
    flags = [f"--workdir={folder / 'sweep'}", f"--run={name}"]
    out = tmp_path / "out"
    done = launch(
        "neural_fit", *flags, f"--neural={folder / 'data.npz'}", f"--output={out}",
        "--layers=stem,stem_norm:relu", "--measures=cka,pls",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "stem_norm:relu" in done.stdout and (out / fit.TABLE).exists()
    wrong = launch("neural_fit", *flags, f"--neural={folder / 'sweep'}")
    assert wrong.returncode == 1 and "there is no such file" in wrong.stderr
    only = launch(
        "neural_fit", *flags, f"--neural={folder / 'images.npz'}", "--measures=",
        f"--output={tmp_path / 'only'}", "--activations",
    )  # fmt: skip
    assert only.returncode == 0, only.stderr
    assert (tmp_path / "only" / fit.ACTIVATIONS).exists()


@pytest.mark.slow
def test_layers_within_a_loop_are_none_that_can_be_recorded():
    net = FoldedWideResNet(depth=16, width=1, kernels=(0, 0) * 3)
    run = Run(data=Data("synthetic:60x8x8x3"), network=net, transforms=())
    known = neural_fit.layer_names(run, (8, 8, 3), 10)
    assert "stage_0_block_0" in known and not any("loop/" in name for name in known)
    program = network_program(run, (8, 8, 3), 10)
    variables = jax.tree.map(np.asarray, init_variables(program, run, make_key(0)))
    images = np.zeros((4, 8, 8, 3), np.uint8)
    found = neural_fit.record(run, variables, images, 10, list(known))
    assert {name: a.shape[1:] for name, a in found.items()} == known
    with pytest.raises(ConfigError, match="unknown layer 'stage_0_loop/block/norm_0'"):
        neural_fit.record(run, variables, images, 10, ["stage_0_loop/block/norm_0"])
