"""The four cells that answer the paper's question, and what follows from them.

They are CNN and FCN, trained on images as they are and on translated ones. What follows
is said of medians. Where a cell lacks a fold, its median lies somewhere between two
others, whatever the fold would have given; nothing follows unless the same does from
all of them. So an answer that was given does not turn into another once the fold is
there, nor once one is deleted.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd

from ws_jax.analysis import aggregate, labels, planned, statistics
from ws_jax.analysis.claims.samples import Amiss, said
from ws_jax.papers.ott2020 import published

MODELS = ("cnn", "fcn")
PLAIN, MOVED = "val_acc", "translation"  # accuracy on plain and on translated images
BOTH = "both"  # of a run that has both; its value is the gap
_NO_RUNS = pd.DataFrame(columns=["fold", "seed", "status", "value"])
_USUAL = 0.2  # the level that is looked at, or that which is nearest
_LEAST = 5  # epochs on data that the paper does not have, before anything is concluded
_NEAR_CHANCE = 0.2  # of images right: twice what guessing among ten classes gets


class Median(NamedTuple):
    """A median, and the least and most that it can be once all runs are there."""

    low: float
    value: float
    high: float

    def __sub__(self, other: Median) -> Median:
        """Returns the difference; least and most whatever either of the two is."""
        return Median(
            self.low - other.high, self.value - other.value, self.high - other.low
        )

    def or_more(self, other: Median) -> Median:
        """Returns the larger of two."""
        return Median(*map(max, self, other))


class Finding(NamedTuple):
    """What follows for the FCN and the CNN."""

    alone: bool  # whether sharing alone makes a network indifferent to places
    helps: str  # how much of its gap translated training images close: all, part, none


@dataclasses.dataclass(frozen=True)
class Cells:
    """CNN and FCN at level 0 and at one above, in one setting.

    Attributes:
      rows: tidy rows of both networks at all levels.
      level: the one above 0 that is looked at, at which both have values.
      nearest: that which will be looked at, once both have values at each level that
        either was trained at and the other may be; else `level`.
      aside: a network and a level nearer still, at which the other is not planned.
    """

    rows: pd.DataFrame
    level: float
    nearest: float
    aside: tuple[str, float] | None = None

    @functools.cached_property
    def used(self) -> pd.DataFrame:
        """The rows of the four cells."""
        return self.rows[self.rows["aug"].isin([0.0, self.level])]

    @property
    def unit(self) -> str:
        """Over what medians are: a `fold`, or a `seed` where data are cut once."""
        return "fold" if self._num_folds > 1 else "seed"

    @property
    def _num_folds(self) -> int:
        return int(self.used["num_folds"].max())

    @functools.cached_property
    def _runs(self) -> dict[tuple[str, str, float], pd.DataFrame]:
        """One row a run, by measure, model and level; `both` has both accuracies.

        Those at the nearest level are there, too.
        """
        near = self.rows[self.rows["aug"].isin([0.0, self.level, self.nearest])]
        plain, moved = (
            aggregate.run_values(near, metric, "last_epoch")[
                ["model", "aug", "fold", "seed", "status", "value"]
            ]
            for metric in (PLAIN, MOVED)
        )
        both = plain.assign(value=plain["value"] - moved["value"])
        return {
            (metric, model, level): own
            for metric, found in ((PLAIN, plain), (MOVED, moved), (BOTH, both))
            for (model, level), own in found.groupby(["model", "aug"])
        }

    @functools.cached_property
    def asked(self) -> int:
        """Folds that each cell should have: as many as any has, or were planned."""
        there = self.used[self.unit].nunique()
        return max(there, self._planned(f"{self.unit}s"))

    def _planned(self, what: str) -> int:
        told = self.used.get(f"planned_{what}", pd.Series([0.0]))
        return int(told.fillna(0).max())

    @functools.cached_property
    def _seeds(self) -> dict[int, set[int]]:
        """Seeds of each fold: those that any cell has there, or that records plan."""
        none = pd.Series(dtype="str")
        return {
            int(fold): {
                *own["seed"],
                *planned.numbers(own.get(planned.FOLD_SEEDS, none)),
            }
            for fold, own in self.used.groupby("fold")
        }

    @functools.cached_property
    def seeds(self) -> int:
        """The most seeds that a fold should have; 1 where medians are over seeds."""
        if self.unit == "seed":
            return 1
        return max(self._planned("seeds"), *map(len, self._seeds.values()))

    def known(self, model: str, level: float) -> int:
        """Counts folds whose runs all have both values; one that diverged has none."""
        return self._count(self._runs.get((BOTH, model, level), _NO_RUNS))

    def _count(self, runs: pd.DataFrame) -> int:
        """Counts the folds that have a value of each of their seeds."""
        known = runs[runs["value"].notna()]
        if self.unit == "seed":
            return known["seed"].nunique()
        have = known.groupby("fold")["seed"].agg(set)
        return sum(
            seeds <= have.get(fold, set()) for fold, seeds in self._seeds.items()
        )

    @functools.cached_property
    def folds(self) -> tuple[int, int]:
        """The fewest and most folds with both values in any of the four cells."""
        counts = [self.known(*cell) for cell in self._four]
        return min(counts), max(counts)

    @functools.cached_property
    def medians(self) -> dict[tuple[str, str, float], Median]:
        """Medians over runs by measure (`PLAIN`, `MOVED`), model and level.

        What lacks may have any accuracy, 0 to 1.
        """
        return {
            (metric, model, level): self._median(self._runs[metric, model, level])
            for metric in (PLAIN, MOVED)
            for model, level in self._four
        }

    def _median(self, own: pd.DataFrame) -> Median:
        there = own[own["value"].notna()].drop_duplicates(["fold", "seed"])
        lacking = max(self._num_runs - len(there), 0)
        known = own["value"].dropna().to_numpy()
        low, high = (np.append(known, [bound] * lacking) for bound in (0.0, 1.0))
        return Median(*(float(np.median(values)) for values in (low, known, high)))

    @property
    def _num_runs(self) -> int:
        """Runs that each cell should have."""
        if self.unit == "seed":
            return self.asked
        begun = sum(map(len, self._seeds.values()))
        return begun + (self.asked - len(self._seeds)) * self.seeds

    @property
    def _four(self) -> list[tuple[str, float]]:
        return list(itertools.product(MODELS, (0.0, self.level)))

    def findings(self) -> list[Finding]:
        """Returns what follows; then what else may, once all runs are there."""
        own = self.medians
        cnn, fcn = (own[PLAIN, m, 0.0] - own[MOVED, m, 0.0] for m in MODELS)
        # A gap also closes where plain images are no longer told apart either.
        best = own[PLAIN, "fcn", 0.0].or_more(own[PLAIN, "fcn", self.level])
        left = best - own[MOVED, "fcn", self.level]
        found = [
            _finding(cnn.value, fcn.value, left.value),
            _finding(cnn.low, fcn.high, left.low),
            _finding(cnn.high, fcn.low, left.high),
        ]
        return list(dict.fromkeys(found))

    @functools.cached_property
    def early(self) -> str:
        """Says why nothing follows yet; empty if something does."""
        why = [*self._under_way_or_lacking(), *self._short()]
        return "; ".join(why) or next(self._unclear(), "")

    def _under_way_or_lacking(self) -> list[str]:
        """Says which cells have runs under way, or lack values of several folds."""
        running = []
        least = max(self.asked - 1, min(self.asked, 2))
        for model, level in self._places():
            own = self._runs.get((BOTH, model, level), _NO_RUNS)
            under_way = int((own["status"] == "running").sum())
            if under_way:
                text = f"{under_way} of {labels.count(len(own), 'run')} under way"
                running.append(Amiss(_where(model), level, text))
        return [said(part) for part in (running, self._lacking(least)) if part]

    def _places(self) -> list[tuple[str, float]]:
        levels = sorted({0.0, self.level, self.nearest})
        return list(itertools.product(MODELS, levels))

    def _lacking(self, least: int) -> list[Amiss]:
        """Names the cells that have values of fewer folds."""
        asked = labels.count(self.asked, self.unit)
        what = "with a value of each seed" if self.seeds > 1 else "with a value"
        return [
            Amiss(_where(m), x, f"{self.known(m, x)} of {asked} {what}")
            for m, x in self._places()
            if self.known(m, x) < least
        ]

    def _short(self) -> Iterator[str]:
        """Says that runs are too short; one that diverged ended where it did."""
        (data,) = self.used["data"].unique()
        setting = published.SETTINGS.get(data)
        settled = setting.patience if setting else _LEAST
        ended = aggregate.runs_of(self.used)
        shortest = ended.loc[ended["status"] != "diverged", "trained"].min()
        if shortest < settled:
            few = "epoch is" if shortest == 1 else "epochs are"
            yield f"{shortest:.0f} {few} too few, it takes {settled}"

    def _unclear(self) -> Iterator[str]:
        """Says what is wrong with the numbers of runs that are there and long."""
        least = min(self.medians[PLAIN, m, x].value for m, x in self._four)
        if least < _NEAR_CHANCE:
            yield f"a network gets under {percent(_NEAR_CHANCE)} of plain images right"
        # Seeds on one cut of the data are independent, folds are not.
        count = self._num_folds
        ratio = statistics.test_train_ratio(count) if count > 1 else 0.0
        for model in MODELS:
            gaps = self._runs[BOTH, model, 0.0].groupby(self.unit)["value"].mean()
            found = statistics.corrected_t_test(gaps, ratio)
            if found.folds < 2:
                yield f"one {self.unit} gives no interval"
            if not found.low > 0:
                cost = f"does not clearly cost the {labels.model(model)} anything"
                yield f"translation {cost} at level 0"
        if len(self.findings()) > 1:
            lacking = said(self._lacking(self.asked))
            yield f"it hangs on {self.unit}s that lack a value; {lacking}"


def find(rows: pd.DataFrame, plan: pd.DataFrame | None = None) -> Cells | None:
    """Returns the four cells of rows in one setting; None if any has no values.

    Args:
      rows: tidy rows of networks in one setting, with translation or without.
      plan: the same and others, with `model` and `aug` of runs that have not begun. A
        level that it has for both networks is waited for, even if no run has begun
        there, and one that it lacks for one of them is not; without it any is that some
        run was trained at, and so is where no record tells of some of the rows.
    """
    rows = rows[rows["model"].isin(MODELS)]
    known = [
        aggregate.run_values(rows, metric, "last_epoch").dropna(subset=["value"])
        for metric in (PLAIN, MOVED)
    ]
    levels = set.intersection(
        *(set(own.loc[own["model"] == m, "aug"]) for own in known for m in MODELS)
    )
    raised = levels - {0.0}
    if 0.0 not in levels or not raised:
        return None
    trained = set(rows["aug"]) - {0.0}
    awaited = trained
    if (
        plan is not None
        and "planned_folds" in rows
        and rows["planned_folds"].notna().all()
    ):
        of = [set(plan.loc[plan["model"] == model, "aug"]) for model in MODELS]
        awaited = raised | (set.intersection(*of) - {0.0})
    level, nearest, first = (
        min(own, key=lambda x: (abs(x - _USUAL), x))
        for own in (raised, awaited, trained | awaited)
    )
    if first == nearest:
        return Cells(rows, level, nearest)
    (alone,) = rows.loc[rows["aug"] == first, "model"].unique()
    return Cells(rows, level, nearest, (str(alone), first))


def percent(value: float) -> str:
    """Returns a share as `98.8 %`."""
    return f"{100 * value:.1f} %"


def _finding(cnn: float, fcn: float, left: float) -> Finding:
    """Returns what follows from gaps between plain and translated images.

    Args:
      cnn: gap of the CNN at level 0.
      fcn: that of the FCN.
      left: of it with translation, from the best that the FCN gets on plain images.
    """
    helps = "all" if left < 0.2 * fcn else "part" if left < 0.5 * fcn else "none"
    return Finding(not cnn > 0.5 * fcn, helps)


def _where(model: str) -> str:
    return f"{labels.model(model)} at level"
