"""What was run, and how two models compare, as tables in words."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from ws_jax.analysis import aggregate, labels, settings, wording

STATUSES = ("finished", "stopped", "running", "diverged")


def summary(
    frame: pd.DataFrame, records: Sequence[Mapping[str, Any]] = ()
) -> pd.DataFrame:
    """Describes the runs of every sweep in words.

    Args:
      frame: results, as `ws_jax.results.read` gives them.
      records: of the sweeps, as `ws_jax.results.read_records` gives them; they tell how
        many runs a sweep was planned to have.

    Returns:
      Columns `sweep`, `data`, `semantics`, `models`, `augmentation`, `severing`,
      `folds`, `epochs`, `runs`, `hours`.
    """
    planned = _planned(records)
    lines = []
    if len(frame):
        for sweep, part in frame.groupby("sweep"):
            rows = aggregate.tidy(part)
            for (data, semantics), own in rows.groupby(["data", "semantics"]):
                line = {"sweep": sweep, "data": labels.data(data)}
                line |= {"semantics": semantics, **_describe(own)}
                line["runs"] += _not_begun(len(planned.get(str(sweep), ())), rows)
                lines.append(line)
    columns = ("sweep", "data", "semantics", *_describe(aggregate.tidy(frame[:0])))
    return pd.DataFrame(lines, columns=list(columns))


def comparison(
    found: pd.DataFrame, first: str, second: str, scale: float = 1.0
) -> pd.DataFrame:
    """Puts what `statistics.compare` found in words, for a notebook.

    Args:
      found: the differences, one row for each two cells.
      first: what the first is called.
      second: what the second is called.
      scale: what values are multiplied with: 100 gives points.

    Returns:
      The means of the second and the first, their difference, the ends of its interval
      and the number of folds, by `data`, `semantics`, `init`, `augmentation`, `level`,
      and `setting` where the cells differ in it.
    """
    cells = {
        "data": found["data"].map(labels.data),
        "semantics": found["semantics"],
        "init": found["init"],
        "augmentation": found["aug_type"].map(labels.kind),
        "level": found["aug"],
    }
    told = settings.differing(found)
    if told:
        values = found[told].to_dict("records")
        cells["setting"] = [settings.in_words(v, told, found) for v in values]
    values = {
        second: found["second"],
        first: found["first"],
        f"{first} - {second}": found["mean"],
        "from": found["low"],
        "to": found["high"],
    }
    scaled = {name: scale * value for name, value in values.items()}
    table = pd.DataFrame({**cells, **scaled, "folds": found["folds"]})
    return table.set_index(list(cells))


def _planned(records: Sequence[Mapping[str, Any]]) -> dict[str, set[str]]:
    """Returns which runs were planned by sweep: each once, in however many folders."""
    found: dict[str, set[str]] = {}
    for record in records:
        own = found.setdefault(record["config"]["name"], set())
        where = [record["config"], record.get("data")]  # for runs without a digest
        for chunk in record["chunks"]:
            own |= {
                run.get("digest") or json.dumps([where, run], default=str)
                for run in chunk["runs"]
            }
    return found


def _not_begun(planned: int, rows: pd.DataFrame) -> str:
    missing = planned - rows["training"].nunique()
    return f", {missing} not begun" if missing > 0 else ""


def _describe(rows: pd.DataFrame) -> dict[str, Any]:
    lengths = rows.groupby("training")["epoch"].max()
    severed = rows[rows["vcp"] > 0]
    probabilities = labels.listed(severed["vcp"]) if len(severed) else ""
    return {
        "models": _models(rows),
        "augmentation": _augmentation(rows),
        "severing": f"p {probabilities}" if probabilities else "none",
        "folds": _folds(rows),
        "epochs": _span(lengths),
        "runs": _runs(rows),
        "hours": rows["seconds"].sum() / 3600,
    }


def _models(rows: pd.DataFrame) -> str:
    """Lists models, with the initialisation where it is not that of the semantics."""
    keys = ["model", "init", "semantics"]
    inits: dict[str, list[str]] = {}
    plain: dict[str, bool] = {}
    cases = rows[keys].drop_duplicates().sort_values(keys)
    for model, init, semantics in cases.itertuples(index=False, name=None):
        inits.setdefault(model, []).append(init)
        plain[model] = model == "cnn" or inits[model] == [semantics]
    return ", ".join(
        labels.model(model)
        if plain[model]
        else f"{labels.model(model)} ({' and '.join(inits[model])} init)"
        for model in inits
    )


def _augmentation(rows: pd.DataFrame) -> str:
    acting = sorted(set(rows.loc[rows["aug"] == 0, "aug_type"]) - {"none"})
    plain = ["level 0" if (rows["aug"] > 0).any() else "none"]
    parts = plain * bool((rows["aug_type"] == "none").any())
    parts += map(labels.kind, acting)
    for kind, own in rows[rows["aug"] > 0].groupby("aug_type"):
        parts.append(f"{labels.kind(str(kind))} {labels.listed(own['aug'])}")
    return "; ".join(parts)


def _folds(rows: pd.DataFrame) -> str:
    parts = []
    for count, own in rows.groupby("num_folds"):
        found = own["fold"].nunique()
        whole = dict.fromkeys(wording.cuts(own))
        parts += [f"{found} of {count}"] if count > 1 else list(whole)
    return ", ".join(parts)


def _span(lengths: pd.Series) -> str:
    if lengths.empty:
        return ""
    fewest, most = lengths.min(), lengths.max()
    return f"{most}" if fewest == most else f"{fewest} to {most}"


def _runs(rows: pd.DataFrame) -> str:
    status = rows.groupby("training")["status"].last().value_counts()
    return ", ".join(f"{status[s]} {s}" for s in STATUSES if s in status)
