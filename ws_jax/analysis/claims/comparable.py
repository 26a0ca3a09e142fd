"""Whether runs can be compared: what differs between them.

A check compares runs of several conditions. It says something of the conditions only if
the runs agree in all else.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import pandas as pd

from ws_jax.analysis import settings, wording

# Columns that can change a number and have no dot, beside those that every table has.
_PLAIN = ("network", "task", "fold")


def apart(
    rows: pd.DataFrame,
    by: str,
    named: Collection[str] = (),
    only: Mapping[str, pd.Series] | None = None,
) -> str:
    """Says in what runs differ beside their condition; empty for nothing.

    A field that a table does not tell has its default there, which counts as another
    value than any that is told.

    Args:
      rows: of all conditions that are compared, tidy and of one length.
      by: the column that names the condition.
      named: fields that the condition's name tells; with a dot at the end all that
        begin so.
      only: for fields that some runs do not have, by the beginning of their name: which
        rows have it. The others have no say in it.
    """
    told = [name for name in (*settings.USUAL, *_PLAIN) if name in rows.columns]
    dotted = [c for c in rows.columns if "." in c and settings.changes_numbers(c)]
    whole = tuple(name for name in named if name.endswith("."))
    runs = _with_acting_patience(rows)
    found = []
    for name in [*told, *dotted]:
        if name in named or name.startswith(whole):
            continue
        if not wording.is_varied(runs[name]):  # quick, and so for most fields
            continue
        own = runs
        for start, has in (only or {}).items():
            own = own[has.reindex(own.index)] if name.startswith(start) else own
        found += _differing(name, own, by)
    return "; ".join(found)


def _with_acting_patience(rows: pd.DataFrame) -> pd.DataFrame:
    """A row of each run; one as patient as it was long has no patience."""
    runs = rows[~rows["training"].duplicated()]
    if "train.patience" not in runs.columns:
        return runs
    lengths = runs["training"].map(rows.groupby("training")["epoch"].max())
    patience = runs["train.patience"].where(runs["train.patience"] < lengths)
    return runs.assign(**{"train.patience": patience})


def _differing(name: str, runs: pd.DataFrame, by: str) -> list[str]:
    """Returns the words of a field if conditions have other values of it."""
    words = wording.list_in_words(runs[name])
    found: dict[str, set[str]] = {}
    for condition, word in zip(runs[by], words, strict=True):
        found.setdefault(condition, set()).add(word or "by default")
    values = {condition: sorted(own) for condition, own in found.items()}
    if len(set(map(tuple, values.values()))) < 2:
        return []
    each = [f"{' and '.join(own)} ({condition})" for condition, own in values.items()]
    return [f"{name} {', '.join(each)}"]
