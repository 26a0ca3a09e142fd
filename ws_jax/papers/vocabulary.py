"""The words of a paper's presets, as a value that the paper's folder makes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from ws_jax.runs import Sweep


@dataclasses.dataclass(frozen=True)
class Vocabulary:
    """What `--config.WORD=VALUE` takes besides the fields of a run.

    Attributes:
      knows: whether a dotted name is a word.
      read: from a word and the text of its value to words and their values; raises
        `ConfigError` for a text that says none.
      apply: from a sweep, words and their values to the sweep that they ask for.
    """

    knows: Callable[[str], bool]
    read: Callable[[str, str], dict[str, Any]]
    apply: Callable[[Sweep, Mapping[str, Any]], Sweep]
