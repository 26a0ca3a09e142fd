"""What can be done to an image: shifted, turned, made noisy, its quadrants swapped.

Everything acts on one float32 image [h, w, c] whose pixels are meant to lie in
[0, 1]. How far is data, so a program serves all strengths, and at 0 every change
returns the image bit for bit. `ws_jax.transforms` draws the strengths.

Resampling follows Keras's `ImageDataGenerator` with `fill_mode="nearest"`: bilinear,
and a point outside the image takes the nearest edge pixel.

Source: Ott et al. 2020, and keras-preprocessing 1.1.2, whose matrices are in
`affine_transformations.py`.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.ndimage import map_coordinates
from jaxtyping import Array, Float, Key

from ws_jax.config import check_name

Scalar = Float[Array, ""] | float
Image = Any  # [h, w, c], JAX's or NumPy's floats; `_one_image` checks it

BORDER = 5  # pixels that edge noise covers

# What an image is turned about, counted from half its side. Pixel centres are the
# integers, so its centre is n / 2 - 0.5; keras-preprocessing up to 1.1.2 takes
# n / 2 + 0.5, and a rotation drags the image along.
CENTRES = {"middle": -0.5, "pixel_off": 0.5}


def _one_image(image: Any) -> Array:
    """Takes one image as JAX's array; a batch or whole numbers are refused.

    Raises:
      ValueError: for another number of axes, or pixels that are not floats.
    """
    if np.ndim(image) != 3:
        raise ValueError(
            f"needs one image [h, w, c], got shape {np.shape(image)}: map it over a "
            "batch with jax.vmap"
        )
    image = jnp.asarray(image)  # NumPy's float64 becomes JAX's usual float
    if not jnp.issubdtype(image.dtype, jnp.floating):
        raise ValueError(
            f"needs pixels as floats in [0, 1], got {image.dtype}: divide by 255"
        )
    return image


def _check_number(name: str, value: Any) -> None:
    """Raises `ValueError` for what is no number; an array of JAX's may be traced."""
    if not isinstance(value, int | float | np.number | np.ndarray | jax.Array):
        raise ValueError(f"{name} is {value!r}, needs a number")


def shift(image: Image, dy: Scalar, dx: Scalar) -> Image:
    """Moves the content of an image, by any fraction of a pixel.

    Args:
      image: [h, w, c].
      dy: pixels down; negative is up. Keras's `tx` is -dy.
      dx: pixels to the right; negative is to the left. Keras's `ty` is -dx.
    Returns:
      [h, w, c]; uncovered pixels repeat the edge.
    """
    image = _one_image(image)
    _check_number("dy", dy)
    _check_number("dx", dx)
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


# What Python's `int(level * 360)` gives for levels in thousandths. Its doubles decide:
# .7 * 360 falls just short of 252, which float32 cannot tell.
_WHOLE_DEGREES = tuple(int(i / 1000 * 360) for i in range(1001))


def whole_degrees(level: Scalar) -> Scalar:
    """Returns `int(level * 360)`, as Python has it for levels in thousandths.

    Example:
      >>> float(whole_degrees(0.7)), float(whole_degrees(0.99))
      (251.0, 356.0)
    """
    level = jnp.asarray(level, jnp.float32)
    nearest = jnp.round(1000 * level)
    known = jnp.array(_WHOLE_DEGREES, jnp.float32)[nearest.astype(jnp.int32)]
    return jnp.where(
        jnp.abs(1000 * level - nearest) < 1e-3, known, jnp.floor(360 * level)
    )


def rotate(image: Image, degrees: Scalar, centre: str = "middle") -> Image:
    """Turns an image.

    Args:
      image: [h, w, c].
      degrees: positive is clockwise, as `theta` in keras-preprocessing up to 1.1.2.
      centre: `middle` of the image, (n - 1) / 2; `pixel_off`, what Keras used up to
        2020, n / 2 + 0.5.
    Returns:
      [h, w, c]; uncovered pixels take the nearest edge pixel.
    Raises:
      ValueError: for an unknown centre, or degrees that are no number.
    """
    _check_number("degrees", degrees)
    check_name("rotation centre", centre, CENTRES)
    image = _one_image(image)
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
    image = _one_image(image)
    down, across = image.shape[0] // 2, image.shape[1] // 2
    if not (down and across):
        return image
    upper_right = image[:down, -across:]
    lower_left = image[-down:, :across]
    swapped = image.at[:down, -across:].set(lower_left)
    return swapped.at[-down:, :across].set(upper_right)


def add_noise(key: Key[Array, ""], image: Image, std: Scalar) -> Image:
    """Adds N(0, std) to every pixel and channel by itself; nothing is clipped."""
    image = _one_image(image)
    _check_number("std", std)
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


# Whose border gets noise: (shape of the image, its place in the batch, size of the
# batch) -> bool array that broadcasts to the image.
BORDERS = {"image": _image_border, "batch": _batch_border}


def resized_cut(key: Array, image: Array, size: int, least: Any) -> Array:
    """Cuts a random part out of an image, and resizes it to a square.

    Of ten draws of area and proportions the first that fits is taken; if none does, the
    largest square in the middle.

    Args:
      key: of the draws.
      image: [h, w, c].
      size: side of the result, pixels.
      least: smallest part of the area, in (0, 1]; may be traced.
    Source: torchvision's `RandomResizedCrop`; linear interpolation, smoothed where
      the part shrinks.
    """
    h, w, channels = image.shape
    one = jnp.float32(1)
    area_key, shape_key, place_key = jax.random.split(key, 3)
    area = h * w * jax.random.uniform(area_key, (10,), minval=one * least)
    edge = math.log(4 / 3)
    ratio = jnp.exp(jax.random.uniform(shape_key, (10,), minval=-edge, maxval=edge))
    down, across = jnp.sqrt(area / ratio), jnp.sqrt(area * ratio)
    fits = (down <= h) & (across <= w)
    first = jnp.argmax(fits)
    found, side = fits.any(), jnp.float32(min(h, w))
    sides = jnp.stack([down[first], across[first]])
    sides = jnp.where(found, jnp.round(sides).clip(1), side)
    room = jnp.array([h, w], jnp.float32) - sides
    place = jnp.floor(jax.random.uniform(place_key, (2,)) * (room + 1))
    place = jnp.where(found, jnp.minimum(place, room), jnp.floor(room / 2))
    scale = size / sides
    return jax.image.scale_and_translate(
        image,
        (size, size, channels),
        (0, 1),
        scale,
        -place * scale,
        method="linear",
        precision=jax.lax.Precision.HIGHEST,
    )
