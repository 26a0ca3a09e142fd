"""The paper's tables from our results, each cell beside the published number.

A table is built from whatever results there are: a cell without runs stands in it
marked `missing`, one with fewer folds than the data were cut into says how many.
"""

from __future__ import annotations

import dataclasses
import itertools
import re
from collections.abc import Sequence

import pandas as pd

from ws_jax.analysis import aggregate, labels, settings, tables, wording
from ws_jax.analysis.tables import Table, any_value, filled, variants
from ws_jax.papers.ott2020 import published, runs

_MODELS = ("cnn", "fcn")


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
    paper = published.table(data, kind) if data in published.SETTINGS else None
    chosen = runs.select(frame, data)
    return tables.level_table(chosen.rows, data, kind, metrics, paper, chosen.left_out)


def severing_table(frame: pd.DataFrame, data: str, metric: str = "val_acc") -> Table:
    """Builds the table of severed connections (VCP): probability against level.

    Appendix C gives figures only, so there are no published numbers beside it.
    """
    chosen = runs.select(frame, data)
    rows = aggregate.of_kind(chosen.rows, "translation")
    severed = rows[rows["vcp"] > 0]
    levels, steps = set(severed["aug"]), set(severed["vcp"]) | {0.0}
    known: tuple[str, ...] = ()
    if data in published.SETTINGS:
        levels |= set(published.LEVELS[:5])
        steps |= set(published.LEVELS)
        known = () if len(severed) else ("fcn",)
    keys = ["severing"]
    pairs = variants(severed, known, keys)
    places = itertools.product(sorted(steps), sorted(levels))
    places = pd.DataFrame(places, columns=["vcp", "aug"], dtype="float64")
    empty = pairs.merge(places, how="cross")
    empty = empty.sort_values("vcp", kind="stable", ignore_index=True)
    # Probability 0 is one training, whichever way connections would be severed.
    plain = rows[rows["vcp"] == 0].drop(columns="severing")
    plain = pairs.merge(plain, on=[*tables.VARIANT])
    rows = pd.concat([severed, plain])
    cells = filled(rows, empty, (metric,), keys)
    names = tables.row_names(cells)
    cells = cells.assign(
        group=labels.levels(cells["vcp"]),
        row=[
            f"{name}, severed as in {_READERS[severing]}"
            for name, severing in zip(names, cells["severing"], strict=True)
        ],
        column=[f"Level {level}" for level in labels.levels(cells["aug"])],
    )
    title = f"{labels.metric(metric)} on {labels.data(data)} with severed connections"
    found = any_value(cells[cells["vcp"] > 0])
    words = tables.note(rows, chosen.left_out)
    return Table("VCP", title, words, cells, "p", found)


_READERS = {"paper": "the paper", "released": "the released code", "none": "none"}


def grid_table(frame: pd.DataFrame, data: str, metric: str = "val_acc") -> Table:
    """Builds the table of the grid search (Appendix A.1): rate against depth.

    It takes the unaugmented runs that differ from the paper's in rate, depth and cut of
    the data at most, and of those the cut with most rates. The paper names the best
    point only: three layers, 1e-3 (MNIST), 1e-4 (CIFAR-10).
    """
    rows = aggregate.tidy(frame)
    rows = rows[(rows["data"] == data) & (rows["aug"] == 0) & (rows["vcp"] == 0)]
    why = runs.departures(rows, data, runs.SEARCHED)
    own = rows[why == ""]
    rates = own.groupby("num_folds")["learning_rate"].nunique()
    num_folds = int(rates.idxmax()) if len(rates) else 0
    own = own[own["num_folds"] == num_folds]
    others = rows[~rows["training"].isin(own["training"])]
    known = data in published.SETTINGS
    # The axes are no part of a row.
    models = variants(own, _MODELS if known else ())
    models = models.drop(columns=_GRID).drop_duplicates(ignore_index=True)
    tried, depths = set(own["learning_rate"]), set(own["num_conv_layers"])
    if known:
        tried |= set(published.GRID_RATES)
        depths |= set(published.GRID_DEPTHS)
    axes = itertools.product(sorted(tried, reverse=True), sorted(depths))
    axes = pd.DataFrame(axes, columns=_GRID)
    axes = axes.astype({"learning_rate": "float64", "num_conv_layers": "int64"})
    empty = axes.merge(models, how="cross")
    empty = empty.sort_values("learning_rate", ascending=False, kind="stable")
    cells = filled(own, empty.reset_index(drop=True), (metric,))
    named = cells.assign(learning_rate=0.0, num_conv_layers=0)
    cells = cells.assign(
        group=_powers(cells["learning_rate"]),
        row=tables.row_names(named),
        column=[f"{depth} layers" for depth in cells["num_conv_layers"]],
    )
    title = (
        f"{labels.metric(metric)} on {labels.data(data)}, by learning rate and depth"
    )
    note = "No runs."
    if num_folds:
        split = "the data's own test part" if num_folds == 1 else f"{num_folds} folds"
        note = f"No augmentation; validation on {split}. {tables.trained(own)}"
        note += _best_point(own, data, metric)
        keys = ["num_folds", "optimizer", "phase", "coupling"]
        rest = others.drop_duplicates("training")
        reasons = [settings.in_words(r, keys, rest) for r in rest.to_dict("records")]
        reasons = pd.Series(reasons, rest.index, dtype="str")
        told = why.reindex(rest.index)
        left_out = wording.named(rest, reasons.where(told == "", told))
        note += f" Left out: {'; '.join(left_out)}." if left_out else ""
    return Table("Grid search", title, note, cells, "Learning rate", any_value(cells))


def _powers(rates: pd.Series) -> list[str]:
    """Returns rates by their powers of ten, as `1e-3`, different ones told apart."""
    digits = labels.digits_apart(rates, least=2)
    named = [f"{rate:.{digits - 1}e}".replace("e-0", "e-") for rate in rates]
    return [re.sub(r"\.0+e", "e", name) for name in named]


def _best_point(rows: pd.DataFrame, data: str, metric: str) -> str:
    """Says whether the best point is the paper's, and where runs at rate .1 end."""
    if data not in published.SETTINGS:
        return ""
    paper = published.SETTINGS[data]
    ends = aggregate.run_values(rows, metric, "last_epoch")
    text = ""
    for model in _MODELS:
        own = ends[ends["model"] == model].groupby(_GRID)["value"].median().dropna()
        if len(own):
            named = (paper.learning_rate, paper.num_conv_layers)
            same = bool(own.get(named, float("-inf")) == own.max())
            rate, depth = named if same else own.idxmax()
            text += (
                f" Best for the {labels.model(model)}, last epoch: {depth} layers, "
                f"rate {labels.level(rate)}, {'as' if same else 'not as'} in the paper "
                f"({paper.num_conv_layers}, {labels.level(paper.learning_rate)})."
            )
    return text + _at_the_highest_rate(rows)


def _at_the_highest_rate(rows: pd.DataFrame) -> str:
    rows = aggregate.matching(rows, semantics="released", learning_rate=0.1)
    if rows.empty:
        return ""
    ends = pd.DataFrame(
        {
            name: aggregate.run_values(rows, name, "last_epoch")["value"]
            for name in ("loss", "acc")
        }
    ).dropna()
    if ends.empty:
        return ""
    loss, acc = ends["loss"], ends["acc"]
    low, high, worst, best = published.AT_RATE_TENTH
    clipped = published.MOST_LOSS * (
        1 - acc
    )  # of a network that is certain of one class
    same = ((loss - clipped).abs() < 0.1).all() and acc.between(0.08, 0.12).all()
    return (
        f" At rate .1 released runs end at a training loss of {loss.min():.1f} to "
        f"{loss.max():.1f} and an accuracy of {acc.min():.3f} to {acc.max():.3f}: "
        f"{'' if same else 'not '}always certain of one digit, as the original’s are "
        f"({low} to {high}, {worst} to {best}), whose clipped loss is then "
        f"{published.MOST_LOSS:.1f} times the part of other digits and has no gradient."
    )


_GRID = ["learning_rate", "num_conv_layers"]


def paper_tables(frame: pd.DataFrame) -> list[Table]:
    """Builds all tables of the paper, with or without results."""
    return [level_table(frame, t.data, t.kind) for t in published.tables()]


def apart_tables(frame: pd.DataFrame, data: str) -> list[Table]:
    """Builds the tables of the runs that are not the paper's, each row with why.

    The grid search has a table of its own.
    """
    others = runs.select(frame, data).others
    searched = (others["num_folds"] == 1) & (others["aug"] == 0) & (others["vcp"] == 0)
    searched &= runs.departures(others, data, runs.SEARCHED) == ""
    others = others[~searched]
    if data not in published.SETTINGS or others[others["vcp"] == 0].empty:
        return []
    kinds = sorted(set(others["aug_type"]) - {"none"}) or ["none"]
    found = [tables.level_table(others, data, kind) for kind in kinds]
    why = "None of these runs is the paper's: " + "; ".join(
        wording.named(others, runs.departures(others, data))
    )
    return [
        dataclasses.replace(t, name="Apart", note=f"{t.note} {why}.") for t in found
    ]


def all_tables(frame: pd.DataFrame) -> list[Table]:
    """Builds the tables of the paper, and those that it gives no numbers for."""
    rows = aggregate.tidy(frame)
    found = paper_tables(rows)
    for data in sorted(rows["data"].unique()):
        found += apart_tables(rows, data)
        own = rows[rows["data"] == data]
        if (own["vcp"] > 0).any():
            found.append(severing_table(rows, data))
        plain = own[(own["aug"] == 0) & (own["vcp"] == 0)]
        searched = plain[["learning_rate", "num_conv_layers"]].drop_duplicates()
        if len(searched) > 1:
            found.append(grid_table(rows, data))
    return found
