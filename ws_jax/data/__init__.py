"""Labelled image data sets by name, and their cross-validation folds."""

from ws_jax.data.dataset import (
    DataError,
    Dataset,
    Fold,
    NotFoundError,
    folds,
    published_split,
)
from ws_jax.data.sources import load
from ws_jax.data.synthetic import make_synthetic

__all__ = [
    "DataError",
    "Dataset",
    "Fold",
    "NotFoundError",
    "folds",
    "load",
    "make_synthetic",
    "published_split",
]
