"""Which rows of results are of shortest paths, and what was trained in them."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from ws_jax.analysis import aggregate
from ws_jax.config import MOST
from ws_jax.papers.savarese2019.own import PATHS, STRENGTH, with_parameters

TEMPLATES = "network.templates"
BANK = "layer_similarity_bank"
FURTHER = ("far", "farther")  # views of larger distances
LARGER = ("larger", "largest")  # views of larger grids
VIEWS = (*FURTHER, *LARGER)
CNN = "CNN"
_SIZE = re.compile(r"paths:\d+x(\d+)")


def concerns(frame: pd.DataFrame) -> bool:
    """Returns whether results have runs of networks on grids."""
    return "network" in frame.columns and bool((frame["network"] == "grid_net").any())


def networks(frame: pd.DataFrame) -> pd.DataFrame:
    """Returns the tidy rows of networks on grids, however trained.

    More columns are `templates`, `strength` (0 without the term) and `net`, what a
    network is called: `CNN`, `2 templates` or `2 templates, term 0.01`.
    """
    if not concerns(frame):
        return pd.DataFrame(columns=[*frame.columns, "strength", "net"])
    rows = aggregate.tidy(frame)
    rows = rows[rows["network"] == "grid_net"]
    templates = PATHS.values(rows, TEMPLATES).astype(int)
    known = rows[STRENGTH] if STRENGTH in rows.columns else pd.Series(0.0, rows.index)
    strength = known.astype("float64").fillna(0)  # without the term there is none
    pairs = zip(templates, strength, strict=True)
    nets = [title(k, s) for k, s in pairs]
    return rows.assign(templates=templates, strength=strength, net=nets)


def select(frame: pd.DataFrame) -> pd.DataFrame:
    """Returns those of `networks` that tables, figures and verdicts are about.

    They have `parameters`, and `scale`, in what they are smaller or larger than the
    paper's.
    """
    rows = networks(frame)
    if rows.empty:
        return rows.assign(parameters=0, scale="")
    rows = PATHS.own(rows)
    return with_parameters(rows, "grid_net", (8, 8, 2)) if len(rows) else rows


def left_out(frame: pd.DataFrame) -> list[str]:
    """Names the runs of networks on grids that are not the paper's, and why."""
    rows = networks(frame)
    return PATHS.left_out(rows) if len(rows) else []


def title(templates: int, strength: float = 0.0) -> str:
    """Returns what a network is called.

    Example:
      >>> title(0), title(1), title(2, 0.01)
      ('CNN', '1 template', '2 templates, term 0.01')
    """
    if not templates:
        return CNN
    name = f"{templates} template{'' if templates == 1 else 's'}"
    return f"{name}, term {strength:g}" if strength else name


def nets(rows: pd.DataFrame) -> list[str]:
    """Returns the networks of some rows, the CNN first, then by templates and term."""
    known = rows[["templates", "strength", "net"]].drop_duplicates()
    return known.sort_values(["templates", "strength"])["net"].tolist()


def layers(rows: pd.DataFrame) -> pd.Series:
    """Returns of each row how many layers of its network could share a template."""
    return PATHS.values(rows, "network.depth").astype(int)


def by_seed(rows: pd.DataFrame, metric: str, late: bool = False) -> pd.DataFrame:
    """Returns the mean of a measure over epochs, [seeds, networks].

    Args:
      rows: of one data set and length.
      metric: its column.
      late: whether only the second half of the epochs counts.
    """
    if metric not in rows.columns:
        return pd.DataFrame()
    # Few columns, since wide rows are slow to cut.
    asked = ["training", "epoch", "status", "seed", "net", metric]
    rows = rows[list(dict.fromkeys(asked))]
    trained = rows[(rows["epoch"] > 0) & (rows["status"] != "diverged")]
    if trained.empty:
        return pd.DataFrame()
    if late:
        length = trained.groupby("training")["epoch"].transform("max")
        trained = trained[trained["epoch"] > length // 2]
    known = trained.assign(value=trained[metric].astype("float64"))
    return known.pivot_table(values="value", index="seed", columns="net")


def ones(rows: pd.DataFrame, metric: str, late: bool = False) -> pd.Series:
    """Returns the F1 of saying yes everywhere, where a score is one: by seed.

    All networks of a seed are scored on the same grids, so it is the same for them.

    Args:
      rows: of one data set and length.
      metric: the column of the score; empty is returned for one that is no F1, and
        where it was not measured.
      late: whether only the second half of the epochs counts.
    """
    column = "val_ones_f1" if metric == "val_f1" else f"{metric}_ones_f1"
    return by_seed(rows, column, late).mean(axis=1)


def side(data: str) -> int:
    """Returns the cells a side of the grids trained on; 0 if their name does not tell.

    Example:
      >>> side("paths:2500x10"), side("mine.npz")
      (10, 0)
    """
    found = _SIZE.match(data)
    return int(found[1]) if found else 0


def asked(rows: pd.DataFrame, view: str) -> str:
    """Returns what a view asks for, `11 to 13` steps or `14 x 14`; else its name.

    Args:
      rows: of one data set.
      view: of `VIEWS`; or empty, for what is trained on at the end.
    """
    stem = f"evaluation.views.{view}" if view else "transforms.draw_paths"
    told = any(column.startswith(f"{stem}.") for column in rows.columns)
    if not told:
        return view or "trained"
    number = lambda field: _only(rows, f"{stem}.{field}")  # noqa: E731
    if view in LARGER:
        size = number("size")
        return f"{size:g}×{size:g}" if size else view
    least, most = number("shortest"), number("longest" if view else "limit")
    return f"{least:g} to {most:g}" if most else view or "trained"


def within(rows: pd.DataFrame, view: str) -> str:
    """Says that a view asks for nothing beyond training; empty if it does.

    Beyond are larger grids than those trained on; or distances of which the least is
    above the largest that was trained on.

    Args:
      rows: of one data set and length; of runs that differ, those count that ask least
        and that have trained on most.
      view: of `VIEWS`.
    """
    asked = lambda field: _numbers(rows, f"evaluation.views.{view}.{field}")  # noqa: E731
    if view in LARGER:
        own = side(str(rows["data"].iloc[0]))
        size = int(asked("size").min()) or own
        alike = f"grids of {size} cells a side, where training has {own}"
        return "" if size > own > 0 else f"not beyond training: {alike}"
    least, most = int(asked("shortest").min()), _longest(rows)
    if least > most:
        return ""
    return (
        f"not beyond training: {least} steps and more, where training has up to {most}"
    )


def _longest(rows: pd.DataFrame) -> int:
    """Returns the largest distance that was trained on."""
    draw = {
        name: _numbers(rows, f"transforms.draw_paths.{name}")
        for name in ("longest", "growth", "every", "limit")
    }
    times = (rows["epoch"].max() - 1) // draw["every"]
    grown = (draw["longest"] + draw["growth"] * times).clip(upper=draw["limit"])
    return int(grown.max())


def _numbers(rows: pd.DataFrame, path: str) -> pd.Series:
    return PATHS.values(rows, path).astype("float64")


def grown(rows: pd.DataFrame) -> tuple[int, int]:
    """Returns after how many epochs the largest distance is reached, and its step.

    0 where distances do not grow, or to no end.

    Args:
      rows: of one data set; where runs differ, the last to get there counts.
    """
    told = {
        name: _numbers(rows, f"transforms.draw_paths.{name}")
        for name in ("longest", "growth", "every", "limit")
    }
    grows = (told["growth"] > 0) & (told["limit"] < MOST)
    steps = np.ceil((told["limit"] - told["longest"]) / told["growth"].where(grows, 1))
    epochs = (steps * told["every"]).where(grows, 0)
    return int(epochs.max()), int(told["every"].max())


def _only(rows: pd.DataFrame, column: str) -> float:
    known = PATHS.values(rows, column).unique()
    return float(known[0]) if len(known) == 1 else 0.0
