"""How often kernels were shared: what a cadence came to in the batches of an epoch."""

from __future__ import annotations

import dataclasses
import math

import pandas as pd

from ws_jax.analysis import labels
from ws_jax.analysis.claims import lengths
from ws_jax.papers.pogodin2021 import runs
from ws_jax.papers.pogodin2021.own import OWN, known_data

_OF_PHASE = ("train.phase.count", "train.phase.first")


@dataclasses.dataclass(frozen=True)
class Cadence:
    """How often a run shared its kernels.

    Attributes:
      every: batches from one time to the next, as asked for.
      batches: of an epoch.
      epochs: that the run trained.
      restarts: whether batches are counted anew in every epoch.
      first: batch after which kernels are shared first, from 1; 0: after `every`.
    """

    every: int
    batches: int
    epochs: int
    restarts: bool
    first: int

    @property
    def times(self) -> int:
        """How often kernels were shared in all.

        Example:
          >>> Cadence(100, 50, 20, True, 1).times, Cadence(100, 50, 20, True, 0).times
          (20, 0)
        """
        counted = self.batches if self.restarts else self.batches * self.epochs
        start = self.first or self.every
        once = (counted - start) // self.every + 1 if counted >= start else 0
        return once * self.epochs if self.restarts else once

    @property
    def acted(self) -> float:
        """Batches from one time to the next on average; infinite for never."""
        if not self.times:
            return math.inf
        if not self.restarts:
            return self.every
        return self.batches * self.epochs / self.times

    @property
    def differs(self) -> bool:
        """Whether kernels were shared more often, or less, than the cadence says."""
        return round(self.acted, 6) != self.every

    @property
    def tick(self) -> str:
        """What stands at an axis: the cadence, what it acted as, and how often."""
        if not self.times:
            return f"{self.every}: never"
        acted = f" (as {self.acted:.3g})" if self.differs else ""
        return f"{self.every}{acted}\n{labels.count(self.times, 'time')}"


def known(rows: pd.DataFrame, how: str = "instant") -> dict[int, Cadence]:
    """Returns the cadences of runs that share now and then, as far as results tell.

    Args:
      rows: of one data set and length, as `runs.own` returns them.
      how: they share, as `runs.shared` takes it.
    """
    found: dict[int, Cadence] = {}
    free = rows[rows["condition"].isin([runs.shared(n, how) for n in runs.CADENCES])]
    for _, own in free.groupby("condition"):
        told = pd.DataFrame({name: OWN.values(own, name) for name in _OF_PHASE})
        of, batches = told.drop_duplicates(), lengths.steps(own, OWN, known_data)
        row = of.iloc[0].to_dict()
        if batches and len(of) == 1:
            every = runs.every(own)
            restarts = row["train.phase.count"] == "epoch"
            found[every] = Cadence(
                every, batches, int(own["epoch"].max()), restarts,
                int(row["train.phase.first"]),
            )  # fmt: skip
    return found


def said(rows: pd.DataFrame, how: str = "instant", usual: int = 0) -> dict[int, str]:
    """Says of each cadence that came to another one what it came to.

    Args:
      rows: as `known` takes them.
      how: they share, as `runs.shared` takes it.
      usual: batches of an epoch in the paper; what it came to there, too, is not said.
        0: all is.
    """
    found = {}
    for every, one in sorted(known(rows, how).items()):
        there = dataclasses.replace(one, batches=usual or one.batches)
        if one.differs and not (usual and one.acted == there.acted):
            came = f"every {one.acted:.3g}" if one.times else "never"
            found[every] = f"every {every} batches came to {came}"
    return found


def note(rows: pd.DataFrame) -> str:
    """Says which cadences came to another one, as a caption needs it; else nothing."""
    told = said(rows)
    if not told:
        return ""
    first = next(iter(known(rows).values()))
    anew = ", counted anew in each" if first.restarts else ""
    joined = " and ".join(told.values())
    return f" An epoch has {first.batches} batches{anew}, so {joined}."
