"""Judges the paper's claims on the results at hand."""

from __future__ import annotations

import pandas as pd

from ws_jax.analysis import aggregate
from ws_jax.analysis.claims.verdicts import Verdict
from ws_jax.papers.ott2020 import published, runs
from ws_jax.papers.ott2020.claims import CLAIMS
from ws_jax.papers.ott2020.evidence import Evidence

# Both bundles are judged even where nothing was run under one of them.
BUNDLES = (("paper", "paper"), ("released", "released"))


def readings(frame: pd.DataFrame) -> list[tuple[str, str]]:
    """Returns the (semantics, initialisation) under which claims are judged."""
    rows = aggregate.tidy(frame)
    free = rows[rows["model"] == "fcn"]
    found = set(zip(free["semantics"], free["init"], strict=True))
    return sorted(found | set(BUNDLES))


def judge(frame: pd.DataFrame, join_lengths: bool = False) -> list[Verdict]:
    """Judges every claim on its data sets, under every reading.

    Only the paper's runs are judged (`runs.left_out` names the others). Runs that may
    take different numbers of epochs are judged apart, each length by itself; so are
    those in different settings, on images in another order, say.

    Args:
      frame: results, as `ws_jax.results.read` gives them, with anything missing.
      join_lengths: whether to judge them together after all.

    Returns:
      The verdicts, in the claims' order.
    """
    rows = aggregate.tidy(frame, join_lengths)
    found = []
    for data in published.SETTINGS:
        chosen = runs.select(rows, data).rows
        for semantics, init in readings(rows):
            own = chosen[chosen["semantics"] == semantics]
            # Shared kernels have one reading: by themselves they make no other.
            free = own[(own["init"] == init) & (own["model"] != "cnn")]
            own = free if len(free) or init != semantics else own
            places = own[["epochs", "setting"]].drop_duplicates()
            places = [tuple(place) for place in places.itertuples(index=False)]
            for limit, setting in sorted(places, key=lambda p: (-p[0], p[1])) or [
                (0, "")
            ]:
                found.append(Evidence(chosen, data, semantics, init, limit, setting))
    return [
        Verdict(
            claim,
            of.data,
            of.semantics,
            of.init,
            tuple(claim.checks(of)),
            of.limit,
            of.setting,
        )
        for claim in CLAIMS
        for of in found
        if of.data in claim.data
    ]
