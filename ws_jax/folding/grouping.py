"""Groups of layers that are alike, by a threshold on their similarity.

NumPy alone, since a report that reads results does not wait for what trains.
"""

from __future__ import annotations

from typing import Any

import numpy as np

LINKS = ("connected", "complete")
_ROUNDING = 1e-6  # of similarities that were computed in float32

Matrix = Any  # float NumPy array, [layers, k] or [layers, layers]


def similarity(coefficients: Matrix) -> np.ndarray:
    """Returns `measure.layer_similarity` in float64, for deciding by thresholds."""
    rows = np.asarray(coefficients, np.float64)
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    unit = rows / np.where(norms > 0, norms, 1)
    return np.minimum(np.abs(unit @ unit.T), 1)


def group_layers(similar: Matrix, threshold: float, link: str) -> tuple[int, ...]:
    """Groups layers by a threshold.

    Args:
      similar: their similarities, [layers, layers].
      threshold: least one of a pair that is tied, up to float32's rounding.
      link: `connected`, a chain of similar pairs ties two layers; or `complete`, all
        pairs of a group are similar. Groups are joined one by one, the most similar
        first. What is no number (a run that diverged) is alike to nothing.
    Returns:
      The number of each layer's group, counted in the order of the layers.
    """
    similar = np.asarray(similar, np.float64)
    similar = np.where(np.isnan(similar), -np.inf, similar)
    reduce = {"connected": np.max, "complete": np.min}[link]
    groups = [[layer] for layer in range(len(similar))]
    while True:
        links = [
            (reduce(similar[np.ix_(a, b)]), -i, -j)
            for i, a in enumerate(groups)
            for j, b in enumerate(groups[:i])
        ]
        most, i, j = max(links, default=(-1.0, 0, 0))
        if most < threshold - _ROUNDING or not links:
            break
        groups[-j] = sorted(groups[-j] + groups.pop(-i))
    groups.sort()
    number = {layer: n for n, group in enumerate(groups) for layer in group}
    return tuple(number[layer] for layer in range(len(similar)))
