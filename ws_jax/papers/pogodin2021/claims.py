"""What the second paper says of sharing in sleep, as claims that results decide.

Of the paper's accuracies only one is known to us for certain (29.6 % of TinyImageNet
without sharing), so claims are on the order of conditions, not on numbers. Runs of one
study differ in their seed; differences are paired by it, and intervals are those of
the ordinary t-test. Conditions of a check must agree in all else than what names them.
How long it takes is counted in the paper's training steps (docs/design/0016).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection, Iterator

import pandas as pd

from ws_jax.analysis import aggregate, comparable, departures, seeds, statistics
from ws_jax.analysis.checks import Check, Sample
from ws_jax.analysis.verdicts import Claim, Verdict
from ws_jax.papers.pogodin2021 import cadence, runs
from ws_jax.papers.pogodin2021.own import DATA, known_data
from ws_jax.papers.pogodin2021.runs import CADENCES, CONV, FREE, shared

# The paper's training steps in an epoch; it trains for 200 epochs on each.
BATCHES = {"cifar10": 98, "cifar100": 98, "tiny_imagenet": 196, "imagenet": 5005}
# Of the paper's epochs: after how many conditions may be told apart, and after how many
# a claim may fail, too. Steps count, whatever an epoch is. Both are ours.
EARLIEST, SETTLED = 10, 50
# What conditions are named by: fields that may differ between them.
NAMED = (
    "model",
    "network.start",
    "network.start_noise",
    "train.phase.every",
    "transforms.repeat.times",
)
# By so much a condition may lie below the next and still count as no worse.
TOLERANCE = 0.01
# From the most sharing to none.
ORDER = (CONV, *(shared(every) for every in CADENCES), FREE)


class Evidence:
    """The runs on one data set, of one length of training."""

    def __init__(self, rows: pd.DataFrame, data: str):
        """Takes rows as `runs.own` returns them."""
        self.rows, self.data = rows, data
        self.steps = cadence.steps(rows)
        self._samples: dict[tuple[str, str], Sample] = {}

    def sample(self, condition: str, metric: str = "val_acc") -> Sample:
        """Returns a measure by seed: the mean over the last quarter of the epochs."""
        if (condition, metric) not in self._samples:
            self._samples[condition, metric] = self._sample(condition, metric)
        return self._samples[condition, metric]

    def _sample(self, condition: str, metric: str) -> Sample:
        rows = self.rows[self.rows["condition"] == condition]
        values = aggregate.run_values(rows, metric, "last_quarter")
        running = bool((values["status"] == "running").any())
        lost, amiss = seeds.weak(rows), seeds.amiss(condition, rows)
        known = values.dropna(subset=["value"])
        lacking = condition if known.empty else ""
        if values["cell"].nunique() > 1:
            # Seeds of one training are pooled, two trainings never.
            settings = " and ".join(map(_told, sorted(set(values["setting"]))))
            lacking = f"{condition} as one training (there are {settings})"
        if lacking:
            empty = pd.Series(dtype="float64")
            return Sample(empty, 0, (lacking,), amiss, running, lost)
        by_seed = known.groupby("seed")["value"].mean()
        return Sample(by_seed, int(known["trained"].min()), (), amiss, running, lost)

    def check(
        self,
        what: str,
        sample: Sample,
        between: Collection[str],
        threshold: float = 0.0,
        unit: str = "points",
        chosen: str = "",
    ) -> Check:
        """Judges whether the mean over seeds lies above a threshold.

        Args:
          what: is measured.
          sample: by seed.
          between: the conditions that it hangs on.
          threshold: as said.
          unit: of `Check`.
          chosen: how the threshold was come by, where it is ours.
        """
        missing = sample.missing or self._apart(between)
        whole = BATCHES[self.data]
        least, settled = (
            -(-n * whole // (self.steps or whole)) for n in (EARLIEST, SETTLED)
        )
        return Check(
            what,
            unit,
            "above",
            threshold,
            statistics.corrected_t_test(sample.values, 0.0),
            math.nan,
            sample.epochs,
            least,
            missing,
            sample.amiss,
            sample.running,
            chosen=chosen,
            over="seed",
            weak=sample.weak,
            settled=settled,
            steps=self.steps,
            unsettled="" if self.steps else "the steps of an epoch are not known",
        )

    def _apart(self, between: Collection[str]) -> tuple[str, ...]:
        """Says what must be trained for conditions to be compared; nothing if they can.

        Only networks that share now and then have fields of a phase; a transform that
        repeats images stands for their copies.
        """
        rows = self.rows[self.rows["condition"].isin(between)]
        named, alike = NAMED, ["repeat"]
        if any("copies" in condition for condition in between):  # and their shifts
            named, alike = (*NAMED, "transforms.crop.padding"), ["repeat", "crop"]
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


def _told(setting: str) -> str:
    return setting or "one with no other words"


def gap(of: Evidence) -> Iterator[Check]:
    """Claim 1: without sharing accuracy is lost."""
    lost = of.sample(CONV) - of.sample(FREE)
    yield of.check("accuracy lost without sharing", lost, (CONV, FREE))


def frequency(of: Evidence) -> Iterator[Check]:
    """Claim 2: the more often kernels are shared the better."""
    for more, less in itertools.pairwise(ORDER):
        ahead = of.sample(more) - of.sample(less)
        what, near = f"lead of {more} over {less}", "for “no worse”"
        yield of.check(what, ahead, (more, less), -TOLERANCE, chosen=near)
    whole = of.sample(shared(1)) - of.sample(FREE)
    what = f"lead of {shared(1)} over {FREE}"
    yield of.check(what, whole, (shared(1), FREE))


def closing(of: Evidence) -> Iterator[Check]:
    """Claim 3: frequent sharing closes most of the gap. Half of it is our "most"."""
    free = of.sample(FREE)
    half = (of.sample(CONV) - free) * 0.5
    most = "half being “most”"
    for every in CADENCES[:2]:
        more = of.sample(shared(every)) - free - half
        what = f"gain of {shared(every)} beyond half the gap"
        yield of.check(what, more, (CONV, shared(every), FREE), chosen=most)


def translations(of: Evidence) -> Iterator[Check]:
    """Claim 4: copies of shifted images help, and leave a gap."""
    many = f"{FREE}, 4 copies"
    gain = of.sample(many) - of.sample(FREE)
    yield of.check("gain by four copies", gain, (many, FREE))
    both = (f"{CONV}, 4 copies", many)
    rest = of.sample(both[0]) - of.sample(many)
    yield of.check("gap that four copies leave", rest, both)


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
        "none. (A step counts as no rise if it is by less than a point.)",
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
    parts = {shifted: _parts(rows, shifted) for shifted in (False, True)}
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


def _parts(rows: pd.DataFrame, shifted: bool) -> list[tuple[str, int, str, Evidence]]:
    """Cuts runs into what is judged by itself: data, epochs, setting, and the runs.

    Args:
      rows: as `runs.select` returns them.
      shifted: whether runs with shifted images are judged apart from those without.
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
                own = part[setting == words] if words else part
                found.append((data, int(limit), words, Evidence(own, data)))
    return found
