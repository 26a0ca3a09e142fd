"""The twelve results that an implementation of the third paper must show.

Where each is tested is listed here, and checked; what is tested nowhere else follows.
"""

import ast
import itertools
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from test_grids import mapped, steps
from test_wide_resnet import COUNTS

from ws_jax.cli import load_sweep
from ws_jax.config import get_field
from ws_jax.measure import layer_similarity
from ws_jax.metrics import Total
from ws_jax.models import Arithmetic, WideResNet
from ws_jax.papers.savarese2019.presets import transforms
from ws_jax.tasks import ShortestPaths
from ws_jax.transforms import transform_batch

HERE = Path(__file__).parent
# By number: what must be shown, and the tests that show it, as file: names.
WHERE = {
    1: ("counts of parameters", {
        "wide_resnet": "a_network_has_the_published_size",
        "folding": "a_folded_network_has_the_published_size"}),
    2: ("templates as kernels, coefficients one orthogonal matrix", {
        "banks": "coefficients_are_one_orthogonal_matrix templates_are_drawn_as",
        "savarese_results": "a_network_is_drawn_as_the_released_one"}),
    3: ("a mixture of kernels is a mixture of layers", {
        "banks": "a_mixed_kernel_acts_as_mixed_layers"}),
    4: ("gradients of coefficients and templates", {
        "banks": "gradients_are_those_of_the_sum"}),
    5: ("a template a layer is the unshared network", {
        "wide_resnet": "with_a_template_a_layer_training_is_that_of_a_wrn"}),
    6: ("decay of all but the coefficients, rates at 60, 120, 160", {
        "wide_resnet": "only_the_coefficients_do_not_decay",
        "savarese2019": "the_rate_falls_at the_step_is_pytorchs every_study_of"}),
    7: ("similarity of layers", {
        "layer_similarity": "it_is_the_absolute_cosine it_is_the_identity_at",
        "savarese_results": "a_network_is_drawn_as_the_released_one"}),
    8: ("a fold of equal layers is exact", {
        "folding": "equal_coefficients_give_equal_kernels "
                   "a_folded_network_loops_and_equals kept_scales_make_a_fold "
                   "a_folded_network_has_the_published_size",
        "folding_grids": "a_folded_network_loops_and_equals"}),
    9: ("the error of a fold grows with the angle, and is reported", {
        "folding": "the_change_of_a_kernel_grows layers_are_grouped_by_a_threshold",
        "fold_run": "scores_before_are_those_of_the_results"}),
    10: ("small trainings, and the term that makes layers alike", {
        "wide_training": "shared_networks_learn_as the_term_makes_layers_alike",
        "layer_similarity": "at_the_start_no_two_layers_are_alike",
        "readme_numbers": "the_readmes_numbers_of_depth_and_templates",
        "savarese_results": "the_reduced_study_has_a_twin"}),
    11: ("Cutout, at borders and after normalisation", {
        "savarese_results": "cutout_blanks_256_pixels_or_64_in_a_corner",
        "savarese2019": "images_are_changed_in_the_released_order"}),
    12: ("labels of shortest paths, F1 and what it is compared with", {
        "savarese_results": "labels_are_right_between_all_cells "
                            "yes_or_no_everywhere_scores",
        "grids": "labels_are_right_on_every_grid distances_and_labels_are_scipys "
                 "drawn_grids_are_as_asked grids_are_drawn_again",
        "shortest_paths": "scores_are_counted_by_hand what_cannot_be_trained",
        "savarese_paths_report": "the_table_has_what_is_said_without"}),
}  # fmt: skip


@pytest.mark.parametrize("number", range(1, 13))
def test_every_result_is_tested(number):
    for file, starts in WHERE[number][1].items():
        tree = ast.parse((HERE / f"test_{file}.py").read_text())
        names = [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
        for start in starts.split():
            assert any(name.startswith(f"test_{start}") for name in names), start


def deviation(kernels):
    """Of kernels [..., c, o], by the root of 2 / fan_in: about 1."""
    return kernels.std() / (2 / np.prod(kernels.shape[-4:-1])) ** 0.5


@pytest.mark.slow
@pytest.mark.parametrize("templates", [2, 4])
def test_a_network_is_drawn_as_the_released_one(templates):
    module = WideResNet(depth=22, width=1, templates=templates).make(10, Arithmetic())
    x = jnp.zeros((1, 8, 8, 3))
    init = jax.jit(lambda key: module.init(key, x, False))
    variables = jax.device_get(init(jax.random.key(0)))
    params, stats = variables["params"], variables["batch_stats"]
    for path, leaf in jax.tree_util.tree_leaves_with_path({"p": params, "s": stats}):
        if path[-1].key in ("scale", "bias", "mean", "var"):
            np.testing.assert_array_equal(leaf, path[-1].key in ("scale", "var"))
    # 432, 640 and 2304 draws or more: standard errors of 3.4, 2.8 and 1.5 %.
    assert deviation(params["stem"]["kernel"]) == pytest.approx(1, abs=0.14)
    assert deviation(params["output"]["kernel"]) == pytest.approx(1, abs=0.12)
    for stage in range(3):
        first = params[f"stage_{stage}_block_0"]
        for kernels in (
            *params[f"stage_{stage}_bank"]["templates"],
            *(first[name]["kernel"] for name in first if not name.startswith("norm")),
        ):
            near = 4 / (2 * kernels.size) ** 0.5
            assert deviation(kernels) == pytest.approx(1, abs=near)
        blocks = [params[f"stage_{stage}_block_{number}"] for number in (1, 2)]
        rows = np.array([
            block[name]["coefficients"]
            for block, name in itertools.product(blocks, ("conv_0", "conv_1"))
        ])  # fmt: skip
        np.testing.assert_allclose(rows.T @ rows, np.eye(templates), atol=1e-6)
        assert (rows**2).sum(1).mean() == pytest.approx(templates / 4, abs=1e-6)
        if templates == 4:
            np.testing.assert_allclose(layer_similarity(rows), np.eye(4), atol=1e-6)


def test_the_reduced_study_has_a_twin_of_as_many_parameters():
    sweep = load_sweep("configs/savarese2019/cifar10_reduced.py").checked()
    fields = ("network.depth", "network.width", "network.templates", "seed")
    cells = [tuple(get_field(run, name) for name in fields) for run in sweep.runs()]
    for size in ((28, 1, 2), (28, 1, 0), (16, 1, 0)):
        assert sum(cell[:3] == size for cell in cells) == 3  # seeds
    shared, plain = COUNTS[28, 1, 2][0], COUNTS[16, 1, 0][0]
    assert abs(shared / plain - 1) < 0.01


@pytest.mark.slow
def test_cutout_blanks_256_pixels_or_64_in_a_corner():
    chain = transforms("cifar10")
    assert [one.kind for one in chain][2:] == ["normalize", "cutout"]
    grey = jnp.full((4000, 32, 32, 3), 0.9)  # of no value that is 0 when normalised
    draw = jax.jit(lambda: transform_batch(jax.random.key(0), chain[2:], grey,
                                           jnp.zeros(4000, jnp.int32))[0])  # fmt: skip
    blank = np.asarray(draw()) == 0
    assert (blank.all(-1) == blank.any(-1)).all()
    blank = blank.all(-1)
    rows, columns = blank.any(2), blank.any(1)
    # A rectangle, of 8 to 16 pixels a side.
    np.testing.assert_array_equal(blank, rows[:, :, None] & columns[:, None])
    sides = rows.sum(1), columns.sum(1)
    area = sides[0] * sides[1]
    assert (area.min(), area.max()) == (64, 256) and min(map(np.min, sides)) == 8
    # Centres 8 to 24 of 32 blank a whole square.
    assert (area == 256).mean() == pytest.approx((17 / 32) ** 2, abs=0.03)
    corner = blank[(area == 64) & blank[:, 0, 0]]
    assert len(corner) and corner[:, :8, :8].all() and not corner[:, 8:].any()


def distances_by_matrix(free, connectivity):
    """Between all pairs of cells of many grids: [grids, cells, cells], inf if none."""
    h, w = free.shape[1:]
    cells = list(itertools.product(range(h), range(w)))
    near = np.array([
        [(b[0] - a[0], b[1] - a[1]) in steps(connectivity) for b in cells]
        for a in cells
    ])  # fmt: skip
    flat = free.reshape(len(free), -1)
    linked = (near & flat[:, :, None] & flat[:, None]).astype(int)
    reached = np.eye(h * w, dtype=int) * flat[:, None]
    found = np.where(reached, 0, np.inf)
    for length in range(1, h * w):
        reached = ((reached @ linked + reached) > 0).astype(int)
        found = np.where((reached > 0) & np.isinf(found), length, found)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("connectivity", [4, 8])
def test_labels_are_right_between_all_cells_of_all_small_grids(connectivity):
    for h, w in ((3, 3), (2, 4)):
        size = h * w
        free = np.array(list(itertools.product((False, True), repeat=size)))
        free = free.reshape(-1, h, w)
        apart = distances_by_matrix(free, connectivity)
        # d(s, c) + d(c, t) = d(s, t), for all s and t of all grids.
        through = apart[:, :, None, :] + apart[:, None, :, :]
        want = np.isfinite(apart)[..., None] & (through == apart[..., None])
        start, end = np.broadcast_arrays(
            np.eye(size, dtype=bool)[:, None], np.eye(size, dtype=bool)[None]
        )
        shape = (len(free), size, size, h, w)
        each = (free[:, None, None], start.reshape(1, size, size, h, w),
                end.reshape(1, size, size, h, w))  # fmt: skip
        flat = [np.broadcast_to(one, shape).reshape(-1, h, w) for one in each]
        got, distance = mapped(connectivity)(*flat)
        np.testing.assert_array_equal(got, want.reshape(-1, h, w))
        far = np.where(np.isfinite(apart), apart, -1).reshape(-1)
        np.testing.assert_array_equal(distance, far)


@pytest.mark.parametrize("says", [-1.0, 1.0])
def test_yes_or_no_everywhere_scores_what_a_score_is_compared_with(says):
    targets = jax.random.bernoulli(jax.random.key(0), 0.2, (20, 6, 6))
    targets = targets.astype(jnp.float32)
    task, outputs = ShortestPaths(), jnp.full((20, 6, 6), says)
    each = task.totals(outputs, targets, task.losses(outputs, targets))
    found = task.metrics({k: Total(np.asarray(v).sum(), 20) for k, v in each.items()})
    share = float(targets.mean())
    assert found["ones_f1"] == pytest.approx(2 * share / (share + 1))
    assert found["f1"] == (pytest.approx(found["ones_f1"]) if says > 0 else 0)
