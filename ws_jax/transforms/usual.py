"""Transforms without a level: mirrored, padded and cropped, blanked, normalised."""

from __future__ import annotations

from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from ws_jax import augment
from ws_jax.config import MOST, config, data, require, static
from ws_jax.transforms.transform import Transform


@config("swap")
class Swap(Transform):
    """Exchanges the upper right and the lower left quadrant, always."""

    moves: ClassVar[bool] = True

    def apply(self, key, image, place):
        """Swaps."""
        del key, place
        return augment.swap_quadrants(image)


@config("flip")
class Flip(Transform):
    """Mirrors an image left to right."""

    moves: ClassVar[bool] = True
    probability: float = data(0.5, "that it is mirrored", low=0, high=1)

    def acts(self) -> Any:
        """Not if it never mirrors."""
        return self.probability > 0

    def essence(self) -> Transform | None:
        """Never mirrored is not changed."""
        return None if self.probability == 0 else self

    def apply(self, key, image, place):
        """Mirrors with its probability."""
        del place
        mirrored = jax.random.uniform(key) < self.probability
        return jnp.where(mirrored, image[:, ::-1], image)


@config("crop")
class Crop(Transform):
    """Pads an image with zeros and cuts its old size out of that, anywhere.

    After `normalize` the padding is zero in normalised units, before it in pixels.
    """

    moves: ClassVar[bool] = True
    padding: int = static(4, "pixels added on each side", low=1)

    def apply(self, key, image, place):
        """Cuts at a place that is uniform over all there are."""
        del place
        pad = self.padding
        padded = jnp.pad(image, ((pad, pad), (pad, pad), (0, 0)))
        down, across = jax.random.randint(key, (2,), 0, 2 * pad + 1)
        return jax.lax.dynamic_slice(padded, (down, across, 0), image.shape)


@config("cutout")
class Cutout(Transform):
    """Sets a square of pixels to zero, wherever its centre falls in the image.

    Source: DeVries & Taylor 2017; the square is cut off at the border.
    """

    size: int = data(16, "side of the square, pixels", low=1, high=MOST)

    def apply(self, key, image, place):
        """Blanks the square."""
        del place
        h, w, _ = image.shape
        limit = jnp.array([h, w])
        y, x = jax.random.randint(key, (2,), 0, limit) - self.size // 2
        rows, columns = jnp.arange(h)[:, None, None], jnp.arange(w)[None, :, None]
        inside = (rows >= y) & (rows < y + self.size)
        inside &= (columns >= x) & (columns < x + self.size)
        return jnp.where(inside, 0, image)


@config("normalize")
class Normalize(Transform):
    """Subtracts a mean from each channel and divides by a deviation."""

    draws: ClassVar[bool] = False
    mean: tuple[float, ...] = static((0.5,), "of each channel, images in [0, 1]")
    std: tuple[float, ...] = static((0.5,), "of each channel", low=0, open_low=True)

    def check_images(self, shape):
        """One number serves all channels, or each has its own."""
        for name in ("mean", "std"):
            count = len(getattr(self, name))
            require(
                count in (1, shape[2]),
                f"normalize.{name} has {count} numbers for {shape[2]} channels",
            )

    def apply(self, key, image, place):
        """Normalises."""
        del key, place
        mean, std = jnp.array(self.mean, image.dtype), jnp.array(self.std, image.dtype)
        return (image - mean[None, None]) / std[None, None]
