"""Which runs are the paper's: trained as its Table A.2 and its released code say.

How long they trained is no part of it: shorter runs stand beside the paper's numbers,
with their length. All other runs are shown apart, with what differs.
"""

from __future__ import annotations

import dataclasses
import functools

import pandas as pd

from ws_jax.analysis import aggregate, labels, settings
from ws_jax.config import leaves
from ws_jax.papers.ott2020 import published
from ws_jax.standins import OLD

MOST_PARTS = 6  # settings that have figures of their own, where no paper picks any


@dataclasses.dataclass(frozen=True)
class Selection:
    """The runs on one data set that tables, figures and verdicts are about.

    Attributes:
      rows: tidy rows. On the paper's data sets they differ in length at most.
      others: tidy rows of the other runs on the data set.
      reasons: for each row of `others`, how its run differs from the paper's.
    """

    rows: pd.DataFrame
    others: pd.DataFrame
    reasons: pd.Series

    @property
    def left_out(self) -> list[str]:
        """The other runs by sweep, with what differs."""
        return settings.named(self.others, self.reasons)


def select(frame: pd.DataFrame, data: str) -> Selection:
    """Picks the paper's runs on a data set; all runs where the paper has none."""
    rows = aggregate.tidy(frame)
    rows = rows[rows["data"] == data]
    reasons = departures(rows, data)
    other = reasons != ""
    return Selection(rows[~other], rows[other], reasons[other])


def asks(rows: pd.DataFrame) -> bool:
    """Returns whether runs ask the paper's question on data of their own.

    That takes its two networks and no other, and images that were translated.
    """
    translated = (rows["aug_type"] == "translation") & (rows["aug"] > 0)
    return set(rows["model"]) == {"cnn", "fcn"} and bool(translated.any())


def departures(rows: pd.DataFrame, data: str) -> pd.Series:
    """Says of each row how its run differs from the paper's; empty where it does not.

    A field of the config without a column, or without a value there, has its default.
    """
    words = pd.Series("", rows.index, dtype="str")
    if data not in published.SETTINGS or rows.empty:
        return words
    paper = published.SETTINGS[data]
    for name in ("num_conv_layers", "learning_rate", "num_folds", *published.MANNER):
        wanted = published.MANNER.get(name, getattr(paper, name, None))
        wrong = rows[name] != wanted
        for value in rows.loc[wrong, name].unique():
            one = settings.in_words({name: value}, [name])
            words = words.where(rows[name] != value, words + f", {one}")
    released = rows["semantics"] == "released"
    for name, wanted in paper.fields.items():
        words += _departure(rows, name, wanted, wanted)
    for name, readings in published.READ.items():
        said = [_departure(rows, name, wanted, wanted) for wanted in readings]
        words += said[0].where(~released, said[1]).where(_has(rows, name), "")
    for name in published.OLDER:
        if name in rows.columns:
            words += _departure(rows, name, "", "as its bundle")
    return words.str.removeprefix(", ")


def _has(rows: pd.DataFrame, name: str) -> pd.Series:
    """Marks the runs with the part that a field is of; most have but one transform."""
    *_, owner, kind, _ = ("", "", *name.split("."))
    if owner == "transforms":
        return rows["aug_type"] == kind
    # Of a view nothing may be said but where its column is.
    return pd.Series(owner != "views" or name in rows.columns, rows.index)


def _departure(rows: pd.DataFrame, name: str, wanted, said) -> pd.Series:
    """Says where a field of the config is not as wanted."""
    # Of results older than these columns, their record says all that is known.
    old = rows["digest"].str.startswith(OLD)
    usual = pd.Series(settings.word(_defaults().get(name, wanted)), rows.index)
    usual = usual.where(~old, settings.word(wanted)).astype("str")
    values = usual
    if name in rows.columns:
        told = settings.column_in_words(rows[name])
        values = told.where(told != "", usual)
    text = f", {name} " + values + f" (the paper: {settings.word(said)})"
    return text.where(values != settings.word(wanted), "")


@functools.cache
def _defaults() -> dict[str, object]:
    """Returns what fields of a config are where no column tells."""
    # Imported late: a report does not wait for what trains.
    from ws_jax.runs import Evaluation, Run
    from ws_jax.transforms import VIEWS, EdgeNoise, Noise, Rotation

    views = dataclasses.replace(Evaluation(), views=tuple(VIEWS.values()))
    kinds = (Rotation(), EdgeNoise(), Noise())
    run = dataclasses.replace(Run(), evaluation=views, transforms=kinds)
    return {path: value for path, value, _ in leaves(run)}


def parts(rows: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """Cuts selected rows by setting and length, those with most runs first."""
    return settings.parts(rows)[:MOST_PARTS]


def left_out(frame: pd.DataFrame) -> list[str]:
    """Names the runs that the paper's tables, figures and verdicts leave out."""
    rows = aggregate.tidy(frame)
    found = []
    for data in sorted(rows["data"].unique()):
        for text in select(rows, data).left_out:
            found.append(f"{labels.data(data)}, {text}")
    return found


def without_figures(frame: pd.DataFrame) -> list[str]:
    """Names the runs for which there is no figure but their sweep's curves."""
    rows = aggregate.tidy(frame)
    found = left_out(rows)
    for data in sorted(rows["data"].unique()):
        for words, own in settings.parts(select(rows, data).rows)[MOST_PARTS:]:
            found += [f"{labels.data(data)}, {t}" for t in settings.named(own, words)]
    return found
