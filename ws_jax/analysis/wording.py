"""Values of settings in words: of one field, of a column, of how data are cut."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from ws_jax.analysis import labels
from ws_jax.config import MOST, NEVER

_DIGITS = 6  # of a number in words, if these tell it from others
# What validates where the data are not cut in folds.
_PARTS = {"published": "test part", "holdout": "held-out part"}
_NUMBER = re.compile(r"(\d+(?:\.\d*)?(?:e[+-]?\d+)?)")


def is_varied(values: pd.Series) -> bool:
    """Returns whether a column has more than one value; some may have no hash."""
    return len(set(map(repr, values.tolist()))) > 1


def column_in_words(values: pd.Series) -> pd.Series:
    """Returns a column of a config's values in words (`word`)."""
    return pd.Series(list_in_words(values), values.index, dtype="str")


def list_in_words(values: pd.Series) -> list[str]:
    """Returns the same as a list."""
    told = values.tolist()
    texts = list(map(repr, told))
    distinct = dict(zip(texts, told, strict=True))
    named = _apart(distinct)
    return [named[text] for text in texts]


def _apart(kinds: Mapping[str, Any]) -> dict[str, str]:
    """Returns values in words, with as many digits as tell different ones apart."""
    exact = {word(value, labels.MOST_DIGITS) for value in kinds.values()}
    for digits in range(_DIGITS, labels.MOST_DIGITS + 1):
        named = {text: word(value, digits) for text, value in kinds.items()}
        if len(set(named.values())) == len(exact):
            break
    return named


def word(value: Any, digits: int = _DIGITS) -> str:
    """Returns a config's value in words, the same for 32 and 32.0; empty for NaN.

    Example:
      >>> word((32, 64.0)), word(1e-4), word(())
      ('(32, 64)', '0.0001', 'none')

    The largest number of a config is that of no end: `never`.
    """
    if isinstance(value, str):
        return "none" if value == "()" else value
    if isinstance(value, Iterable):
        return word(f"({', '.join(word(one, digits) for one in value)})")
    if value is None or value != value:
        return ""
    if value == MOST:
        return NEVER
    return str(value) if isinstance(value, bool) else f"{value:.{digits}g}"


def cut(num_folds: float | np.integer, split: Any) -> str:
    """Says how data are cut, or what part of them validates.

    Args:
      num_folds: into which they are cut; 1 if they are not.
      split: their split's name; nothing where it is not known.

    Example:
      >>> cut(5, None), cut(1, "holdout"), cut(1, "by_writer"), cut(1, None)
      ('5 folds', 'held-out part', 'by_writer', 'one split')
    """
    if num_folds > 1:
        return f"{num_folds:.0f} folds"
    return _PARTS.get(split, split) if isinstance(split, str) else "one split"


def cuts(rows: pd.DataFrame) -> pd.Series:
    """Says the same of each row."""
    split = rows.get("data.split", pd.Series(None, rows.index, dtype="object"))
    return pd.Series(map(cut, rows["num_folds"], split), rows.index, dtype="str")


def in_order(values: Any) -> tuple:
    """Returns the key that sorts settings: numbers in their words are numbers.

    Args:
      values: words, or a tuple with words among its values.

    Example:
      >>> sorted(["every 10", "every 3"], key=in_order)
      ['every 3', 'every 10']
    """
    if isinstance(values, tuple):
        return tuple(map(in_order, values))
    if not isinstance(values, str):
        return (values,)
    cut = _NUMBER.split(values)  # every second one is a number
    return tuple(float(part) if i % 2 else part for i, part in enumerate(cut))


def named(rows: pd.DataFrame, reasons: pd.Series | str = "") -> list[str]:
    """Names runs by their sweep, with the reason why they are left out.

    Returns:
      One text for each sweep and reason, as `sweep grid, 2 runs: rate .01`.
    """
    if rows.empty:
        return []
    found = []
    table = rows.assign(reason=reasons).drop_duplicates("training")
    for (sweep, reason), own in table.groupby(["sweep", "reason"], sort=False):
        count = "1 run" if len(own) == 1 else f"{len(own)} runs"
        found.append(f"sweep {sweep}, {count}" + (f": {reason}" if reason else ""))
    return found
