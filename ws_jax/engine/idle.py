"""Warnings, before anything trains, of what in a sweep does nothing or not as it says.

None of it is an error: a value may do nothing to one network of a sweep, and much to
another; a cadence may be the paper's, and the images fewer.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence

from absl import logging

from ws_jax.config import common_path
from ws_jax.phases import Periodically, Phase
from ws_jax.runs import Run, Sweep
from ws_jax.tasks import SimilarityTerm

_BANKS = ": none draws from a template bank; set network.templates"


def warn_of_terms(sweep: Sweep, runs: Sequence[Run]) -> None:
    """Warns of terms of the loss that do nothing to any network of a sweep.

    Args:
      sweep: that was checked.
      runs: its runs, each without the terms that do nothing to its network.
    """
    acting = {term.kind for run in runs for term in run.task.terms}
    for term in sweep.base.task.terms:
        path = f"task.terms.{term.kind}.strength"
        paths = (path, common_path(sweep.base, path))
        asked = [value for p in paths for value in sweep.axes.get(p, ())]
        if term.kind not in acting and any(asked or [term.strength]):
            logging.warning(
                "task.terms %s is left out, since it does nothing to any network of "
                "this sweep%s",
                term.kind,
                _BANKS if isinstance(term, SimilarityTerm) else "",
            )


def warn_of_cadences(phases: Iterable[Phase], per_epoch: int) -> None:
    """Warns of cadences that come to one of all batches of an epoch.

    Two that act after the same batch are the same training.

    Args:
      phases: of runs of one structure.
      per_epoch: batches of an epoch.
    """
    found: dict[Phase, list[int]] = {}
    for phase in phases:
        if isinstance(phase, Periodically) and phase.acts_once_an_epoch(per_epoch):
            # Where nothing else is said it acts first after so many batches.
            first = phase.first or phase.every
            alike = dataclasses.replace(phase, every=1, first=first)
            found.setdefault(alike, []).append(phase.every)
    for phase, cadences in found.items():
        others = sorted(set(cadences) - {per_epoch})
        if not others:
            continue
        comes = "come" if len(others) > 1 else "comes"
        all_ = sorted(set(cadences))
        same = f"; {_listed(all_)} are the same training" if len(all_) > 1 else ""
        logging.warning(
            "phase %s: an epoch has %d batches, counted anew in each, so every %s %s "
            "to every %d%s",
            *(phase.kind, per_epoch, _listed(others), comes, per_epoch, same),
        )


def _listed(numbers: Sequence[int]) -> str:
    *first, last = map(str, numbers)
    return f"{', '.join(first)} and {last}" if first else last
