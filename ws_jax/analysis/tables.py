"""The paper's tables from our results, each cell beside the published number.

A table is built from whatever results there are: a cell without runs stands in it
marked `missing`, one with fewer folds than the data were cut into says how many.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence

import pandas as pd

from ws_jax.analysis import aggregate, labels, published
from ws_jax.results import RUN_COLUMNS

READINGS = tuple(labels.READINGS)
_COUNTS = ["runs", "folds", "diverged", "running"]


@dataclasses.dataclass(frozen=True)
class Table:
    """A table in tall form.

    Attributes:
      name: as `Table 1`.
      title: what the table shows.
      note: how its runs were chosen.
      cells: one row per cell and reading: `row`, `group` and `column` labels,
        `reading`, `value`, `published`, `difference` (value - published), `folds`,
        `num_folds`, `runs`, and `mark`, empty if nothing is amiss.
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
    frame: pd.DataFrame, data: str, kind: str, metrics: Sequence[str] = ()
) -> Table:
    """Builds the table of one data set and augmentation: measures against level.

    Args:
      frame: results, as `ws_jax.results.read` gives them.
      data: `mnist` or `cifar10` for the paper's tables; any other data set yields a
        table of the levels that were run, without published numbers.
      kind: training augmentation.
      metrics: measures; empty: those of the published table.

    Returns:
      Tables 1, 2 (translation), B.1 (edge noise), B.2 (noise) or B.3 (rotation).
    """
    chosen = aggregate.select(frame, data)
    rows = aggregate.of_kind(chosen.rows, kind)
    rows = rows[rows["vcp"] == 0]
    paper = published.table(data, kind) if data in published.SETTINGS else None
    metrics = tuple(metrics) or (paper.metrics if paper else _default_metrics(rows))
    levels = published.LEVELS if paper else sorted(rows["aug"].unique())
    models = _variants(chosen.rows, known=paper is not None)
    skeleton = _skeleton(
        [(level, *model) for level in levels for model in models],
        ["aug", "semantics", "init", "model"],
    )
    cells = _filled(rows, skeleton, metrics, chosen.num_folds)
    if paper:
        cells = _with_published(cells, paper)
    several = cells["semantics"].nunique() > 1
    inits = {init for _, init, model in models if model != "cnn"}
    cells = cells.assign(
        group=cells["aug"].map(labels.level),
        row=[_row(c, inits, several) for c in cells.itertuples()],
        column=cells["metric"].map(labels.metric),
    )
    name = paper.name if paper else "Medians"
    title = f"{labels.data(data)} trained with {labels.kind(kind)}"
    own = cells if kind in ("translation", "none") else cells[cells["aug"] > 0]
    found = _any_value(own)
    return Table(name, title, _note(chosen), cells, "Level", found, paper is not None)


def _any_value(cells: pd.DataFrame) -> bool:
    return bool(cells["value"].notna().any())


def severing_table(frame: pd.DataFrame, data: str, metric: str = "val_acc") -> Table:
    """Builds the table of severed connections (VCP): probability against level.

    Appendix C gives figures only, so there are no published numbers beside it.
    """
    chosen = aggregate.select(frame, data)
    rows = aggregate.of_kind(chosen.rows, "translation")
    keys = ["semantics", "init", "model"]
    severed = rows[rows["vcp"] > 0]
    pairs = severed.drop_duplicates([*keys, "severing"])[[*keys, "severing"]]
    levels, steps = set(severed["aug"]), set(severed["vcp"]) | {0.0}
    if data in published.SETTINGS:
        levels |= set(published.LEVELS[:5])
        steps |= set(published.LEVELS)
        if pairs.empty:
            free = [v for v in _variants(chosen.rows, known=True) if v[2] == "fcn"]
            pairs = pd.DataFrame([(*v, v[0]) for v in free], columns=pairs.columns)
    skeleton = _skeleton(
        [
            (*pair, step, level)
            for step, pair, level in itertools.product(
                sorted(steps), pairs.itertuples(index=False), sorted(levels)
            )
        ],
        [*keys, "severing", "vcp", "aug"],
    )
    # Probability 0 is one training, whichever way connections would be severed.
    plain = pairs.merge(rows[rows["vcp"] == 0].drop(columns="severing"), on=keys)
    cells = _filled(
        pd.concat([severed, plain]),
        skeleton,
        (metric,),
        chosen.num_folds,
        ("severing",),
    )
    several = cells["semantics"].nunique() > 1
    inits = set(pairs["init"])
    cells = cells.assign(
        group=cells["vcp"].map(labels.level),
        row=[
            f"{_row(c, inits, several)}, severed as in {_READERS[c.severing]}"
            for c in cells.itertuples()
        ],
        column=["Level " + labels.level(value) for value in cells["aug"]],
    )
    title = f"{labels.metric(metric)} on {labels.data(data)} with severed connections"
    found = _any_value(cells[cells["vcp"] > 0])
    return Table("VCP", title, _note(chosen), cells, "p", found)


_READERS = {"paper": "the paper", "released": "the released code", "none": "none"}


def grid_table(frame: pd.DataFrame, data: str, metric: str = "val_acc") -> Table:
    """Builds the table of the grid search (Appendix A.1): rate against depth.

    It takes the unaugmented runs, and of those the cut of the data with most rates.
    The paper names the best point only: three layers, 1e-3 (MNIST), 1e-4 (CIFAR-10).
    """
    rows = aggregate.tidy(frame)
    rows = rows[(rows["data"] == data) & (rows["aug"] == 0) & (rows["vcp"] == 0)]
    rows = aggregate.of_one_manner(rows)
    rates = rows.groupby("num_folds")["learning_rate"].nunique()
    num_folds = int(rates.idxmax()) if len(rates) else 0
    rows = rows[rows["num_folds"] == num_folds]
    models = _variants(rows, known=data in published.SETTINGS)
    tried, depths = set(rows["learning_rate"]), set(rows["num_conv_layers"])
    if data in published.SETTINGS:
        tried |= set(published.GRID_RATES)
        depths |= set(published.GRID_DEPTHS)
    skeleton = _skeleton(
        [
            (rate, *model, depth)
            for rate, model, depth in itertools.product(
                sorted(tried, reverse=True), models, sorted(depths)
            )
        ],
        ["learning_rate", "semantics", "init", "model", "num_conv_layers"],
    )
    cells = _filled(rows, skeleton, (metric,), num_folds)
    several = cells["semantics"].nunique() > 1
    inits = {init for _, init, model in models if model != "cnn"}
    cells = cells.assign(
        group=[f"{rate:.0e}".replace("e-0", "e-") for rate in cells["learning_rate"]],
        row=[_row(c, inits, several) for c in cells.itertuples()],
        column=[f"{depth} layers" for depth in cells["num_conv_layers"]],
    )
    title = (
        f"{labels.metric(metric)} on {labels.data(data)}, by learning rate and depth"
    )
    split = "the data's own test part" if num_folds == 1 else f"{num_folds} folds"
    note = f"No augmentation; validation on {split}." if num_folds else "No runs."
    return Table("Grid search", title, note, cells, "Learning rate", _any_value(cells))


def paper_tables(frame: pd.DataFrame) -> list[Table]:
    """Builds all tables of the paper, with or without results."""
    return [level_table(frame, t.data, t.kind) for t in published.tables()]


def _skeleton(rows: Sequence[tuple], columns: Sequence[str]) -> pd.DataFrame:
    """Makes the frame of the cells that a table has; dtypes hold if it is empty."""
    frame = pd.DataFrame(rows, columns=list(columns))
    return frame.astype({name: RUN_COLUMNS[name] for name in columns})


def _filled(rows, skeleton, metrics, num_folds, extra_keys=()) -> pd.DataFrame:
    """Joins the cells of all readings to the skeleton of a table."""
    frames = pd.DataFrame({"metric": list(metrics)}).merge(
        pd.DataFrame({"reading": READINGS}), how="cross"
    )
    cells = skeleton.merge(frames, how="cross")
    if rows.empty:
        cells = cells.assign(value=float("nan"), **dict.fromkeys(_COUNTS, 0))
    else:
        rows = _as_trainings(rows, extra_keys)
        found = [aggregate.cells(rows, metrics, r).assign(reading=r) for r in READINGS]
        keys = [*skeleton.columns, "metric", "reading"]
        wanted = pd.concat(found)[[*keys, "value", *_COUNTS]]
        cells = cells.merge(wanted, how="left", on=keys)
    cells[_COUNTS] = cells[_COUNTS].fillna(0).astype("int64")
    cells = cells.assign(num_folds=num_folds, published=float("nan"))
    marks = [aggregate.mark(cell) for cell in cells.to_dict("records")]
    return cells.assign(difference=float("nan"), mark=pd.Series(marks, dtype="str"))


def _as_trainings(rows: pd.DataFrame, extra_keys: Sequence[str]) -> pd.DataFrame:
    """Numbers the trainings anew where a run stands in several cells."""
    if not extra_keys:
        return rows
    number = rows.groupby(["training", *extra_keys], sort=False).ngroup()
    return rows.assign(training=number).reset_index(drop=True)


def _with_published(cells: pd.DataFrame, paper: published.PublishedTable):
    cells = cells.drop(columns="published").merge(
        paper.values, how="left", on=["aug", "model", "metric"]
    )
    return cells.assign(difference=cells["value"] - cells["published"])


def _variants(rows: pd.DataFrame, *, known: bool) -> list[tuple[str, str, str]]:
    """Lists the models of a table; those of the paper even where none was run."""
    found = aggregate.variants(rows)
    if not known:
        return found
    for semantics in sorted({v[0] for v in found}) or ["released"]:
        models = {v[2] for v in found if v[0] == semantics}
        if "cnn" not in models:
            found.append((semantics, "paper", "cnn"))
        if "fcn" not in models:
            found.append((semantics, semantics, "fcn"))
    order = aggregate.MODEL_ORDER
    return sorted(found, key=lambda v: (v[0], order.get(v[2], 2), v[2], v[1]))


def _default_metrics(rows: pd.DataFrame) -> tuple[str, ...]:
    measured = [m for m in labels.METRICS if rows[m].notna().any()]
    wanted = ("acc", "val_acc", "translation", "rotation", "noise", "swap")
    return tuple(m for m in wanted if m in measured) or ("acc", "val_acc")


def _row(cell, inits, several: bool) -> str:
    name = labels.model(cell.model)
    if cell.model != "cnn" and len(inits) > 1:
        name = labels.variant(cell.model, cell.init, inits)
    return f"{name} ({cell.semantics} semantics)" if several else name


def _note(chosen: aggregate.Selection) -> str:
    if not chosen.num_folds:
        return "No runs on these data."
    split = f"{chosen.num_folds} folds" if chosen.num_folds > 1 else "the test part"
    note = (
        f"{chosen.num_conv_layers} layers, learning rate {chosen.learning_rate:g}, "
        f"{split}."
    )
    if chosen.left_out:
        note += f" {chosen.left_out} runs with another setting are not in it."
    return note
