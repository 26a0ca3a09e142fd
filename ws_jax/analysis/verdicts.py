"""Whether the paper's claims hold on the results at hand."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import pandas as pd

from ws_jax.analysis import aggregate
from ws_jax.analysis.claims import CLAIMS, Claim
from ws_jax.analysis.evidence import FAILS, HOLDS, UNDECIDED, Check, Evidence

# Both bundles are judged even where nothing was run under one of them.
BUNDLES = (("paper", "paper"), ("released", "released"))


@dataclasses.dataclass(frozen=True)
class Verdict:
    """One claim on one data set, under one semantics and initialisation.

    Attributes:
      claim: what the paper says.
      data: `mnist` or `cifar10`.
      semantics: of the runs.
      init: of their free layers.
      checks: the claim's parts.
    """

    claim: Claim
    data: str
    semantics: str
    init: str
    checks: tuple[Check, ...]

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
    def decisive(self) -> Check:
        """The check on which the outcome hangs.

        A failing one before an undecided one before one that passes; among them one
        with numbers before one without, and that which clears its threshold least.
        """
        rank = {FAILS: 0, UNDECIDED: 1, HOLDS: 2}

        def order(check: Check) -> tuple:
            margin = math.inf if math.isnan(check.margin) else check.margin
            return rank[check.outcome], bool(check.missing), margin

        return min(self.checks, key=order)

    @property
    def sentence(self) -> str:
        """The evidence in one sentence, with its numbers."""
        count = sum(check.outcome == HOLDS for check in self.checks)
        total = len(self.checks)
        if total == 1:
            return self.decisive.sentence
        lead = {
            HOLDS: f"All {total} checks pass, the closest being: ",
            FAILS: f"{count} of {total} checks pass; this one does not: ",
            UNDECIDED: f"{count} of {total} checks pass; this one is open: ",
        }
        return lead[self.outcome] + self.decisive.sentence


def readings(frame: pd.DataFrame) -> list[tuple[str, str]]:
    """Returns the (semantics, initialisation) under which claims are judged."""
    rows = aggregate.tidy(frame)
    free = rows[rows["model"] == "fcn"]
    found = set(zip(free["semantics"], free["init"], strict=True))
    return sorted(found | set(BUNDLES))


def judge(frame: pd.DataFrame) -> list[Verdict]:
    """Judges every claim on its data sets, under every reading.

    Args:
      frame: results, as `ws_jax.results.read` gives them, with anything missing.

    Returns:
      The verdicts, in the claims' order.
    """
    rows = aggregate.tidy(frame)
    evidence = {
        (data, *reading): Evidence(rows, data, *reading)
        for data in ("mnist", "cifar10")
        for reading in readings(rows)
    }
    return [
        Verdict(claim, *where, tuple(claim.checks(runs)))
        for claim in CLAIMS
        for where, runs in evidence.items()
        if where[0] in claim.data
    ]


def to_frame(verdicts: Sequence[Verdict]) -> pd.DataFrame:
    """Returns one row per verdict and check, for a notebook.

    Columns: `claim`, `title`, `data`, `semantics`, `init`, `verdict`, then of the check
    `check`, `outcome`, `mean`, `low`, `high`, `effect` (Cohen's d_z), `folds`,
    `epochs`, `threshold`, `published`, and the verdict's `sentence` and `missing`.
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
        "published": check.published,
        "sentence": verdict.sentence,
        "missing": "; ".join(verdict.missing),
    }
