"""Which runs are a paper's: every field is compared with those of its presets.

What a paper's studies sweep may differ, and what makes a study smaller or larger; all
else makes a run another one, which is named with what differs and not judged. The rule
is in docs/design/0015.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import (
    Callable,
    Collection,
    Iterable,
    Mapping,
    Sequence,
)
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ws_jax.analysis import wording
from ws_jax.config import common_path, has_field, leaves
from ws_jax.free_fields import ROUNDED, WORK
from ws_jax.storage.standins import OLD

if TYPE_CHECKING:  # a report does not wait for what trains
    from ws_jax.runs import Run

# Fields that change no number of a training, or none that is not shown by itself.
HARMLESS = (
    # What is looked at besides: each view and measure has a column of its own.
    "evaluation.views",
    "evaluation.measures",
    "evaluation.test",
    "task.top",
    "task.confusion",
    *WORK,
    *ROUNDED,  # `execution.precision` asks for other products
    "train.optimizer.decays",  # whether a decay of 0 is taken along as an argument
    "data.fingerprint",  # the order of the images: judged apart, not left out
)
HARMLESS_SECTIONS = ("evaluation.measures.", "sweep.")
# Usual columns that choose a preset, or that seeds and lengths differ in.
_CHOSEN = ("data", "semantics", "aug_type", "fold", "seed", "epochs")
_NAMES = {"learning_rate": "rate", "vcp": "p", "num_conv_layers": "layers"}
_PATIENCE = "train.patience"
_OF_TASK = ("task.watched", "task.maximized")  # columns that the kind of task settles


@dataclasses.dataclass(frozen=True)
class Field:
    """A field of a preset, in words.

    Attributes:
      paper: its value.
      usual: what a run has whose table has no column for it.
    """

    paper: str
    usual: str


@dataclasses.dataclass(frozen=True)
class Presets:
    """What a paper's runs are.

    Attributes:
      data: a data set of the paper.
      paper: from data and epochs to its own runs, one for each choice of kinds; none on
        data that it does not train on. Their data are not compared.
      reduced: likewise to runs of its studies in small.
      free: fields that its studies sweep.
      scale: fields that make a study smaller or larger; judged, and said.
      sections: beginnings of fields that are free.
      kept: fields of such a section, or of one that is harmless elsewhere, that are
        compared all the same: verdicts hang on them.
    """

    data: str
    paper: Callable[[str, int], Sequence[Run]]
    reduced: Callable[[str, int], Sequence[Run]] = lambda data, epochs: ()
    free: tuple[str, ...] = ()
    scale: tuple[str, ...] = ()
    sections: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()

    def departures(self, rows: pd.DataFrame) -> pd.Series:
        """Says of each tidy row how its run differs from the paper's; else empty.

        Of all presets the one counts that differs least.
        """

        def presets(data: str, epochs: int) -> list[Run]:
            return [*self.paper(data, epochs), *self.reduced(data, epochs)]

        return self._nearest(rows, presets, self.scale)

    def scales(self, rows: pd.DataFrame) -> pd.Series:
        """Says of each row in what its run is smaller or larger than the paper's own.

        Args:
          rows: tidy, of runs that are the paper's.
        """
        return self._nearest(rows, self.paper, (), "; ")

    def own(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Returns the tidy rows of the paper's runs, with `scale`, as `scales` says."""
        kept = rows[self.departures(rows) == ""]
        return kept.assign(scale=self.scales(kept))

    def left_out(self, rows: pd.DataFrame) -> list[str]:
        """Names by sweep the runs that are not the paper's, with what differs."""
        reasons = self.departures(rows)
        return wording.named(rows[reasons != ""], reasons[reasons != ""])

    def values(self, rows: pd.DataFrame, path: str) -> pd.Series:
        """Returns a field of each row, by default where no column tells it."""
        known = rows.get(path, pd.Series(float("nan"), rows.index, dtype="object"))
        known = known.astype("object")
        empty = [isinstance(value, str) and not value for value in known]
        told = known.notna() & ~np.array(empty, dtype=bool)
        usual = None if told.all() else self._usual(path)
        return known.where(told, usual).infer_objects()

    def _usual(self, path: str) -> Any:
        from ws_jax.runs.shown import usual_value

        known = (run for run in self.paper(self.data, 1) if has_field(run, path))
        return usual_value(next(known), path)

    def _nearest(
        self,
        rows: pd.DataFrame,
        presets: Callable[[str, int], Sequence[Run]],
        but: Collection[str],
        between: str = ", ",
    ) -> pd.Series:
        first = rows[~rows["training"].duplicated()]
        found: dict[Any, str] = {}
        for (data, epochs), own in first.groupby(["data", "epochs"]):
            length = int(epochs) or _longest(rows[rows["data"] == data])
            known = presets(str(data), length)
            place = _alike(own, known)  # seeds of one setting are compared once
            some = _Told(own[~place.duplicated()])
            each = [self._compared(some, run, but) for run in known]
            for i, number in enumerate(place.drop_duplicates()):
                texts = min((one[i] for one in each), key=len, default=[f"data {data}"])
                alike = own.loc[place == number, "training"]
                found |= dict.fromkeys(alike, between.join(texts))
        return rows["training"].map(found).astype("str")

    def _compared(self, told: _Told, run: Run, but: Collection[str]) -> list[list[str]]:
        free = {*HARMLESS, *self.free, *but, *_OF_TASK, _PATIENCE}
        sections = (*HARMLESS_SECTIONS, *self.sections)

        def passed(name: str) -> bool:
            if name in {*free, "transforms.kinds"}:
                return True
            return name.startswith(sections) and name not in self.kept

        found = _other_columns(told, run, free)
        more = _differing(told, fields_of(run), passed)
        return [[*a, *b] for a, b in zip(found, more, strict=True)]


class _Told:
    """What rows tell, one of each run, in words that are found once for all presets."""

    def __init__(self, rows: pd.DataFrame):
        self.count = len(rows)
        self.dotted = [name for name in rows.columns if "." in name]
        # Of results older than these columns, their record says all that is known.
        self.old = rows["digest"].str.startswith(OLD).tolist()
        self._rows, self._words = rows, dict[str, list[str]]()

    @functools.cached_property
    def kinds(self) -> list[str]:
        """The transforms of each row; the usual column where no other tells them."""
        usual = self._rows["aug_type"].tolist()
        words = self.words("transforms.kinds")
        return [
            word or wording.word(kind) for word, kind in zip(words, usual, strict=True)
        ]

    @functools.cached_property
    def patience(self) -> list[tuple[float, int]]:
        """The patience of each row, NaN where it is not known, and its epochs."""
        unknown = pd.Series(float("nan"), self._rows.index)
        own = self._rows.get(_PATIENCE, unknown)
        return list(zip(own.tolist(), self._rows["epochs"].tolist(), strict=True))

    def words(self, name: str) -> list[str]:
        """Returns a field of each row; no word where there is no such column."""
        if name not in self._words:
            there = name in self._rows.columns
            none = [""] * self.count
            words = wording.list_in_words(self._rows[name]) if there else none
            self._words[name] = words
        return self._words[name]


def _alike(rows: pd.DataFrame, presets: Iterable[Run]) -> pd.Series:
    """Numbers rows, one of each run: the same for those that tell the same."""
    dotted = [name for name in rows.columns if "." in name]
    fields = [name for run in presets for name in fields_of(run)]
    names = dict.fromkeys([*dotted, *_usual_columns(), *fields])
    known = [rows[name] for name in names if name in rows.columns]
    columns = [list(map(repr, column.tolist())) for column in known]
    columns.append(list(map(repr, rows["digest"].str.startswith(OLD).tolist())))
    told = [" ".join(parts) for parts in zip(*columns, strict=True)]
    return pd.Series(pd.factorize(pd.Series(told, dtype="str"))[0], rows.index)


@functools.cache
def _usual_columns() -> tuple[str, ...]:
    from ws_jax.names import COLUMN_OF

    settled = [name for name in COLUMN_OF.values() if name not in ("fold", "seed")]
    return (*settled, "transforms.kinds")


def _longest(rows: pd.DataFrame) -> int:
    """Returns the epochs of runs of joined lengths: their patience, or all trained."""
    told = rows[_PATIENCE].dropna() if _PATIENCE in rows.columns else rows["epoch"]
    known = told if len(told) else rows["epoch"]
    return max(1, int(known.max())) if len(known) else 1


def _other_columns(told: _Told, run: Run, free: Collection[str]) -> list[list[str]]:
    """Says of each row how the columns that every table has differ from a preset's."""
    found: list[list[str]] = [[] for _ in range(told.count)]
    for name, wanted in columns_of(run).items():
        if name in free:
            continue
        words = told.kinds if name == "transforms.kinds" else told.words(name)
        for i, word in enumerate(words):
            if word != wanted:
                text = f"{_NAMES.get(name, name)} {word} (the paper: {wanted})"
                found[i].append(text)
    for i, (patience, epochs) in enumerate(told.patience):
        if patience < epochs:
            found[i].append(f"{_PATIENCE} {patience:.0f} (the paper: all epochs)")
    return found


def compared(
    rows: pd.DataFrame,
    wanted: Mapping[str, Field],
    passed: Callable[[str], bool],
    there: Callable[[str], Sequence[bool]] | None = None,
) -> list[list[str]]:
    """Compares the dotted fields of runs with a preset's: of each row, what differs.

    Args:
      rows: tidy, one of each run.
      wanted: the preset's, as `fields_of` returns them.
      passed: whether a field may differ.
      there: marks the runs that have the part which a field is of; all, if not given.
    """
    return _differing(_Told(rows), wanted, passed, there)


def _differing(
    told: _Told,
    wanted: Mapping[str, Field],
    passed: Callable[[str], bool],
    there: Callable[[str], Sequence[bool]] | None = None,
) -> list[list[str]]:
    found: list[list[str]] = [[] for _ in range(told.count)]
    for name in dict.fromkeys([*wanted, *told.dotted]):
        if passed(name):
            continue
        words = told.words(name)
        if name not in wanted:
            for i, word in enumerate(words):
                if word and not told.old[i]:
                    found[i].append(f"{name} {word} (the paper has no such field)")
            continue
        field, has = wanted[name], there(name) if there else [True] * told.count
        for i, word in enumerate(words):
            usual = has[i] and not told.old[i]
            value = word or (field.usual if usual else field.paper)
            if value != field.paper:
                text = f"{_said(name, value)} (the paper: {_said(name, field.paper)})"
                found[i].append(f"{name} {text}")
    return found


def _said(name: str, value: str) -> str:
    return "all" if (name, value) == ("data.num_images", "0") else value


@functools.cache
def fields_of(run: Run) -> dict[str, Field]:
    """Returns the fields of a preset's run, those with usual columns left out."""
    from ws_jax.names import COLUMN_OF
    from ws_jax.runs.shown import shown, usual_value

    found = {}
    for path, *_ in leaves(run):
        if not {path, common_path(run, path)} & COLUMN_OF.keys():
            words = (
                wording.word(v) for v in (shown(run, path), usual_value(run, path))
            )
            found[path] = Field(*words)
    return found


@functools.cache
def columns_of(run: Run) -> dict[str, str]:
    """Returns the usual columns of a preset's run in words, and `transforms.kinds`."""
    from ws_jax.names import COLUMN_OF, acting_kinds, run_columns
    from ws_jax.runs import Sweep

    told = run_columns(Sweep("preset", run), [run])[run]
    names = [name for name in COLUMN_OF.values() if name not in _CHOSEN]
    words = {name: wording.word(told[name]) for name in names if name in told}
    return {**words, "transforms.kinds": acting_kinds(run)}


def said(rows: pd.DataFrame) -> tuple[str, ...]:
    """Returns what `Presets.scales` says of judged rows, each difference once."""
    texts = [text for words in rows["scale"].unique() for text in words.split("; ")]
    return tuple(dict.fromkeys(text for text in texts if text))
