"""Colour images made from a key: no file, any size, the same on every machine."""

import re

import numpy as np
from jaxtyping import Int16

from ws_jax.data.dataset import DataError, Dataset, check_fits

NAME = "synthetic"
_DEFAULT_SHAPE = (5000, 32, 32, 3)
_NUM_CLASSES = 10
_GRID = 4  # a pattern is a grid of this many random colours a side
_SHIFT_PARTS = 6  # patterns move by up to one of so many parts of the side
_CHUNK = 4096  # images made at a time; part of the definition


def from_name(name: str) -> Dataset:
    """Makes the data set that `synthetic` or `synthetic:NxHxWxC` names.

    Args:
      name: `N` images of `H` by `W` pixels and `C` channels; alone,
        `synthetic` is `synthetic:5000x32x32x3`.

    Raises:
      DataError: if the size is not four positive integers, or `N` is under 2.
    """
    _, colon, size = name.partition(":")
    if not colon:
        return make_synthetic(_DEFAULT_SHAPE)
    if not re.fullmatch(r"[1-9]\d*(x[1-9]\d*){3}", size):
        raise DataError(
            f"{name!r} has no size that can be read: write count, height, width and "
            f"channels as in '{NAME}:1000x16x16x3'"
        )
    n, h, w, c = (int(part) for part in size.split("x"))
    return make_synthetic((n, h, w, c))


def make_synthetic(shape: tuple[int, int, int, int], seed: int = 0) -> Dataset:
    """Makes labelled images: a pattern for each of ten classes, moved, with noise.

    An image is the mean of two grids of random colours, its class's and one of its
    own, each moved round the edges by up to a sixth of the side in either
    direction, plus uniform noise of up to a quarter of the range. Classes are equally
    frequent. The first four fifths count as the published training part.

    Args:
      shape: count (2 or more), height, width, channels.
      seed: of everything random.
    """
    n, h, w, c = shape
    if n < 2:
        raise DataError(f"a {NAME} data set needs two images or more, not {n}")
    check_fits(f"{NAME}:{'x'.join(map(str, shape))}", shape)
    # RandomState and integers: NumPy keeps this stream for good, and no rounding
    # differs between machines, so the fingerprint is the same everywhere.
    random = np.random.RandomState(seed)
    patterns = _draw_grids(random, _NUM_CLASSES, c)
    labels = random.permutation(np.arange(n) % _NUM_CLASSES).astype(np.int32)
    images = np.empty(shape, np.uint8)
    for start in range(0, n, _CHUNK):
        chunk = slice(start, start + _CHUNK)
        images[chunk] = _draw(random, patterns[labels[chunk]], h, w)
    size = "x".join(str(part) for part in shape)
    return Dataset(
        name=f"{NAME}:{size}",
        version=f"key:{seed}",
        images=images,
        labels=labels,
        num_classes=_NUM_CLASSES,
        num_train=max(1, n * 4 // 5),
    )


def _draw(
    random: np.random.RandomState,
    patterns: Int16[np.ndarray, "n g g c"],
    h: int,
    w: int,
) -> Int16[np.ndarray, "n {h} {w} c"]:
    """Draws one image with each pattern, in [0, 255]."""
    clutter = _draw_grids(random, len(patterns), patterns.shape[-1])
    images = move_grids(random, patterns, h, w) + move_grids(random, clutter, h, w)
    noise = np.frombuffer(random.bytes(images.size), np.int8).reshape(images.shape)
    return np.clip(images // 2 + noise // 2, 0, 255)


def _draw_grids(random: np.random.RandomState, n: int, c: int) -> np.ndarray:
    return random.randint(0, 256, (n, _GRID, _GRID, c), np.int16)


def move_grids(
    random: np.random.RandomState, grids: Int16[np.ndarray, "n g g c"], h: int, w: int
) -> Int16[np.ndarray, "n {h} {w} c"]:
    """Enlarges each grid to an image and moves it."""
    rows = _moved_axis(random, len(grids), h)[:, :, None]
    columns = _moved_axis(random, len(grids), w)[:, None, :]
    return grids[np.arange(len(grids))[:, None, None], rows, columns]


def _moved_axis(random: np.random.RandomState, n: int, side: int) -> np.ndarray:
    """Returns the grid index under each pixel of an axis, `[n, side]`."""
    most = side // _SHIFT_PARTS
    shift = random.randint(-most, most + 1, (n, 1), np.int32)
    return (np.arange(side) + shift) % side * _GRID // side
