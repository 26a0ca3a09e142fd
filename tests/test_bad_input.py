"""What public functions say of arrays that do not fit, and that NumPy's arrays do."""

import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ws_jax import (
    augment,
    checkpoint,
    conv,
    data,
    measure,
    neural_fit,
    phases,
    sharing,
)
from ws_jax.cli import files
from ws_jax.config import ConfigError
from ws_jax.engine import sweep
from ws_jax.neural_fit import regression, similarity
from ws_jax.runs import Run, Sweep
from ws_jax.storage import results


def plain(function):
    """A function as it is outside of tests, where nothing checks its annotations."""
    return inspect.unwrap(function)


KEY = jax.random.key(0)
IMAGE = np.linspace(0, 1, 6 * 6 * 2).reshape(6, 6, 2)  # float64
X = np.stack([IMAGE, 1 - IMAGE])
FIELD = np.linspace(-1, 1, 4 * 4 * 3 * 3 * 2 * 2).reshape(4, 4, 3, 3, 2, 2)
FREE, TILES = sharing.free((4, 4)), sharing.tiles((4, 4), 2)
LINES = np.random.default_rng(0).normal(size=(12, 3))
BANK = FIELD.reshape(16, 3, 3, 2, 2)

TAKES_NUMPY = {
    "local_conv": lambda a: conv.local_conv(a(X), a(FIELD)),
    "shared_conv": lambda a: conv.shared_conv(a(X), a(BANK), FREE),
    "masks": lambda a: conv.shared_conv(
        a(X), a(BANK), FREE, kernel_mask=a(BANK > 0), input_mask=a(IMAGE > 0.5)
    ),
    "expand": lambda a: sharing.expand(a(BANK), FREE),
    "collapse": lambda a: sharing.collapse(a(FIELD), TILES),
    "group_mean": lambda a: sharing.group_mean(a(FIELD), TILES),
    "kernel_distance": lambda a: measure.kernel_distance(a(FIELD), 1),
    "couple": lambda a: phases.couple(a(FIELD), TILES, 0.5),
    "share_instantly": lambda a: phases.share_instantly(a(FIELD), 2),
    "shift": lambda a: augment.shift(a(IMAGE), 1.0, 0.5),
    "rotate": lambda a: augment.rotate(a(IMAGE), 10.0),
    "swap_quadrants": lambda a: augment.swap_quadrants(a(IMAGE)),
    "add_noise": lambda a: augment.add_noise(KEY, a(IMAGE), 0.1),
    "add_edge_noise": lambda a: augment.add_edge_noise(KEY, a(IMAGE), 0.1),
}


@pytest.mark.parametrize("name", TAKES_NUMPY)
def test_numpy_arrays_are_taken_as_jax_takes_them(name):
    function = TAKES_NUMPY[name]
    got, want = function(np.asarray), function(jnp.asarray)
    jax.tree.map(np.testing.assert_array_equal, got, want)
    assert {leaf.dtype for leaf in jax.tree.leaves(got)} == {jnp.dtype("float32")}


BAD = {
    "strides of 0": (lambda: conv.local_conv(X, FIELD, strides=(0, 1)), "above 0"),
    "stride 0": (lambda: conv.local_conv(X, FIELD, strides=0), "strides are 0"),
    "padding": (lambda: conv.local_conv(X, FIELD, padding="SAEM"), "did you mean 'SAM"),
    "strides by three": (
        lambda: conv.local_conv(X, FIELD, strides=(1, 1, 1)),
        "needs two whole numbers",
    ),
    "half a stride": (lambda: plain(conv.down_and_across)(0.5), "whole numbers"),
    "one image": (
        lambda: conv.local_conv(IMAGE, FIELD),
        r"x needs axes \[n h w c\], got shape \(6, 6, 2\)",
    ),
    "a bank as a field": (
        lambda: conv.local_conv(X, BANK),
        r"a kernel field needs axes \[oh ow kh kw c o\]",
    ),
    "a field as a bank": (
        lambda: conv.shared_conv(X, FIELD, FREE),
        "a bank needs axes",
    ),
    "whole pixels": (lambda: conv.local_conv(np.uint8(X), FIELD), "x needs floats"),
    "half precision": (
        lambda: conv.local_conv(jnp.bfloat16(X), FIELD),
        "x is bfloat16, the kernels are float32: cast one",
    ),
    "a scheme": (
        lambda: plain(conv.shared_conv)(X, BANK, "free"),
        "needs a Sharing, got 'fr",
    ),
    "expand a scheme": (lambda: plain(sharing.expand)(BANK, "tiles:2"), "map_sites"),
    "mean of a scheme": (
        lambda: plain(sharing.group_mean)(FIELD, "free"),
        "needs a Sharing",
    ),
    "couple a scheme": (
        lambda: plain(phases.couple)(FIELD, "free", 1.0),
        "needs a Sharing",
    ),
    "expand whole numbers": (
        lambda: sharing.expand(np.ones((16, 2), int), FREE),
        "a bank needs floats, got int32",
    ),
    "collapse a line": (
        lambda: sharing.collapse(np.ones(4), TILES),
        r"a field needs axes \[oh ow ...\]",
    ),
    "share a line": (lambda: phases.share_instantly(np.ones(4), 2), "needs axes"),
    "a period beyond the sites": (
        lambda: phases.share_instantly(FIELD, 9),
        "the period is 9, larger than the 4x4 sites.* up to 4",
    ),
    "a window beyond the sites": (
        lambda: phases.hebbian_sleep(KEY, FIELD[:2, :2]),
        "the window is 3x3, larger than the 2x2 sites",
    ),
    "batch 0": (lambda: phases.hebbian_sleep(KEY, FIELD, batch=0), "batch is 0, needs"),
    "half a batch": (
        lambda: plain(phases.hebbian_sleep)(KEY, FIELD, batch=2.5),
        "batch is 2.5, needs a whole number",
    ),
    "iterations": (
        lambda: phases.hebbian_sleep(KEY, FIELD, iterations=-1),
        "iterations is -1, needs a whole number of at least 0",
    ),
    "no strides": (
        lambda: phases.hebbian_sleep(KEY, FIELD, strides=(0, 1)),
        "strides are",
    ),
    "no padding": (
        lambda: plain(phases.hebbian_sleep)(KEY, FIELD, padding=1),
        "padding is 1, needs pairs",
    ),
    "another padding": (
        lambda: plain(phases.hebbian_sleep)(KEY, FIELD, padding="SAEM"),
        "did you mean 'SAME'",
    ),
    "no inputs": (
        lambda: plain(phases.hebbian_sleep)(KEY, FIELD, inputs=4),
        "inputs is 4, needs two whole numbers",
    ),
    "a seed": (
        lambda: plain(phases.hebbian_sleep)(0, FIELD),
        "key is 0, needs .* jax.random.key",
    ),
    "half a radius": (
        lambda: plain(measure.kernel_distance)(FIELD, 1.5),
        "the radius is 1.5, must be a whole number of at least 1",
    ),
    "degrees in words": (
        lambda: plain(augment.rotate)(IMAGE, "30"),
        "degrees is '30', needs a number",
    ),
    "pixels in words": (lambda: plain(augment.shift)(IMAGE, 1, "2"), "dx is '2', need"),
    "no name": (lambda: plain(data.load)(None), "a data set is named .* got None"),
    "folds": (lambda: plain(data.folds)(10, 2.0), "folds: 2.0 must be a whole number"),
    "folds of ridge": (
        lambda: plain(regression.cut)(12, 2.5),
        "folds: 2.5 must be a whole number",
    ),
    "seed of ridge": (
        lambda: regression.ridge(LINES, LINES, seed=-1),
        "seed: -1 must be a whole number of at least 0",
    ),
    "equally unlike": (
        lambda: similarity.linear_cka(np.eye(4), LINES[:4], debiased=True),
        "debiased CKA .* equally unlike",
    ),
    "period 0": (lambda: phases.share_instantly(FIELD, 0), "at least 1, got 0"),
    "one side": (
        lambda: plain(sharing.free)(6),
        r"\(oh, ow\), each at least 1, got 6: as in sharing.free\(\(6, 6\)\)",
    ),
    "sites of a field": (
        lambda: sharing.free(FIELD.shape),
        r"two whole numbers .* got \(4, 4, 3, 3, 2, 2\)",
    ),
    "sites of full": (lambda: plain(sharing.full)(6), "whole numbers .* got 6"),
    "sites of tiles": (lambda: plain(sharing.tiles)(6, 2), "whole numbers .* got 6"),
    "no sites": (lambda: sharing.periodic((0, 4), 2), r"got \(0, 4\)"),
    "a tile of two sides": (
        lambda: plain(sharing.tiles)((4, 4), (2, 2)),
        r"whole number of at least 1, got \(2, 2\)",
    ),
    "three periods": (
        lambda: sharing.periodic((4, 4), (2, 2, 2)),
        "a period down and one across are two",
    ),
    "measure whole numbers": (
        lambda: measure.kernel_distance(np.ones(FIELD.shape, int), 1),
        "a kernel field needs floats",
    ),
    "a batch": (lambda: augment.shift(X, 1.0, 0.0), "one image .* jax.vmap"),
    "pixels of a file": (
        lambda: augment.rotate(np.uint8(IMAGE), 3.0),
        "got uint8: divide by 255",
    ),
    "a ceiling of holes": (
        lambda: neural_fit.noise_ceiling(np.where(X > 0.5, np.nan, X)[..., 0]),
        "of 72 responses are no finite numbers",
    ),
    "a config of nothing": (
        lambda: plain(files.find_config)(None),
        "config is None, needs the name or path of a file",
    ),
    "a run for a sweep": (
        lambda: plain(sweep._prepared)(Run(), None, None, "w"),
        r"sweep is a Run, needs a Sweep; .*Sweep\('name', run\)",
    ),
    "a sweep in nothing": (
        lambda: plain(sweep._prepared)(Sweep(), None, None, None),
        "workdir is None, needs the path of a folder",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_clear_error(name):
    call, message = BAD[name]
    with pytest.raises(ValueError, match=message):
        call()


def test_one_stride_serves_both_ways():
    kernel = FIELD[:2, :2]
    one = conv.local_conv(X, kernel, strides=2)
    np.testing.assert_array_equal(one, conv.local_conv(X, kernel, strides=(2, 2)))


@pytest.mark.slow
def test_a_sleep_takes_strides_and_padding_as_a_layer_does():
    slept = phases.hebbian_sleep(KEY, FIELD, strides=1, padding="SAME", iterations=1)
    np.testing.assert_array_equal(slept, phases.hebbian_sleep(KEY, FIELD, iterations=1))


def test_what_is_no_folder_of_results_is_told_so(tmp_path):
    file = tmp_path / results.RESULTS_FILE
    file.touch()
    with pytest.raises(results.ResultsError, match="is a file: name the folder that"):
        results.read(file)
    with pytest.raises(results.ResultsError, match="3 is no folder: name one, as"):
        plain(checkpoint._locate)(3, {})
    with pytest.raises(ConfigError, match="is a folder: it has no .py file$"):
        files.find_config(str(tmp_path))


def test_no_folder_has_no_results():
    with pytest.raises(results.ResultsError, match="no folder"):
        results.read([])
