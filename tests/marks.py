"""Marks of tests that are asked for many values: a few are fast, the rest are slow."""

from collections.abc import Iterable
from typing import Any

import pytest


def fast_first(values: Iterable[Any], count: int = 1) -> list[Any]:
    """Marks all values after the first `count` as slow.

    A tuple is of several arguments; one that is the value of one is put in another.
    """
    given = [value if isinstance(value, tuple) else (value,) for value in values]
    return [
        pytest.param(*value, marks=() if place < count else pytest.mark.slow)
        for place, value in enumerate(given)
    ]
