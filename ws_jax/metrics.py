"""Totals and counts: added up on the device, made metrics once on the host."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from ws_jax.tasks import Task


class Total(NamedTuple):
    """A sum and the number of things summed; each has the axes of what is mapped."""

    total: Array
    count: Array


Metrics = dict[str, Any]  # of totals, maybe nested


def measured(value: Array) -> Total:
    """Wraps one measured value."""
    return Total(value, jnp.ones((), jnp.float32))


def sum_leading(metrics: Metrics) -> Metrics:
    """Adds up totals that a scan has stacked on their first axis."""
    return jax.tree.map(lambda a: a.sum(axis=0), metrics)


def epoch_metrics(task: Task, views: list[str], totals: Metrics) -> dict[str, Any]:
    """Makes the metrics of one run's epoch of its totals, in float64.

    Args:
      task: says how.
      views: names of the views.
      totals: of one run, on the host: `train`, `val`, `view_NAME`, `test`, `measured`;
        any of them may be missing.
    Returns:
      Numbers, and lists of them: the task's metrics by their names, those of the
      validation images after `val_`, of the test images after `test_`, of each view
      the watched one by the view's name (and after it those of `task.beside`), and
      what was measured.
    """
    totals = jax.tree.map(lambda a: np.asarray(a, np.float64), totals)
    found: dict[str, Any] = {}
    with np.errstate(divide="ignore", invalid="ignore"):
        for part, prefix in (("train", ""), ("val", "val_"), ("test", "test_")):
            if part in totals:
                made = task.metrics(totals[part])
                found |= {f"{prefix}{name}": value for name, value in made.items()}
        for view in views:
            if f"view_{view}" in totals:
                made = task.metrics(totals[f"view_{view}"])
                found[view] = made[task.watched]
                found |= {f"{view}_{name}": made[name] for name in task.beside}
    for name, entry in totals.get("measured", {}).items():
        found[name] = entry.total
    return {name: np.asarray(value).tolist() for name, value in found.items()}
