"""The words of the paper's presets on the command line: axes, views and readings.

`sweep.levels`, `semantics.bundle` or `evaluation.radii` are no fields of a run; the
presets made their configs of such words before runs had fields.
"""

from __future__ import annotations

import ast
import dataclasses
from collections.abc import Mapping
from typing import Any

from ws_jax.config import ConfigError, check_name
from ws_jax.measure import Distances
from ws_jax.papers.ott2020.presets import (
    AXES,
    axis_values,
    named_views,
    without_idle_levels,
)
from ws_jax.papers.ott2020.semantics import with_semantics
from ws_jax.papers.vocabulary import Vocabulary
from ws_jax.runs import Sweep

_LOOKED_AT = ("evaluation.perturbations", "evaluation.radii")


def knows(name: str) -> bool:
    """Returns whether a dotted name is one of the words."""
    own = name == "semantics" or name in _LOOKED_AT
    return own or name.startswith(("semantics.", "sweep."))


def read(name: str, text: str) -> dict[str, Any]:
    """Returns a word and its value, as a person typed it.

    Raises:
      ConfigError: for an axis that is not known, or a text that is no tuple.
    """
    if name == "semantics":
        return {"semantics.bundle": text}
    if name.startswith("semantics."):
        return {name: text}
    if name.startswith("sweep."):
        check_name("axis", name.removeprefix("sweep."), AXES)
    return {name: _tuple(name, text)}


def _tuple(name: str, text: str) -> tuple:
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        value = tuple(text.split(","))
    if not isinstance(value, tuple | list):
        raise ConfigError(f"config.{name} is {text}, needs a tuple, as in '(1, 2)'")
    return tuple(value)


def with_words(sweep: Sweep, words: Mapping[str, Any]) -> Sweep:
    """Returns a sweep changed by flags in the words of the first paper's presets.

    Args:
      sweep: of the first paper.
      words: dotted, as `sweep.levels`, `semantics.bundle`, `evaluation.perturbations`
        or `evaluation.radii`, to their values.
    """
    asked = {k.removeprefix("sweep."): v for k, v in words.items() if k[:6] == "sweep."}
    # Of old, an axis without values stood for the base's own value.
    kept = {k: v for k, v in asked.items() if len(v) or k == "folds"}
    axes = without_idle_levels({**sweep.axes, **axis_values(kept)})
    for word in asked.keys() - kept.keys():
        axes.pop(AXES[word], None)
    order = {path: place for place, path in enumerate(AXES.values())}
    ranked = sorted(axes, key=lambda path: order.get(path, len(order)))
    base, changes = sweep.base, {}
    if "evaluation.perturbations" in words:
        changes["views"] = named_views(words["evaluation.perturbations"])
    if "evaluation.radii" in words:
        radii = tuple(words["evaluation.radii"])
        changes["measures"] = (Distances(radii),) if radii else ()
    evaluation = dataclasses.replace(base.evaluation, **changes)
    sweep = dataclasses.replace(
        sweep,
        base=dataclasses.replace(base, evaluation=evaluation),
        axes={path: axes[path] for path in ranked},
    )
    points = {k[10:]: v for k, v in words.items() if k.startswith("semantics.")}
    bundle = points.pop("bundle", base.semantics)
    return with_semantics(sweep, bundle, **points)


VOCABULARY = Vocabulary(knows, read, with_words)
