"""Shortest paths as a task: growing distances, scores, networks, and whole sweeps."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ws_jax import engine
from ws_jax.checkpoint import load_run
from ws_jax.config import MOST, ConfigError, check_config, get_field, replace_field
from ws_jax.engine import predict
from ws_jax.engine.mapping import stack_inputs
from ws_jax.engine.study import make_groups, prepare
from ws_jax.grids import draw_grid, draw_grids
from ws_jax.layers import describe_layers
from ws_jax.metrics import Total, epoch_metrics
from ws_jax.models import Arithmetic, GridNet
from ws_jax.models.grid_net import count_parameters
from ws_jax.papers.savarese2019.path_presets import shortest_paths
from ws_jax.storage import results
from ws_jax.tasks import Segmentation, ShortestPaths
from ws_jax.transforms import fixed_transforms, stream_of, transform_batch
from ws_jax.transforms.paths import DrawPaths, Far, Larger

KEY = jax.random.key(3)
GROWING = DrawPaths(shortest=2, longest=3, growth=2, every=2, limit=6)


def small(**fields):
    """A study of seconds: grids of 6x6, a network of two layers."""
    usual = {
        "size": 6,
        "num_grids": 40,
        "distances": (1, 2, 4),
        "growth": 1,
        "every": 1,
        "beyond": ((5, 6), (7, 8)),
        "sizes": (7, 9),
        "depth": 2,
        "width": 4,
        "templates": (0, 1),
        "seeds": (0, 1),
        "epochs": 2,
        "batch_size": 8,
    }
    return shortest_paths("small", **{**usual, **fields})


def test_the_largest_distance_grows_with_the_epochs():
    windows = [GROWING.window(epoch) for epoch in (0, 1, 2, 3, 4, 100)]
    assert [int(most) for _, most in windows] == [3, 3, 5, 5, 6, 6]
    assert {least for least, _ in windows} == {2}


@pytest.fixture(scope="module")
def batches():
    """What becomes of blank images in epochs 0 and 4: images, masks."""
    blank = jnp.zeros((60, 7, 7, 2)), jnp.zeros((60, 7, 7))

    @jax.jit
    def draw(epoch):
        return transform_batch(KEY, (GROWING,), *blank, dense=True, epoch=epoch)

    return {epoch: jax.device_get(draw(jnp.int32(epoch))) for epoch in (0, 4)}


@pytest.mark.slow
def test_images_and_masks_are_of_one_grid(batches):
    for images, masks in batches.values():
        assert set(np.unique(images)) == {0, 1}
        assert (images[..., 1].sum((1, 2)) == 2).all()
        assert (masks[images[..., 1] == 1] == 1).all()  # the ends
        assert (masks[images[..., 0] == 1] == 0).all()  # the obstacles


def test_later_epochs_draw_longer_paths(batches):
    # On shortest paths there is a cell at every distance.
    longest = {epoch: masks.sum((1, 2)).max() for epoch, (_, masks) in batches.items()}
    assert (batches[0][1].sum((1, 2)) >= 3).all()
    assert longest[4] > longest[0]


@pytest.mark.slow
def test_a_grid_is_that_of_its_key(batches):
    want = draw_grid(jax.random.fold_in(KEY, 5), 7, 0.1, 2, 6)
    images, masks = batches[4]
    np.testing.assert_array_equal(images[5, ..., 0], want.obstacles)
    np.testing.assert_array_equal(masks[5], want.path)


@pytest.mark.parametrize("limit", [7, MOST])
def test_distances_that_grow_fast_stop_at_the_limit(limit):
    fast = DrawPaths(longest=3, growth=MOST, limit=limit)
    epochs = jnp.array([0, 1, 2, 3, 1000], jnp.int32)
    _, longest = jax.jit(jax.vmap(fast.window, out_axes=(None, 0)))(epochs)
    assert longest.tolist() == [3, *[limit] * 4]


def test_views_take_the_place_of_what_draws():
    chain = (GROWING,)
    assert fixed_transforms(chain) == () and fixed_transforms(chain, True) == chain
    assert Larger(size=9).shape((7, 7, 2)) == (9, 9, 2)
    assert Far().shape((7, 7, 2)) == (7, 7, 2)


def test_scores_are_counted_by_hand():
    outputs = jnp.array([[[1.0, -1.0], [2.0, -2.0]], [[-1.0, -1.0], [1.0, -1.0]]])
    targets = jnp.array([[[1.0, 0.0], [1.0, 0.0]], [[1.0, 0.0], [1.0, 0.0]]])
    task = ShortestPaths()
    losses = task.losses(outputs, targets)
    each = task.totals(outputs, targets, losses)
    totals = {n: Total(np.asarray(v).sum(), len(losses)) for n, v in each.items()}
    found = task.metrics(totals)
    assert found["f1"] == pytest.approx(2 * 3 / (2 * 3 + 0 + 1))
    assert found["exact"] == 0.5
    assert found["ones_f1"] == pytest.approx(2 * 4 / (2 * 4 + 4))  # 4 hits, 4 alarms


def test_each_view_keeps_what_its_score_must_be_compared_with():
    each = {"loss": 0.0, "acc": 0.5, "hits": 3.0, "false_alarms": 2.0, "misses": 1.0,
            "cells": 16.0, "exact": 0.0}  # fmt: skip
    totals = {name: Total(np.asarray(value), 1) for name, value in each.items()}
    found = epoch_metrics(ShortestPaths(), ["far"], {"view_far": totals})
    assert found == {"far": 2 * 3 / 9, "far_ones_f1": 2 * 4 / 20}
    with_words = epoch_metrics(Segmentation(), ["far"], {"view_far": totals})
    assert set(with_words) == {"far"}


@pytest.mark.slow
@pytest.mark.parametrize("templates", [0, 2])
def test_networks_have_the_parameters_that_are_counted(templates):
    net = GridNet(depth=4, width=6, templates=templates)
    module = net.make(1, Arithmetic())
    blank = jnp.zeros((1, 5, 5, 2))
    layers = describe_layers(lambda key: module.init(key, blank))
    variables = jax.eval_shape(lambda: module.init(KEY, blank))
    sizes = [leaf.size for leaf in jax.tree.leaves(variables["params"])]
    assert sum(sizes) == count_parameters(net)
    banks = [layer.bank for layer in layers]
    assert banks == [(), *[("bank",) if templates else ()] * 4, ()]
    for side in (5, 8):
        shape = jax.eval_shape(module.apply, variables, jnp.zeros((3, side, side, 2)))
        assert shape.shape == (3, side, side)


@pytest.mark.slow
def test_layers_of_a_bank_see_as_far_as_others():
    module = GridNet(depth=2, width=4, templates=2).make(1, Arithmetic())
    x = jax.random.normal(KEY, (1, 9, 9, 2))
    variables = jax.jit(module.init)(KEY, x)
    grad = jax.jit(jax.grad(lambda x: module.apply(variables, x)[0, 4, 4]))(x)
    seen = np.abs(np.asarray(grad)).sum((0, 3)) > 0
    near = np.abs(np.arange(9) - 4) <= 2  # two layers of 3x3
    np.testing.assert_array_equal(seen, near[:, None] & near)


def test_a_cnn_is_trained_once_whatever_the_term():
    sweep = small(strengths=(0.0, 0.01, 0.1)).checked()
    runs = sweep.runs()
    assert len(runs) == 2 + 2 * 3
    assert [len(g.runs) for g in make_groups(sweep)] == [2, 6]
    plain = [run for run in runs if not get_field(run, "network.templates")]
    assert all(run.task.terms == () for run in plain)
    streams = {run.stream() for run in runs}
    assert len(streams) == 1  # of a seed, all see the same grids


@pytest.mark.parametrize(
    "change, words",
    [
        ({"connectivity": 6}, "draw_paths.connectivity: 6 is not 4 or 8"),
        ({"distances": (3, 2, 4)}, "longest: 2 is below draw_paths.shortest, 3"),
        ({"distances": (1, 4, 3)}, "limit: 3 is below draw_paths.longest, 4"),
        ({"distances": (1, 4, 50)}, "limit: 50 is not reached by grids of 6x6"),
        ({"size": 1, "num_grids": 40}, "grids of 1x1 have no two cells"),
        ({"beyond": ((5, 6), (50, 60))}, "farther: grids of 6x6 .* largest that was"),
        ({"density": 0.95}, "limit: 4 is not reached .* density 0.95; .* them is 3"),
        ({"label": "some"}, "label.*some"),
        ({"depth": 3}, "skip: 2 does not divide network.depth, 3"),
    ],
)
def test_what_cannot_be_trained_is_refused(change, words):
    with pytest.raises((ConfigError, ValueError), match=words):
        prepare(small(**change))


def test_every_run_is_checked_and_other_images_are_refused():
    sweep = small()
    axes = {**sweep.axes, "transforms.draw_paths.density": (0.1, 0.99)}
    with pytest.raises(ConfigError, match="draw_paths: grids .* density 0.99 "):
        prepare(dataclasses.replace(sweep, axes=axes))
    base = replace_field(sweep.base, "data.name", "synthetic:60x6x6x3")
    with pytest.raises(ConfigError, match="of 2 channels, the data have images of 6x6"):
        prepare(dataclasses.replace(sweep, base=base))
    assert check_config(GROWING) == GROWING


@pytest.mark.slow
def test_a_sweep_scores_what_its_views_ask_for(tmp_path):
    sweep = small(seeds=(0,), strengths=(0.01,)).checked()
    engine.run_sweep(sweep, tmp_path)
    table = results.read(tmp_path)
    assert len(table[table["epoch"] == 2]) == 2
    assert table["layer_similarity_bank"].notna().any()
    # Each score again, from the checkpoint, on grids that are drawn here.
    for run in sweep.runs():
        templates = get_field(run, "network.templates")
        variables = load_run(tmp_path, **{"network.templates": templates})
        inputs = jax.tree.map(lambda a: a[0], stack_inputs([run]))
        key = jax.random.fold_in(inputs.evaluation_key, 1)  # of the second epoch
        row = table[(table["network.templates"] == templates) & (table["epoch"] == 2)]
        asked = {"val_f1": (key, run.transforms[0])}
        for view in run.evaluation.views:
            asked[view.kind] = jax.random.fold_in(key, stream_of(view.kind)), view
        for column, (own_key, how) in asked.items():
            bounds = how.density, *how.window(1)
            grids = draw_grids(own_key, 8, how.side((6, 6)), *bounds)
            images = 255 * np.stack([grids.obstacles, grids.ends], -1).astype(np.uint8)
            said = predict(run, variables, images, 2) > 0
            hits = (said & np.asarray(grids.path)).sum()
            true = np.asarray(grids.path).sum()
            want = 2 * hits / (said.sum() + true)
            everywhere = row[f"{column.removesuffix('_f1')}_ones_f1"].item()
            assert everywhere == pytest.approx(2 * true / (said.size + true)), column
            assert row[column].item() == pytest.approx(want, abs=1e-6), column


@pytest.mark.slow
def test_test_grids_are_their_own_with_the_distances_of_the_epoch(tmp_path):
    sweep = small(seeds=(0,), templates=(0,), epochs=3)
    base = sweep.base
    asked = {"data.split": "holdout", "data.holdout": 0.2, "evaluation.test": "epoch"}
    for path, value in {**asked, "evaluation.views": ()}.items():
        base = replace_field(base, path, value)
    engine.run_sweep(dataclasses.replace(sweep, base=base), tmp_path)
    table = results.read(tmp_path)
    (run,) = dataclasses.replace(sweep, base=base).checked().runs()
    inputs = jax.tree.map(lambda a: a[0], stack_inputs([run]))
    draw = run.transforms[0]
    for epoch in range(3):
        row = table[table["epoch"] == epoch + 1]
        key = jax.random.fold_in(inputs.evaluation_key, epoch)
        keys = {"val": key, "test": jax.random.fold_in(key, stream_of("test"))}
        for (role, own), count in zip(keys.items(), (6, 8), strict=True):
            bounds = draw.density, *draw.window(epoch)
            grids = draw_grids(own, count, draw.side((6, 6)), *bounds)
            true = np.asarray(grids.path).sum()
            want = 2 * true / (grids.path.size + true)
            assert row[f"{role}_ones_f1"].item() == pytest.approx(want)
        assert row["val_loss"].item() != row["test_loss"].item()
