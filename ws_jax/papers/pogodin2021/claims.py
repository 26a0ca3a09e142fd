"""What the second paper says of sharing in sleep, as claims that results decide.

Of the paper's accuracies only one is known to us for certain (29.6 % of TinyImageNet
without sharing), so claims are on the order of conditions, not on numbers. Runs of one
study differ in their seed; differences are paired by it, and intervals are those of
the ordinary t-test. Conditions of a check must agree in all else than what names them.
How long it takes is counted in the paper's training steps (docs/design/0016).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import pandas as pd

from ws_jax.analysis import planned, statistics
from ws_jax.analysis.claims.checks import Check
from ws_jax.analysis.claims.verdicts import Claim, Verdict
from ws_jax.papers.pogodin2021 import runs
from ws_jax.papers.pogodin2021.evidence import WAYS, Evidence
from ws_jax.papers.pogodin2021.own import DATA, known_data
from ws_jax.papers.pogodin2021.runs import CADENCES, CONV, FREE, shared

# By so much a condition may lie below the next and still count as no worse.
TOLERANCE = 0.01


def order(how: str) -> tuple[str, ...]:
    """Returns conditions from the most sharing to none; `how` as in `runs.shared`."""
    return (CONV, *(shared(every, how) for every in CADENCES), FREE)


def gap(of: Evidence) -> Iterator[Check]:
    """Claim 1: without sharing accuracy is lost."""
    lost = of.sample(CONV) - of.sample(FREE)
    yield of.check("accuracy lost without sharing", lost, (CONV, FREE))


def frequency(of: Evidence) -> Iterator[Check]:
    """Claim 2: the more often kernels are shared the better.

    A step may be no rise, but not all of them: leads over several must be shown. Two
    cadences that came to one and the same show nothing of either.
    """
    for more, less in itertools.pairwise(order(of.how)):
        yield _lead(of, more, less, -TOLERANCE, "for “no worse”")
    often, seldom = (shared(CADENCES[place], of.how) for place in (0, -1))
    for more, less in ((CONV, FREE), (often, seldom), (often, FREE)):
        yield _lead(of, more, less)


def _lead(
    of: Evidence, more: str, less: str, threshold: float = 0.0, chosen: str = ""
) -> Check:
    ahead, same = of.sample(more) - of.sample(less), of.same(more, less)
    what = f"lead of {more} over {less}"
    return of.check(
        what, ahead, (more, less), threshold, chosen=chosen, open_since=same
    )


def closing(of: Evidence) -> Iterator[Check]:
    """Claim 3: frequent sharing closes most of the gap. Half of it is our "most".

    Half of a gap that is not there is beaten by anything.
    """
    free = of.sample(FREE)
    whole = of.sample(CONV) - free
    found = statistics.corrected_t_test(whole.values, 0.0)
    none = ""
    if len(whole.values) and (whole.maybe_high or not found.low > 0):
        points = f"{100 * found.mean:.2f}".replace("-", "−") + " points"
        # Of convolutions those left may be the better ones, and the gap too large.
        points += ", but convolutions diverged" if found.low > 0 else ""
        none = f"no gap is shown to be there ({points})"
    most = "half being “most”"
    for every in CADENCES[:2]:
        name = shared(every, of.how)
        more = of.sample(name) - free - whole * 0.5
        what = f"gain of {name} beyond half the gap"
        between = (CONV, name, FREE)
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
    """Claim 5: kernels that are shared now and then stay more alike than others.

    Each cadence is compared with no sharing, and not with the next: the SNR is over all
    sites of a layer, and sharing acts within its sub-grids. Their kernels may be apart,
    which counts as noise, and is largest where nothing else is: those of sharing at
    every batch may have the smallest SNR of all cadences.
    """
    for more in order(of.how)[1:-1]:
        ahead = of.sample(more, "snr") - of.sample(FREE, "snr")
        what = f"logarithm of the SNR, {more} above {FREE}"
        yield of.check(what, ahead, (more, FREE), unit="distance")


TRANSLATIONS = 4  # the number of the claim on them
OF_SHARING = (2, 3, 5)  # the claims that ask for kernels shared now and then
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
        "shown to be one. Sharing at once and by the Hebbian sleep are judged apart.)",
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
        "Networks that share kernels now and then have a higher signal-to-noise ratio "
        "at the end of an epoch than one that never does. (Ours: the paper plots it "
        "for single layers. It is over all inner sites of a layer, as in the released "
        "code, while sharing acts within sub-grids; so it does not tell cadences.)",
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
    images were shifted and those whose were not; and, where a claim is on sharing now
    and then, the ways to share. A verdict's setting says which.

    Args:
      frame: results, as `ws_jax.results.read` gives them, with anything missing.

    Returns:
      The verdicts, in the claims' order.
    """
    rows = planned.joined(runs.select(frame), runs.select)
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
        )
        for claim in CLAIMS
        for data, limit, words, of in _ways(parts[claim.number != TRANSLATIONS], claim)
    ]


def _ways(
    parts: Sequence[tuple[str, int, str, Evidence]], claim: Claim
) -> Iterator[tuple[str, int, str, Evidence]]:
    """Cuts what a claim is judged on further, by how kernels are shared.

    Runs that share at once are meant where a setting does not say how.
    """
    for data, limit, words, of in parts:
        ways = of.ways if claim.number in OF_SHARING else ()
        if ways in ((), ("instant",)):
            yield data, limit, words, of
            continue
        for how in ways:
            told = ", ".join(filter(None, [words, WAYS[how]]))
            yield data, limit, told, of.of_way(how)


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
    named = {name: known_data(name) for name in set(rows["data"])} if len(rows) else {}
    for data in DATA:
        on = rows[rows["data"].map(named) == data] if named else rows
        there = planned.begun(on) if len(on) else on  # what has begun is judged
        for limit in sorted(set(there["epochs"]), reverse=True) if len(there) else [0]:
            part = on[on["epochs"] == limit] if len(there) else there
            setting = runs.scored(part)
            if shifted:
                setting = setting + runs.shifted(part)
            begun = setting[setting.index.isin(there.index)]
            for words in sorted(set(begun)) or [""]:
                key = (data, int(limit), words)
                if key not in known:
                    own = part[setting == words] if words else part
                    known[key] = Evidence(own, data)
                found.append((*key, known[key]))
    return found
