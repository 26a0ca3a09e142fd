"""Which runs are the paper's: trained as its Table A.2 and its released code say.

How long they trained is no part of it: shorter runs stand beside the paper's numbers,
with their length. All other runs are shown apart, with what differs.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Collection

import pandas as pd

from ws_jax.analysis import aggregate, labels, settings, wording
from ws_jax.analysis.claims import departures as rule
from ws_jax.papers.ott2020 import axes, published
from ws_jax.papers.ott2020.axes import KINDS

MOST_PARTS = 6  # settings that have figures of their own, where no paper picks any


@dataclasses.dataclass(frozen=True)
class Selection:
    """The runs on one data set that tables, figures and verdicts are about.

    Attributes:
      rows: tidy rows. On the paper's data sets they differ in length and in what
        `axes.FREE` lists; `setting` says what, of these runs alone.
      others: tidy rows of the other runs on the data set.
      reasons: for each row of `others`, how its run differs from the paper's.
    """

    rows: pd.DataFrame
    others: pd.DataFrame
    reasons: pd.Series

    @property
    def left_out(self) -> list[str]:
        """The other runs by sweep, with what differs."""
        return wording.named(self.others, self.reasons)


def select(frame: pd.DataFrame, data: str) -> Selection:
    """Picks the paper's runs on a data set; all runs where the paper has none.

    Networks that have no scheme of sharing over space are nothing that it compares.
    """
    return _select(aggregate.tidy(frame), data)


@aggregate.once_for_each
def _select(rows: pd.DataFrame, data: str) -> Selection:
    rows = rows[rows["data"] == data]
    if "network" in rows.columns:  # such a network's kind stands for its scheme
        rows = rows[rows["network"] != rows["sharing"]]
    reasons = departures(rows, data)
    other = reasons != ""
    kept = rows[~other]
    if data in published.SETTINGS and len(kept):
        # All other fields are the paper's, whose bundle and kind say them.
        told = [c for c in kept.columns if "." in c and c not in axes.FREE]
        kept = kept.assign(setting=settings.describe(kept.drop(columns=told)))
    return Selection(kept, rows[other], reasons[other])


def asks(rows: pd.DataFrame) -> bool:
    """Returns whether runs ask the paper's question on data of their own.

    That takes its two networks and no other, and images that were translated.
    """
    translated = (rows["aug_type"] == "translation") & (rows["aug"] > 0)
    return set(rows["model"]) == {"cnn", "fcn"} and bool(translated.any())


# In what the grid search differs from the other studies. Its patience is its own, and
# its cut of the data are the published parts.
SEARCHED = (
    "learning_rate",
    "num_conv_layers",
    "num_folds",
    "data.split",
    "train.patience",
)


def departures(rows: pd.DataFrame, data: str, but: Collection[str] = ()) -> pd.Series:
    """Says of each row how its run differs from the paper's; empty where it does not.

    Every field of the config that a column tells, or whose default is not the paper's,
    is compared with the preset of the data set, bundle and augmentation; what may
    differ is listed (`axes.FREE`).

    Args:
      rows: tidy.
      data: their data set.
      but: columns that may differ, too.
    """
    words = pd.Series("", rows.index, dtype="str")
    if data not in published.SETTINGS or rows.empty:
        return words
    trainings = rows["training"]
    seen = rows[[c for c in _VIEWS if c in rows.columns]].notna()
    seen = seen.groupby(trainings).transform("any")
    one = ~trainings.duplicated()
    told = [_usual_departures(rows[one], data, but)]
    for (semantics, kind), own in rows[one].groupby(["semantics", "aug_type"]):
        told.append(_field_departures(own, seen, data, semantics, kind, but))
    found = told[0].str.cat(pd.concat(told[1:]).reindex(told[0].index))
    by_training = pd.Series(found.to_numpy(), trainings[one].to_numpy())
    return trainings.map(by_training).astype("str").str.removeprefix(", ")


_VIEWS = ("translation", "rotation", "noise", "edge_noise")  # views that have fields
# What acts on training images is in `transforms.kinds`, what is not here acts not;
# views that the paper has not are columns that its tables have not.
_SHOWN_OTHERWISE = ("transforms.", "evaluation.views.")


def _usual_departures(rows: pd.DataFrame, data: str, but: Collection[str]) -> pd.Series:
    """Compares the columns that every table has."""
    paper = published.SETTINGS[data]
    words = pd.Series("", rows.index, dtype="str")
    for name in ("num_conv_layers", "learning_rate", "num_folds", *published.MANNER):
        wanted = published.MANNER.get(name, getattr(paper, name, None))
        if name in but:
            continue
        wrong = rows[name] != wanted
        named = {v: settings.in_words({name: v}, [name]) for v in rows[name].unique()}
        said = wording.cuts(rows) if name == "num_folds" else rows[name].map(named)
        said = said.astype("str")
        words = words.where(~wrong | (said == ""), words + ", " + said)
    kinds = rows["aug_type"]
    if "transforms.kinds" in rows.columns:
        # Those that draw nothing, normalisation say, are told here only.
        told = wording.column_in_words(rows["transforms.kinds"])
        kinds = told.where(told != "", kinds)
    words = words.where(kinds.isin(KINDS), words + ", images changed by " + kinds)
    for name in published.OLDER:
        if name in rows.columns:
            told = wording.column_in_words(rows[name])
            text = f", {name} " + told + " (the paper: as its bundle)"
            words += text.where(told != "", "")
    return words


def _field_departures(
    rows: pd.DataFrame,
    seen: pd.DataFrame,
    data: str,
    semantics: str,
    kind: str,
    but: Collection[str],
) -> pd.Series:
    """Compares the fields of runs under one bundle and kind of augmentation."""
    wanted = _preset(data, semantics, kind)

    def passed(name: str) -> bool:
        if name in axes.FREE or name in but or name in published.OLDER:
            return True
        if name.startswith(axes.FREE_SECTIONS):
            return True
        return name not in wanted and name.startswith(_SHOWN_OTHERWISE)

    def there(name: str) -> list[bool]:
        return _is_there(name, seen, rows)

    found = rule.compared(rows, wanted, passed, there)
    words = ["".join(f", {text}" for text in texts) for texts in found]
    return pd.Series(words, rows.index, dtype="str")


def _is_there(name: str, seen: pd.DataFrame, rows: pd.DataFrame) -> list[bool]:
    """Marks the runs that have the part a field is of; of views those with a value.

    Another network has no layers as the paper's are told: that it is another says all.
    """
    if name.startswith("network.") and "network" in rows.columns:
        return list(wording.column_in_words(rows["network"]).isin(["", "convnet"]))
    *_, owner, kind, _ = ("", "", *name.split("."))
    if owner != "views":
        return [True] * len(rows)
    if kind not in seen.columns:
        return [False] * len(rows)
    return seen.loc[rows.index, kind].tolist()


@functools.cache
def _preset(data: str, semantics: str, kind: str) -> dict[str, rule.Field]:
    """Returns the fields of the paper's own runs, those with usual columns left out."""
    # Imported late: a report does not wait for what trains.
    from ws_jax.papers.ott2020 import presets
    from ws_jax.papers.ott2020.semantics import READINGS

    bundle = semantics if semantics in READINGS else "paper"
    named = {"augmentations": (kind,)} if kind in KINDS else {}
    sweep = getattr(presets, data)(data, semantics=bundle, folds=(0,), **named)
    return rule.fields_of(sweep.runs()[0])


def parts(rows: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """Cuts selected rows by setting and length, those with most runs first."""
    return settings.parts(rows)[:MOST_PARTS]


def selected(frame: pd.DataFrame) -> pd.DataFrame:
    """Returns the rows of the paper's runs on all data sets."""
    rows = aggregate.tidy(frame)
    names = sorted(rows["data"].unique())
    return pd.concat([rows.iloc[:0], *(select(rows, data).rows for data in names)])


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
            found += [f"{labels.data(data)}, {t}" for t in wording.named(own, words)]
    return found
