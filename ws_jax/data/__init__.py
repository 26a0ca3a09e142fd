"""Labelled image data sets by name, and their cross-validation folds."""

from ws_jax.data.dataset import (
    DataError,
    Dataset,
    Fold,
    NotFoundError,
    folds,
    published_split,
)
from ws_jax.data.sources import DATASETS, example, load
from ws_jax.data.splits import SPLITS, Split, make_splits
from ws_jax.data.synthetic import make_synthetic

__all__ = [
    "DATASETS",
    "SPLITS",
    "DataError",
    "Dataset",
    "Fold",
    "NotFoundError",
    "Split",
    "example",
    "folds",
    "load",
    "make_splits",
    "make_synthetic",
    "published_split",
]
