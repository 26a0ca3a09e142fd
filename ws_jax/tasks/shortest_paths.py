"""Which cells of a grid lie on shortest paths between two of them."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import jax.numpy as jnp

from ws_jax.config import config, part
from ws_jax.tasks.segmentation import Segmentation
from ws_jax.tasks.similarity import SimilarityTerm
from ws_jax.tasks.task import LossTerm


@config("shortest_paths")
class ShortestPaths(Segmentation):
    """A mask as in `segmentation`, with what F1 is to be compared with.

    `ones_f1` is the F1 of saying yes everywhere; that of saying no everywhere is 0. It
    is kept of each view, too, since it is another one where paths fill more of a grid.
    `exact` is the part of the grids of which every cell is right.

    A network without template banks is trained without the terms that bring layers of
    a bank together, so that one sweep can have both.
    """

    beside: ClassVar[tuple[str, ...]] = ("ones_f1",)
    terms: tuple[LossTerm, ...] = part((), "added to the loss")

    def suited(self, network):
        """Without a bank, without the term of its similarities."""
        if getattr(network, "templates", 1):
            return self
        kept = tuple(t for t in self.terms if not isinstance(t, SimilarityTerm))
        return dataclasses.replace(self, terms=kept)

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
