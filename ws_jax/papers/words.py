"""The words that papers bring to the command line: one vocabulary each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ws_jax.papers.ott2020 import words as ott2020
from ws_jax.papers.vocabulary import Vocabulary
from ws_jax.runs import Sweep

VOCABULARIES = (ott2020.VOCABULARY,)


def vocabulary(name: str) -> Vocabulary | None:
    """Returns the vocabulary that a dotted name is a word of; None for no word."""
    return next((words for words in VOCABULARIES if words.knows(name)), None)


def with_words(sweep: Sweep, said: Mapping[str, Any]) -> Sweep:
    """Returns a sweep changed by words, each by its paper.

    Args:
      sweep: of a config file.
      said: from words to their values.
    """
    for words in VOCABULARIES:
        own = {name: value for name, value in said.items() if words.knows(name)}
        sweep = words.apply(sweep, own) if own else sweep
    return sweep
