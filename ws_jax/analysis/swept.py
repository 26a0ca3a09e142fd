"""A sweep of one's own as data: its fields, and a number for each of its runs.

Runs are compared by the validation metric that their task watches, each at its best
epoch; at its last, where the validation images change with the epochs, since numbers of
two epochs are then of two tasks.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd

from ws_jax.analysis import aggregate, varying, watched

SHORT = 5  # epochs; what trained for fewer tells little
FOLDED = "network.origin"  # of folded networks: what they were folded from


@dataclasses.dataclass(frozen=True)
class Swept:
    """The runs on one data set, and what they are compared by.

    Attributes:
      rows: tidy.
      fields: those in which the runs differ.
      metric: the column of the watched validation metric.
      sign: 1 where more of it is better, else -1.
      reading: `best_epoch` or `last_epoch`: that of each run in which it is compared.
      runs: one row per run: `fold`, `seed`, `num_folds`, `status`, `value` (in that
        epoch) and a column of words for each field, `field 0` and so on.
      foldings: how many runs are left out since they train a folded network on.
    """

    rows: pd.DataFrame
    fields: list[varying.Field]
    metric: str
    sign: int
    reading: str
    runs: pd.DataFrame
    foldings: int = 0

    def show(self, value: float) -> str:
        """Returns a value of the metric, a share in percent."""
        if watched.is_share(self.rows, self.metric):
            return f"{100 * value:.1f} %"
        return f"{value:.4g}"

    def difference(self, value: float) -> str:
        """Returns a difference of two values, of shares in points."""
        if watched.is_share(self.rows, self.metric):
            return f"{100 * value + 0.0:.1f}".replace("-", "−")
        return f"{value:.3g}".replace("-", "−")

    @property
    def unit(self) -> str:
        """The unit of differences."""
        return " points" if watched.is_share(self.rows, self.metric) else ""

    @property
    def moves(self) -> bool:
        """Whether validation images change with the epochs, so that last ones count."""
        return self.reading == "last_epoch"

    @property
    def epoch(self) -> str:
        """The epoch in which runs are compared, in words."""
        return "last epoch" if self.moves else "best epoch"

    @property
    def repeated(self) -> str:
        """By what runs of a setting are paired: `fold`, or `seed` if there is one."""
        return "fold" if self.runs["fold"].nunique() > 1 else "seed"

    @property
    def is_short(self) -> bool:
        """Whether no run trained long enough to tell much."""
        return int(self.rows["epoch"].max()) < SHORT


def collect(rows: pd.DataFrame) -> Swept:
    """Reads tidy rows of one data set and one watched metric as a study.

    Networks that were folded and trained on start from one that was trained before them
    (`FOLDED`): they are compared with each other only.
    """
    folded = rows.get(FOLDED, pd.Series(np.nan, rows.index)).notna()
    if folded.all():
        return _collect(rows, 0)
    return _collect(rows[~folded], rows.loc[folded, "training"].nunique())


def _collect(rows: pd.DataFrame, foldings: int) -> Swept:
    assert len(watched.by_metric(rows)) == 1
    metric = str(watched.names(rows).iloc[0])
    metric = metric if metric in rows.columns else "val_acc"
    sign = -1 if watched.less_is_better(rows).any() else 1
    reading = "last_epoch" if watched.moving(rows).any() else "best_epoch"
    fields = varying.fields(rows)
    values = aggregate.run_values(rows, metric, reading)
    words = pd.DataFrame({key(i): field.words for i, field in enumerate(fields)})
    first = words.groupby(rows["training"]).first()
    runs = values[["fold", "seed", "num_folds", "status", "trained", "value"]]
    runs = runs.join(first)
    return Swept(rows, fields, metric, sign, reading, runs, foldings)


def key(place: int) -> str:
    """Returns the column of a field in `Swept.runs`."""
    return f"field {place}"


def named(fields: list[varying.Field], values) -> str:
    """Says the values of some fields, as `FCN, learning rate 0.01`."""
    values = values if isinstance(values, tuple) else (values,)
    return ", ".join(
        field.said(value) for field, value in zip(fields, values, strict=True) if value
    )
