"""Transforms that cut a square out of an image, and so change its size."""

from __future__ import annotations

from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from ws_jax import augment
from ws_jax.config import config, data, require, static
from ws_jax.transforms.transform import Transform


class _Square(Transform):
    """What leaves a square of an image."""

    moves: ClassVar[bool] = True
    size: int

    def shape(self, shape):
        """That of the square."""
        return (self.size, self.size, shape[2])

    def check_images(self, shape):
        """There must be as much."""
        require(
            self.size <= min(shape[:2]),
            f"{self.kind}.size: {self.size} is larger than images of "
            f"{shape[0]}x{shape[1]} pixels",
        )


def _side() -> Any:
    return static(32, "side of the square, pixels", low=1)


@config("cut")
class Cut(_Square):
    """Cuts a square out of an image, anywhere; in training only.

    With `centre` of the same size after it, evaluations see the middle square.
    Source: Pogodin et al. 2021, released code `datasets.py` (TinyImageNet).
    """

    size: int = _side()

    def apply(self, key, image, place):
        """Cuts at a place that is uniform over all there are."""
        del place
        h, w, c = image.shape
        least = jnp.zeros(2, jnp.int32)
        most = jnp.array([h, w], jnp.int32) - self.size + 1
        down, across = jax.random.randint(key, (2,), least, most)
        return jax.lax.dynamic_slice(
            image, (down, across, 0), (self.size, self.size, c)
        )


@config("centre")
class Centre(_Square):
    """Cuts the middle square out of an image, always; an odd rest is right and below.

    Source: torchvision's `CenterCrop`, but for its rounding of odd rests.
    """

    draws: ClassVar[bool] = False
    size: int = _side()

    def apply(self, key, image, place):
        """Cuts."""
        del key, place
        down, across = ((n - self.size) // 2 for n in image.shape[:2])
        return image[down : down + self.size, across : across + self.size]


@config("resized_cut")
class ResizedCut(_Square):
    """Cuts any part out of an image and resizes it to a square; in training only.

    The part has between `least` and all of the area, evenly, and between 3/4 and 4/3
    of its height as width, evenly on a logarithmic scale.
    Source: Szegedy et al. 2015, Section 6; torchvision's `RandomResizedCrop`.
    """

    size: int = _side()
    least: float = data(0.08, "smallest part of the area", low=0, high=1, open_low=True)

    def check_images(self, shape):
        """Any image can be resized."""

    def apply(self, key, image, place):
        """Cuts and resizes."""
        del place
        return augment.resized_cut(key, image, self.size, self.least)
