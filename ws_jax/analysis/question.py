"""What a sweep of one's own asks, and how it answers: the best value of each field.

Settings are ranked by their means, which are also what the values of a field are
compared by. The best of several is picked from the numbers that rank them, so its lead
looks a little larger than it is.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from ws_jax.analysis import aggregate, effects, labels, leads, varying, watched
from ws_jax.analysis.swept import Swept, key, named

_ORDER = ["mean", "median"]  # by what settings are ranked


def answers(found: Swept) -> list[str]:
    """Says what was swept, the best setting, and for each field the best value.

    Returns:
      Sentences, those of the fields from the third on; one where nothing was swept,
      or where no run has a value.
    """
    runs = found.runs.dropna(subset=["value"])
    repeats = varying.repeats(found.rows)
    if (found.runs["status"] == "diverged").all():
        count = len(found.runs)
        return [
            f"{'The only run' if count == 1 else f'All {count} runs'} diverged. "
            f"{_swept(found)}. Behind each setting: {repeats}."
        ]
    if not found.fields or runs.empty:
        value = found.show(runs["value"].mean()) if len(runs) else "not known"
        repeats = f"mean over {repeats}" if len(runs) > 1 else repeats
        return [f"{_swept(found)}. {labels.metric(found.metric)}: {value} ({repeats})."]
    ranked = _ranked(found, runs)
    best = ranked.iloc[0]
    name = named(found.fields, ranked.index[0])
    spread = f"mean of {labels.count(best['size'], 'run')}, "
    spread += f"{found.show(best['min'])} to {found.show(best['max'])}"
    spread = spread if best["size"] > 1 else "1 run"
    sentences = [
        f"{_swept(found)}. Behind each setting: {repeats}.",
        f"The best of {labels.count(len(ranked), 'setting')}, by "
        f"{labels.metric(found.metric).lower()} at each run’s {found.epoch}"
        f"{_why(found)}"
        f"{'' if found.sign > 0 else ' (less is better)'}: {name}, "
        f"{found.show(best['mean'])} ({spread}){_as_good(found, ranked)}."
        f"{_by_median(found, ranked)}{_early(found, ranked)}",
    ]
    return sentences + [
        leads.sentence(found, i)
        for i, field in enumerate(found.fields)
        if field.column != varying.CODE
    ]


def _swept(found: Swept) -> str:
    """Says what was swept, and what nobody swept and differs."""
    told = {f.column: f"{f.name} ({', '.join(f.values)})" for f in found.fields}
    code = told.pop(varying.CODE, "")
    swept = f"Swept: {'; '.join(told.values())}" if told else "Nothing was swept"
    return f"{swept}. They differ besides in their {code}" if code else swept


def _as_good(found: Swept, ranked: pd.DataFrame) -> str:
    """Says which settings are as good as the first."""
    best = (ranked[_ORDER] == ranked[_ORDER].iloc[0]).all(axis=1)
    others = ranked.index[best][1:]
    if len(others) == 1:
        return f"; {named(found.fields, others[0])} is as good"
    return f"; {len(others)} others are as good" if len(others) else ""


def _by_median(found: Swept, ranked: pd.DataFrame) -> str:
    """Says which setting is the best by its median, if that is another."""
    medians = found.sign * ranked["median"]
    if medians.iloc[0] == medians.max():
        return ""
    best = medians.idxmax()
    shown = [found.show(ranked["median"][best]), found.show(ranked["median"].iloc[0])]
    if shown[0] == shown[1]:  # a difference that no number would show
        return ""
    return (
        f" The best median is another’s: {named(found.fields, best)}, "
        f"{shown[0]} against {shown[1]}."
    )


def cautions(found: Swept) -> list[str]:
    """Says which runs are not compared, and why it may be too early for an answer."""
    apart = []
    if found.foldings:
        apart.append(
            f"Not among these: {labels.count(found.foldings, 'run')} of networks that "
            "were folded and trained on, which start from what was trained before."
        )
    return apart + _early_for(found)


def _early_for(found: Swept) -> list[str]:
    said = []
    runs = found.runs
    if (runs["status"] == "diverged").all():
        return []
    if found.is_short:
        epochs = int(found.rows["epoch"].max())
        said.append(f"runs of {labels.epochs(epochs)} are short")
    if (runs["status"] == "running").any():
        count = int((runs["status"] == "running").sum())
        said.append(f"{count} of {labels.count(len(runs), 'run')} under way")
    ends = runs.loc[runs["status"] != "diverged", "trained"]
    if found.moves and ends.nunique() > 1:
        said.append(
            f"runs are compared after {ends.min()} to {ends.max()} epochs, on "
            "validation images that differ"
        )
    if varying.repeats(found.rows) == "1 fold, 1 seed":
        said.append("there is one run of each setting, which gives no interval")
    return [f"Too early to say more: {'; '.join(said)}."] if said else []


def _why(found: Swept) -> str:
    if not found.moves:
        return ""
    return ", since validation images change with the epochs"


def _early(found: Swept, ranked: pd.DataFrame) -> str:
    """Says of a best setting with a phase that it is another at the last epochs.

    A phase that acts now and then may not have acted before the best epoch, which then
    says nothing of it.
    """
    keys = [key(i) for i in range(len(found.fields))]
    first = (found.runs[keys] == ranked.reset_index()[keys].iloc[0]).all(axis=1)
    rows = found.rows[found.rows["training"].isin(first.index[first])]
    every = rows.get("train.phase.every", pd.Series(np.nan, rows.index))
    if found.moves or ((rows["phase"] == "none") | (every == 1)).all():
        return ""
    last = aggregate.run_values(found.rows, found.metric, "last_epoch")["value"]
    late = _ranked(found, found.runs.assign(value=last).dropna(subset=["value"]))
    name = named(found.fields, ranked.index[0])
    if ranked.index[0] in (late.index[0], *set(ranked.index) - set(late.index)):
        return ""
    epochs = _best_epochs(rows)
    span = f"{epochs.min()} to {epochs.max()}" if epochs.nunique() > 1 else epochs.min()
    return (
        f" That is epoch {span} of {rows['epoch'].max()}, before which the phase may "
        f"not have acted: at the last epochs {name} has "
        f"{found.show(late['mean'][ranked.index[0]])}, and the best is "
        f"{named(found.fields, late.index[0])}, {found.show(late['mean'].iloc[0])}."
    )


def _best_epochs(rows: pd.DataFrame) -> pd.Series:
    """Returns the epoch in which each run that did not diverge has its best score."""
    sound = rows[(rows["epoch"] > 0) & (rows["status"] != "diverged")]
    best = watched.scores(sound).dropna().groupby(sound["training"]).idxmax()
    return sound.loc[best, "epoch"]


def _ranked(found: Swept, runs: pd.DataFrame) -> pd.DataFrame:
    """Returns the numbers of each setting, the best first."""
    keys = [key(i) for i in range(len(found.fields))]
    table = runs.groupby(keys)["value"].agg(["mean", "median", "min", "max", "size"])
    table["mean"] = table["mean"].round(effects.ROUNDED)
    return table.sort_values(_ORDER, ascending=found.sign < 0, kind="stable")
