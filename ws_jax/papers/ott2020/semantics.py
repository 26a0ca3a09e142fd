"""Whose word holds where the paper and its released code differ.

The engine knows neutral options only. Here stands which of them are the paper's, the
defaults, and which the released code's. What each means: `docs/design/0005`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from ws_jax.config import check_name, map_parts
from ws_jax.models import SharedNetwork
from ws_jax.runs import Evaluation, Sweep
from ws_jax.schemes import is_full
from ws_jax.tasks import Classification
from ws_jax.transforms import EdgeNoise, Noise, Rotation

READINGS = ("paper", "released")
# The points in which the two differ; each can be set by itself.
POINTS = (
    "init",
    "edge_noise",
    "severing",
    "rotation_centre",
    "batches",
    "shuffling",
    "loss",
)

CLIP = 1e-7  # Keras's, of probabilities
FANS = {"paper": "kernel", "released": "stored"}
_SEVERING = {"paper": "connections", "released": "units"}


def with_semantics(sweep: Sweep, bundle: str = "paper", **points: str) -> Sweep:
    """Returns a sweep with the readings of a bundle in all runs.

    Args:
      sweep: of networks of the first paper.
      bundle: `paper` or `released`.
      **points: of `POINTS`, a reading that overrides the bundle's; empty does not.
    Raises:
      ConfigError: for an unknown reading or point.
    """
    check_name("semantics.bundle", bundle, READINGS)
    for name, reading in points.items():
        check_name("point of semantics", name, POINTS)
        check_name(f"semantics.{name}", reading, ("", *READINGS))
    chosen = {name: points.get(name) or bundle for name in POINTS}
    chosen["bundle"] = bundle  # for what no point sets
    axes: dict[str, Any] = dict(sweep.axes)
    if "transforms" in axes:
        axes["transforms"] = tuple(
            tuple(_read(part, chosen, axes) for part in value)
            for value in axes["transforms"]
        )
    base = dataclasses.replace(sweep.base, semantics=bundle)
    base = map_parts(lambda part: _read(part, chosen, axes), base)
    return dataclasses.replace(sweep, base=base, axes=axes)


def _read(part: Any, chosen: Mapping[str, str], axes: Mapping[str, Any]) -> Any:
    released = {name for name, reading in chosen.items() if reading == "released"}
    change = dataclasses.replace
    if isinstance(part, Rotation):
        centre = "pixel_off" if "rotation_centre" in released else "middle"
        return change(part, centre=centre, whole_degrees="bundle" in released)
    if isinstance(part, EdgeNoise):
        border = "batch" if "edge_noise" in released else "image"
        return change(part, border=border, shuffled="shuffling" not in released)
    if isinstance(part, Noise):
        return change(part, shuffled="shuffling" not in released)
    if isinstance(part, Classification):
        return change(part, clip=CLIP if "loss" in released else 0.0)
    if isinstance(part, Evaluation):
        views = tuple(map(_as_view, part.views))
        return change(part, views=views, whole_batches="batches" in released)
    if isinstance(part, SharedNetwork):
        severing = _SEVERING[chosen["severing"]] if _severs(part, axes) else "none"
        return change(part, fans=FANS[chosen["init"]], severing=severing)
    return part


def _as_view(part: Any) -> Any:
    """Views are drawn once, know no order of batches, and are said in degrees."""
    if isinstance(part, Noise | EdgeNoise):
        return dataclasses.replace(part, shuffled=True)
    if isinstance(part, Rotation):
        return dataclasses.replace(part, whole_degrees=False)
    return part


def _severs(network: SharedNetwork, axes: Mapping[str, Any]) -> bool:
    """Whether any run of the sweep severs connections."""
    rates = axes.get("network.vcp", (network.vcp,))
    schemes = axes.get("network.sharing", (network.sharing,))
    return any(rate > 0 for rate in rates) and not all(map(is_full, schemes))
