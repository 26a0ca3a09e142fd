"""The runs in the paper's setting, beside the paper's numbers."""

from __future__ import annotations

import math

import pandas as pd

from ws_jax.analysis.claims import evidence
from ws_jax.papers.ott2020 import published, runs


class Evidence(evidence.Evidence):
    """The runs on one data set under one semantics and initialisation."""

    def __init__(
        self,
        frame: pd.DataFrame,
        data: str,
        semantics: str,
        init: str,
        epochs: int | None = None,
        setting: str | None = None,
    ):
        """Picks the runs.

        Args:
          frame: results; only the paper's runs are used (`runs.departures`).
          data: `mnist` or `cifar10`.
          semantics: of the sweep.
          init: of the free layers; shared kernels have one reading.
          epochs: that the runs may take at most; else the longest there are. Runs of
            other length are not judged with them.
          setting: in which they are, if there are several: on images in another order,
            say. Runs in different ones are never judged together.
        """
        rows = runs.select(frame, data).rows
        limits = rows["epochs"].unique()
        if epochs is None:
            epochs = int(max(limits, default=0))
        rows = rows[rows["epochs"] == epochs]
        if setting is not None:
            rows = rows[rows["setting"] == setting]
        super().__init__(rows, data, semantics, init)
        self.limit = epochs
        self.setting = setting or ""

    @property
    def settled(self) -> int:
        """Epochs after which training has settled: the paper's patience.

        No run of the paper was shorter.
        """
        return published.SETTINGS[self.data].patience

    @property
    def classes(self) -> int:
        """Of either data set."""
        return 10

    def published(
        self, model: str, metric: str, level: float, kind: str = "translation"
    ) -> float:
        """Returns the paper's median; NaN where its tables have none."""
        try:
            return published.table(self.data, kind).value(level, model, metric)
        except KeyError:
            return math.nan
