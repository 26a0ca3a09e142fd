"""Copies of one training: which of them counts, and how far their numbers differ.

A training stands in several places where sweeps share it, or where a folder was copied,
trained again on another machine, or begun anew. Copies are told apart by the folder of
their table, which `ws_jax.results.read` gives, not by the name of their sweep alone.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from ws_jax.analysis import labels, watched
from ws_jax.storage.results import EPOCH_COLUMNS, RUN_COLUMNS
from ws_jax.storage.standins import IDENTITY_COLUMNS

_KEY = ["training", "epoch"]
# Rounding in another order moves an accuracy by some tenths of a point; other code or
# other data by more. Loss and the like: the same part of what they are.
_ALIKE = 0.01
_NO_MEASURE = {*RUN_COLUMNS, *IDENTITY_COLUMNS, *_KEY, "seconds"}
_TOLD_FIRST = ["val_acc", "val_loss", "acc", "loss"]  # are measured in every epoch
_TOP = "the uppermost folder"  # of all that were read


def folders(rows: pd.DataFrame) -> pd.Series:
    """Returns the folder of each row's table, empty where that is not known."""
    known = rows.get("folder", pd.Series("", rows.index))
    return known.fillna("").astype("str")


def numbered(rows: pd.DataFrame) -> pd.Series:
    """Returns for each row the number of its copy, from 0 on as they appear.

    Tables of one folder's name that were put together by hand are told apart where
    epochs begin anew.

    Args:
      rows: with `digest`, `sweep`, `run`, `epoch` and, where that is known, `folder`.
    """
    place = [rows["digest"], rows["sweep"], folders(rows), rows["run"]]
    number = rows.groupby(place, sort=False, dropna=False).ngroup()
    twice = pd.concat([number, rows["epoch"]], axis=1).duplicated()
    if not twice.any():
        return number
    again = rows["epoch"].groupby(number).diff() <= 0
    part = again.groupby(number).cumsum()
    start = rows["epoch"].groupby([number, part]).transform("first")
    # Rows that were sorted otherwise tell nothing of copies.
    anew = start == rows["epoch"].groupby(number).transform("min")
    part = part.where(anew.groupby(number).transform("all"), 0)
    return rows.groupby([number, part], sort=False).ngroup()


def together(rows: pd.DataFrame, number: pd.Series) -> pd.DataFrame:
    """Keeps the longest copy of each training, the fullest among equals.

    What that copy did not measure at all, another one's epochs give, unless its numbers
    are others.

    Args:
      rows: normalised, with `training`.
      number: of each row's copy, as `numbered` gives it.
    """
    counts = _counting(rows, number)
    if counts.all():
        return rows.drop_duplicates(_KEY)
    kept = rows[counts].drop_duplicates(_KEY)
    apart = _parted(_differences(rows, number, counts))
    others = rows[~counts & ~number.isin(apart)].groupby(_KEY).first()
    others = others.reindex(pd.MultiIndex.from_frame(kept[_KEY])).set_index(kept.index)
    measured = [name for name in others if name not in RUN_COLUMNS]
    lacking = kept[measured].isna().groupby(kept["training"]).transform("all")
    filled = kept[measured].mask(lacking, others[measured])
    return kept.assign(**{name: filled[name] for name in measured})


def _counting(rows: pd.DataFrame, number: pd.Series) -> pd.Series:
    """Marks the rows of the copies that count."""
    if number.nunique() == rows["training"].nunique():  # each has one copy
        return pd.Series(True, rows.index)
    full = rows[list(EPOCH_COLUMNS)].notna().sum(axis=1)
    each = rows.assign(full=full, folder=folders(rows)).groupby(number)
    copies = each.agg({"training": "first", "epoch": "max", "full": "sum",
                       "sweep": "first", "folder": "first"})  # fmt: skip
    order = {"epoch": False, "full": False, "sweep": True, "folder": True}
    copies = copies.sort_values(list(order), ascending=list(order.values()))
    return number.isin(copies.index[~copies["training"].duplicated()])


def _differences(
    rows: pd.DataFrame, number: pd.Series, counts: pd.Series
) -> pd.DataFrame:
    """Returns how far copies that do not count are from those that do, at the most.

    Returns:
      A row for each such copy, by its number: absolute differences in the epochs that
      both have, by (measure, `far`), and by (measure, `part`) as a part of the number
      where that is above 1. Of what has a number in one of the two alone it is
      infinite; so it is of `status`, if one of the two alone diverged.
    """
    names = [
        name
        for name in rows.columns
        if "." not in name
        and name not in _NO_MEASURE
        and pd.api.types.is_numeric_dtype(rows[name])
    ]
    kept = rows[counts].drop_duplicates(_KEY).set_index(_KEY)[names].astype("float64")
    others = rows[~counts]
    there = kept.reindex(pd.MultiIndex.from_frame(others[_KEY])).set_index(others.index)
    here, copy = others[names].astype("float64"), number[others.index]
    with np.errstate(invalid="ignore"):
        far = (here - there).abs()
        part = (far / there.abs().clip(lower=1)).mask(np.isinf(far), np.inf)
    trained = pd.MultiIndex.from_frame(others[_KEY]).isin(kept.index)
    trained &= others["epoch"] > 0  # before training not all is measured
    for name in _TOLD_FIRST:
        if name in names:
            lost = trained & _in_one_alone(here[name], there[name], copy)
            far[name], part[name] = (x[name].mask(lost, np.inf) for x in (far, part))
    diverged = _in_one_diverged(rows, number, counts).map({True: np.inf, False: 0.0})
    far["status"] = part["status"] = copy.map(diverged)
    found = pd.concat({"far": far, "part": part}, axis=1).swaplevel(axis=1)
    return found.groupby(copy).max()


def _in_one_alone(here: pd.Series, there: pd.Series, copy: pd.Series) -> pd.Series:
    """Marks where one of two is no finite number, unless one has none at all."""
    ever = [x.notna().groupby(copy).transform("any") for x in (here, there)]
    return (np.isfinite(here) != np.isfinite(there)) & ever[0] & ever[1]


def _in_one_diverged(
    rows: pd.DataFrame, number: pd.Series, counts: pd.Series
) -> pd.Series:
    """Marks the copies that do not count, by number, where they or the others diverged.

    The one that counts is the longer one, and may have diverged later; one that still
    runs may yet do so.
    """
    ends = rows.groupby(number)["epoch"].idxmax()
    ends = rows.loc[ends, ["training", "epoch", "status"]].set_index(ends.index)
    kept = ends.index.isin(number[counts])
    others, there = ends[~kept], ends[kept].set_index("training")
    there = there.reindex(others["training"]).set_index(others.index)
    ours, theirs = others["status"] == "diverged", there["status"] == "diverged"
    even = others["epoch"] == there["epoch"]
    runs = (others["status"] == "running") | (there["status"] == "running")
    return (ours != theirs) & ((ours & ~even) | (even & ~runs))


def _parted(differences: pd.DataFrame) -> list[int]:
    """Lists the copies whose numbers are others than by rounding."""
    part = differences.xs("part", axis=1, level=1).max(axis=1)
    return list(differences.index[part > _ALIKE])


def left_out(rows: pd.DataFrame, number: pd.Series) -> list[str]:
    """Names the copies that do not count: from where, where else, how far apart.

    Args:
      rows: normalised, with `training`.
      number: of each row's copy, as `numbered` gives it.
    """
    counts = _counting(rows, number)
    if counts.all():
        return []
    copies = _places(rows, number)
    kept = copies[copies.index.isin(number[counts])].set_index("training")
    others = copies[~copies.index.isin(number[counts])]
    far = _differences(rows, number, counts).xs("far", axis=1, level=1)
    others = others.assign(
        same=(far.max(axis=1).fillna(0) == 0).reindex(others.index),
        beside=others["training"].map(kept["sweep"]),
        there=others["training"].map(kept["place"]),
    )
    found = []
    for (sweep, place, beside, there, same), own in others.groupby(
        ["sweep", "place", "beside", "there", "same"], sort=True
    ):
        text = f"sweep {_named(sweep, place)}, {labels.count(len(own), 'run')}: "
        other = there if sweep == beside and there else _named(beside, there)
        text += f"the same as in {other}" if same else f"also in {other}, whose numbers"
        text += "" if same else f" differ ({_amount(rows, far.loc[own.index].max())})"
        found.append(text)
    return found


def _places(rows: pd.DataFrame, number: pd.Series) -> pd.DataFrame:
    """Returns of each copy its training and sweep, and what tells its place besides."""
    first = rows.assign(folder=folders(rows))[~number.duplicated()]
    first = first.set_index(number[first.index])
    several = first.groupby("sweep")["folder"].transform("nunique") > 1
    folder = _in_words(first["folder"]).where(several, "")
    copies = first.groupby(["digest", "sweep", "folder", "run"])
    copy = "copy " + (copies.cumcount() + 1).astype("str")
    copy = copy.where(copies["run"].transform("size") > 1, "")
    both = (folder != "") & (copy != "")
    place = folder + pd.Series(", ", first.index).where(both, "") + copy
    return first[["training", "sweep"]].assign(place=place)


def _named(sweep: str, place: str) -> str:
    return f"{sweep} in {place}" if place else sweep


def _amount(rows: pd.DataFrame, far: pd.Series) -> str:
    """Says how far numbers are apart, by one measure: the watched one, if it can."""
    known = far[far > 0].index
    wanted = [*watched.names(rows).unique(), *_TOLD_FIRST, *known]
    if "status" in known:
        return "one of the two diverged"
    name = next(name for name in wanted if name in known)
    if np.isinf(far[name]):
        return f"{labels.metric(name).lower()} is finite in one of the two alone"
    amount = f"{far[name]:.2g}"
    if watched.is_share(rows, name):
        amount = f"{100 * far[name]:.2g} points"
    return f"{labels.metric(name).lower()} by up to {amount}"


def apart(rows: pd.DataFrame) -> pd.Series:
    """Returns the folder of rows where it tells what a sweep's name does not.

    That is where sweeps of one name stand in several folders, and none of their cells
    in two of them: what may be pooled has one name.

    Args:
      rows: with `data`, `sweep`, `cell` and, where that is known, `folder`.
    """
    folder = folders(rows)
    if folder.nunique() < 2:
        return pd.Series("", rows.index, dtype="str")
    sweep = [rows["data"], rows["sweep"]]
    several = folder.groupby(sweep).transform("nunique") > 1
    shared = folder.groupby([*sweep, rows["cell"]]).transform("nunique") > 1
    several &= ~shared.groupby(sweep).transform("any")
    return _in_words(folder).where(several, "")


def _in_words(folder: pd.Series) -> pd.Series:
    return ("folder " + folder).where(folder != ".", _TOP)
