"""How many kernels folding would leave of a bank, in networks and by chance."""

from __future__ import annotations

import functools

import numpy as np
import pandas as pd

from ws_jax.folding.grouping import group_layers, similarity
from ws_jax.papers.savarese2019 import runs

ALIKE = 0.9  # layers this similar count as one
MOVED = 0.01  # by which a similarity must change for training to have changed it
_DRAWS = 1000  # of random coefficients


@functools.cache
def by_chance(layers: int, templates: int) -> float:
    """Returns the mean number of kernels left of random orthogonal coefficients.

    Example:
      >>> round(by_chance(6, 2), 1)
      3.6
    """
    rng = np.random.default_rng(0)
    drawn = np.linalg.qr(rng.normal(size=(_DRAWS, layers, templates)))[0]
    return float(np.mean([_kernels(similarity(one)) for one in drawn]))


def _kernels(matrix: np.ndarray) -> int:
    return max(group_layers(matrix, ALIKE, "complete")) + 1


def left(rows: pd.DataFrame) -> pd.Series:
    """Returns, by seed, the kernels that folding would leave in a stage: their mean.

    Seeds that diverged have no value, and those that lack stages which others have.

    Args:
      rows: of one network; its similarities after the last epoch count, and layers are
        tied if all pairs of a group are alike by `ALIKE`. Only stages count that have
        more layers than templates, and more than two.
    """
    counts = {
        seed: [_kernels(matrix) for matrix in _banks(own, int(own["epoch"].max()))]
        for seed, own in rows.groupby("seed")
    }
    most = max(map(len, counts.values()), default=0)
    found = {s: float(np.mean(c)) for s, c in counts.items() if c and len(c) == most}
    return pd.Series(found, dtype=float)


def unmoved(rows: pd.DataFrame) -> str:
    """Says that training is not shown to have changed similarities; empty if it has.

    Args:
      rows: of one network.
    """
    known = False
    for _, own in rows.groupby("seed"):
        first, last = (_banks(own, int(e)) for e in (0, own["epoch"].max()))
        if not first or len(first) != len(last):
            continue
        known = True
        if any(np.abs(a - b).max() > MOVED for a, b in zip(first, last, strict=True)):
            return ""
    when = "are those of before training" if known else "before training are not known"
    return f"similarities {when}"


def _banks(rows: pd.DataFrame, epoch: int) -> list[np.ndarray]:
    """Returns the similarities of a run's stages that count, after an epoch."""
    at, templates = rows[rows["epoch"] == epoch], rows["templates"].iloc[0]
    found = [m for name in runs.BANKS for _, m in runs.matrices(at, name)]
    return [m for m in found if len(m) > max(2, templates) and np.isfinite(m).all()]
