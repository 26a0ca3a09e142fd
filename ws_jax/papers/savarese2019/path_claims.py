"""The abstract's claim on shortest paths: learned faster, and carried further.

Differences are of the same seed, whose networks see the same grids. Thresholds are
ours: any difference that intervals show.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import pandas as pd

from ws_jax.analysis import statistics
from ws_jax.analysis.checks import Check
from ws_jax.analysis.verdicts import Claim, Verdict
from ws_jax.papers.savarese2019 import path_runs
from ws_jax.papers.savarese2019.path_runs import CNN, FURTHER, LARGER

MIN_EPOCHS = 10  # below, networks have hardly seen the largest distances


def _check(what: str, differences: pd.Series, rows: pd.DataFrame) -> Check:
    ends = rows.groupby("training")["epoch"].max()
    return Check(
        what=what,
        unit="points",
        sense="above",
        threshold=0.0,
        found=statistics.corrected_t_test(differences, 0.0),
        published=math.nan,
        epochs=int(ends.min()) if len(ends) else 0,
        min_epochs=MIN_EPOCHS,
        missing=(),
        over="seed",
        running=bool((rows["status"] == "running").any()),
        weak=bool((rows["status"] == "diverged").any()),
    )


def _compared(
    rows: pd.DataFrame, metrics: tuple[str, ...], what: str, late: bool
) -> Iterator[Check]:
    """Checks each shared network against the CNN, seed by seed."""
    tables = [path_runs.by_seed(rows, metric, late) for metric in metrics]
    known = [table for table in tables if CNN in table.columns]
    shared = [net for net in path_runs.nets(rows) if net != CNN] if known else []
    for net in shared:
        less = [table[net] - table[CNN] for table in known]
        means = pd.concat(less, axis=1, join="inner").mean(axis=1)
        both = rows[rows["net"].isin([net, CNN])]
        yield _check(f"{what}: {net} less CNN", means.dropna(), both)
    if not shared:
        nothing = statistics.corrected_t_test(pd.Series(dtype=float), 0.0)
        lacking = "runs of a CNN and of a network with templates"
        yield Check(
            what, "points", "above", 0.0, nothing, math.nan, 0, MIN_EPOCHS, (lacking,)
        )


def faster(rows: pd.DataFrame) -> Iterator[Check]:
    """Shared networks have the larger F1 while distances grow: its mean over epochs."""
    yield from _compared(rows, ("val_f1",), "F1 of validation over all epochs", False)


def further(rows: pd.DataFrame) -> Iterator[Check]:
    """Shared networks have the larger F1 on distances and sizes not trained on."""
    yield from _compared(rows, FURTHER, "F1 on larger distances", True)
    yield from _compared(rows, LARGER, "F1 on larger grids", True)


CLAIMS = (
    Claim(
        3,
        "Shared networks learn paths faster",
        "On tasks that an algorithm solves, networks that share templates between "
        "layers train faster than those that do not.",
        "Abstract",
        ("paths",),
        "a CNN and the same with templates on shortest paths, several seeds",
        faster,
    ),
    Claim(
        4,
        "Shared networks extrapolate further",
        "On such tasks they do better outside of what they were trained on.",
        "Abstract",
        ("paths",),
        "a CNN and the same with templates on shortest paths, scored on larger "
        "distances and grids, several seeds",
        further,
    ),
)


def judge(frame: pd.DataFrame) -> list[Verdict]:
    """Judges the claims on each data set and length of training by itself."""
    rows = path_runs.select(frame)
    found = []
    groups = rows.groupby(["data", "epochs"]) if len(rows) else ()
    for claim in CLAIMS:
        for (data, epochs), own in groups:
            checks = tuple(claim.checks(own))
            found.append(Verdict(claim, data, "paper", "paper", checks, int(epochs)))
    return found
