"""Means as totals and counts: added up on the device, divided once on the host."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array


class Total(NamedTuple):
    """A sum and the number of things summed; each has the axes of what is mapped."""

    total: Array
    count: Array

    def mean(self) -> np.ndarray:
        """Returns total / count in float64, NaN where nothing was counted."""
        total = np.asarray(self.total, np.float64)
        count = np.asarray(self.count, np.float64)
        return np.where(count > 0, total / np.maximum(count, 1), np.nan)


Metrics = dict[str, Total]


def measured(value: Array) -> Total:
    """Wraps one measured value."""
    return Total(value, jnp.ones_like(value))


def sum_leading(metrics: Metrics) -> Metrics:
    """Adds up totals that a scan has stacked on their first axis."""
    return jax.tree.map(lambda a: a.sum(axis=0), metrics)
