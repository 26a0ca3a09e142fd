"""How long runs trained, in steps: what an epoch is differs from study to study."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd

from ws_jax.analysis.claims.departures import Presets

# Training images of data sets as they are published.
TRAIN = {
    "cifar10": 50_000,
    "cifar100": 50_000,
    "tiny_imagenet": 100_000,
    "imagenet": 1_281_167,
}
_OF_STEPS = ("data.split", "data.holdout", "data.num_images", "train.batch_size")


def steps(rows: pd.DataFrame, own: Presets, known: Callable[[str], str] = str) -> int:
    """Returns the training steps of an epoch; 0 where results do not tell.

    Args:
      rows: tidy, of one data set; runs that differ in their steps give 0, too.
      own: of the paper that the runs are of, for what no column tells.
      known: from the name of data to that in `TRAIN`.
    """
    told = pd.DataFrame({name: own.values(rows, name) for name in _OF_STEPS})
    each = told.assign(data=rows["data"]).drop_duplicates()
    found = {_steps(row, known(row["data"])) for row in each.to_dict("records")}
    return found.pop() if len(found) == 1 else 0


def _steps(row: dict[Any, Any], data: str) -> int:
    whole, part = TRAIN.get(data, 0), int(row["data.num_images"])
    if not whole:
        return 0
    count = min(whole, part) if part else whole
    if row["data.split"] == "holdout":
        count -= round(count * float(row["data.holdout"]))
    elif row["data.split"] != "published":
        return 0
    return -(-count // int(row["train.batch_size"]))


def epochs(least: int, each: int) -> int:
    """Returns the epochs that make so many steps, the last one whole.

    Args:
      least: steps.
      each: of an epoch; if 0, which is not known, none are asked for.

    Example:
      >>> epochs(4_900, 50), epochs(4_900, 98), epochs(4_901, 98)
      (98, 50, 51)
    """
    return -(-least // each) if each else 0
