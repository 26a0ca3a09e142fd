"""The thirteen results that an implementation of the second paper must show.

Where each is tested is listed here, and checked; what is tested nowhere else follows.
"""

import ast
import functools
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ws_jax.lowerings import Geometry
from ws_jax.papers.pogodin2021 import presets
from ws_jax.phases import GroupMean
from ws_jax.phases.hebbian import move_strays
from ws_jax.sharing import full
from ws_jax.transforms import transform_batch

HERE = Path(__file__).parent
# By number: what must be shown, and the tests that show it, as file: names.
WHERE = {
    1: ("equal kernels are a convolution, gradients their sum", {
        "locally_connected": "equal_kernels_are_a_convolution_and_its_gradient"}),
    2: ("counts of parameters, ranges of the border", {
        "resnet": "resnet_20_has_the_published_size",
        "resnet18": "resnet_18_has_the_published_size",
        "sleep": "distinct_weights_after_sharing the_border_is_that_of"}),
    3: ("means of lateral groups, by a loop", {
        "pogodin_results": "means_of_groups_are_those_of_a_loop",
        "sleep": "equals_a_literal_run"}),
    4: ("instant sharing is a projection", {
        "sleep": "windows_part_a_layer_into_as_many_groups"}),
    5: ("sharing after each step is one kernel, but not under AdamW", {
        "sleep": "sharing_after_every_step_is_one_kernel",
        "pogodin_results": "a_step_of_descent_and_sharing_is_a_convolution"}),
    6: ("the fixed point is a ridge regression", {
        "single_layer": "the_fixed_point_is_a_ridge_regression"}),
    7: ("curves of the instant rule", {
        "single_layer": "curves_of_the_instant_rule small_kernels_follow"}),
    8: ("the circuit: steady state, bound, curves", {
        "single_layer": "the_circuit_settles_where rates_settle_below_the_bound "
                        "curves_of_the_circuit limits_of_the_circuit"}),
    9: ("a sleep: first move, border, where it fails", {
        "sleep": "one_iteration_shrinks a_border_stays published_constants_do_not"}),
    10: ("the push is a gradient", {
        "single_layer": "the_push_is_the_gradient"}),
    11: ("cadence and counts", {
        "sleep": "the_released_cadence_shares"}),
    12: ("translations", {
        "pogodin2021": "a_pixel_of_the_mean_colour_and_all_padding",
        "transforms": "copies_stand_side_by_side",
        "pogodin_results": "without_padding_an_image_is_cut_as_it_is"}),
    13: ("the order of a small training", {
        "notebooks": "more_sharing_is_better_where_places_do_not_matter"}),
}  # fmt: skip


@pytest.mark.parametrize("number", range(1, 14))
def test_every_result_is_tested(number):
    for file, starts in WHERE[number][1].items():
        tree = ast.parse((HERE / f"test_{file}.py").read_text())
        names = [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
        for start in starts.split():
            assert any(n.startswith(f"test_{start}") or start in n for n in names), (
                start
            )


def by_loop(inner, window):
    """The mean of each group of sites a window apart, at its sites."""
    mean = np.empty_like(inner)
    for a in range(min(window, inner.shape[0])):
        for b in range(min(window, inner.shape[1])):
            group = inner[a::window, b::window]
            mean[a::window, b::window] = group.mean((0, 1))
    return mean


@pytest.mark.slow
@pytest.mark.parametrize("window", [1, 3, 5, 7])
def test_means_of_groups_are_those_of_a_loop(window):
    zero = jnp.zeros((window, window, window**2, window**2))
    odd = set()
    for size in (8, 11, 16, 23, 32, 48):
        for stride in (1, 2):
            pads = ((window // 2,) * 2,) * 2
            geometry = Geometry((window,) * 2, (stride,) * 2, pads, None)
            rows, columns = geometry.inner((size, size))
            sites = geometry.sites((size, size))
            kernel = np.random.default_rng(size).normal(
                size=(*sites, window, window, 1, 2)
            )
            inner = kernel[rows, columns].astype(np.float32)
            if not inner.size:
                continue
            odd.add(inner.shape[0] % window)
            # A matrix of zeros leaves nothing of what strays.
            got = move_strays(jnp.asarray(inner), zero)
            np.testing.assert_allclose(got, by_loop(inner, window), atol=1e-5)
    assert window == 1 or len(odd) > 1  # also where the inside is no whole number


def step_of(optimizer, share):
    """Five steps of a field shared over all 81 sites after each, and of one kernel."""
    rng = np.random.default_rng(0)
    x, target = rng.normal(size=(4, 11, 11, 2)), rng.normal(size=(4, 9, 9, 3))
    # By hand in float64, which the lowerings of a layer do not keep.
    windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3), axis=(1, 2))
    windows, want = jnp.asarray(windows), jnp.asarray(target)

    def loss(formula, kernel):
        return ((jnp.einsum(formula, windows, kernel) - want) ** 2).sum() / 81

    shared = functools.partial(loss, "nhwcij,ijco->nhwo")
    free = functools.partial(loss, "nhwcij,hwijco->nhwo")
    one = jnp.asarray(rng.normal(size=(3, 3, 2, 3)))
    sharing, field = full((9, 9)), jnp.tile(one, (9, 9, 1, 1, 1, 1))
    small, large = optimizer(1 / 81), optimizer(1.0)
    states = small.init(one), large.init(field)
    for _ in range(5):
        update, first = small.update(jax.grad(shared)(one), states[0], one)
        one = one + update
        update, second = large.update(jax.grad(free)(field), states[1], field)
        field = share(field + update, sharing)
        states = first, second
    return float(jnp.abs(field - one[None, None]).max()), float(jnp.abs(one).max())


def heavy_ball(scale):
    moved = optax.stateless(lambda updates, _: -1e-2 * scale * updates)
    return optax.chain(optax.trace(0.9), moved)


@pytest.mark.slow
def test_a_step_of_descent_and_sharing_is_a_convolution_but_not_under_adamw():
    share = GroupMean(sharing="full").change
    with jax.enable_x64(True):
        apart, size = step_of(heavy_ball, share)
    with jax.numpy_dtype_promotion("standard"):  # of optax's bias correction
        adapted, _ = step_of(lambda scale: optax.adamw(1e-2), share)
    assert apart < 1e-14 * size and adapted > 1e-3


@pytest.mark.slow
def test_without_padding_an_image_is_cut_as_it_is():
    base = presets.tiny_imagenet("none", padding=0).base
    cut = tuple(t for t in base.transforms if t.kind in ("cut", "centre"))
    assert len(cut) == 2
    images = jax.random.uniform(jax.random.key(0), (5, 48, 48, 3))
    for chain in (cut[:1], cut[1:]):
        got, _ = transform_batch(jax.random.key(1), chain, images, jnp.zeros(5))
        np.testing.assert_array_equal(got, images)
