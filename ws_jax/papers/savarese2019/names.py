"""What a page calls the third paper's networks, and the words that it explains."""

from __future__ import annotations

import re

import pandas as pd

from ws_jax.papers.savarese2019 import path_runs, runs

# The fields that a name tells, as `settings.describe` writes them.
_TOLD = {
    "grid_net": r"network\.templates|task\.terms(?:\.layer_similarity\.strength)?",
    "wrn": r"network\.(?:depth|width|templates)",
}
_PATHS = re.compile(r"paths:(\d+)x(\d+)")


def named(rows: pd.DataFrame) -> pd.DataFrame:
    """Returns tidy rows whose `setting` names networks as the figures do.

    `2 templates, term 0.01` stands in the place of the fields that say so; what else
    tells runs apart stays behind it. Where names would be alike, fields stay.
    """
    if "setting" not in rows.columns or "network" not in rows.columns:
        return rows
    words = rows["setting"].copy()
    for network, select, column in (
        ("grid_net", path_runs.networks, "net"),
        ("wrn", runs.networks, "title"),
    ):
        own = rows[rows["network"] == network]
        for _, part in own.groupby("data"):
            new = _words(part, network, select(part)[column])
            several = part["setting"].nunique() > 1
            if several and new.nunique() == part["setting"].nunique():
                words[part.index] = new
    return rows.assign(setting=words)


def _words(part: pd.DataFrame, network: str, names: pd.Series) -> pd.Series:
    told = re.compile(rf"(?:^|, )(?:{_TOLD[network]}) [^,]*")
    rest = part["setting"].map(lambda text: told.sub("", text).removeprefix(", "))
    names = names.astype("str")
    return names.where(rest == "", names + ", " + rest)


def words(rows: pd.DataFrame) -> list[tuple[str, str]]:
    """Returns what tidy rows make a page explain: names of data, and the term."""
    found = [
        (str(name), _grids(match, own))
        for name, own in rows.groupby("data")
        if (match := _PATHS.fullmatch(str(name)))
    ]
    strengths = path_runs.networks(rows)["strength"] if path_runs.concerns(rows) else ()
    return found + [
        (
            f"term {strength:g}",
            "the loss has a term of this weight that raises the similarity of the "
            "layers that share templates",
        )
        for strength in sorted(set(strengths) - {0.0})
    ]


def _grids(match: re.Match, rows: pd.DataFrame) -> str:
    count, side = int(match[1]), int(match[2])
    text = f"{count:,} grids of {side} by {side} cells with obstacles and two ends"
    kinds = rows.get("transforms.kinds", pd.Series("", rows.index)).astype("str")
    if kinds.str.contains("draw_paths").all():
        text += ", drawn anew in every epoch"
    return text
