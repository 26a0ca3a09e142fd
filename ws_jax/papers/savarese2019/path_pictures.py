"""What trained networks say on grids that are drawn for them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax
import numpy as np

from ws_jax.checkpoint import load_run
from ws_jax.config import get_field
from ws_jax.engine.predict import predict
from ws_jax.grids import Grid, draw_grids
from ws_jax.keys import make_key
from ws_jax.papers.savarese2019 import path_runs
from ws_jax.papers.savarese2019.own import STRENGTH
from ws_jax.runs import Run, Sweep
from ws_jax.storage import results
from ws_jax.transforms.paths import Drawn, DrawPaths


def predicted(
    workdir: str | Path, view: str = "", count: int = 4, *, seed: int = 0, key: int = 0
) -> tuple[Grid, dict[str, np.ndarray]]:
    """Asks the networks of a finished sweep on shortest paths.

    Args:
      workdir: of the sweep, with its checkpoints.
      view: of whose distances and size the grids are, `far` say; empty: as those that
        were trained on last.
      count: of grids.
      seed: of the runs that are asked.
      key: of the grids.

    Returns:
      The grids; and by network the probability that a cell is on a shortest path,
      [count, size, size].

    Raises:
      ResultsError: if there is no such run, or nothing was saved.
    """
    (record,) = results.read_records(workdir)
    sweep = Sweep.from_values(record["config"])
    runs = [run for run in sweep.runs() if run.seed == seed]
    grids = jax.device_get(_draw(sweep.base, view, count, key))
    images = (255 * np.stack([grids.obstacles, grids.ends], -1)).astype(np.uint8)
    found = {}
    for run in runs:
        terms = run.task.terms
        templates = get_field(run, path_runs.TEMPLATES)
        strength = {STRENGTH: terms[0].strength} if terms else {}
        which = {path_runs.TEMPLATES: templates, "seed": seed, **strength}
        outputs = predict(run, load_run(workdir, **which), images, 2)
        name = path_runs.title(templates, *strength.values())
        found[name] = 1 / (1 + np.exp(-outputs.astype(np.float64)))
    return grids, found


def _draw(base: Run, view: str, count: int, key: int) -> Any:
    drawn = (*base.transforms, *base.evaluation.views)
    known = {how.kind: how for how in drawn if isinstance(how, Drawn)}
    how = known[view or DrawPaths.kind]
    size = how.side((path_runs.side(base.data.name),) * 2)
    shortest, longest = how.window(base.train.epochs - 1)
    return draw_grids(
        make_key(key), count, size, how.density, shortest, longest,
        connectivity=how.connectivity, label=how.label,
    )  # fmt: skip
