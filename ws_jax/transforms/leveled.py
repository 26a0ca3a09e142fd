"""Transforms with a level: how strong they are, which may differ between runs."""

from __future__ import annotations

from typing import Any, ClassVar

import jax

from ws_jax import augment
from ws_jax.config import config, data, static
from ws_jax.transforms.transform import Transform


class Leveled(Transform):
    """A transform with a level, which at level 0 leaves every image as it is."""

    level: float

    def acts(self) -> Any:
        """Not at level 0."""
        return self.level > 0

    def essence(self) -> Transform | None:
        """At level 0 it does not count: all kinds are the same run there."""
        return None if self.level == 0 else self


def _level(meaning: str) -> Any:
    return data(0.0, meaning, low=0, high=1, open_high=True)


@config("translation")
class Translation(Leveled):
    """Shifts an image, each axis by itself; uncovered pixels repeat the edge.

    Source: Ott et al. 2020, Section 4.1; Keras's `ImageDataGenerator`.
    """

    moves: ClassVar[bool] = True
    level: float = _level("largest shift, as part of the side")

    def apply(self, key, image, place):
        """Shifts by a draw that is uniform in ± level of each side."""
        del place
        dy, dx = self.level * jax.random.uniform(key, (2,), minval=-1.0, maxval=1.0)
        return augment.shift(image, dy * image.shape[0], dx * image.shape[1])


@config("rotation")
class Rotation(Leveled):
    """Turns an image; uncovered pixels take the nearest edge pixel.

    Source: Ott et al. 2020, Section 4.1; Keras's `ImageDataGenerator`.
    """

    moves: ClassVar[bool] = True
    level: float = _level("largest turn, as part of a full one")
    centre: str = static(
        "middle",
        "what is turned about: the middle, or as Keras once did one pixel off it",
        names=tuple(augment.CENTRES),
    )
    whole_degrees: bool = static(
        False, "whether the largest turn is cut down to whole degrees"
    )

    def apply(self, key, image, place):
        """Turns by a draw that is uniform in ± level of a full turn."""
        del place
        draw = jax.random.uniform(key, minval=-1.0, maxval=1.0)
        if self.whole_degrees:
            degrees = augment.whole_degrees(self.level) * draw
        else:
            degrees = 360 * (self.level * draw)
        return augment.rotate(image, degrees, self.centre)


@config("noise")
class Noise(Leveled):
    """Adds Gaussian noise to every pixel; nothing is clipped."""

    level: float = _level("standard deviation, images in [0, 1]")
    shuffled: bool = static(True, "whether batches are shuffled while it acts")

    def keeps_order(self) -> Any:
        """Not at level 0, which is one run for all kinds."""
        return False if self.shuffled else self.level > 0

    def apply(self, key, image, place):
        """Adds N(0, level)."""
        del place
        return augment.add_noise(key, image, self.level)


@config("edge_noise")
class EdgeNoise(Leveled):
    """Adds Gaussian noise to the border; nothing is clipped."""

    level: float = _level("standard deviation, images in [0, 1]")
    border: str = static(
        "image",
        "of each image; or of the batch: all of its first and last five images, and "
        "five rows above and below of all others",
        names=tuple(augment.BORDERS),
    )
    shuffled: bool = static(True, "whether batches are shuffled while it acts")

    def keeps_order(self) -> Any:
        """Not at level 0, which is one run for all kinds."""
        return False if self.shuffled else self.level > 0

    def apply(self, key, image, place):
        """Adds N(0, level) at the border."""
        region = augment.BORDERS[self.border](image.shape, place.index, place.size)
        return augment.add_edge_noise(key, image, self.level, region)
