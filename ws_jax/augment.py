"""Random changes to images, for training and for the perturbed evaluations.

Everything acts on one float32 image [h, w, c] whose pixels are meant to lie in
[0, 1]; `augment_batch` maps it over a batch. Levels are data, so a program serves
all of them, and at level 0 every kind returns the image bit for bit.

Resampling follows Keras's `ImageDataGenerator` with `fill_mode="nearest"`: bilinear,
and a point outside the image takes the nearest edge pixel. Where the paper and its
released code differ there are two readings, `paper` and `released`.

Source: Ott et al. 2020, and keras-preprocessing 1.1.2, whose matrices are in
`affine_transformations.py`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.ndimage import map_coordinates
from jaxtyping import Array, Float, Int, Key

from ws_jax.config import READINGS, check_name

Scalar = Float[Array, ""] | float
Image = Float[Array, "h w c"]

BORDER = 5  # pixels that edge noise covers

# What an image is turned about, counted from half its side. Pixel centres are the
# integers, so its centre is n / 2 - 0.5; keras-preprocessing up to 1.1.2 takes
# n / 2 + 0.5, and a rotation drags the image along.
CENTRES = {"paper": -0.5, "released": 0.5}


def shift(image: Image, dy: Scalar, dx: Scalar) -> Image:
    """Moves the content of an image, by any fraction of a pixel.

    Args:
      image: [h, w, c].
      dy: pixels down; negative is up. Keras's `tx` is -dy.
      dx: pixels to the right; negative is to the left. Keras's `ty` is -dx.
    Returns:
      [h, w, c]; uncovered pixels repeat the edge.
    """
    return _shift_axis(_shift_axis(image, dy, axis=0), dx, axis=1)


def _shift_axis(image, distance, axis):
    # Two gathers of whole rows or columns, which XLA fuses with the weighted sum.
    # Written as low + part * (high - low) it would not, at twice the time.
    size = image.shape[axis]
    whole = jnp.floor(-distance)
    part = -distance - whole
    index = jnp.arange(size) + whole.astype(jnp.int32)
    low = jnp.take(image, jnp.clip(index, 0, size - 1), axis, mode="clip")
    high = jnp.take(image, jnp.clip(index + 1, 0, size - 1), axis, mode="clip")
    return (1 - part) * low + part * high


def rotate(image: Image, degrees: Scalar, centre: str = "paper") -> Image:
    """Turns an image.

    Args:
      image: [h, w, c].
      degrees: positive is clockwise, as `theta` in keras-preprocessing up to 1.1.2.
      centre: `paper`, the centre of the image, (n - 1) / 2; `released`, what Keras
        used at that time, n / 2 + 0.5.
    Returns:
      [h, w, c]; uncovered pixels take the nearest edge pixel.
    Raises:
      ValueError: for an unknown centre.
    """
    check_name("rotation centre", centre, CENTRES)
    h, w, _ = image.shape
    middle_y, middle_x = (n / 2 + CENTRES[centre] for n in (h, w))
    y = (jnp.arange(h, dtype=jnp.float32) - middle_y)[:, None]
    x = (jnp.arange(w, dtype=jnp.float32) - middle_x)[None, :]
    angle = jnp.deg2rad(degrees)
    cos, sin = jnp.cos(angle), jnp.sin(angle)
    source = [cos * y - sin * x + middle_y, sin * y + cos * x + middle_x]
    sample = functools.partial(map_coordinates, order=1, mode="nearest")
    return jax.vmap(sample, (2, None), 2)(image, source)


def swap_quadrants(image: Image) -> Image:
    """Exchanges the upper right and the lower left quadrant.

    A quadrant is half a side (rounded down) each way, measured from its corner; on
    an odd side the middle row or column stays. Twice is the image itself.
    """
    down, across = image.shape[0] // 2, image.shape[1] // 2
    if not (down and across):
        return image
    upper_right = image[:down, -across:]
    lower_left = image[-down:, :across]
    swapped = image.at[:down, -across:].set(lower_left)
    return swapped.at[-down:, :across].set(upper_right)


def add_noise(key: Key[Array, ""], image: Image, std: Scalar) -> Image:
    """Adds N(0, std) to every pixel and channel by itself; nothing is clipped."""
    return image + std * jax.random.normal(key, image.shape, image.dtype)


def add_edge_noise(
    key: Key[Array, ""],
    image: Image,
    std: Scalar,
    where: Array | np.ndarray | None = None,
) -> Image:
    """Adds N(0, std) to the 5 border pixels of all four sides.

    Args:
      key: of the draw.
      image: [h, w, c].
      std: of the noise.
      where: the pixels that get noise instead, bool, broadcast to [h, w, c].
    """
    if where is None:
        where = _image_border(image.shape, 0, 1)
    return jnp.where(where, add_noise(key, image, std), image)


def _near_end(index, size):
    return (index < BORDER) | (index >= size - BORDER)


def _image_border(shape, place, batch_size):
    """The border pixels of every image, [h, w, 1]."""
    del place, batch_size
    rows, columns = (_near_end(np.arange(n), n) for n in shape[:2])
    return rows[:, None, None] | columns[None, :, None]


def _batch_border(shape, place, batch_size):
    """What a slice [5:-5, 5:-5] of a whole batch leaves out, [h, 1, 1].

    It falls on the image's place in the batch and on its rows, so that the first and
    last five images are all border.
    """
    rows = _near_end(np.arange(shape[0]), shape[0])[:, None, None]
    return rows | _near_end(place, batch_size)


# By reading: (shape of the image, its place in the batch, size of the batch) -> bool
# array that broadcasts to the image.
EDGES = {"paper": _image_border, "released": _batch_border}


def _none(key, image, level):
    del key, level
    return image


def _translation(key, image, level):
    dy, dx = level * jax.random.uniform(key, (2,), minval=-1.0, maxval=1.0)
    return shift(image, dy * image.shape[0], dx * image.shape[1])


def _rotation(key, image, level, centre="paper"):
    turn = level * jax.random.uniform(key, minval=-1.0, maxval=1.0)
    return rotate(image, 360 * turn, centre)


# (key, image, level) -> image, with level in [0, 1). Translation: each axis by itself
# uniform in ± level of the side. Rotation: uniform in ± level of a full turn. Noise:
# `level` is its standard deviation.
AUGMENTATIONS: dict[str, Callable[..., Array]] = {
    "none": _none,
    "translation": _translation,
    "rotation": _rotation,
    "noise": add_noise,
    "edge_noise": add_edge_noise,
}

_KINDS = {**AUGMENTATIONS, "swap": lambda key, image, level: swap_quadrants(image)}


def augment_batch(
    key: Key[Array, ""],
    images: Float[Array, "n h w c"],
    level: Scalar,
    *,
    kind: str,
    rotation_centre: str = "paper",
    edge_noise: str = "paper",
    start: int | Int[Array, ""] = 0,
    batch_size: int | None = None,
) -> Float[Array, "n h w c"]:
    """Changes every image of a batch by a draw of its own.

    The draw depends on `key` and on `start` plus the image's index only: a set gives
    the same images in one piece or in several, each with its `start`.

    Args:
      key: of the draws.
      images: [n, h, w, c].
      level: strength, as in `AUGMENTATIONS`; may be traced.
      kind: a name in `AUGMENTATIONS`, or `swap`, which knows no level.
      rotation_centre: `paper` or `released`, see `rotate`.
      edge_noise: `paper`, the 5 border pixels of all four sides; `released`, noise
        all over the first and last 5 images of a batch, and in the top and bottom 5
        rows of all others.
      start: place of the first image in the set that `key` serves.
      batch_size: into which batches that set is cut, for `edge_noise="released"`;
        None takes `images` as one batch.
    Raises:
      ValueError: for an unknown kind or reading.
    """
    check_name("augmentation", kind, _KINDS)
    check_name("reading of edge noise", edge_noise, READINGS)
    check_name("rotation centre", rotation_centre, READINGS)
    size = batch_size or images.shape[0]
    index = start + jnp.arange(images.shape[0])

    def change(index, image):
        region = EDGES[edge_noise](image.shape, index % size, size)
        readings = {
            "rotation": {"centre": rotation_centre},
            "edge_noise": {"where": region},
        }
        draw_key = jax.random.fold_in(key, index)
        return _KINDS[kind](draw_key, image, level, **readings.get(kind, {}))

    return jax.vmap(change)(index, images)


# Levels of the evaluations after every epoch: shifts within 25 % of the side, turns
# within 45 degrees, noise with standard deviation 0.15 (Ott et al. 2020).
PERTURBATION_LEVELS = {
    "translation": 0.25,
    "rotation": 45 / 360,
    "noise": 0.15,
    "edge_noise": 0.15,
    "swap": 1.0,
}

# (key, images, **keywords of `augment_batch`) -> images.
PERTURBATIONS: dict[str, Callable[..., Array]] = {
    name: functools.partial(augment_batch, kind=name, level=level)
    for name, level in PERTURBATION_LEVELS.items()
}
