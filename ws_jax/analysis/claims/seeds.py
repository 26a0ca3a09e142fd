"""What is amiss with the seeds of runs: diverged, under way, planned and not there."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import pandas as pd

from ws_jax.analysis import planned as plans
from ws_jax.analysis.claims.samples import Amiss

_WORDS = (
    ("diverged", "diverged"),
    ("running", "under way"),
    (plans.STATUS, "planned and not trained"),
)


def amiss(name: str, rows: pd.DataFrame) -> tuple[Amiss, ...]:
    """Says which seeds of a network diverged, are under way or were not trained.

    Args:
      name: of the network.
      rows: of its runs, tidy; with what was planned (`aggregate.with_plan`), seeds that
        are not there are told, too.
    """
    last = rows[["training", "status", "seed"]]
    last = last[~rows["training"].duplicated(keep="last")]
    found = [
        (seed, word)
        for status, word in _WORDS
        for seed in sorted(set(last.loc[last["status"] == status, "seed"]))
    ]
    lacking = sorted(planned(rows) - set(rows["seed"]))
    found += [(seed, "planned and not trained") for seed in lacking]
    return tuple(Amiss(f"{name}, seed", float(seed), word) for seed, word in found)


def planned(rows: pd.DataFrame) -> set[int]:
    """Returns the seeds that records planned for the runs of some rows."""
    asked = set(rows.loc[rows["status"] == plans.STATUS, "seed"])
    if plans.SEEDS not in rows.columns:
        return asked
    return asked | plans.numbers(rows[plans.SEEDS])


def diverged(rows: pd.DataFrame) -> bool:
    """Returns whether any run diverged: what is left may be the better ones."""
    return bool((rows["status"] == "diverged").any())


def gone(
    parts: Mapping[str, pd.DataFrame],
    valued: Mapping[str, Collection[int]] | None = None,
) -> set[int]:
    """Returns the seeds of networks that are not there in each of them.

    They are planned of it and were not trained, or are there of another with which it
    is compared, or lack what is measured. A run that diverged is there.

    Args:
      parts: rows of each network's runs.
      valued: the seeds of each that have a value; if not given, all that have begun.
    """
    asked = {seed for own in parts.values() for seed in {*own["seed"], *planned(own)}}
    found: set[int] = set()
    for name, own in parts.items():
        known = _begun(own) if valued is None else set(valued.get(name, ()))
        lost = set(own.loc[own["status"] == "diverged", "seed"])
        found |= asked - known - lost
    return {int(seed) for seed in found}


def _begun(rows: pd.DataFrame) -> set[int]:
    return set(plans.begun(rows)["seed"])


def unpaired(parts: Mapping[str, pd.DataFrame]) -> tuple[Amiss, ...]:
    """Says which seeds of networks have no run of another to be compared with.

    Args:
      parts: rows of each network's runs. Seeds that were planned of the network that
        lacks them are left out: `amiss` tells those.
    """
    known = {name: _begun(own) for name, own in parts.items()}
    told = {name: known[name] | planned(own) for name, own in parts.items()}
    found = {
        (name, seed)
        for name, own in known.items()
        for other in told
        for seed in own - told[other]
    }
    return tuple(
        Amiss(f"{name}, seed", float(seed), "without a partner")
        for name, seed in sorted(found)
    )


def _unmeasured(
    name: str, rows: pd.DataFrame, known: Collection[int]
) -> tuple[Amiss, ...]:
    """Says which seeds of a network have ended well, and lack what is measured."""
    others = rows["status"].isin([status for status, _ in _WORDS])
    lacking = sorted(set(rows.loc[~others, "seed"]) - set(known))
    return tuple(Amiss(f"{name}, seed", float(s), "not measured") for s in lacking)


def of_networks(
    rows: pd.DataFrame,
    column: str,
    valued: Mapping[str, Collection[int]],
    leader: str = "",
) -> dict[str, Any]:
    """Returns what a `Check` is told of the seeds behind it: some of its fields.

    Args:
      rows: of all runs that it hangs on.
      column: that names their network.
      valued: the seeds of each network that have a value of all that it hangs on.
      leader: of which what is measured is how far its score is above the others'; none
        if that is no score, so that it may be off either way where seeds diverged.
    """
    names = ["training", "status", "seed", column, plans.SEEDS]
    last = rows[[name for name in names if name in rows.columns]]  # few: wide is slow
    last = last[~last["training"].duplicated(keep="last")]
    parts = {str(name): own for name, own in last.groupby(column, sort=False)}
    short = {name for name, own in parts.items() if diverged(own)}
    said = tuple(one for name, own in parts.items() for one in amiss(name, own))
    for name, own in parts.items():
        said += _unmeasured(name, own, valued.get(name, ()))
    return {
        "amiss": said + unpaired(parts),
        "running": bool((last["status"] == "running").any()),
        "maybe_high": bool(short & {leader} if leader else short),
        "maybe_low": bool(short - {leader}),
        "gone": len(gone(parts, valued)),
    }
