"""Pictures of kernels before and after a sleep."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from ws_jax import engine, results
from ws_jax.analysis.page import report
from ws_jax.config import ConfigError
from ws_jax.papers.pages import PAPERS
from ws_jax.papers.pogodin2021 import kernels, runs
from ws_jax.papers.pogodin2021.patterns import draw_patterns, patterns


def field(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def test_a_mosaic_has_every_kernel_at_its_place():
    kernel = field(4, 3, 2, 3, 2, 5)
    got = kernels.mosaic(kernel, channel=1, feature=4)
    assert got.shape == (4 * 3 - 1, 3 * 4 - 1)
    for h in range(4):
        for w in range(3):
            tile = got[3 * h : 3 * h + 2, 4 * w : 4 * w + 3]
            np.testing.assert_array_equal(tile, kernel[h, w, :, :, 1, 4])
    assert np.isnan(got).sum() == got.size - 4 * 3 * 6


def test_what_is_no_field_is_refused():
    with pytest.raises(ConfigError, match=r"are \[oh, ow, kh, kw, c, o\]"):
        kernels.mosaic(field(3, 3, 1, 4))
    with pytest.raises(ConfigError, match="feature 5: there are 0 to 4"):
        kernels.mosaic(field(2, 2, 3, 3, 1, 5), feature=5)


@pytest.mark.slow
def test_after_a_sleep_sites_a_window_apart_look_alike():
    before = field(8, 8, 3, 3, 1, 2)
    after = kernels.sleep(before)
    inner = after[1:-1, 1:-1]
    np.testing.assert_allclose(inner[:3, :3], inner[3:, 3:], atol=1e-3)
    np.testing.assert_array_equal(after[0], before[0])
    figure = kernels.draw({"one": before, "two": after}, sites=6)
    assert [p.get_title(loc="left") for p in figure.axes] == [
        "one: before", "one: after a sleep", "two: before", "two: after a sleep"
    ]  # fmt: skip
    shown = figure.axes[1].images[0].get_array()
    np.testing.assert_array_equal(
        np.ma.filled(shown, np.nan), kernels.mosaic(after[:6, :6])
    )
    assert not kernels.draw({}).axes


def test_patterns_are_drawn_as_often_and_the_same_each_time():
    images, labels = draw_patterns(60)
    assert images.shape == (60, 16, 16, 1) and images.dtype == np.uint8
    np.testing.assert_array_equal(np.bincount(labels), 10)
    again, _ = draw_patterns(60)
    np.testing.assert_array_equal(images, again)
    # Strong pixels are those of the patterns: at most three of nine.
    strong = (np.abs(images.astype(int) - 128) == 90).sum(axis=(1, 2, 3))
    assert (strong >= 9).all() and (strong <= 27 + 12).all()


@pytest.mark.slow
def test_the_report_shows_kernels_of_checkpoints_if_asked(tmp_path, monkeypatch):
    sweep = patterns(
        tmp_path, epochs=1, num_images=45, seeds=(0,), cadences=(1, 2**31 - 1)
    )
    engine.run_sweep(sweep, tmp_path / "sweep")
    fields = kernels.trained(tmp_path / "sweep")
    assert list(fields) == [runs.FREE, runs.shared(1)]
    flat = fields[runs.shared(1)].reshape(16, 16, -1)
    np.testing.assert_allclose(flat[:3, :3], flat[3:6, 3:6], atol=1e-6)
    frame = results.read(tmp_path / "sweep")
    papers = list(PAPERS.values())
    text = report.make_report(frame, papers=papers, folders=[tmp_path])
    assert "Kernels before and after a sleep. sweep" in text
    assert 'id="kernels"' not in report.make_report(frame, papers=papers)
    monkeypatch.setattr(kernels, "_MOST", 1)
    (item,) = kernels.items([tmp_path])
    assert item.caption.endswith(f"Not drawn: {runs.shared(1)}.")
    assert isinstance(item.draw(), Figure) and kernels.trained(tmp_path) == {}
