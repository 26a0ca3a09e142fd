"""What the report shows of shortest paths: figures, and F1 beside simple answers."""

from __future__ import annotations

import functools
from collections.abc import Iterator

import pandas as pd

from ws_jax.analysis import labels, statistics
from ws_jax.analysis.page.gallery import Item
from ws_jax.analysis.page.paper import Comparison
from ws_jax.papers.savarese2019 import path_claims, path_figures, path_runs

judge = path_claims.judge
_CURVES = """F1 in percent, means over seeds and their whole range. Validation asks for
the distances of that epoch, the other panels for other distances or grids. Dotted: F1
of saying yes everywhere, where it was measured; that of saying no everywhere is 0.
Every cell right: the part of the validation grids without a wrong cell."""
_FURTHER = """F1 in the second half of training, means over seeds with 95 % intervals.
The first point of each panel is what was trained on. Dashes: F1 of saying yes
everywhere, where it was measured; that of saying no everywhere is 0."""
_MAPS = """Absolute cosine of the coefficients of each two layers, in the network’s
order; means over seeds. Epoch 0 is before training."""
BESIDE = """Percent, in the second half of training; means over seeds with 95 %
intervals. All cells: saying yes everywhere, whose F1 is larger where paths fill more of
a grid, as those of larger distances do (– where that was not measured); no cell: saying
no everywhere. Trained on: the validation grids, whose distances are those of the epoch.
Every cell right: the part of these grids without a wrong cell."""


def parts(frame: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Parts results on shortest paths by data set and length: a title, and rows."""
    rows = path_runs.select(frame)
    for (data, epochs), own in rows.groupby(["data", "epochs"]) if len(rows) else ():
        yield f"{labels.data(data)}, {labels.epochs(int(epochs))}", own


def items(frame: pd.DataFrame) -> list[Item]:
    """Lists the figures of shortest paths that results can fill."""
    found = []
    for where, own in parts(frame):
        drawn = (
            ("Shortest paths while training", _CURVES, path_figures.training_curves),
            ("Other distances and grids", _FURTHER, path_figures.extrapolation),
        )
        if path_runs.BANK in own.columns and own[path_runs.BANK].notna().any():
            maps = ("Similarity of layers", _MAPS, path_figures.similarity_maps)
            drawn = (*drawn, maps)
        found += [
            Item(
                "",
                f"{name}. {where}",
                caption + (_beyond(own) if caption != _MAPS else ""),
                functools.partial(draw, own),
            )
            for name, caption, draw in drawn
        ]
    return found


def _beyond(rows: pd.DataFrame) -> str:
    """Says which views ask for what was never trained on, and which do not."""
    views = [view for view in path_runs.VIEWS if view in rows.columns]
    unit = {view: "cells" for view in path_runs.LARGER}
    inside = [
        f"{path_runs.asked(rows, view)} {unit.get(view, 'steps')}"
        for view in views
        if path_runs.within(rows, view)
    ]
    if inside:
        return f" Views not beyond what was trained on: {', '.join(inside)}."
    return " All views ask for what is beyond what was trained on." if views else ""


def comparisons(frame: pd.DataFrame) -> list[Comparison]:
    """Sets F1 of each network beside that of saying yes everywhere, and no."""
    found = []
    for where, own in parts(frame):
        cells = table(own)
        found.append(Comparison(f"Shortest paths. {where}", BESIDE, cells))
    return found


def table(rows: pd.DataFrame) -> pd.DataFrame:
    """Returns F1 by network, as text, on what was trained on and on each view.

    Args:
      rows: of one data set and length, as `path_runs.select` gives them.
    """
    columns = {"trained on": "val_f1", "every cell right": "val_exact"}
    columns |= {path_runs.asked(rows, view): view for view in path_runs.VIEWS}
    values = {
        name: path_runs.by_seed(rows, metric, late=True)
        for name, metric in columns.items()
    }
    faster = path_runs.by_seed(rows, "val_f1")
    lines = []
    for net in path_runs.nets(rows):
        line = {"network": net, "seeds": str(rows.loc[rows["net"] == net,
                                                      "seed"].nunique())}  # fmt: skip
        sizes = rows.loc[rows["net"] == net, "parameters"].unique()
        line["parameters"] = " or ".join(f"{size:,}" for size in sizes)
        line["all epochs"] = _told(faster, net)
        lines.append(line | {name: _told(v, net) for name, v in values.items()})
    return pd.DataFrame(lines + _simple(rows, columns))


def _simple(rows: pd.DataFrame, columns: dict[str, str]) -> list[dict[str, str]]:
    """Returns what is said without a network: all cells, and none."""
    if path_runs.ones(rows, "val_f1", late=True).empty:
        return []
    ones = {
        name: _mean(path_runs.ones(rows, metric, late=True))
        for name, metric in columns.items()
    }
    ones["all epochs"] = _mean(path_runs.ones(rows, "val_f1"))
    none = dict.fromkeys(ones, "0.0")
    same = {"seeds": "–", "parameters": "0"}
    return [
        {"network": name, **same, **scores}
        for name, scores in (("all cells", ones), ("no cell", none))
    ]


def _mean(values: pd.Series) -> str:
    return f"{100 * values.mean():.1f}" if len(values) else "–"


def _told(values: pd.DataFrame, net: str) -> str:
    if net not in values.columns:
        return "–"
    found = statistics.corrected_t_test(values[net], 0.0)
    half = (found.high - found.low) / 2
    text = f"{100 * found.mean:.1f}"
    return f"{text} ± {100 * half:.1f}" if half == half else text
