"""What a claim is judged by: checks of samples against thresholds.

A check asks whether a mean over folds lies above or below a threshold. It passes if the
whole 95 % interval does (corrected resampled t-test, `statistics.py`), fails if the
whole interval lies on the other side, and is undecided otherwise. Runs that are
missing, too short, under way or on fewer than two folds leave it undecided too; what is
too short to fail is too short to pass. Where runs diverged, those left may be the
better ones. What is measured of their network may be too high: to lie above a threshold
is no pass then, and to lie below one no fail. Of a difference from it the opposite
holds. Where it is not known which way they are chosen (distances between kernels, two
measures of the same runs), they decide nothing. Nor do they where more than one fold is
not there at all, was not trained or deleted: what is left may be better or worse. One
alone may lack where at least four are left.

Where a text's number is not what its tables show, or lies where a perfect reproduction
would have to lie, a check has two thresholds: the one that decides, and the text's.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable

from ws_jax.analysis import labels, statistics
from ws_jax.analysis.claims.samples import Amiss, said, together

HOLDS = "holds"
FAILS = "does not hold"
UNDECIDED = "not enough data"
LEFT = 4  # folds or seeds that must be there for one alone not to be; ours


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
      amiss: what is wrong with those that are there.
      running: whether any of them is still under way.
      text: the number of the paper's text, where that is not the threshold; else NaN.
      chosen: how the threshold was come by, where it is ours and not the paper's.
      over: what `found` is a mean over, a `fold` or a `seed`.
      maybe_high: whether the mean may be too high, see `Sample`.
      maybe_low: whether it may be too low.
      unsettled: why it is not judged though runs are there and have ended: how long
        they trained, and what would settle it; else empty.
      steps: of an epoch, where `min_epochs` was counted in steps.
      gone: folds or seeds that are not there, or lack in one of the networks that are
        compared; more than one, or one where fewer than `LEFT` are left, and nothing
        is decided.
      otherwise: in what the runs behind it are smaller or larger than the paper's, or
        otherwise than its recipe because of that.
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
    amiss: tuple[Amiss, ...] = ()
    running: bool = False
    text: float = math.nan
    chosen: str = ""
    over: str = "fold"
    maybe_high: bool = False
    maybe_low: bool = False
    unsettled: str = ""
    steps: int = 0
    gone: int = 0
    otherwise: tuple[str, ...] = ()

    @property
    def outcome(self) -> str:
        """`holds`, `does not hold` or `not enough data`."""
        return self._against(self.threshold)

    @property
    def text_outcome(self) -> str:
        """The outcome by the text's own number; empty where it is the threshold."""
        return "" if math.isnan(self.text) else self._against(self.text)

    def _against(self, threshold: float) -> str:
        found = self.found
        short = self.epochs < self.min_epochs or math.isnan(found.low)
        if self.missing or short or self.running or self.unsettled:
            return UNDECIDED
        if self._chosen:
            return UNDECIDED
        passes, fails = self._sides(threshold)
        # What may be too high may lie above a threshold by luck, and not below it.
        flatters = {"above": self.maybe_high, "below": self.maybe_low}[self.sense]
        harms = {"above": self.maybe_low, "below": self.maybe_high}[self.sense]
        if passes:
            return UNDECIDED if flatters else HOLDS
        return FAILS if fails and not harms else UNDECIDED

    @property
    def _chosen(self) -> bool:
        """Whether so many are not there that those left may be chosen either way."""
        return self.gone > 1 or (self.gone == 1 and self.found.folds < LEFT)

    def _sides(self, threshold: float) -> tuple[bool, bool]:
        """Whether the whole interval lies on the claim's side, and on the other."""
        found = self.found
        # On the threshold is neither above nor below it.
        above = (found.low > threshold, found.high <= threshold)
        below = (found.high < threshold, found.low >= threshold)
        return {"above": above, "below": below}[self.sense]

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
        """The threshold in words; whether it is ours, and the text's if another."""
        ours = f"our threshold, {self.chosen}" if self.chosen else ""
        told = "" if math.isnan(self.text) else self._told
        aside = "; ".join(filter(None, [ours, told]))
        return self._asked(self.threshold) + (f" ({aside})" if aside else "")

    @property
    def _told(self) -> str:
        return f"the text: {self._asked(self.text)}"

    def _asked(self, threshold: float) -> str:
        word = {"above": "over", "below": "under"}[self.sense]
        scale = 1 if self.unit == "distance" else 100
        return f"{word} {scale * threshold:g}".replace("-", "−")

    @property
    def by_text(self) -> str:
        """Says what the text's own number gives, where that is another outcome."""
        if not self.text_outcome or self.text_outcome == self.outcome:
            return ""
        word = {HOLDS: "it holds", FAILS: "it does not hold", UNDECIDED: "it is open"}
        return f"By the text, {self._asked(self.text)}, {word[self.text_outcome]}."

    @property
    def sentence(self) -> str:
        """The numbers, or why there are none, as one plain sentence."""
        if self.missing:
            verb = "is" if len(self.missing) == 1 else "are"
            text = f"{self.what}: not known, {'; '.join(self.missing)} {verb} missing"
            return f"{text}{self._aside}."
        found, unit = self.found, {"points": " points", "percent": " %"}
        suffix = unit.get(self.unit, "")
        text = f"{self.what} is {self.show(found.mean)}{suffix}"
        if not found.folds:
            what = f"{self.what}: not known, no {self.over} was trained by both"
            return f"{what}{self._aside}."
        if math.isnan(found.low):
            text += f" on one {self.over}, which gives no interval{self._not_settled}"
            return f"{text}{self._aside}."
        text += (
            f" (95 % interval {self.show(found.low)} to {self.show(found.high)}, "
            f"{found.folds} {self.over}s, {labels.epochs(self.epochs)}"
            f"{self._of_steps}); asked for: {self.asked}"
        )
        if not math.isnan(self.published):
            text += f"; the paper: {self.show(self.published)}"
        if self.epochs < self.min_epochs:
            takes = self._takes(self.min_epochs)
            text += f"; {self.epochs} epochs are too few, it takes {takes}"
        elif self.unsettled:
            text += self._not_settled
        elif self.outcome == UNDECIDED:
            text += f"; {self._open}"
        by_text = f" {self.by_text}" if self.by_text else ""
        return f"{text}{self._aside}.{by_text}"

    @property
    def _of_steps(self) -> str:
        return f" of {self.steps:,} steps" if self.steps else ""

    def _takes(self, epochs: int) -> str:
        return (
            f"{epochs} ({epochs * self.steps:,} steps)" if self.steps else f"{epochs}"
        )

    @property
    def _not_settled(self) -> str:
        return f"; not settled: {self.unsettled}" if self.unsettled else ""

    @property
    def _open(self) -> str:
        """Why runs that are there, and long enough, decide nothing."""
        if self.running:
            return "not judged before all runs have ended"
        if any(self._sides(self.threshold)):
            lost, others = f"{self.over}s are lost", "the better ones"
            if self._chosen:
                are, they = ("is", "it") if self.gone == 1 else ("are", "they")
                lost = f"{labels.count(self.gone, self.over)} {are} not there"
                others = f"better or worse than {they}"
            return f"open, since {lost}: the others may be {others}"
        return "the interval includes the threshold"

    @property
    def _aside(self) -> str:
        return f" ({said(self.amiss)})" if self.amiss else ""


def hardest(checks: Iterable[Check]) -> list[Check]:
    """Draws checks of one kind together: that on which the outcome hangs, and its gaps.

    All of them must hold for a claim, so the one that fails, or that clears its
    threshold least, speaks for those that have numbers; what is amiss with any of them
    is amiss with it. Those without runs are one open check of their own.

    Returns:
      One check or two.
    """
    known, unknown = [], []
    for check in checks:
        (unknown if check.missing else known).append(check)
    found = []
    if known:
        first = min(known, key=decisive_first)
        count = f" (the hardest of {len(known)})" if len(known) > 1 else ""
        amiss = together(check.amiss for check in known)
        found += [dataclasses.replace(first, what=first.what + count, amiss=amiss)]
    if unknown:
        gaps = together(check.missing for check in unknown)
        amiss = together(check.amiss for check in unknown)
        found += [dataclasses.replace(unknown[0], missing=gaps, amiss=amiss)]
    return found


def decisive_first(check: Check) -> tuple:
    """Sorts checks by how much an outcome hangs on them.

    One that fails comes before one that is open before one that passes; among them one
    with numbers before one without, and that which clears its threshold least.
    """
    rank = {FAILS: 0, UNDECIDED: 1, HOLDS: 2}[check.outcome]
    margin = math.inf if math.isnan(check.margin) else check.margin
    return rank, bool(check.missing), margin
