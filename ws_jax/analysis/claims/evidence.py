"""The runs that a claim is judged on, by fold; how they are judged: `checks.py`."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import pandas as pd

from ws_jax.analysis import aggregate, labels, statistics
from ws_jax.analysis import planned as plans
from ws_jax.analysis.claims import chance, samples
from ws_jax.analysis.claims.checks import Check
from ws_jax.analysis.claims.samples import NOTHING, Sample

_CELL = ["model", "aug", "aug_type", "vcp", "severing"]
# Measures that are higher for the better networks; of others it is not known.
_BETTER_HIGH = (
    "acc",
    "val_acc",
    "translation",
    "rotation",
    "noise",
    "edge_noise",
    "swap",
)


class _Run(NamedTuple):
    """One run of a cell, and a measure of it; NaN where it has none."""

    fold: int
    seed: int
    status: str
    cell: str
    setting: str
    trained: int
    value: float


class Evidence:
    """The runs on one data set under one semantics and initialisation.

    A paper derives its own from it, which picks the runs in the paper's setting and
    knows its numbers.
    """

    def __init__(self, rows: pd.DataFrame, data: str, semantics: str, init: str):
        """Picks the runs.

        Args:
          rows: tidy rows in one setting.
          data: their data set.
          semantics: of the sweep.
          init: of the free layers; shared kernels have one reading.
        """
        own = (rows["model"] == "cnn") | (rows["init"] == init)
        self.rows = rows[(rows["semantics"] == semantics) & own]
        self.data = data
        self.semantics = semantics
        self.init = init
        cuts = self.rows["num_folds"].unique()
        self.num_folds = int(cuts[0]) if len(cuts) == 1 else 0
        self._read: dict[tuple[str, str], dict[tuple, list[_Run]]] = {}
        self._samples: dict[tuple, Sample] = {}

    @property
    def settled(self) -> int:
        """Epochs before which nothing is judged; a paper's own knows them."""
        return 0

    @property
    def classes(self) -> int:
        """Of the data, which a guess is among; a paper's own knows them.

        0: not known, and no network has to be shown to have learned.
        """
        return 0

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
        what training arrives at, without hanging on one epoch; `second_quarter` and
        `last_quarter` are such means, too; `start` is before training.
        """
        asked = (model, metric, kind, level, vcp, reading)
        if asked not in self._samples:
            found, network = self._sample(*asked), (model, kind, level, vcp)
            measured = {"networks": (network,), "measures": ((metric, reading),)}
            self._samples[asked] = dataclasses.replace(found, **measured)
        return self._samples[asked]

    def _sample(
        self, model: str, metric: str, kind: str, level: float, vcp: float, reading: str
    ) -> Sample:
        runs = self._runs_of(metric, reading, model, kind, level, vcp)
        name = _cell_name(model, kind, level, vcp)
        if not runs:  # most that are asked for, where little was trained
            return Sample(NOTHING, 0, (name,))
        where, last = name.rpartition(" ")[0], vcp or level
        amiss = tuple(samples.Amiss(where, last, text) for text in self._amiss(runs))
        status = {run.status for run in runs}
        running = "running" in status
        if len({run.cell for run in runs}) > 1:
            # Folds and seeds of one training are pooled, two trainings never.
            told: dict[str, str] = {}
            for run in runs:
                told.setdefault(run.cell, run.setting)
            words = [
                f"{cell[:12]} ({text})" if text else cell for cell, text in told.items()
            ]
            name += f" as one training; there are {' and '.join(words)}, of which each"
            return Sample(NOTHING, 0, (name,), amiss, running)
        known = [run for run in runs if not math.isnan(run.value)]
        if not known:
            name += f" with values of {metric}"
            return Sample(NOTHING, 0, (name,), amiss, running)
        lost = "diverged" in status
        return Sample(
            _by_fold(known),
            min(run.trained for run in known),
            (),
            amiss,
            running,
            maybe_high=lost,
            maybe_low=lost and metric not in _BETTER_HIGH,
            gone=self._gone(runs),
        )

    def _gone(self, runs: Sequence[_Run]) -> frozenset[int]:
        """Returns the folds of a cell that have no value, and no run that diverged.

        Or that lack those of a seed that was trained on them or planned.
        """
        asked: dict[int, set[int]] = {fold: set() for fold in range(self.num_folds)}
        there: dict[int, set[int]] = {fold: set() for fold in asked}
        for run in runs:
            planned = self._planned.get((run.cell, run.fold), set())
            asked.setdefault(run.fold, set()).update({run.seed}, planned)
            if run.status == "diverged" or not math.isnan(run.value):
                there.setdefault(run.fold, set()).add(run.seed)
        return frozenset(f for f in there if not there[f] or asked[f] - there[f])

    @functools.cached_property
    def _planned(self) -> dict[tuple[str, int], set[int]]:
        """The seeds that records plan of each fold of a cell."""
        if plans.FOLD_SEEDS not in self.rows.columns:
            return {}
        texts = self.rows[["cell", "fold", plans.FOLD_SEEDS]].drop_duplicates()
        return {
            (str(cell), int(fold)): plans.numbers(own[plans.FOLD_SEEDS])
            for (cell, fold), own in texts.groupby(["cell", "fold"])
        }

    def _amiss(self, runs: Sequence[_Run]) -> list[str]:
        """Says which runs of a cell diverged, are under way or were not trained."""
        found, all_status = [], [run.status for run in runs]
        for status, word in (("diverged", "diverged"), ("running", "under way")):
            count = all_status.count(status)
            found += [f"{count} of {len(runs)} runs {word}"] if count else []
        lacking = self.num_folds - len({run.fold for run in runs})
        if lacking > 0:
            found.append(f"{lacking} of {self.num_folds} folds not trained")
        known = {(run.fold, run.seed) for run in runs}
        asked = {
            (run.fold, seed)
            for run in runs
            for seed in self._planned.get((run.cell, run.fold), ())
        }
        count = len(asked - known)
        if count:
            found.append(f"{labels.count(count, 'run')} planned and not trained")
        return found

    def _runs_of(
        self,
        metric: str,
        reading: str,
        model: str,
        kind: str,
        level: float,
        vcp: float,
    ) -> list[_Run]:
        """Returns one number a run of a cell; the rows are read and parted once."""
        if self.rows.empty:  # most often: of one semantics and initialisation
            return []
        if (metric, reading) not in self._read:
            runs = aggregate.run_values(self.rows, metric, reading)
            cells: dict[tuple, list[_Run]] = {}
            places = zip(*(runs[name].tolist() for name in _CELL), strict=True)
            told = zip(*(runs[name].tolist() for name in _Run._fields), strict=True)
            for place, run in zip(places, told, strict=True):
                cells.setdefault(place, []).append(_Run(*run))
            self._read[metric, reading] = cells
        kind, severing = kind if level else "none", self.semantics if vcp else "none"
        place = (model, level, kind, vcp, severing)
        return self._read[metric, reading].get(place, [])

    def check(
        self,
        what: str,
        sample: Sample,
        sense: str,
        threshold: float,
        *,
        unit: str = "points",
        paper: float = math.nan,
        text: float = math.nan,
        chosen: str = "",
        learned: Iterable[Sample] = (),
    ) -> Check:
        """Judges a sample against a threshold; for the rest see `Check`.

        Args:
          what: is measured.
          sample: by fold.
          sense: `above` or `below`.
          threshold: as said.
          unit: of `Check`.
          paper: the paper's number.
          text: that of its text, where it is not the threshold.
          chosen: how the threshold was come by, where it is ours.
          learned: whose networks must be shown to have learned (`chance`); if none are
            given, all that the sample hangs on, but for one that has to reach an
            accuracy: at chance it has not.
        """
        ratio = 1 / (self.num_folds - 1) if self.num_folds > 1 else math.nan
        asked = tuple(learned) or (() if _reaches(sample, sense) else (sample,))
        hangs = self.classes and not sample.missing  # on having learned, too
        plain = self._plain(asked) if hangs else {}
        sample = sample.where(plain.values())
        found = statistics.corrected_t_test(sample.values, ratio)
        why = ""
        if hangs and not math.isnan(found.low):
            known = {name: one.values for name, one in plain.items()}
            why = chance.unlearned(known, self.classes, ratio)
        return Check(
            what,
            unit,
            sense,
            threshold,
            found,
            paper,
            sample.epochs,
            self.settled,
            sample.missing,
            sample.amiss,
            sample.running,
            text,
            chosen=chosen,
            maybe_high=sample.maybe_high,
            maybe_low=sample.maybe_low,
            unsettled=why,
            gone=len(sample.gone),
        )

    def _plain(self, samples: Iterable[Sample]) -> dict[str, Sample]:
        """Returns the accuracy of samples' networks on images that are as they were.

        By it they are shown to have learned.
        """
        known = {}
        for network in dict.fromkeys(n for one in samples for n in one.networks):
            model, kind, level, vcp = network
            plain = self.sample(model, "val_acc", kind=kind, level=level, vcp=vcp)
            known[_cell_name(model, kind, level, vcp)] = plain
        return known


def _reaches(sample: Sample, sense: str) -> bool:
    """Whether one network is asked to reach an accuracy, which no other can lend it."""
    alone = len(sample.networks) == len(sample.measures) == 1
    return alone and sense == "above" and sample.measures[0][0] in _BETTER_HIGH


def _by_fold(runs: Sequence[_Run]) -> pd.Series:
    """Returns a measure by fold, the mean over seeds."""
    folds = pd.Index([run.fold for run in runs], name="fold")
    values = pd.Series([run.value for run in runs], folds, name="value")
    if folds.is_unique:
        return values.sort_index()
    return values.groupby(level="fold").mean()


def _cell_name(model: str, kind: str, level: float, vcp: float) -> str:
    where = f"{labels.kind(kind)} {labels.level(level)}" if level else "level 0"
    severed = f", p {labels.level(vcp)}" if vcp else ""
    return f"{labels.model(model)} at {where}{severed}"
