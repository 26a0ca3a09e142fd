"""What a claim is judged on: values by fold, and checks of them against thresholds.

A check asks whether a mean over folds lies above or below a threshold. It passes if the
whole 95 % interval does (corrected resampled t-test, `statistics.py`), fails if the
whole interval lies on the other side, and is undecided otherwise. Runs that are
missing, too short or on fewer than two folds leave it undecided too.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable

import pandas as pd

from ws_jax.analysis import aggregate, labels, published, statistics

HOLDS = "holds"
FAILS = "does not hold"
UNDECIDED = "not enough data"


@dataclasses.dataclass(frozen=True)
class Sample:
    """One number a fold.

    Attributes:
      values: indexed by fold.
      epochs: of the shortest run behind them.
      missing: what runs it lacks, in words.
    """

    values: pd.Series
    epochs: int = 0
    missing: tuple[str, ...] = ()

    def __sub__(self, other: Sample) -> Sample:
        """Returns the differences on the folds that both have."""
        epochs = min(self.epochs, other.epochs)
        missing = tuple(dict.fromkeys(self.missing + other.missing))
        return Sample((self.values - other.values).dropna(), epochs, missing)

    def __mul__(self, factor: float) -> Sample:
        """Returns the values times a number."""
        return dataclasses.replace(self, values=self.values * factor)

    @property
    def mean(self) -> float:
        """Over the folds; NaN without any."""
        return float(self.values.mean()) if len(self.values) else math.nan


def average(samples: Iterable[Sample]) -> Sample:
    """Returns the mean of several samples on the folds that all have."""
    parts = list(samples)
    values = pd.concat([part.values for part in parts], axis=1, join="inner")
    missing = dict.fromkeys(text for part in parts for text in part.missing)
    epochs = min(part.epochs for part in parts)
    return Sample(values.mean(axis=1), epochs, tuple(missing))


@dataclasses.dataclass(frozen=True)
class Check:
    """One part of a claim, with the numbers that decide it.

    Attributes:
      what: what is measured.
      unit: `points`, `percent` (of images) or `distance`.
      sense: `above` or `below`.
      threshold: where the mean has to lie; accuracies in [0, 1].
      found: mean over folds, interval, effect size.
      published: the paper's number, NaN if it gives none.
      epochs: of the shortest run.
      min_epochs: below which the runs say nothing of the claim.
      missing: runs that are not there.
    """

    what: str
    unit: str
    sense: str
    threshold: float
    found: statistics.Difference
    published: float
    epochs: int
    min_epochs: int
    missing: tuple[str, ...]

    @property
    def outcome(self) -> str:
        """`holds`, `does not hold` or `not enough data`."""
        found = self.found
        if self.missing or self.epochs < self.min_epochs or math.isnan(found.low):
            return UNDECIDED
        above = (found.low >= self.threshold, found.high < self.threshold)
        below = (found.high <= self.threshold, found.low > self.threshold)
        passes, fails = {"above": above, "below": below}[self.sense]
        return HOLDS if passes else FAILS if fails else UNDECIDED

    @property
    def margin(self) -> float:
        """By how many half-widths of its interval the mean clears the threshold."""
        half = (self.found.high - self.found.low) / 2
        sign = {"above": 1, "below": -1}[self.sense]
        distance = sign * (self.found.mean - self.threshold)
        return distance / half if half else math.copysign(math.inf, distance)

    def show(self, value: float) -> str:
        """Returns a value in the check's unit."""
        digits, scale = {"distance": (4, 1)}.get(self.unit, (2, 100))
        text = f"{round(scale * value, digits) + 0.0:.{digits}f}"  # no minus zero
        return text.replace("-", "−")

    @property
    def asked(self) -> str:
        """The threshold in words."""
        word = {"above": "over", "below": "under"}[self.sense]
        scale = 1 if self.unit == "distance" else 100
        return f"{word} {scale * self.threshold:g}"

    @property
    def sentence(self) -> str:
        """The numbers, or why there are none, as one plain sentence."""
        if self.missing:
            verb = "is" if len(self.missing) == 1 else "are"
            return f"{self.what}: not known, {'; '.join(self.missing)} {verb} missing."
        found, unit = self.found, {"points": " points", "percent": " %"}
        suffix = unit.get(self.unit, "")
        text = f"{self.what} is {self.show(found.mean)}{suffix}"
        if math.isnan(found.low):
            return f"{text} on one fold, which gives no interval."
        text += (
            f" (95 % interval {self.show(found.low)} to {self.show(found.high)}, "
            f"{found.folds} folds); asked for: {self.asked}"
        )
        if not math.isnan(self.published):
            text += f"; the paper: {self.show(self.published)}"
        if self.epochs < self.min_epochs:
            text += f"; {self.epochs} epochs are too few, it takes {self.min_epochs}"
        elif self.outcome == UNDECIDED:
            text += "; the interval includes the threshold"
        return f"{text}."


class Evidence:
    """The runs on one data set under one semantics and initialisation."""

    def __init__(self, frame: pd.DataFrame, data: str, semantics: str, init: str):
        """Picks the runs.

        Args:
          frame: results; only runs with the paper's depth and learning rate are used.
          data: `mnist` or `cifar10`.
          semantics: of the sweep.
          init: of the free layers; shared kernels have one reading.
        """
        chosen = aggregate.select(frame, data)
        paper = published.SETTINGS[data]
        rows = aggregate.matching(
            chosen.rows,
            num_conv_layers=paper.num_conv_layers,
            learning_rate=paper.learning_rate,
        )
        own = (rows["model"] == "cnn") | (rows["init"] == init)
        self.rows = rows[(rows["semantics"] == semantics) & own]
        self.data = data
        self.semantics = semantics
        self.num_folds = chosen.num_folds
        self._read: dict[tuple[str, str], pd.DataFrame] = {}

    @property
    def settled(self) -> int:
        """Epochs after which training has settled: the paper's patience.

        No run of the paper was shorter.
        """
        return published.SETTINGS[self.data].patience

    def levels(self, kind: str, model: str) -> list[float]:
        """Returns the levels above 0 at which a model was trained."""
        rows = self.rows[
            (self.rows["model"] == model) & (self.rows["aug_type"] == kind)
        ]
        return sorted(rows[rows["vcp"] == 0]["aug"].unique())

    def sample(
        self,
        model: str,
        metric: str,
        *,
        kind: str = "translation",
        level: float = 0.0,
        vcp: float = 0.0,
        reading: str = "second_half",
    ) -> Sample:
        """Returns a measure by fold.

        The reading `second_half` is the mean over the second half of a run's epochs:
        what training arrives at, without hanging on one epoch; `start` is before
        training.
        """
        runs = self._run_values(metric, reading)
        runs = self._find(runs, model, kind, level, vcp)
        if runs.empty:
            name = _cell_name(model, kind, level, vcp)
            if len(self._find(self.rows, model, kind, level, vcp)):
                name += f" with values of {metric}"
            return Sample(pd.Series(dtype="float64"), 0, (name,))
        values = runs.groupby("fold")["value"].mean()
        return Sample(values, int(runs["epochs"].min()))

    def _find(self, rows, model, kind, level, vcp) -> pd.DataFrame:
        return aggregate.matching(
            rows,
            model=model,
            aug=level,
            aug_type=kind if level else "none",
            vcp=vcp,
            severing=self.semantics if vcp else "none",
        )

    def _run_values(self, metric: str, reading: str) -> pd.DataFrame:
        """Returns the runs that have a value, read from the rows once."""
        key = (metric, reading)
        if key not in self._read:
            runs = aggregate.run_values(self.rows, metric, reading)
            self._read[key] = runs.dropna(subset=["value"])
        return self._read[key]

    def published(
        self, model: str, metric: str, level: float, kind: str = "translation"
    ) -> float:
        """Returns the paper's median; NaN where its tables have none."""
        try:
            return published.table(self.data, kind).value(level, model, metric)
        except KeyError:
            return math.nan

    def check(
        self,
        what: str,
        sample: Sample,
        sense: str,
        threshold: float,
        *,
        unit: str = "points",
        paper: float = math.nan,
        min_epochs: int,
    ) -> Check:
        """Judges a sample against a threshold."""
        ratio = 1 / (self.num_folds - 1) if self.num_folds > 1 else math.nan
        found = statistics.corrected_t_test(sample.values, ratio)
        return Check(
            what,
            unit,
            sense,
            threshold,
            found,
            paper,
            sample.epochs,
            min_epochs,
            sample.missing,
        )


def _cell_name(model: str, kind: str, level: float, vcp: float) -> str:
    where = f"{labels.kind(kind)} {labels.level(level)}" if level else "level 0"
    severed = f", p {labels.level(vcp)}" if vcp else ""
    return f"{labels.model(model)} at {where}{severed}"
