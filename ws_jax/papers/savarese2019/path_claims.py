"""The abstract's claim on shortest paths: learned faster, and carried further.

Differences are of the same seed, whose networks see the same grids. Measures and
thresholds are ours: any difference that intervals show. Networks have the same layers,
so those that share have fewer parameters; checks say how many.

A check is open where the two networks were not trained alike in all but their templates
and the term, where neither is shown to beat saying yes everywhere (a lead between
networks that have learned nothing is none), and where a view asks for nothing beyond
training.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import pandas as pd

from ws_jax.analysis import aggregate, labels, planned, statistics
from ws_jax.analysis.claims import comparable, departures, seeds
from ws_jax.analysis.claims.checks import Check
from ws_jax.analysis.claims.verdicts import Claim, Verdict
from ws_jax.papers.savarese2019 import claims, path_runs
from ws_jax.papers.savarese2019.path_runs import CNN, LARGER, VIEWS

MIN_EPOCHS = 20  # below, networks still gain whatever the distances; ours
NAMED = ("network.templates", "task.terms", "task.terms.")  # what `net` tells


class _Pair:
    """The rows of a network with templates and of the CNN.

    What every measure asks of them is found once.
    """

    def __init__(self, rows: pd.DataFrame, net: str):
        self.net = net
        self.rows = rows[rows["net"].isin([net, CNN])]
        self.ends = _lengths(self.rows)

    @functools.cached_property
    def several(self) -> bool:
        """Whether one of the two was trained in several ways."""
        return bool((self.rows.groupby("net")["cell"].nunique() > 1).any())

    @functools.cached_property
    def apart(self) -> str:
        """In what the two differ besides; empty for nothing."""
        return comparable.apart(self.rows, "net", NAMED)

    @functools.cached_property
    def unsettled(self) -> str:
        """Why more training may change what they compare like."""
        return unsettled(self.rows)

    def of_seeds(self, measured: Mapping[str, Collection[int]]) -> dict[str, Any]:
        """Returns what a `Check` is told of the seeds behind it.

        Args:
          measured: the seeds of each of the two that have a value.
        """
        return seeds.of_networks(self._last, "net", measured, self.net)

    @functools.cached_property
    def _last(self) -> pd.DataFrame:
        """The last row of each run."""
        return self.rows.drop_duplicates("training", keep="last")


_pair = aggregate.once_for_each(_Pair)


def _check(
    what: str, table: pd.DataFrame, pair: _Pair, ones: pd.Series, useless: str
) -> Check:
    """Checks a network with templates against the CNN.

    Args:
      what: is compared.
      table: the measure, [seeds, networks].
      pair: the two networks.
      ones: what saying yes everywhere scores, by seed.
      useless: why it is not judged, if so.
    """
    open_since = "; ".join(filter(None, [pair.unsettled, useless]))
    both = table.reindex(columns=[pair.net, CNN])
    if len(ones):  # it hangs on that, too: one of the two must be shown to beat it
        both = both.loc[both.index.isin(ones.index)]
    measured = {net: set(both[net].dropna().index) for net in both}
    return Check(
        what=what,
        unit="points",
        sense="above",
        threshold=0.0,
        found=statistics.corrected_t_test((both[pair.net] - both[CNN]).dropna(), 0.0),
        published=math.nan,
        chosen="any lead",
        epochs=int(pair.ends.min()) if len(pair.ends) else 0,
        min_epochs=0,
        missing=(),
        over="seed",
        unsettled=open_since,
        otherwise=departures.said(planned.begun(pair.rows)),
        **pair.of_seeds(measured),
    )


def unsettled(rows: pd.DataFrame) -> str:
    """Says why more training may change what networks compare like; empty if settled.

    They must have trained for as long as each other, for `MIN_EPOCHS`, and for one step
    of the growth of distances after these have stopped growing.

    Args:
      rows: of the networks that are compared, as `path_runs.select` gives them.
    """
    lengths = _lengths(rows)
    if lengths.empty:
        return ""
    least, most = int(lengths.min()), int(lengths.max())
    if least < most:
        return (
            f"trained for {least} to {most} epochs; as many of all networks and seeds "
            "would settle it"
        )
    reached, every = path_runs.grown(rows)
    takes = max(reached + every, MIN_EPOCHS) if reached else MIN_EPOCHS
    if least >= takes:
        return ""
    why = f"{every} after distances have stopped growing, which takes {reached}"
    why = why if reached + every >= MIN_EPOCHS and reached else "our least"
    return f"trained for {labels.epochs(least)}; {takes} would settle it ({why})"


def _lengths(rows: pd.DataFrame) -> pd.Series:
    """Returns the epochs of each run that counts: not those of one that diverged.

    Nor of one that has not begun.
    """
    known = planned.begun(rows[rows["status"] != "diverged"])
    return known.groupby("training")["epoch"].max()


def _compared(
    rows: pd.DataFrame, metric: str, what: str, late: bool, open_since: str = ""
) -> Iterator[Check]:
    """Checks each network that shares against the CNN, seed by seed.

    One with a template for each layer, or more, shares nothing and is left out.
    """
    table = path_runs.by_seed(rows, metric, late)
    sharing = rows[rows["templates"] < path_runs.layers(rows)]
    known = CNN in set(rows["net"]) and not table.empty
    shared = [net for net in path_runs.nets(sharing) if net != CNN] if known else []
    for net in shared:
        pair = _pair(rows, net)
        both = pair.rows
        sizes = [both.loc[both["net"] == name, "parameters"] for name in (net, CNN)]
        if pair.several:
            # Seeds of one training are pooled, two trainings never.
            yield _lacking(what, f"one training each of {net} and {CNN}, not several")
            continue
        if pair.apart:
            yield _lacking(what, f"{net} and {CNN} in one setting ({pair.apart})")
            continue
        named = f"{what}: {net} ({sizes[0].iloc[0]:,} parameters) less CNN "
        named += f"({sizes[1].iloc[0]:,})"
        ones = path_runs.ones(both, metric, late).dropna()
        useless = "; ".join(filter(None, [open_since, beaten(both, metric, late)]))
        yield _check(named, table, pair, ones, useless)
    if not shared:
        fewer = "a network with fewer templates than layers"
        yield _lacking(what, f"runs of a CNN and of {fewer}")


def beaten(rows: pd.DataFrame, metric: str, late: bool) -> str:
    """Says that no network is shown to beat saying yes everywhere; empty if one does.

    One does if the whole 95 % interval of its lead over seeds lies above 0. It is said,
    too, where the F1 of saying yes everywhere was not measured.

    Args:
      rows: of the networks that are compared.
      metric: the column of their F1.
      late: whether only the second half of the epochs counts.
    """
    ones = path_runs.ones(rows, metric, late).dropna()
    if ones.empty:
        return "the F1 of saying yes everywhere was not measured beside it"
    table = path_runs.by_seed(rows, metric, late)
    leads = [
        statistics.corrected_t_test((table[net] - ones).dropna(), 0.0) for net in table
    ]
    if any(lead.low > 0 for lead in leads):
        return ""
    scores = [f"{net} {100 * table[net].mean():.1f}" for net in table]
    return (
        "neither network is shown to beat the F1 of saying yes everywhere "
        f"({100 * ones.mean():.1f}; {', '.join(scores)})"
    )


def _lacking(what: str, words: str) -> Check:
    nothing = statistics.corrected_t_test(pd.Series(dtype=float), 0.0)
    return Check(what, "points", "above", 0.0, nothing, math.nan, 0, 0, (words,))


def faster(rows: pd.DataFrame) -> Iterator[Check]:
    """Shared networks have the larger F1 while distances grow: its mean over epochs."""
    yield from _compared(rows, "val_f1", "F1 of validation over all epochs", False)


def further(rows: pd.DataFrame) -> Iterator[Check]:
    """Shared networks have the larger F1 on distances and sizes not trained on.

    Each view by itself: a mean of several would hide that they differ in sign. One that
    asks for nothing beyond training says nothing of it.
    """
    for view in VIEWS:
        asked = path_runs.asked(rows, view)
        where = f"on grids of {asked}" if view in LARGER else f"at {asked} steps"
        within = path_runs.within(rows, view)
        yield from _compared(rows, view, f"F1 {where}", True, within)


CLAIMS = (
    Claim(
        3,
        "Shared networks learn paths faster",
        "On tasks that an algorithm solves, networks that share templates between "
        "layers train faster than those that do not. (Measured as the mean F1 over all "
        "epochs, with as many layers and fewer parameters: ours.)",
        "Abstract",
        ("paths",),
        "a CNN and the same with templates on shortest paths, several seeds",
        faster,
    ),
    Claim(
        4,
        "Shared networks extrapolate further",
        "On such tasks they do better outside of what they were trained on. (Measured "
        "as F1, with as many layers and fewer parameters: ours.)",
        "Abstract",
        ("paths",),
        "a CNN and the same with templates on shortest paths, scored on larger "
        "distances and grids, several seeds",
        further,
    ),
)


def judge(frame: pd.DataFrame) -> list[Verdict]:
    """Judges the claims on each data set and length of training by itself."""
    rows = planned.joined(path_runs.select(frame), path_runs.select)
    return claims.judged(CLAIMS, rows)
