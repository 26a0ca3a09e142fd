"""Our level 0 on MNIST beside the original's own five folds, epoch by epoch.

The tables give medians over all epochs; these are means over folds after single epochs,
and so comparable with trainings that are much shorter than the paper's.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from ws_jax.analysis import aggregate, labels
from ws_jax.analysis.page.paper import Comparison
from ws_jax.papers.ott2020 import published, runs

OUTSIDE = 2.0  # units of the original's spread beyond which a difference is marked
_DATA = "mnist"
_DISTANCES = ("dist_", "cos_")


def beside_original(
    frame: pd.DataFrame, original: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Sets our runs at level 0 under `released` beside the original's.

    Args:
      frame: results, tidy or not.
      original: its numbers, as `published.released_level0` gives them, the default. A
        row's kernel distances are those before its epoch, so ours are taken one epoch
        earlier.

    Returns:
      One row for each of the original's: `model`, `epoch`, `metric`, its `mean` and
      `sd_over_folds`, our `ours` (mean over folds), `folds` behind it, `diverged` runs
      among those left out, `difference` (ours less the original's), `units` (that over
      its spread) and `outside` (whether it is more than `OUTSIDE`). NaN where we have
      nothing.
    """
    original = published.released_level0() if original is None else original
    rows = _chosen(frame)
    lost = rows.loc[rows["status"] == "diverged", ["model", "training"]]
    lost = lost.drop_duplicates().groupby("model").size()
    rows = rows[rows["status"] != "diverged"]
    found = []
    for row in original.to_dict("records"):
        before = row["metric"].startswith(_DISTANCES)
        own = rows[rows["model"] == row["model"]]
        own = own[own["epoch"] == row["epoch"] - before]
        values = _by_fold(own, row["metric"])
        ours = float(values.mean()) if len(values) else float("nan")
        diverged = int(lost.get(row["model"], 0))
        found.append({**row, "ours": ours, "folds": len(values), "diverged": diverged})
    table = pd.DataFrame(found)
    table["difference"] = table["ours"] - table["mean"]
    table["units"] = table["difference"] / table["sd_over_folds"]
    return table.assign(outside=table["units"].abs() > OUTSIDE)


def _by_fold(rows: pd.DataFrame, metric: str) -> pd.Series:
    if metric not in rows.columns:
        return pd.Series(dtype="float64")
    return rows.groupby("fold")[metric].mean().dropna()


def _chosen(frame: pd.DataFrame) -> pd.DataFrame:
    """Returns the paper's runs at level 0 under the whole `released` bundle."""
    rows = runs.select(frame, _DATA).rows
    rows = aggregate.matching(rows, semantics="released", aug=0, vcp=0)
    return rows[(rows["model"] == "cnn") | (rows["init"] == "released")]


def comparisons(frame: pd.DataFrame) -> list[Comparison]:
    """Returns the comparison as a section of the page; none without such runs."""
    table = beside_original(frame)
    known = table[table["ours"].notna()]
    if known.empty:
        return []
    title = f"{labels.data(_DATA)} at level 0, {published.ORIGINAL_RUNS}"
    return [Comparison(title, _note(known, len(table)), _in_words(table))]


def _note(known: pd.DataFrame, wanted: int) -> str:
    outside = known[known["outside"]]
    names = [
        f"{labels.model(row.model)}, {labels.metric(row.metric).lower()}, epoch "
        f"{row.epoch} ({_signed(row.units)})"
        for row in outside.itertuples()
    ]
    parts = [
        "Means over folds after an epoch, in percent (distances as they are), ± the "
        "original’s standard deviation over its five folds; a difference is ours less "
        "the original’s, in units of that.",
        f"Of {len(known)} numbers {len(outside)} lie outside {OUTSIDE:g}, marked *"
        + (f": {'; '.join(names)}." if names else "."),
    ]
    if len(known) < wanted:
        parts.append(f"{wanted - len(known)} of {wanted} numbers have no run of ours.")
    few = known.groupby("model")[["folds", "diverged"]].agg(["min", "max"])
    for model, row in few.iterrows():
        if row["folds", "min"] < published.SETTINGS[_DATA].num_folds:
            parts.append(f"{labels.model(model)}: {row['folds', 'min']} folds of ours.")
        if row["diverged", "max"]:
            text = f"{row['diverged', 'max']} diverged, left out"
            parts.append(f"{labels.model(model)}: {text}.")
    parts.append(
        "The folds are not the same images: ours are cut from the order of our source, "
        "the original’s from that of the original files."
    )
    return " ".join(parts)


def _in_words(table: pd.DataFrame) -> pd.DataFrame:
    """Returns one row a model and measure, three columns an epoch, as text."""
    lines: dict[tuple[str, str], dict[str, str]] = {}
    for row in table.to_dict("records"):
        key = (labels.model(row["model"]), labels.metric(row["metric"]))
        scale, digits = (1, 4) if row["metric"].startswith(_DISTANCES) else (100, 2)
        theirs, spread, ours = (
            f"{scale * row[name]:.{digits}f}"
            for name in ("mean", "sd_over_folds", "ours")
        )
        epoch = f"Epoch {row['epoch']}"
        mark = " *" if row["outside"] else ""
        nothing = np.isnan(row["ours"])
        cells = {
            f"{epoch}, original": f"{theirs} ± {spread}",
            f"{epoch}, ours": "–" if nothing else ours,
            f"{epoch}, units": "–" if nothing else _signed(row["units"]) + mark,
        }
        start = {"Model": key[0], "Measure": key[1]}
        lines.setdefault(key, start).update(cells)
    return pd.DataFrame(list(lines.values())).fillna("–")


def _signed(value: float) -> str:
    return f"{value:+.1f}".replace("-", "−")
