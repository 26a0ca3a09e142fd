"""The tables of "To share or not to share?" as data.

Source: Ott, Linstead, LaHaye, Baldi, "Learning in the machine: To share or not to
share?", Neural Networks 126 (2020), arXiv 1909.11483. The tables were made with the
released code's semantics; a cell is the median over all epochs of all five folds.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from importlib import resources

import pandas as pd

from ws_jax.analysis.tables import PublishedTable
from ws_jax.config import check_name

PAPER = "Ott et al. 2020, Neural Networks 126, arXiv 1909.11483"
ORIGINAL_RUNS = "beside the original’s own runs"
LEVELS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.99)
# The grid search of Appendix A.1.
GRID_RATES = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6)
GRID_DEPTHS = (2, 3)
# Of an example by the released code: Keras's probabilities are no less than 1e-7.
MOST_LOSS = -math.log(1e-7)
# Where the released code's grid runs at rate .1 end: lowest and highest loss, then
# accuracy. Its clipped loss pushes nothing there.
AT_RATE_TENTH = (14.4, 14.5, 0.096, 0.101)
# A published table's columns under the names of ours.
METRICS = {"train_acc": "acc", "val_acc": "val_acc", "translation_acc": "translation"}


@dataclasses.dataclass(frozen=True)
class Setting:
    """How the networks behind the published tables were trained (Table A.2)."""

    num_conv_layers: int
    learning_rate: float
    num_folds: int
    patience: int  # epochs; no run of the paper was shorter
    max_epochs: int


# The columns that say how runs are trained, as those of the paper were.
MANNER = {"optimizer": "adam", "phase": "none", "coupling": 0.0}
# Single points of the semantics in older records: the bundle says them all.
OLDER = (
    "semantics.edge_noise",
    "semantics.rotation_centre",
    "semantics.batches",
    "semantics.shuffling",
)
SETTINGS = {
    "mnist": Setting(3, 1e-3, 5, 50, 250),
    "cifar10": Setting(3, 1e-4, 5, 100, 500),
}


_NAMES = {
    ("mnist", "translation"): "Table 1",
    ("cifar10", "translation"): "Table 2",
    ("mnist", "edge_noise"): "Table B.1",
    ("cifar10", "edge_noise"): "Table B.1",
    ("mnist", "noise"): "Table B.2",
    ("cifar10", "noise"): "Table B.2",
    ("mnist", "rotation"): "Table B.3",
    ("cifar10", "rotation"): "Table B.3",
}


@functools.cache
def table(data: str, kind: str) -> PublishedTable:
    """Reads one published table.

    Args:
      data: `mnist` or `cifar10`.
      kind: training augmentation, as `translation`.

    Raises:
      ConfigError: if the paper has no table for them.
    """
    check_name("data set with published tables", data, SETTINGS)
    check_name("augmentation", kind, sorted({kind for _, kind in _NAMES}))
    file = resources.files(__name__) / f"{kind}_{data}.csv"
    with file.open() as lines:
        wide = pd.read_csv(lines)
    tall = wide.melt(["aug", "model"], var_name="metric", value_name="published")
    tall["metric"] = tall["metric"].map(METRICS)
    name = _NAMES[data, kind]
    return PublishedTable(name, data, kind, f"{PAPER}, {name}", tall)


def tables() -> tuple[PublishedTable, ...]:
    """Returns all published tables, in the paper's order."""
    return tuple(table(data, kind) for data, kind in _NAMES)


@functools.cache
def released_level0() -> pd.DataFrame:
    """Reads what the original's own five folds have on MNIST at level 0.

    Source: the released results, columns as in the file that the code writes; its FCN
    has the released initialisation, its data the order of the original files.

    Returns:
      A row for each `model`, `epoch` and `metric`, with `mean` and `sd_over_folds`;
      accuracies in [0, 1].
    """
    with resources.files(__name__).joinpath("released_level0_mnist.csv").open() as file:
        return pd.read_csv(file)
