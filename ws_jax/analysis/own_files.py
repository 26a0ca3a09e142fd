"""Names of data sets from files of one's own, where two files have one name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

import pandas as pd

_FINGERPRINT = "data.fingerprint"
_DIGITS = 12  # of a fingerprint, in results


def told_apart(
    frame: pd.DataFrame, records: Sequence[Mapping[str, Any]]
) -> pd.DataFrame:
    """Names files that share a name by their folders, too, if they hold other images.

    Results name an `.npz` by its file's name. Of `a/mine.npz` and `b/mine.npz` with
    other images, runs would stand beside each other as if of one data set.

    Args:
      frame: results, as `ws_jax.results.read` gives them.
      records: of the sweeps, as `ws_jax.results.read_records` gives them; they tell the
        paths.

    Returns:
      The results, with `data` as `mine.npz in a` where that tells files apart.
    """
    if _FINGERPRINT not in frame.columns:
        return frame
    paths: dict[str, str] = {}
    for record in records:
        told = record.get("data") or {}
        fingerprint = str(told.get("fingerprint", ""))[:_DIGITS]
        paths.setdefault(fingerprint, str(told.get("name", "")))
    new = frame["data"].copy()
    for name in frame["data"].dropna().unique():
        own = frame["data"] == name
        if not str(name).endswith(".npz") or "/" in str(name):
            continue
        prints = frame.loc[own, _FINGERPRINT].dropna().unique()
        found = {p: PurePath(paths[p]) for p in prints if p in paths}
        if len(set(found.values())) > 1:
            longer = _names(str(name), found)
            new = new.where(~own, frame[_FINGERPRINT].map(longer).fillna(name))
    return frame.assign(data=new)


def _names(name: str, paths: Mapping[str, PurePath]) -> dict[str, str]:
    """Adds the folders next to the file to its name, as many as tell files apart."""
    folders = {key: path.parts[:-1][::-1] for key, path in paths.items()}
    count = 1
    while len({own[:count] for own in folders.values()}) < len(set(paths.values())):
        count += 1
    return {key: " in ".join([name, *own[:count]]) for key, own in folders.items()}
