"""What is amiss with the seeds of runs: diverged, under way, planned and not there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from ws_jax.analysis.aggregate import PLANNED_SEEDS
from ws_jax.analysis.claims.samples import Amiss

_WORDS = (("diverged", "diverged"), ("running", "under way"))


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
    if PLANNED_SEEDS not in rows.columns:
        return set()
    texts = rows[PLANNED_SEEDS].dropna().unique()
    return {int(seed) for text in texts for seed in text.split()}


def diverged(rows: pd.DataFrame) -> bool:
    """Returns whether any run diverged: what is left may be the better ones."""
    return bool((rows["status"] == "diverged").any())


def gone(parts: Mapping[str, pd.DataFrame]) -> set[int]:
    """Returns the seeds of networks that are not there in each of them.

    They are planned of it and were not trained, or are there of another with which it
    is compared. A run that diverged is there.

    Args:
      parts: rows of each network's runs.
    """
    known = [set(own["seed"]) for own in parts.values()]
    asked = set().union(*known, *(planned(own) for own in parts.values()))
    return {int(seed) for own in known for seed in asked - own}


def unpaired(parts: Mapping[str, pd.DataFrame]) -> tuple[Amiss, ...]:
    """Says which seeds of networks have no run of another to be compared with.

    Args:
      parts: rows of each network's runs. Seeds that were planned of the network that
        lacks them are left out: `amiss` tells those.
    """
    known = {name: set(own["seed"]) for name, own in parts.items()}
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


def of_networks(rows: pd.DataFrame, column: str, leader: str = "") -> dict[str, Any]:
    """Returns what a `Check` is told of the seeds behind it: some of its fields.

    Args:
      rows: of all runs that it hangs on.
      column: that names their network.
      leader: of which what is measured is how far its score is above the others'; none
        if that is no score, so that it may be off either way where seeds diverged.
    """
    parts = {str(name): own for name, own in rows.groupby(column, sort=False)}
    short = {name for name, own in parts.items() if diverged(own)}
    said = tuple(one for name, own in parts.items() for one in amiss(name, own))
    return {
        "amiss": said + unpaired(parts),
        "running": bool((rows["status"] == "running").any()),
        "maybe_high": bool(short & {leader} if leader else short),
        "maybe_low": bool(short - {leader}),
        "gone": len(gone(parts)),
    }
