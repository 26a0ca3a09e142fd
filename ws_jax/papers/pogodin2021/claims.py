"""What the second paper says of sharing in sleep, as claims that results decide.

Of the paper's accuracies only one is known to us for certain (29.6 % of TinyImageNet
without sharing), so claims are on the order of conditions, not on numbers. Runs of one
study differ in their seed; differences are paired by it, and intervals are those of
the ordinary t-test. Conditions of a check must agree in all else than what names them.
How long it takes is counted in the paper's training steps (docs/design/0016).
"""

from __future__ import annotations

import functools
import itertools
import math
import re
from collections.abc import Collection, Iterator

import pandas as pd

from ws_jax.analysis import (
    aggregate,
    chance,
    comparable,
    departures,
    lengths,
    seeds,
    statistics,
)
from ws_jax.analysis.checks import Check, Sample
from ws_jax.analysis.verdicts import Claim, Verdict
from ws_jax.papers.pogodin2021 import runs
from ws_jax.papers.pogodin2021.own import DATA, OWN, known_data
from ws_jax.papers.pogodin2021.runs import CADENCES, CONV, FREE, shared

# The paper's training steps in an epoch; it trains for 200 epochs on each.
BATCHES = {"cifar10": 98, "cifar100": 98, "tiny_imagenet": 196, "imagenet": 5005}
CLASSES = {"cifar10": 10, "cifar100": 100, "tiny_imagenet": 200, "imagenet": 1000}
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
# By so much a condition may lie below the next and still count as no worse.
TOLERANCE = 0.01
# From the most sharing to none.
ORDER = (CONV, *(shared(every) for every in CADENCES), FREE)


class Evidence:
    """The runs on one data set, of one length of training."""

    def __init__(self, rows: pd.DataFrame, data: str):
        """Takes rows as `runs.select` returns them."""
        self.rows, self.data = rows.copy(), data  # in one piece, which is quicker cut
        self.steps = lengths.steps(rows, OWN, known_data) if len(rows) else 0
        # One row of each run, the last, is all that settings are read off.
        self.last = self.rows.drop_duplicates("training", keep="last").copy()
        self._samples: dict[tuple[str, str], Sample] = {}

    def of_shift(self, padding: float, single: float) -> Evidence:
        """Returns the runs of copies shifted so far, and those of one copy.

        Args:
          padding: by which copies are shifted, in pixels.
          single: the same of runs of one copy.
        """
        copies = self.rows["condition"].str.endswith(" copies")
        asked = copies.map({True: padding, False: single})
        return Evidence(self.rows[runs.padding(self.rows) == asked], self.data)

    def sample(self, condition: str, metric: str = "val_acc") -> Sample:
        """Returns a measure by seed: the mean over the last quarter of the epochs."""
        if (condition, metric) not in self._samples:
            self._samples[condition, metric] = self._sample(condition, metric)
        return self._samples[condition, metric]

    def _sample(self, condition: str, metric: str) -> Sample:
        last = self.last[self.last["condition"] == condition]
        if last.empty:
            return Sample(pd.Series(dtype="float64"), 0, (condition,))
        running = bool((last["status"] == "running").any())
        lost, amiss = seeds.weak(last), seeds.amiss(condition, last)
        known = self._values(metric).reindex(last["training"]).dropna()
        lacking = condition if known.empty else ""
        if metric == "snr" and (other := runs.other_forms(last)):
            lacking = f"{condition} with an SNR of form {runs.FORMS_SAID} ({other})"
        if last["cell"].nunique() > 1:
            # Seeds of one training are pooled, two trainings never.
            lacking = f"{condition} as one training (there are {_told(last)})"
        if lacking:
            empty = pd.Series(dtype="float64")
            return Sample(empty, 0, (lacking,), amiss, running, lost)
        runs_of = last.set_index("training").loc[known.index]
        by_seed = known.groupby(runs_of["seed"]).mean()
        return Sample(by_seed, int(runs_of["epoch"].min()), (), amiss, running, lost)

    @functools.cache  # noqa: B019 - evidence lives as long as one judgement
    def _values(self, metric: str) -> pd.Series:
        """Returns a measure of each run over the last quarter of its epochs."""
        if self.rows.empty:
            return pd.Series(dtype="float64")
        return aggregate.run_values(self.rows, metric, "last_quarter")["value"]

    @functools.cached_property
    def _differing(self) -> pd.DataFrame:
        """The last row of each run, without columns in which all runs agree."""
        asked = ("training", "epoch", "condition", "train.patience")
        return self.last[[
            name for name, values in self.last.items()
            if name in asked or values.map(repr).nunique() > 1
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
        measured = NAMED if unit == "distance" else (*NAMED, "evaluation.measures.")
        missing = sample.missing or self._apart(between, measured)
        found = statistics.corrected_t_test(sample.values, 0.0)
        why = [open_since, "" if missing else self._at_chance(between)]
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
            sample.amiss,
            sample.running,
            chosen=chosen,
            over="seed",
            weak=sample.weak,
            steps=self.steps,
            unsettled="; ".join(filter(None, why)),
        )

    def _at_chance(self, between: Collection[str]) -> str:
        """Says that none of some conditions is shown to have learned; else nothing."""
        known = {name: self.sample(name).values for name in between}
        return chance.unlearned(known, CLASSES[self.data])

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


def gap(of: Evidence) -> Iterator[Check]:
    """Claim 1: without sharing accuracy is lost."""
    lost = of.sample(CONV) - of.sample(FREE)
    yield of.check("accuracy lost without sharing", lost, (CONV, FREE))


def frequency(of: Evidence) -> Iterator[Check]:
    """Claim 2: the more often kernels are shared the better.

    A step may be no rise, but not all of them: leads over several must be shown.
    """
    for more, less in itertools.pairwise(ORDER):
        ahead = of.sample(more) - of.sample(less)
        what, near = f"lead of {more} over {less}", "for “no worse”"
        yield of.check(what, ahead, (more, less), -TOLERANCE, chosen=near)
    often, seldom = shared(CADENCES[0]), shared(CADENCES[-1])
    for more, less in ((CONV, FREE), (often, seldom), (often, FREE)):
        ahead = of.sample(more) - of.sample(less)
        yield of.check(f"lead of {more} over {less}", ahead, (more, less))


def closing(of: Evidence) -> Iterator[Check]:
    """Claim 3: frequent sharing closes most of the gap. Half of it is our "most".

    Half of a gap that is not there is beaten by anything.
    """
    free = of.sample(FREE)
    whole = of.sample(CONV) - free
    found = statistics.corrected_t_test(whole.values, 0.0)
    none = ""
    if len(whole.values) and not found.low > 0:
        points = f"{100 * found.mean:.2f}".replace("-", "−")
        none = f"no gap is shown to be there ({points} points)"
    most = "half being “most”"
    for every in CADENCES[:2]:
        more = of.sample(shared(every)) - free - whole * 0.5
        what = f"gain of {shared(every)} beyond half the gap"
        between = (CONV, shared(every), FREE)
        yield of.check(what, more, between, chosen=most, open_since=none)


def translations(of: Evidence) -> Iterator[Check]:
    """Claim 4: copies of shifted images help, and leave a gap.

    Copies are compared with one copy that is shifted as they are, and with one that is
    not shifted: with each that is there.
    """
    many = f"{FREE}, 4 copies"
    rows = of.rows
    several = rows["condition"].str.endswith(" copies")
    shifts = runs.padding(rows)
    for shift in sorted(set(shifts[several])) or [0.0]:
        known = set(shifts[~several & (rows["condition"] == FREE)])
        singles = sorted(known & {shift, 0.0}, reverse=True)
        for single in singles or [shift]:
            own = of.of_shift(shift, single) if len(rows) else of
            what = "gain by four copies over one that is "
            what += "shifted alike" if single else "not shifted"
            what = what if singles and shift else "gain by four copies"
            yield own.check(what, own.sample(many) - own.sample(FREE), (many, FREE))
        own = of.of_shift(shift, shift) if len(rows) else of
        both = (f"{CONV}, 4 copies", many)
        rest = own.sample(both[0]) - own.sample(many)
        yield own.check("gap that four copies leave", rest, both)


def likeness(of: Evidence) -> Iterator[Check]:
    """Claim 5: the more often kernels are shared the more alike they stay."""
    for more, less in itertools.pairwise(ORDER[1:]):
        ahead = of.sample(more, "snr") - of.sample(less, "snr")
        what = f"logarithm of the SNR, {more} above {less}"
        yield of.check(what, ahead, (more, less), unit="distance")


TRANSLATIONS = 4  # the number of the claim on them
CLAIMS = (
    Claim(
        1,
        "Without sharing accuracy is lost",
        "A locally connected network is less accurate than a convolutional one.",
        "4",
        DATA,
        "convolution and free network",
        gap,
    ),
    Claim(
        2,
        "More frequent sharing is better",
        "Accuracy falls from a convolution over sharing every 1, 10 and 100 batches to "
        "none. (A step may be no rise, by less than a point; over several it must be "
        "shown to be one.)",
        "4",
        DATA,
        "convolution, free network, and sharing every 1, 10 and 100 batches",
        frequency,
    ),
    Claim(
        3,
        "Sharing in sleep closes most of the gap",
        "With frequent sharing a free network is nearly as accurate as a convolution: "
        "more than half of the gap is closed.",
        "4",
        DATA,
        "convolution, free network, and sharing every 1 and 10 batches",
        closing,
    ),
    Claim(
        4,
        "Translated data help, and leave a gap",
        "Many translations of every image make up for a part of what sharing gives; it "
        "takes far more data than usual, and a gap is left.",
        "4",
        DATA,
        "convolution and free network with 1 and 4 copies of an image in a batch",
        translations,
    ),
    Claim(
        5,
        "Kernels stay alike in between",
        "The more often kernels are shared, the higher their signal-to-noise ratio at "
        "the end of an epoch. (Ours: the paper plots it for single layers.)",
        "3",
        DATA,
        "free network, and sharing every 1, 10 and 100 batches, with `weight_snr`",
        likeness,
    ),
)


def judge(frame: pd.DataFrame) -> list[Verdict]:
    """Judges every claim on its data sets, each length of training by itself.

    Only the paper's runs are judged (`runs.left_out` names the others). Those whose
    test images were scored after every epoch, and those that kept images for
    validation, are judged apart; so are, but for the claim on translations, those whose
    images were shifted and those whose were not. A verdict's setting says which.

    Args:
      frame: results, as `ws_jax.results.read` gives them, with anything missing.

    Returns:
      The verdicts, in the claims' order.
    """
    rows = runs.select(frame)
    known: dict[tuple, Evidence] = {}  # the two ways to part runs have most in common
    parts = {shifted: _parts(rows, shifted, known) for shifted in (False, True)}
    return [
        Verdict(
            claim,
            data,
            "paper",
            "paper",
            tuple(claim.checks(of)),
            limit,
            words,
            scale=departures.said(of.rows),
        )
        for claim in CLAIMS
        for data, limit, words, of in parts[claim.number != TRANSLATIONS]
    ]


def _parts(
    rows: pd.DataFrame, shifted: bool, known: dict[tuple, Evidence]
) -> list[tuple[str, int, str, Evidence]]:
    """Cuts runs into what is judged by itself: data, epochs, setting, and the runs.

    Args:
      rows: as `runs.select` returns them.
      shifted: whether runs with shifted images are judged apart from those without.
      known: evidence by data, epochs and setting, to which what is new is added.
    """
    found = []
    for data in DATA:
        on = rows[rows["data"].map(known_data) == data] if len(rows) else rows
        for limit in sorted(set(on["epochs"]), reverse=True) if len(on) else [0]:
            part = on[on["epochs"] == limit] if len(on) else on
            setting = runs.scored(part)
            if shifted:
                setting = setting + runs.shifted(part)
            for words in sorted(set(setting)) or [""]:
                key = (data, int(limit), words)
                if key not in known:
                    own = part[setting == words] if words else part
                    known[key] = Evidence(own, data)
                found.append((*key, known[key]))
    return found
