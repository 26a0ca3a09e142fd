"""Whether the claims of a paper hold on the results at hand."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pandas as pd

from ws_jax.analysis.claims.checks import FAILS, HOLDS, UNDECIDED, Check, decisive_first
from ws_jax.analysis.claims.samples import said


@dataclasses.dataclass(frozen=True)
class Claim:
    """A statement of the paper.

    Attributes:
      number: in the list of claims.
      title: in a few words.
      statement: in full.
      section: of the paper.
      data: data sets on which the paper makes it.
      needs: the runs that it takes, in words.
      checks: measures it.
    """

    number: int
    title: str
    statement: str
    section: str
    data: tuple[str, ...]
    needs: str
    checks: Callable[[Any], Iterable[Check]]  # of a paper's own `Evidence`


@dataclasses.dataclass(frozen=True)
class Verdict:
    """One claim on one data set, under one semantics and initialisation.

    Attributes:
      claim: what the paper says.
      data: `mnist` or `cifar10`.
      semantics: of the runs.
      init: of their free layers.
      checks: the claim's parts.
      epochs: that its runs may take at most; 0 if there is none, or lengths are joined.
      setting: of its runs, in words, where there are several.
    """

    claim: Claim
    data: str
    semantics: str
    init: str
    checks: tuple[Check, ...]
    epochs: int = 0
    setting: str = ""

    @property
    def outcome(self) -> str:
        """`holds` if all checks pass, `does not hold` if any fails."""
        outcomes = [check.outcome for check in self.checks]
        if FAILS in outcomes:
            return FAILS
        return UNDECIDED if UNDECIDED in outcomes else HOLDS

    @property
    def missing(self) -> tuple[str, ...]:
        """The runs that the claim needs and that are not there."""
        return tuple(dict.fromkeys(m for check in self.checks for m in check.missing))

    @property
    def otherwise(self) -> str:
        """In what the runs behind it are not as the paper's, see `Check`."""
        told = (words for check in self.checks for words in check.otherwise)
        return ", ".join(dict.fromkeys(told))

    @property
    def decisive(self) -> Check:
        """The check on which the outcome hangs."""
        return min(self.checks, key=decisive_first)

    @property
    def sentence(self) -> str:
        """The evidence in one sentence, with its numbers.

        Behind it stand what is amiss with runs of the other checks, what the text's own
        numbers give where they give something else, and what makes the runs smaller or
        larger than the paper's.
        """
        decisive = self.decisive
        text = self._lead + decisive.sentence
        others = [check for check in self.checks if check is not decisive]
        amiss = dict.fromkeys(words for check in others for words in check.amiss)
        amiss = [words for words in amiss if words not in decisive.amiss]
        if amiss:
            text += f" Behind the other checks: {said(amiss)}."
        for check in others:
            text += f" {check.what}: {check.by_text}" if check.by_text else ""
        return text + (
            f" Otherwise than in the paper: {self.otherwise}." if self.otherwise else ""
        )

    @property
    def _lead(self) -> str:
        """Counts the checks by outcome, before one of them; empty if there is one."""
        outcomes = [check.outcome for check in self.checks]
        total, count = len(outcomes), outcomes.count
        if total == 1:
            return ""
        if self.outcome == HOLDS:
            return f"All {total} checks pass, the closest being: "
        text = f"{count(HOLDS)} of {total} checks pass"
        if count(HOLDS) == total - 1:
            word = {FAILS: "does not", UNDECIDED: "is open"}[self.outcome]
            return f"{text}; this one {word}: "
        for outcome, one, several in (
            (FAILS, "fails", "fail"),
            (UNDECIDED, "is open", "are open"),
        ):
            number = count(outcome)
            text += f", {number} {one if number == 1 else several}" if number else ""
        first = "the one that fails" if count(FAILS) else "one of them"
        return f"{text}; {'the clearest' if count(FAILS) > 1 else first}: "


def to_frame(verdicts: Sequence[Verdict]) -> pd.DataFrame:
    """Returns one row per verdict and check, for a notebook.

    Columns: `claim`, `title`, `data`, `semantics`, `init`, `limit` (the most epochs
    that a run may take), `setting`, `verdict`, then of the check `check`, `outcome`,
    `mean`, `low`, `high`, `effect` (Cohen's d_z), `folds`, `epochs`, `threshold`,
    `chosen` (how it was come by, where it is ours), `published`, `text` (the text's own
    threshold) and `text_outcome`, and the verdict's `sentence` and `missing`.
    """
    rows = [_row(verdict, check) for verdict in verdicts for check in verdict.checks]
    return pd.DataFrame(rows)


def _row(verdict: Verdict, check: Check) -> dict:
    return {
        "claim": verdict.claim.number,
        "title": verdict.claim.title,
        "data": verdict.data,
        "semantics": verdict.semantics,
        "init": verdict.init,
        "limit": verdict.epochs,
        "setting": verdict.setting,
        "verdict": verdict.outcome,
        "check": check.what,
        "outcome": check.outcome,
        "mean": check.found.mean,
        "low": check.found.low,
        "high": check.found.high,
        "effect": check.found.effect,
        "folds": check.found.folds,
        "epochs": check.epochs,
        "threshold": check.threshold,
        "chosen": check.chosen,
        "published": check.published,
        "text": check.text,
        "text_outcome": check.text_outcome,
        "sentence": verdict.sentence,
        "missing": "; ".join(verdict.missing),
    }
