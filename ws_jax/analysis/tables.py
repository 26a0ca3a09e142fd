"""Tables from our results, each cell beside the number that a paper published for it.

A table is built from whatever results there are: a cell without runs stands in it
marked `missing`, one with fewer folds than were planned says how many.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence

import pandas as pd

from ws_jax.analysis import aggregate, labels, settings, varying, watched, wording
from ws_jax.storage.results import COLUMNS
from ws_jax.storage.standins import IDENTITY_COLUMNS

READINGS = tuple(labels.READINGS)
_COUNTS = ["runs", "folds", "seeds", "diverged", "running", "shortest", "longest"]
_COUNTS += ["planned_folds", "planned_seeds"]
# What has a row of its own in every table.
VARIANT = ["semantics", "init", "model", *settings.SETTING]
_NOTHING = {"num_conv_layers": 0, "learning_rate": float("nan"), "num_folds": 0}
_NOTHING |= {"optimizer": "", "phase": "", "coupling": 0.0, "setting": "", "epochs": 0}


@dataclasses.dataclass(frozen=True)
class PublishedTable:
    """Medians of one data set and one kind of training augmentation.

    Attributes:
      name: the paper's number, as in `Table 1`.
      data: the data set's name.
      kind: the training augmentation.
      source: where the numbers stand.
      values: one row per level, model and metric, with the columns `aug`, `model`,
        `metric` and `published`; accuracies in [0, 1].
    """

    name: str
    data: str
    kind: str
    source: str
    values: pd.DataFrame

    @property
    def metrics(self) -> tuple[str, ...]:
        """The measures that the table gives, in its order."""
        return tuple(self.values["metric"].unique())

    def value(self, level: float, model: str, metric: str) -> float:
        """Returns one cell.

        Raises:
          KeyError: if the table has no such cell.
        """
        return self._cells[level, model, metric]

    @property
    def levels(self) -> tuple[float, ...]:
        """The levels that the table gives, in its order."""
        return tuple(self.values["aug"].unique())

    @property
    def models(self) -> tuple[str, ...]:
        """The models that the table gives, in its order."""
        return tuple(self.values["model"].unique())

    @functools.cached_property
    def _cells(self) -> dict[tuple[float, str, str], float]:
        keys = self.values[["aug", "model", "metric"]].itertuples(index=False)
        return dict(zip(map(tuple, keys), self.values["published"], strict=True))


@dataclasses.dataclass(frozen=True)
class Table:
    """A table in tall form.

    Attributes:
      name: as `Table 1`.
      title: what the table shows.
      note: how its runs were chosen.
      cells: one row per cell and reading: `row`, `group` and `column` labels,
        `reading`, `value`, `published`, `difference` (value - published), `folds`,
        `num_folds`, `runs`, and `mark`, empty if nothing is amiss; `share`, whether it
        is told in percent (where it is missing, all are).
      row_name: what `group` lists (levels, say).
      has_published: whether the paper gives numbers for it.
      has_results: whether it has values of its own; those of level 0 alone, which
        belong to every augmentation, are none of a table's but the translation's.
    """

    name: str
    title: str
    note: str
    cells: pd.DataFrame
    row_name: str
    has_results: bool
    has_published: bool = False


def level_table(
    rows: pd.DataFrame,
    data: str,
    kind: str,
    metrics: Sequence[str] = (),
    paper: PublishedTable | None = None,
    left_out: Sequence[str] = (),
) -> Table:
    """Builds the table of one data set and augmentation: measures against level.

    Runs in different settings, or of different length, stand in rows of their own.

    Args:
      rows: tidy rows of the runs on the data set.
      data: the data set's name.
      kind: training augmentation.
      metrics: measures; empty: those of the published table, else the accuracies and
        what else tasks are scored by.
      paper: numbers to set beside ours; its levels and models are shown even where
        nothing was run.
      left_out: names of runs that are not in the table.
    """
    whole = rows[rows["vcp"] == 0]
    rows = aggregate.of_kind(whole, kind)
    metrics = tuple(metrics) or (paper.metrics if paper else default_metrics(rows))
    levels = paper.levels if paper else sorted(rows["aug"].unique())
    models = variants(rows, paper.models if paper else ())
    empty = models.merge(pd.DataFrame({"aug": levels}, dtype="float64"), how="cross")
    empty = empty.sort_values("aug", kind="stable", ignore_index=True)
    cells = filled(rows, empty, metrics)
    if paper:
        cells = _with_published(cells, paper)
    cells = cells.assign(
        group=labels.levels(cells["aug"]),
        row=row_names(cells),
        column=cells["metric"].map(labels.metric),
        share=[watched.is_share(rows, metric) for metric in cells["metric"]],
    )
    name = paper.name if paper else "Medians"
    title = f"{labels.data(data)} trained with {labels.kind(kind)}"
    shared = kind != "translation" and kind in aggregate.LEVELED
    own = cells[cells["aug"] > 0] if shared else cells
    found = any_value(own)
    words = note(rows, left_out)
    return Table(name, title, words, cells, "Level", found, paper is not None)


def any_value(cells: pd.DataFrame) -> bool:
    """Returns whether any of the cells has a value."""
    return bool(cells["value"].notna().any())


def filled(
    rows: pd.DataFrame,
    empty: pd.DataFrame,
    metrics: Sequence[str],
    extra_keys: Sequence[str] = (),
) -> pd.DataFrame:
    """Joins the cells of all readings to the empty ones of a table.

    Args:
      rows: tidy rows.
      empty: one row per cell, with `VARIANT` and the table's other keys.
      metrics: measures, each of which every cell has.
      extra_keys: columns of `rows` that put one run into several cells.
    """
    frames = pd.DataFrame({"metric": list(metrics)}).merge(
        pd.DataFrame({"reading": READINGS}), how="cross"
    )
    cells = empty.merge(frames, how="cross")
    if rows.empty:
        cells = cells.assign(value=float("nan"), **dict.fromkeys(_COUNTS, 0))
    else:
        rows = _as_trainings(rows, extra_keys)
        found = [aggregate.cells(rows, metrics, r).assign(reading=r) for r in READINGS]
        keys = [*empty.columns, "metric", "reading"]
        wanted = pd.concat(found)[[*keys, "value", *_COUNTS]]
        cells = cells.merge(wanted, how="left", on=keys)
    cells[_COUNTS] = cells[_COUNTS].fillna(0).astype("int64")
    cells = cells.assign(published=float("nan"), difference=float("nan"))
    marks = [aggregate.mark(cell) for cell in cells.to_dict("records")]
    return cells.assign(mark=pd.Series(marks, dtype="str"))


def _as_trainings(rows: pd.DataFrame, extra_keys: Sequence[str]) -> pd.DataFrame:
    """Numbers the trainings anew where a run stands in several cells."""
    if not extra_keys:
        return rows
    number = rows.groupby(["training", *extra_keys], sort=False).ngroup()
    return rows.assign(training=number).reset_index(drop=True)


def _with_published(cells: pd.DataFrame, paper: PublishedTable):
    cells = cells.drop(columns="published").merge(
        paper.values, how="left", on=["aug", "model", "metric"]
    )
    return cells.assign(difference=cells["value"] - cells["published"])


def variants(
    rows: pd.DataFrame, known: Sequence[str] = (), extra: Sequence[str] = ()
) -> pd.DataFrame:
    """Lists what has a row of its own in a table, one row each of `VARIANT`.

    Args:
      rows: tidy rows.
      known: models that are shown even where none was run.
      extra: further columns that tell rows of the table apart.
    """
    keys = [*VARIANT, *extra]
    found = rows[keys].drop_duplicates()
    added = []
    for semantics in (sorted(found["semantics"].unique()) or ["released"]) * bool(
        known
    ):
        own = found[found["semantics"] == semantics]
        for model in [m for m in known if m not in set(own["model"])]:
            init = "paper" if model == "cnn" else semantics
            setting = own.iloc[0].to_dict() if len(own) else dict(_NOTHING)
            names = {"semantics": semantics, "init": init, "model": model}
            added.append({**dict.fromkeys(extra, semantics), **setting, **names})
    types = {**COLUMNS, **IDENTITY_COLUMNS, "setting": "str"}
    found = pd.concat([found, pd.DataFrame(added, columns=keys)] if added else [found])
    found = found.astype({name: types[name] for name in keys})
    order = found["model"].map(lambda name: aggregate.MODEL_ORDER.get(name, 2))
    words = sorted(found["setting"].unique(), key=wording.in_order)
    found = found.assign(order=order, place=found["setting"].map(words.index))
    others = [name for name in settings.SETTING if name != "setting"]
    by = ["semantics", "order", "model", "init", *others, "place", *extra]
    return found.sort_values(by, ignore_index=True)[keys]


def row_names(cells: pd.DataFrame) -> list[str]:
    """Names the model of each cell, with what tells its row apart from the others."""
    several = cells["semantics"].nunique() > 1
    inits = set(cells.loc[cells["model"] != "cnn", "init"])
    telling = settings.differing(cells)
    names = []
    for cell in cells[[*VARIANT]].to_dict("records"):
        name = labels.model(cell["model"])
        if cell["model"] != "cnn" and len(inits) > 1:
            name = labels.variant(cell["model"], cell["init"], inits)
        words = settings.in_words(cell, telling, cells)
        name += f", {words}" if words else ""
        names.append(f"{name} ({cell['semantics']} semantics)" if several else name)
    return names


def default_metrics(rows: pd.DataFrame) -> tuple[str, ...]:
    """Lists the measures of a table that no paper gives: those that were evaluated."""
    own = watched.own_metrics(rows)
    views = (*watched.VIEWS, *watched.own_views(rows))
    wanted = ("acc", "val_acc", *own, *views)
    found = tuple(m for m in wanted if rows[m].notna().any())
    return found or ("acc", "val_acc")


def note(rows: pd.DataFrame, left_out: Sequence[str] = ()) -> str:
    """Says how the runs of a table were trained, for how long, and what is not in it.

    What differs between the runs is not said: it is in the rows' names.
    """
    parts = []
    if rows.empty:
        parts.append("No runs on these data.")
    else:
        same = [k for k in settings.SETTING if k not in settings.differing(rows)]
        usual = {"optimizer": "adam", "phase": "none", "coupling": 0.0, "setting": ""}
        told = [k for k in same if rows[k].iloc[0] != usual.get(k) and k != "epochs"]
        words = settings.in_words(rows.iloc[0].to_dict(), told)
        parts += [words[:1].upper() + words[1:] + "."] if words else []
        parts += [trained(rows), f"Behind each row: {varying.repeats(rows)}."]
    if left_out:
        parts.append(f"Left out: {'; '.join(left_out)}.")
    return " ".join(parts)


def trained(rows: pd.DataFrame) -> str:
    """Says in a sentence how long runs may have trained."""
    limits = sorted(rows["epochs"].unique().tolist())
    if limits == [settings.JOINED]:
        lengths = rows.groupby("training")["epoch"].max()
        return (
            f"Trained for {lengths.min()} to {lengths.max()} epochs, put together as "
            "asked."
        )
    if len(limits) == 1:
        return f"Trained for {labels.epochs(limits[0])} at most."
    listed = ", ".join(map(str, limits[:-1])) + f" or {limits[-1]}"
    return f"Trained for {listed} epochs at most, each in rows of its own."
