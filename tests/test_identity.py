"""What tells a training from others, and what does not."""

import numpy as np
import pytest

from ws_jax.config import replace_field
from ws_jax.data import load
from ws_jax.engine.study import prepare
from ws_jax.runs import Data, Run, Sweep


@pytest.fixture
def arrays():
    draw = np.random.default_rng(0)
    images = draw.integers(0, 256, (20, 28, 28, 1), np.uint8)
    return {"images": images, "labels": np.arange(20, dtype=np.int32) % 2}


def columns(path):
    base = replace_field(Run(data=Data(str(path))), "train.batch_size", 8)
    (found,) = prepare(Sweep("own", base)).columns.values()
    return found


def test_images_of_ones_own_are_the_same_wherever_they_lie(arrays, tmp_path):
    (tmp_path / "b").mkdir()
    for path in (tmp_path / "mine.npz", tmp_path / "b" / "mine.npz"):
        np.savez(path, **arrays)
    here, there = columns(tmp_path / "mine.npz"), columns(tmp_path / "b" / "mine.npz")
    assert here == there
    assert here["data"] == "mine.npz"


@pytest.mark.parametrize("change", ["images", "num_train", "num_classes"])
def test_other_contents_are_other_data(change, arrays, tmp_path):
    other = dict(arrays, num_train=16, num_classes=2)
    np.savez(tmp_path / "a.npz", **other)
    other[change] = 255 - other["images"] if change == "images" else other[change] + 1
    np.savez(tmp_path / "b.npz", **other)
    a, b = columns(tmp_path / "a.npz"), columns(tmp_path / "b.npz")
    assert a["digest"] != b["digest"] and a["cell"] != b["cell"]


def test_published_data_are_told_by_what_they_hold():
    data = load("synthetic:20x8x8x1")
    assert data.contents == data.fingerprint
