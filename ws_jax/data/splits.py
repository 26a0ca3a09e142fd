"""How a data set is cut: which images train, which validate, which are kept for a test.

A split is index arrays with roles. Splits of one data set may differ in size by a few
images: they are stacked, filled up, and come with their sizes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from ws_jax.config import check_name
from ws_jax.data.dataset import DataError, Dataset, Fold, folds, published_split


@dataclasses.dataclass(frozen=True, eq=False)
class Split:
    """Indices of the images of each role, int32, ascending.

    Attributes:
      train: images that are trained on.
      validation: images that are scored after every epoch.
      test: images that are scored at a run's end, or after every
        epoch (`evaluation.test`); may be none.
    """

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray = dataclasses.field(default_factory=lambda: np.zeros(0, np.int32))


@dataclasses.dataclass(frozen=True)
class Way:
    """A way to split.

    Attributes:
      make: from the data set and the config `Data` to the splits.
      count: from the config to how many splits there are.
      fields: of the config that it uses.
    """

    make: Callable[[Dataset, Any], tuple[Split, ...]]
    count: Callable[[Any], int]
    fields: tuple[str, ...] = ()


def _of(fold: Fold) -> Split:
    return Split(fold.train_index, fold.validation_index)


def _folds(dataset: Dataset, config: Any) -> tuple[Split, ...]:
    return tuple(_of(fold) for fold in folds(len(dataset), config.num_folds))


def _published(dataset: Dataset, config: Any) -> tuple[Split, ...]:
    del config
    return (_of(published_split(dataset)),)


def _holdout(dataset: Dataset, config: Any) -> tuple[Split, ...]:
    count = round(dataset.num_train * config.holdout)
    if not 0 < count < dataset.num_train:
        raise DataError(
            f"data.holdout {config.holdout} of {dataset.num_train} images leaves "
            "nothing to train on or to validate with"
        )
    index = np.arange(len(dataset), dtype=np.int32)
    edge = dataset.num_train - count
    return (Split(index[:edge], index[edge : edge + count], index[edge + count :]),)


# By name; a way of one's own is entered here. `folds`: contiguous folds of the joined
# set; `published`: trained on its training part, validated on its test part;
# `holdout`: validated on the last of its training part, tested on its test part.
SPLITS: dict[str, Way] = {
    "folds": Way(_folds, lambda config: config.num_folds, ("num_folds",)),
    "published": Way(_published, lambda config: 1),
    "holdout": Way(_holdout, lambda config: 1, ("holdout",)),
}


def make_splits(dataset: Dataset, config: Any) -> tuple[Split, ...]:
    """Returns the splits of a data set, as its config `Data` says.

    Raises:
      ConfigError: for an unknown way.
      DataError: if the data cannot be split so.
    """
    check_name("data split", config.split, SPLITS)
    return SPLITS[config.split].make(dataset, config)
