"""What a study swept: the fields in which its runs differ, with short names."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Collection, Mapping

import numpy as np
import pandas as pd

from ws_jax.analysis import aggregate, copies, labels, planned, settings, wording

# Names of the usual columns, in the order in which a table has them.
NAMES = {
    "model": "network",
    "init": "initialisation",
    "semantics": "semantics",
    "aug_type": "augmentation",
    "aug": "level",
    "severing": "severing",
    "vcp": "severed",
    "num_conv_layers": "layers",
    "learning_rate": "learning rate",
    "num_folds": "folds of the data",
    "optimizer": "optimiser",
    "phase": "phase",
    "coupling": "coupling",
    "epochs": "most epochs",
}
_SPLIT, _KINDS = "data.split", "transforms.kinds"  # which usual columns tell, too
TERMS = "task.terms"
CODE = "own.code"  # a user's own code, which changes and is not swept
_FEW = 4  # values of fields that change together, though each has its own table
_MOST_JOINED = 4  # fields; studies that differ in more are no axis of one
_REST = re.compile(r"(?:^|, )((?:sweep|cell) .*)$")


@dataclasses.dataclass(frozen=True)
class Field:
    """A field in which runs differ.

    Attributes:
      name: short, as a column's head has it.
      column: of the results; empty for what only a sweep's name tells. Of fields that
        always change together, all columns, joined by a plus.
      words: its value for each row; empty where the run has no such field.
      numbers: the same as numbers, NaN where it is none; None if it is no number.
      parts: the fields that always change together, if this is several.
    """

    name: str
    column: str
    words: pd.Series
    numbers: pd.Series | None
    parts: tuple[Field, ...] = ()

    @property
    def axes(self) -> tuple[Field, ...]:
        """The fields of numbers against which runs can be drawn.

        Of fields that always change together these are all, if all are numbers: a line
        against one of them would hide that another, the network say, changes along it.
        """
        own = self.parts or (self,)
        return () if any(field.numbers is None for field in own) else own

    @property
    def values(self) -> list[str]:
        """All values but that of lacking it, numbers in their order."""
        known = self.words[self.words != ""]
        if self.numbers is None:
            key = wording.in_order if self.is_joined else None
            return sorted(known.unique(), key=key)
        order = self.numbers[known.index].groupby(known).first().sort_values()
        return list(order.index)

    @property
    def is_joined(self) -> bool:
        """Whether these are fields that always change together."""
        return bool(self.parts)

    def said(self, value: str) -> str:
        """Says a value with the field's name, where it does not tell by itself."""
        alone = self.is_joined or self.column in ("model", "aug_type")
        return value if alone or not value else f"{self.name} {value}"


def fields(rows: pd.DataFrame) -> list[Field]:
    """Lists the fields in which tidy rows of one data set differ.

    Fields that always change together, as those of a part that is swept as a whole, are
    one field: "cadence with factor", of value "cadence 3 with factor 0.9". Apart, no
    two of their values would stand beside each other, all else equal. Whether they
    always do is asked of the runs that records plan, too, where these tell.
    """
    first = ~rows["training"].duplicated()
    own = rows[first].set_index("training", drop=False)
    found = _joined(_fields(own), _of_plan(rows), _tables(own))
    return [_of_rows(field, rows["training"]) for field in found]


def _of_rows(field: Field, training: pd.Series) -> Field:
    """Returns a field that tells for each row what it tells of its run."""

    def told(values: pd.Series) -> pd.Series:
        return values.reindex(training).set_axis(training.index)

    return dataclasses.replace(
        field,
        words=told(field.words),
        numbers=None if field.numbers is None else told(field.numbers),
        parts=tuple(_of_rows(part, training) for part in field.parts),
    )


def _of_plan(rows: pd.DataFrame) -> dict[str, Field]:
    """Returns the fields of all runs, those that have not begun with them, by column.

    Returns:
      None of them where no record tells of such runs.
    """
    whole = planned.joined(rows, aggregate.tidy)
    if len(whole) == len(rows):
        return {}
    whole = whole[whole["data"].isin(rows["data"])]
    whole = whole[~whole["training"].duplicated()]
    return {f.column: f for f in _fields(whole.set_index("training", drop=False))}


def _tables(rows: pd.DataFrame) -> tuple[int, ...]:
    """Returns a number for the table that each row comes from."""
    places = pd.Series(list(zip(rows["sweep"], copies.folders(rows), strict=True)))
    return _codes(places)


def _codes(values: pd.Series) -> tuple[int, ...]:
    """Numbers values by when they first come: equal where the same rows are alike."""
    return tuple(pd.factorize(values)[0].tolist())


def _fields(rows: pd.DataFrame) -> list[Field]:
    """The same for one row of each run."""
    own = _with_terms_that_act(settings.differing_fields(rows), rows)
    own = {c: words for c, words in own.items() if not _is_told_by_parts(words, c, own)}
    usual = _usual_fields(rows, own)
    found = list(usual.values())
    own = _untold(rows, own, usual)
    for column, words in own.items():
        name = _short(column, list(own))
        found.append(Field(name, column, words, _numbers(rows[column], words)))
    rest = rows["setting"].str.extract(_REST)[0].fillna("")
    if rest.nunique() > 1:
        found.append(Field("of", "", rest, None))
    return found


def _with_terms_that_act(
    own: dict[str, pd.Series], rows: pd.DataFrame
) -> dict[str, pd.Series]:
    """Leaves terms of the loss out whose strength is 0 in all runs: they do nothing."""
    if TERMS not in own:
        return own

    def acts(term: str) -> bool:
        strength = rows.get(f"{TERMS}.{term}.strength")
        return strength is None or bool((strength.fillna(0) != 0).any())

    listed = {text: re.findall(r"\w+", text) for text in own[TERMS].unique()}
    told = {
        text: ", ".join(filter(acts, terms)) if not all(map(acts, terms)) else text
        for text, terms in listed.items()
    }
    words = own[TERMS].map(told).replace("", "none")
    others = {column: text for column, text in own.items() if column != TERMS}
    return {**others, TERMS: words} if words.nunique() > 1 else others


def _joined(
    found: list[Field], plan: Mapping[str, Field], tables: tuple[int, ...]
) -> list[Field]:
    """Makes one field of those that tell the same runs apart, in the first's place.

    Code and what only a sweep's name tells stay by themselves. So do the numbers of a
    search, each point of which has a table of its own, and what differs between unlike
    studies.

    Args:
      found: the fields, of one row of each run.
      plan: those of all planned runs, by column, as far as they are known.
      tables: a number for the table of each run.
    """
    together: dict[tuple, list[Field]] = {}
    for field in found:
        codes = _codes(plan.get(field.column, field).words)
        alone = field.column in ("", CODE)
        together.setdefault((field.column if alone else "", codes), []).append(field)
    lists = []
    for own in together.values():
        numbers = all(field.numbers is not None for field in own)
        codes = _codes(own[0].words)
        searched = numbers and len(set(codes)) > _FEW and codes == tables
        apart = searched or len(own) > _MOST_JOINED
        lists += [[field] for field in own] if apart else [own]
    return [own[0] if len(own) == 1 else _as_one(own) for own in lists]


def _as_one(own: list[Field]) -> Field:
    """Makes one field of several, whose values say those of all."""
    lines = zip(*(field.words for field in own), strict=True)
    words = [
        _with([f.said(v) for f, v in zip(own, line, strict=True) if v])
        for line in lines
    ]
    return Field(
        _with([field.name for field in own]),
        "+".join(field.column for field in own),
        pd.Series(words, own[0].words.index),
        None,
        tuple(own),
    )


def _with(words: list[str]) -> str:
    """Joins words, as `a with b and c`, so that a list of such is no longer list."""
    first, rest = words[:1], words[1:]
    return " with ".join([*first, *([" and ".join(rest)] if rest else [])])


def _is_told_by_parts(words: pd.Series, column: str, own: Collection[str]) -> bool:
    """Returns whether a field lists parts, each of which has a field that differs.

    A run without the part lacks that field, which says the same: beside a term of
    strength 0 and of strength 1 stands a run without the term.
    """
    parts = set().union(*(re.findall(r"\w+", listed) for listed in words.unique()))
    parts -= {"none"}
    return bool(parts) and all(
        any(other.startswith(f"{column}.{part}.") for other in own) for part in parts
    )


def _usual_fields(rows: pd.DataFrame, own: Mapping[str, pd.Series]) -> dict[str, Field]:
    """Returns the usual columns in which rows differ, as fields.

    Args:
      rows: tidy.
      own: the dotted fields in which they differ, in words.
    """
    found = {}
    for column, name in NAMES.items():
        shown = _usual(rows, column)
        if column == "aug_type" and set(shown[rows["aug"] == 0]) <= {"none"}:
            # Of one kind the level says all, 0 being none of it.
            shown = shown.where(rows["aug"] > 0, "")
        if shown[shown != ""].nunique() > 1:
            found[column] = Field(name, column, shown, _numbers(rows[column], shown))
    if "num_folds" in found and _SPLIT in own:  # which has one fold if not cut in folds
        cut = wording.cuts(rows)
        found["num_folds"] = Field("split", "num_folds", cut, None)
    return found


def _untold(
    rows: pd.DataFrame, own: Mapping[str, pd.Series], usual: Collection[str]
) -> dict[str, pd.Series]:
    """Leaves out of dotted fields what usual ones tell, which would be no value's else.

    A list of all transforms tells again which of them draw; what is left of it are
    those that draw nothing, normalisation say.
    """
    found = dict(own)
    if "num_folds" in usual:
        found.pop(_SPLIT, None)
    if "aug_type" in usual and _KINDS in found:
        kinds = rows[_KINDS].where(rows[_KINDS].notna(), rows["aug_type"])
        pairs = zip(kinds, rows["aug_type"], strict=True)
        rest = pd.Series([_without(*pair) for pair in pairs], rows.index)
        both = rows[["aug_type"]].assign(rest=rest, kinds=kinds)
        if (both.groupby(["aug_type", "rest"])["kinds"].nunique() == 1).all():
            found[_KINDS] = rest
    return {c: w for c, w in found.items() if w[w != ""].nunique() > 1}


def _without(kinds: str, left_out: str) -> str:
    """Returns the kinds of transforms, joined by a plus, that are not among others."""
    others = left_out.split("+")
    return "+".join(k for k in kinds.split("+") if k not in others) or "none"


def _usual(rows: pd.DataFrame, column: str) -> pd.Series:
    """Returns a usual column in words; empty where a run has no such field."""
    values = rows[column]
    if column == "model":
        return values.map(labels.model)
    if column == "aug_type":
        return values.map(lambda v: "none" if v == "none" else labels.kind(v))
    lacks = pd.Series(column == "num_conv_layers", rows.index) & (values == 0)
    if column == "severing":
        lacks = rows["vcp"] == 0
    if column == "coupling":  # of the phases that have it; others tell it by their name
        lacks = values.groupby(rows["phase"]).transform("nunique") == 1
    if column in ("init", "phase"):
        lacks = (rows["sharing"] == "full") & values.isin(["none", "paper", 0])
    if column in ("aug", "vcp", "coupling"):
        words = pd.Series(labels.levels(values), rows.index, dtype="str")
        return words.where(~lacks, "")
    return wording.column_in_words(values).where(~lacks, "")


def _numbers(values: pd.Series, words: pd.Series) -> pd.Series | None:
    """Returns values as numbers, if all that are there are numbers."""
    if values.dtype == bool or values.map(lambda v: isinstance(v, bool)).any():
        return None
    numbers = pd.to_numeric(values, errors="coerce").astype("float64")
    numbers = numbers.where(words != "", np.nan)
    by_default = words == "by default"
    if numbers[(words != "") & ~by_default].isna().any():
        return None
    return numbers


def _short(column: str, others: list[str]) -> str:
    """Returns the end of a dotted name that no other field ends with."""
    parts = column.split(".")
    for length in range(1, len(parts)):
        end = ".".join(parts[-length:])
        if not any(o != column and f".{o}".endswith(f".{end}") for o in others):
            return end.replace("_", " ")
    return column


def alike(rows: pd.DataFrame, found: list[Field]) -> pd.Series:
    """Returns for each row a number of its setting, folds and seeds left out."""
    keys = [field.words for field in found] or [rows["cell"].str.len() * 0]
    return rows.groupby(keys, sort=False).ngroup()


def repeats(rows: pd.DataFrame) -> str:
    """Says how many folds and seeds stand behind each setting of tidy rows.

    Example: `1 fold, 3 seeds`; `1 to 5 folds` where settings differ in it.
    """
    if rows.empty:
        return "no runs"
    cells = rows.groupby([*aggregate.CELL_KEYS], dropna=False)
    said = []
    for column in ("fold", "seed"):
        counts = cells[column].nunique()
        low, high = int(counts.min()), int(counts.max())
        text = labels.count(high, column)
        said.append(text if low == high else f"{low} to {text}")
    return ", ".join(said)
