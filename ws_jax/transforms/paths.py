"""Grids and shortest paths, drawn anew in the place of every image.

In training and validation their distances grow with the epochs (`draw_paths`); views
draw other distances or larger grids, to see how far a network carries what it learned.
"""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

import jax.numpy as jnp

from ws_jax.config import MOST, config, data, require, static
from ws_jax.grids import (
    CONNECTIVITIES,
    LABELS,
    check_grids,
    draw_grid,
    largest_distance,
)
from ws_jax.transforms.transform import Transform

CHANNELS = 2  # obstacles, and the two ends


@config
class Drawn(Transform):
    """What draws a grid in the place of an image, and its label in that of a mask.

    It acts in evaluations, too: an epoch is validated on distances that it trained on.

    Source: Savarese & Maire 2019 train on such a task; sizes, distances and labels are
    ours (docs/design/0013).
    """

    draws: ClassVar[bool] = False
    moves: ClassVar[bool] = True  # masks are made as well
    makes: ClassVar[bool] = True
    density: float = data(0.1, "probability of an obstacle", low=0, high=1,
                          open_high=True)  # fmt: skip
    shortest: int = data(2, "steps from one end to the other, least", low=1, high=MOST)
    longest: int = data(8, "steps from one end to the other, most", low=1, high=MOST)
    connectivity: int = static(4, "neighbours of a cell: 4, or 8 with diagonals")
    label: str = static("all", "cells that are asked for: on all shortest paths, or on "
                        "one of them", names=LABELS)  # fmt: skip

    def check(self) -> None:
        """Distances must be in order, the connectivity one of two."""
        known = " or ".join(map(str, CONNECTIVITIES))
        require(
            self.connectivity in CONNECTIVITIES,
            f"{self.kind}.connectivity: {self.connectivity} is not {known}",
        )
        require(
            self.longest >= self.shortest,
            f"{self.kind}.longest: {self.longest} is below {self.kind}.shortest, "
            f"{self.shortest}",
        )

    def window(self, epoch: Any) -> tuple[Any, Any]:
        """Returns the least and the most steps in an epoch; they may be traced."""
        del epoch
        return self.shortest, self.longest

    def side(self, shape: tuple[int, ...]) -> int:
        """Returns how many cells a side a grid has in the place of an image."""
        return shape[0]

    def shape(self, shape):
        """That of a grid."""
        side = self.side(shape)
        return (side, side, CHANNELS)

    def check_images(self, shape):
        """The images are grids already, and others can be drawn."""
        require(
            shape[2] == CHANNELS and shape[0] == shape[1],
            f"{self.kind} draws square grids of {CHANNELS} channels, the data have "
            f"images of {'x'.join(map(str, shape))}: take data paths:5000x16, say",
        )
        shortest, longest = (int(steps) for steps in self.window(0))
        check_grids(
            self.kind, self.side(shape), self.density, shortest, longest,
            self.connectivity, self.label,
        )  # fmt: skip

    def apply(self, key, image, place):
        """Draws; of a mask [h, w, 1] it makes the label of the same grid."""
        shortest, longest = self.window(place.epoch)
        grid = draw_grid(
            key, self.side(image.shape), self.density, shortest, longest,
            self.connectivity, self.label,
        )  # fmt: skip
        if image.shape[2] == 1:
            return grid.path[:, :, None].astype(image.dtype)
        return jnp.stack([grid.obstacles, grid.ends], axis=-1).astype(image.dtype)


@config("draw_paths")
class DrawPaths(Drawn):
    """Grids whose distances grow: from `shortest` to `longest`, and more with epochs.

    After every `every` epochs the largest distance is `growth` larger, up to `limit`.
    """

    growth: int = data(0, "steps by which the largest distance grows", low=0,
                       high=MOST)  # fmt: skip
    every: int = data(1, "epochs from one growth to the next", low=1, high=MOST)
    limit: int = data(MOST, "largest distance of all", low=1, high=MOST)

    def check(self) -> None:
        """The limit must not cut off what the first epoch asks for."""
        super().check()
        require(
            self.limit >= self.longest,
            f"{self.kind}.limit: {self.limit} is below {self.kind}.longest, "
            f"{self.longest}",
        )

    def check_images(self, shape):
        """A limit that is set can be reached."""
        super().check_images(shape)
        side = self.side(shape)
        largest = largest_distance(
            side, self.density, self.shortest, self.longest, self.connectivity
        )
        require(
            self.limit in (MOST, self.longest) or self.limit <= largest,
            f"{self.kind}.limit: {self.limit} is not reached by grids of {side}x{side} "
            f"with obstacles of density {self.density:g}; the largest distance in a "
            f"sample of them is {largest}: name no more, or leave it out",
        )

    def after(self, epoch):
        """With the distances that the last epoch had, which grow no more."""
        if not self.growth:
            return self
        longest = int(self.window(max(epoch - 1, 0))[1])
        return dataclasses.replace(self, longest=longest, growth=0, limit=longest)

    def window(self, epoch):
        """Returns the least and the most steps in an epoch."""
        times = epoch // self.every
        grown = self.longest + self.growth * times
        # The product of large numbers would wrap.
        whole = (self.limit - self.longest) // jnp.maximum(self.growth, 1)
        return self.shortest, jnp.where(
            (self.growth > 0) & (times > whole), self.limit, grown
        )


@config
class FixedPaths(Drawn):
    """A view: grids of fixed distances, which may be larger than those trained on."""

    size: int = static(0, "cells a side; 0: as the images", low=0)

    def side(self, shape):
        """As said."""
        return self.size or shape[0]


@config("far")
class Far(FixedPaths):
    """Grids whose ends are further apart than those trained on."""


@config("farther")
class Farther(FixedPaths):
    """Grids whose ends are further apart still."""


@config("larger")
class Larger(FixedPaths):
    """Grids larger than those trained on."""


@config("largest")
class Largest(FixedPaths):
    """Grids that are larger still."""
