"""What a claim is judged on: one number a fold, of one network or of several."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple, TypeVar

import numpy as np
import pandas as pd

from ws_jax.analysis import labels

T = TypeVar("T")
NOTHING = pd.Series(dtype="float64")  # the values of a sample that has no runs


class Amiss(NamedTuple):
    """What is wrong with the runs of one cell."""

    where: str  # the cell, but for its last number
    level: float  # that number
    text: str


def said(amiss: Iterable[Amiss]) -> str:
    """Says what is amiss, once for all levels of which it is the same."""
    groups: dict[tuple[str, str], list[float]] = {}
    for where, level, text in amiss:
        groups.setdefault((where, text), []).append(level)
    return "; ".join(
        f"{where} {labels.listed(levels)}: {text}"
        for (where, text), levels in groups.items()
    )


@dataclasses.dataclass(frozen=True)
class Sample:
    """One number a fold.

    Attributes:
      values: indexed by fold.
      epochs: of the shortest run behind them.
      missing: what runs it lacks, in words.
      amiss: what is wrong with the runs that are there: folds that diverged, were not
        trained, or are still under way.
      running: whether any run is still under way.
      maybe_high: whether the values may be too high: any run diverged, and what is left
        may be a choice of the better ones.
      maybe_low: whether they may be too low, for such a choice in what is subtracted.
      networks: those that were measured, as whoever makes samples tells them apart.
      measures: what was measured of them, in the same way.
      gone: folds that should be there and have no value, though no run of them
        diverged: they were not trained, say, or deleted.
    """

    values: pd.Series
    epochs: int = 0
    missing: tuple[str, ...] = ()
    amiss: tuple[Amiss, ...] = ()
    running: bool = False
    maybe_high: bool = False
    maybe_low: bool = False
    networks: tuple[tuple, ...] = ()
    measures: tuple[tuple, ...] = ()
    gone: frozenset[int] = frozenset()

    def __sub__(self, other: Sample) -> Sample:
        """Returns the differences on the folds that both have."""
        parts = [self, other._turned()]
        if self.values.empty or other.values.empty:  # quick, and frequent
            return _joined(parts, NOTHING)
        return _joined(parts, (self.values - other.values).dropna())

    def __mul__(self, factor: float) -> Sample:
        """Returns the values times a number; one below 0 turns high into low."""
        own = self._turned() if factor < 0 else self
        return dataclasses.replace(own, values=self.values * factor)

    def _turned(self) -> Sample:
        """The same where what is too high makes something else too low."""
        high, low = self.maybe_low, self.maybe_high
        return dataclasses.replace(self, maybe_high=high, maybe_low=low)

    def where(self, others: Iterable[Sample]) -> Sample:
        """Returns the values on the folds on which others have one, too.

        For what a check hangs on besides. A fold that others lack is gone here, too.
        Others without any value have no say in it.
        """
        known = [other for other in others if len(other.values)]
        there = [self.values.index.isin(other.values.index) for other in known]
        values = self.values[np.logical_and.reduce(there)] if known else self.values
        gone = self.gone.union(*(other.gone for other in known))
        return dataclasses.replace(self, values=values, gone=gone)

    @property
    def mean(self) -> float:
        """Over the folds; NaN without any."""
        return float(self.values.mean()) if len(self.values) else math.nan


def average(samples: Iterable[Sample]) -> Sample:
    """Returns the mean of several samples on the folds that all have."""
    parts = list(samples)
    if any(part.values.empty for part in parts):
        return _joined(parts, NOTHING)
    values = pd.concat([part.values for part in parts], axis=1, join="inner")
    return _joined(parts, values.mean(axis=1))


def rank_correlation(samples: Iterable[Sample]) -> Sample:
    """Returns Spearman's correlation of samples with their order, fold by fold."""
    parts = list(samples)
    if any(part.values.empty for part in parts):
        return _joined(parts, NOTHING)
    values = pd.concat([part.values for part in parts], axis=1, join="inner")
    ranks = values.rank(axis=1).set_axis(range(len(parts)), axis=1)
    places = pd.Series(range(len(parts)), dtype="float64")
    found = _joined(parts, ranks.T.corrwith(places).dropna())
    lost = found.maybe_high or found.maybe_low  # which of them lie too high or too low
    return dataclasses.replace(found, maybe_high=lost, maybe_low=lost)


def _joined(parts: Sequence[Sample], values: pd.Series) -> Sample:
    """Returns a sample of values that rise with those of several others."""
    return Sample(
        values,
        min(part.epochs for part in parts),
        together(part.missing for part in parts),
        together(part.amiss for part in parts),
        any(part.running for part in parts),
        any(part.maybe_high for part in parts),
        any(part.maybe_low for part in parts),
        together(part.networks for part in parts),
        together(part.measures for part in parts),
        frozenset().union(*(part.gone for part in parts)),
    )


def together(groups: Iterable[Iterable[T]]) -> tuple[T, ...]:
    """Returns all items of groups in their order, each once."""
    return tuple(dict.fromkeys(item for group in groups for item in group))
