"""What tells apart runs that look alike: the settings of results, in words.

Two runs are pooled, joined by a line or judged together only if nothing that can change
a number differs between them but what the table or figure is about. The usual columns
say most of it; fields of the config (columns with dotted names) and, where these say
nothing either, the sweep's name say the rest.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ws_jax.analysis import copies, kinds, labels, wording
from ws_jax.free_fields import ROUNDED, WORK

# The columns that every table has, as far as they change numbers.
USUAL = [
    "data",
    "semantics",
    "init",
    "model",
    "aug_type",
    "aug",
    "severing",
    "vcp",
    "num_conv_layers",
    "learning_rate",
    "num_folds",
    "optimizer",
    "phase",
    "coupling",
    "epochs",
]
# Of these, and of what `describe` finds, what is no axis of a table or a figure.
SETTING = [
    "num_conv_layers",
    "learning_rate",
    "num_folds",
    "optimizer",
    "phase",
    "coupling",
    "setting",
    "epochs",
]
JOINED = 0  # in the column `epochs`: lengths of training were not to tell runs apart


def describe(rows: pd.DataFrame, number: pd.Series | None = None) -> pd.Series:
    """Says of each row what tells its run from others that look alike.

    Only what differs within a data set is said, as `train.batch_size 32`; nothing
    where all runs are alike. Equal `cell`s always have equal words, and different ones
    that are alike in all usual columns never have.

    Args:
      rows: with the columns `USUAL`, `digest`, `cell`, `sweep`, `run`, `epoch`,
        `folder` where that is known, and any dotted ones, each the same in all rows of
        a run.
      number: of each row's copy, where that is known (`copies.numbered`).
    """
    number = copies.numbered(rows) if number is None else number
    words = _describe(rows[~number.duplicated()])
    return pd.Series(words.to_numpy()[number.to_numpy()], rows.index, dtype="str")


def _describe(rows: pd.DataFrame) -> pd.Series:
    """The same for one row of each run."""
    parts = [_fields_in_words(own) for _, own in rows.groupby("data")]
    words = pd.concat(parts) if parts else pd.Series(dtype="str")
    words = words.reindex(rows.index).astype("str")
    folder = copies.apart(rows)
    sweep = rows["sweep"] + (" in " + folder).where(folder != "", "")
    for last, named in (("sweep", sweep), ("cell", rows["cell"].str[:12])):
        several = _of_several_cells(rows, words)
        if not several.any():
            return words
        # Every row of a sweep is named, so that its levels still make one line.
        pairs = pd.MultiIndex.from_frame(rows[["data", "sweep"]])
        if last == "sweep":
            several = pd.Series(pairs.isin(pairs[several.to_numpy()]), rows.index)
        named = last + " " + named.astype("str")
        both = words.where(words == "", words + ", ") + named
        words = both.where(several, words)
    return words


def _of_several_cells(rows: pd.DataFrame, words: pd.Series) -> pd.Series:
    """Marks rows that are alike in all usual columns and in words, of several cells."""
    cells = rows["cell"].tolist()
    # By hand, since a group by so many columns costs more than all else.
    columns = [*(rows[name].tolist() for name in USUAL), words.tolist()]
    places = list(zip(*columns, strict=True))
    found: dict[tuple, set[str]] = {}
    for place, cell in zip(places, cells, strict=True):
        found.setdefault(place, set()).add(cell)
    known = rows[USUAL].notna().all(axis=1)
    several = [len(found[place]) > 1 for place in places]
    return known & pd.Series(several, rows.index, dtype=bool)


def _fields_in_words(rows: pd.DataFrame) -> pd.Series:
    """Joins the dotted fields in which runs on one data set differ."""
    words = pd.Series("", rows.index)
    for name, values in differing_fields(rows).items():
        words = words + (f", {name} " + values).where(values != "", "")
    return words.str.removeprefix(", ")


def differing_fields(rows: pd.DataFrame) -> dict[str, pd.Series]:
    """Returns the dotted fields in which runs on one data set differ, in words.

    A run that has no such field has no words for it. That is one without a value in a
    sweep whose other runs have one, and one whose kinds have no such field; else in a
    table without the column it has the default. A field that a usual column, or one
    before it, tells is left out.
    """
    dotted = [n for n in rows.columns if "." in n and changes_numbers(n)]
    varied = [name for name in dotted if wording.is_varied(rows[name])]
    found: dict[str, pd.Series] = {}
    if not varied:
        return found
    usual = [*USUAL, "fold", "seed", "sharing"]
    told = [wording.column_in_words(rows[name]).to_numpy(object) for name in usual]
    cells = rows["cell"].tolist()
    for name in varied:
        lacks = _without(rows, name)
        said = wording.list_in_words(rows[name])
        said = [_LACKS if no else text for text, no in zip(said, lacks, strict=True)]
        words, has = np.array(_with_default(said, cells), object), ~np.array(lacks)
        if len(set(words[has])) > 1 and not _is_told(words[has], told, has):
            told.append(words)
            found[name] = pd.Series(np.where(has, words, ""), rows.index, dtype="str")
    return found


def _without(rows: pd.DataFrame, name: str) -> list[bool]:
    """Says of each row whether runs of its cell have no such field."""
    cells, words = rows["cell"].tolist(), wording.list_in_words(rows[name])
    tables = list(zip(rows["sweep"], copies.folders(rows), strict=True))
    elsewhere = {table for table, said in zip(tables, words, strict=True) if said}
    parted = zip(cells, tables, words, kinds.lacking(rows, name), strict=True)
    lacking = {
        cell
        for cell, table, said, lacks in parted
        if not said and (lacks or table in elsewhere)
    }
    return [cell in lacking for cell in cells]


def sole_number(rows: pd.DataFrame) -> str:
    """Returns the dotted field that tells all settings of tidy rows by a number.

    It is empty where there is more to tell, or a run lacks the field.
    """
    first = rows[~rows["training"].duplicated()]
    fields = differing_fields(first)
    if len(fields) != 1:
        return ""
    ((name, words),) = fields.items()
    numbers = pd.to_numeric(first[name], errors="coerce")
    if numbers.isna().any() or first[name].map(lambda v: isinstance(v, bool)).any():
        return ""
    return name if (first["setting"] == f"{name} " + words).all() else ""


def changes_numbers(name: str) -> bool:
    """Returns whether a field, by its dotted name, can change numbers of a training.

    Example:
      >>> changes_numbers("execution.chunk"), changes_numbers("execution.precision")
      (False, True)
    """
    return not (name in (*WORK, *ROUNDED) or name.startswith("sweep."))


_LACKS = "no such field"


def _with_default(values: list[str], cells: list[str]) -> list[str]:
    """Fills in a default that some tables leave out.

    A table has no column for a field that is neither swept in it nor differs from the
    default; if a cell stands in one with and in one without it, the value is known.
    """
    known: dict[str, str] = {}
    for cell, value in zip(cells, values, strict=True):
        if value:
            known.setdefault(cell, value)
    silent = {cell for cell, value in zip(cells, values, strict=True) if not value}
    found = {known[cell] for cell in silent & known.keys()}
    default = found.pop() if len(found) == 1 else "by default"
    return [value or default for value in values]


def _is_told(words: np.ndarray, columns: list[np.ndarray], rows: np.ndarray) -> bool:
    """Returns whether a usual column says the same wherever it says anything.

    Args:
      words: of a field, of the rows that have it; not of one kind alone.
      columns: words of others, of all rows.
      rows: a truth value of each row: whether it has the field.
    """
    silent = words == "by default"
    for column in columns:
        other = column[rows]
        speaks = (other != "none") & ~silent
        same = speaks.any() and (words[speaks] == other[speaks]).all()
        if same and not set(other[silent]) & set(words[speaks]):
            return True
    return False


def differing(rows: pd.DataFrame, keys: Sequence[str] = SETTING) -> list[str]:
    """Returns the keys in which rows differ."""
    return [key for key in keys if rows[key].nunique(dropna=False) > 1]


def in_words(
    values: Mapping[str, Any],
    keys: Iterable[str] = SETTING,
    among: pd.DataFrame | None = None,
) -> str:
    """Says some keys of a setting, as `2 layers, rate .01, 8 epochs`.

    Args:
      values: by key.
      keys: those that are said, in order.
      among: rows with other values, which the words tell these apart from.
    """

    def level(value: float) -> str:
        others = [] if among is None else among[key].unique()
        return labels.level(value, labels.digits_apart([value, *others]))

    parts = []
    for key in keys:
        value = values[key]
        text = {
            "num_conv_layers": lambda v: labels.count(v, "layer") if v else "",
            "learning_rate": lambda v: f"rate {level(v)}",
            "num_folds": lambda v: wording.cut(v, values.get("data.split")),
            "optimizer": str,
            "phase": lambda v: f"phase {v}",
            "coupling": lambda v: f"coupling {level(v)}",
            "epochs": lambda v: labels.epochs(int(v)),
            "aug_type": lambda v: "" if v == "none" else labels.kind(v),
            "aug": lambda v: f"level {level(v)}",
            "vcp": lambda v: f"p {level(v)}",
        }.get(key, str)(value)
        parts += [text] if text else []
    return ", ".join(parts)


def of_model(values: Mapping[str, Any], rows: pd.DataFrame, among: pd.DataFrame) -> str:
    """Says a setting of one model's rows, without what the model does not have.

    Args:
      values: by key.
      rows: of the model and the setting.
      among: of all settings, which the words tell this one apart from.
    """
    lacks = (rows["sharing"] == "full").all()
    keys = [
        key
        for key, value in values.items()
        if not lacks or key not in _OF_FREE_KERNELS or value != _OF_FREE_KERNELS[key]
    ]
    return in_words(rows.iloc[0].to_dict() | dict(values), keys, among)


def parts(
    rows: pd.DataFrame, keys: Sequence[str] = SETTING
) -> list[tuple[str, pd.DataFrame]]:
    """Cuts rows by their settings: words of what differs, and the rows of each.

    Those with most runs come first. Nothing differs where there is one part. Runs that
    have no such field (a phase leaves a kernel that all sites share as it is) stand in
    the part of each of its values, and the words say so.
    """
    telling = differing(rows, keys)
    if not telling:
        return [("", rows)]
    groups = dict(grouped(rows, telling))
    shared = {values: own[own["sharing"] == "full"] for values, own in groups.items()}
    found, placed = [], set()
    for values, own in groups.items():
        guests = [
            other
            for other, part in shared.items()
            if len(part) and _fits(other, values, telling)
        ]
        guests = [other for other in guests if (own["sharing"] != "full").any()]
        placed |= set(guests)
        first = own.iloc[0].to_dict() | dict(zip(telling, values, strict=True))
        words = in_words(first, telling, rows)
        found.append((values, words, pd.concat([own, *(shared[g] for g in guests)])))
    result = []
    for values, words, own in found:
        rest = groups[values]
        if values in placed and (rest["sharing"] == "full").all():
            continue
        result.append((_with_guests(words, rest, own), own.sort_index()))
    return sorted(result, key=lambda part: -part[1]["training"].nunique())


def grouped(
    rows: pd.DataFrame, keys: Sequence[str]
) -> list[tuple[tuple, pd.DataFrame]]:
    """Cuts rows by their values of some keys, in the order of `in_order`."""
    groups = list(rows.groupby(list(keys), dropna=False))
    return sorted(groups, key=lambda group: wording.in_order(group[0]))


def _with_guests(words: str, rest: pd.DataFrame, whole: pd.DataFrame) -> str:
    words = words or "otherwise as usual"
    if len(rest) == len(whole):
        return words
    guests = whole.loc[whole.index.difference(rest.index), "model"].unique()
    return f"{words} ({', '.join(map(labels.model, guests))}: has none)"


# What a kernel that all sites share has one value of.
_OF_FREE_KERNELS = {"phase": "none", "coupling": 0.0}
_FIELD = re.compile(r", (?=[a-z_]+\.|sweep |cell )")


def _fits(lacking: tuple, values: tuple, keys: Sequence[str]) -> bool:
    """Returns whether a run that lacks fields is otherwise in a setting."""
    if lacking == values:
        return False
    for key, one, other in zip(keys, lacking, values, strict=True):
        few, many = (set(_FIELD.split(str(text))) - {""} for text in (one, other))
        fits = few <= many if key == "setting" else one == other
        if not fits and one != _OF_FREE_KERNELS.get(key):
            return False
    return True
