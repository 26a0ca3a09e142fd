"""The runs on which the second paper's claims are judged, and checks of them.

Runs of one study differ in their seed; differences are paired by it, and intervals are
those of the ordinary t-test. A check is open where conditions differ in more than what
names them, where one of them is not shown to have learned, and below a least number of
the paper's training steps (docs/design/0016).
"""

from __future__ import annotations

import copy
import functools
import math
import re
from collections.abc import Collection

import pandas as pd

from ws_jax.analysis import aggregate, planned, statistics, wording
from ws_jax.analysis.claims import chance, comparable, departures, lengths, seeds
from ws_jax.analysis.claims.checks import Check
from ws_jax.analysis.claims.samples import Sample
from ws_jax.papers.pogodin2021 import cadence, runs
from ws_jax.papers.pogodin2021.own import OWN, known_data

# The paper's training steps in an epoch; it trains for 200 epochs on each.
BATCHES = {"cifar10": 98, "cifar100": 98, "tiny_imagenet": 196, "imagenet": 5005}
CLASSES = {"cifar10": 10, "cifar100": 100, "tiny_imagenet": 200, "imagenet": 1000}
WAYS = {"instant": "kernels shared at once", "sleep": "kernels shared by Hebbian sleep"}
# Of the paper's epochs, ours: below, no claim is judged, neither for nor against it.
# Steps count, whatever an epoch is.
SETTLED = 50
# What conditions are named by: fields that may differ between them.
NAMED = (
    "model",
    "network.start",
    "network.start_noise",
    "train.phase.every",
    "transforms.repeat.times",
)
_FIELD = re.compile(r", (?=[a-z_]+\.|sweep |cell )")  # where a setting's next begins


class Evidence:
    """The runs on one data set, of one length of training.

    Claims on kernels that are shared now and then are asked of one way to share, `how`,
    as `runs.shared` takes it.
    """

    how = "instant"

    def __init__(self, rows: pd.DataFrame, data: str):
        """Takes rows as `runs.select` returns them."""
        self.rows, self.data = rows.copy(), data  # in one piece, which is quicker cut
        self.steps = lengths.steps(rows, OWN, known_data) if len(rows) else 0
        # One row of each run, the last, is all that settings are read off.
        self.last = self.rows.drop_duplicates("training", keep="last").copy()
        self._samples: dict[tuple[str, str], Sample] = {}
        self._read: dict[str, pd.Series] = {}

    def of_shift(self, padding: float, single: float) -> Evidence:
        """Returns the runs of copies shifted so far, and those of one copy.

        Args:
          padding: by which copies are shifted, in pixels.
          single: the same of runs of one copy.
        """
        copies = self.rows["condition"].str.endswith(" copies")
        asked = copies.map({True: padding, False: single})
        own = runs.padding(self.rows) == asked
        return self if own.all() else Evidence(self.rows[own], self.data)

    @functools.cached_property
    def ways(self) -> tuple[str, ...]:
        """Returns the ways in which some of the runs share, as `how` has them."""
        last = planned.begun(self.last) if len(self.last) else self.last
        known = set(last["condition"]) if len(last) else set()
        named = {how: {runs.shared(n, how) for n in runs.CADENCES} for how in WAYS}
        return tuple(how for how, names in named.items() if names & known)

    def of_way(self, how: str) -> Evidence:
        """Returns the same runs, asked of another way to share."""
        other = copy.copy(self)
        other.how = how
        return other

    @functools.cached_property
    def _acted(self) -> dict[str, float]:
        """Batches from one time to share to the next, by condition."""
        return {
            runs.shared(every, how): one.acted
            for how in self.ways
            for every, one in cadence.known(planned.begun(self.rows), how).items()
        }

    @functools.cached_property
    def _came(self) -> dict[str, str]:
        """What cadences came to, by condition, where they do not in the paper."""
        begun, usual = planned.begun(self.rows), BATCHES[self.data]
        return {
            runs.shared(every, how): told
            for how in self.ways
            for every, told in cadence.said(begun, how, usual).items()
        }

    def same(self, more: str, less: str) -> str:
        """Says that two conditions shared as often as each other; empty if not so.

        Cadences are of batches: of an epoch that has fewer, two may come to one.
        """
        first, second = (self._acted.get(name, math.nan) for name in (more, less))
        if first != second:  # nor are two of which it is not known
            return ""
        often = f"every {first:.3g} batches"
        return f"{more} and {less} came to the same (kernels were shared {often})"

    def sample(self, condition: str, metric: str = "val_acc") -> Sample:
        """Returns a measure by seed: the mean over the last quarter of the epochs."""
        if (condition, metric) not in self._samples:
            self._samples[condition, metric] = self._sample(condition, metric)
        return self._samples[condition, metric]

    def _sample(self, condition: str, metric: str) -> Sample:
        last = self._by_condition.get(condition)
        if last is None:
            return Sample(pd.Series(dtype="float64"), 0, (condition,))
        running = bool((last["status"] == "running").any())
        amiss = seeds.amiss(condition, last)
        known = self._values(metric).reindex(last["training"]).dropna()
        lacking = condition if known.empty else ""
        if metric == "snr" and (other := runs.other_forms(last)):
            lacking = f"{condition} with an SNR of form {runs.FORMS_SAID} ({other})"
        if last["cell"].nunique() > 1:
            # Seeds of one training are pooled, two trainings never.
            lacking = f"{condition} as one training (there are {_told(last)})"
        if lacking:
            empty = pd.Series(dtype="float64")
            return Sample(empty, 0, (lacking,), amiss, running)
        runs_of = last[["training", "seed", "epoch"]].set_index("training")
        runs_of = runs_of.loc[known.index]
        by_seed = known.groupby(runs_of["seed"]).mean()
        there = {*by_seed.index, *last.loc[last["status"] == "diverged", "seed"]}
        lost = seeds.diverged(last)
        return Sample(
            by_seed,
            int(runs_of["epoch"].min()),
            (),
            amiss,
            running,
            maybe_high=lost,
            maybe_low=lost and metric != "val_acc",  # of an SNR it is not known
            gone=frozenset({*last["seed"], *seeds.planned(last)} - there),
        )

    @functools.cached_property
    def _by_condition(self) -> dict[str, pd.DataFrame]:
        """The last row of each run, by its condition."""
        return {str(name): own for name, own in self.last.groupby("condition")}

    def _values(self, metric: str) -> pd.Series:
        """Returns a measure of each run over the last quarter of its epochs."""
        if self.rows.empty:
            return pd.Series(dtype="float64")
        if metric not in self._read:
            found = aggregate.run_values(self.rows, metric, "last_quarter")
            self._read[metric] = found["value"]
        return self._read[metric]

    @functools.cached_property
    def _differing(self) -> pd.DataFrame:
        """The last row of each run, without columns in which all runs agree."""
        asked = ("training", "epoch", "condition", "train.patience")
        return self.last[[
            name for name, values in self.last.items()
            if name in asked or wording.is_varied(values)
        ]].copy()  # fmt: skip

    def check(
        self,
        what: str,
        sample: Sample,
        between: Collection[str],
        threshold: float = 0.0,
        unit: str = "points",
        chosen: str = "",
        open_since: str = "",
    ) -> Check:
        """Judges whether the mean over seeds lies above a threshold.

        Args:
          what: is measured.
          sample: by seed.
          between: the conditions that it hangs on.
          threshold: as said.
          unit: of `Check`.
          chosen: how the threshold was come by, where it is ours.
          open_since: why it is not judged, if so.
        """
        known = self._by_condition
        parts = {name: known[name] for name in sorted(between) if name in known}
        measured = NAMED if unit == "distance" else (*NAMED, "evaluation.measures.")
        missing = sample.missing or self._apart(between, measured)
        # It hangs on accuracies, too: by them conditions are shown to have learned.
        plain = {name: self.sample(name) for name in between}
        whole = sample.where(plain.values())
        found = statistics.corrected_t_test(whole.values, 0.0)
        learned = {name: one.values for name, one in plain.items()}
        unlearned = "" if missing else chance.unlearned(learned, CLASSES[self.data])
        why = [open_since, unlearned]
        if not self.steps:
            why.append("the steps of an epoch are not known")
        least = lengths.epochs(SETTLED * BATCHES[self.data], self.steps)
        return Check(
            what,
            unit,
            "above",
            threshold,
            found,
            math.nan,
            sample.epochs,
            least,
            missing,
            (*sample.amiss, *seeds.unpaired(parts)),
            sample.running,
            chosen=chosen,
            over="seed",
            maybe_high=sample.maybe_high,
            maybe_low=sample.maybe_low,
            steps=self.steps,
            unsettled="; ".join(filter(None, why)),
            gone=len(whole.gone | seeds.gone(parts)),
            otherwise=self._otherwise(between),
        )

    def _otherwise(self, between: Collection[str]) -> tuple[str, ...]:
        """Says what is not as in the paper, and cadences that came to others."""
        last = self.last[self.last["condition"].isin(between)]
        begun = planned.begun(last) if len(last) else last
        told = departures.said(begun) if len(begun) else ()
        return (*told, *(self._came[name] for name in between if name in self._came))

    def _apart(self, between: Collection[str], named: Collection[str]) -> tuple:
        """Says what must be trained for conditions to be compared; nothing if they can.

        Only networks that share now and then have fields of a phase; a transform that
        repeats images stands for their copies.
        """
        rows = self._differing
        rows = rows[rows["condition"].isin(between)]
        alike = ["repeat"]
        if any("copies" in condition for condition in between):  # and their shifts
            named, alike = (*named, "transforms.crop.padding"), ["repeat", "crop"]
        for name in {"aug_type", "transforms.kinds"} & set(rows.columns):
            rows = rows.assign(**{name: [_without(k, alike) for k in rows[name]]})
        shares = rows["condition"].str.contains(" every ")
        only = dict.fromkeys(("phase", "coupling", "train.phase."), shares)
        other = comparable.apart(rows, "condition", named, only)
        return (f"{' and '.join(between)} in one setting ({other})",) if other else ()


def _without(kinds: object, left_out: Collection[str]) -> object:
    """Returns the kinds of transforms, joined by a plus, without some of them."""
    if not isinstance(kinds, str):
        return kinds
    return "+".join(k for k in kinds.split("+") if k not in left_out) or "none"


def _told(last: pd.DataFrame) -> str:
    """Names trainings by what differs between them alone."""
    each = [_FIELD.split(words) for words in sorted(set(last["setting"]))]
    common = set.intersection(*map(set, each))
    own = [", ".join(w for w in words if w and w not in common) for words in each]
    return " and ".join(words or "one with no other words" for words in own)
