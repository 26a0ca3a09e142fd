"""Which cells of a grid lie on shortest paths between two of them."""

from __future__ import annotations

from typing import ClassVar

import jax.numpy as jnp

from ws_jax.config import config
from ws_jax.tasks.segmentation import Segmentation


@config("shortest_paths")
class ShortestPaths(Segmentation):
    """A mask as in `segmentation`, with what F1 is to be compared with.

    `ones_f1` is the F1 of saying yes everywhere; that of saying no everywhere is 0. It
    is kept of each view, too, since it is another one where paths fill more of a grid.
    `exact` is the part of the grids of which every cell is right.
    """

    beside: ClassVar[tuple[str, ...]] = ("ones_f1",)

    def totals(self, outputs, targets, losses):
        """Those of a mask, its cells, and whether all of them are right."""
        found = super().totals(outputs, targets, losses)
        wrong = found["false_alarms"] + found["misses"]
        cells = jnp.full_like(losses, targets[0].size)
        return {**found, "cells": cells, "exact": (wrong == 0).astype(jnp.float32)}

    def metrics(self, totals):
        """Those of a mask, and what is said above."""
        true = totals["hits"].total + totals["misses"].total
        return {
            **super().metrics(totals),
            "exact": totals["exact"].total / totals["exact"].count,
            "ones_f1": 2 * true / (true + totals["cells"].total),
        }
