"""Pictures of the kernels of a layer's sites, before and after a sleep."""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ws_jax.analysis import style
from ws_jax.analysis.page import gallery
from ws_jax.config import ConfigError
from ws_jax.papers.pogodin2021 import runs
from ws_jax.storage.below import walk
from ws_jax.storage.results import RESULTS_FILE, ResultsError, read_table

_SITES = 9  # a side that is shown, from the upper left corner
_MOST = 4  # conditions in a picture
STEM = "stem"


def mosaic(kernel: np.ndarray, channel: int = 0, feature: int = 0) -> np.ndarray:
    """Lays the kernels of all sites side by side, each at its place.

    Args:
      kernel: a field [oh, ow, kh, kw, c, o].
      channel: of the input.
      feature: of the output.
    Returns:
      [oh (kh + 1) - 1, ow (kw + 1) - 1]; NaN between kernels.
    Raises:
      ConfigError: if `kernel` is no field, or has no such channel or feature.
    """
    kernel = np.asarray(kernel)
    if kernel.ndim != 6:
        raise ConfigError(
            f"kernels of sites are [oh, ow, kh, kw, c, o], got {kernel.shape}"
        )
    for what, index, size in zip(
        ("channel", "feature"), (channel, feature), kernel.shape[4:], strict=True
    ):
        if not 0 <= index < size:
            raise ConfigError(f"{what} {index}: there are 0 to {size - 1}")
    own = kernel[..., channel, feature]
    padded = np.pad(own, ((0, 0), (0, 0), (0, 1), (0, 1)), constant_values=np.nan)
    down, across, kh, kw = padded.shape
    return padded.transpose(0, 2, 1, 3).reshape(down * kh, across * kw)[:-1, :-1]


def sleep(kernel: np.ndarray, seed: int = 0) -> np.ndarray:
    """Returns a field after a sleep with the released constants (starts JAX).

    The rate is the released one, or that which shares fastest where it is too high.

    Args:
      kernel: of a layer with stride 1 that is padded by half its window.
      seed: of the patterns.
    """
    from ws_jax.keys import make_key
    from ws_jax.phases import hebbian

    taps = int(np.prod(kernel.shape[2:5]))
    rate = min(hebbian.RATE, float(hebbian.fastest_rate(taps)))
    key = make_key(seed)
    return np.asarray(hebbian.hebbian_sleep(key, kernel, rate=rate))


def draw(fields: Mapping[str, np.ndarray], sites: int = _SITES) -> Figure:
    """Draws kernels before and after a sleep: a row for each field.

    Args:
      fields: [oh, ow, kh, kw, c, o] by the name of what they are; the first channel and
        feature are drawn.
      sites: a side, from the upper left corner.
    """
    if not fields:
        return style.message("There are no kernels to look at.")
    figure, axes = style.make_axes(len(fields), 2, 3.0)
    with matplotlib.rc_context(style.STYLE):
        for row, (name, field) in zip(axes, fields.items(), strict=True):
            pair = {"before": field, "after a sleep": sleep(field)}
            shown = {k: mosaic(f[:sites, :sites]) for k, f in pair.items()}
            reach = np.nanmax(np.abs(shown["before"])) or 1.0
            for panel, (word, picture) in zip(row, shown.items(), strict=True):
                panel.imshow(picture, cmap="RdBu_r", vmin=-reach, vmax=reach)
                panel.set_title(f"{name}: {word}")
                panel.set_axis_off()
    return figure


def trained(folder: str | os.PathLike) -> dict[str, np.ndarray]:
    """Returns the first layer's kernels of free runs that a folder's sweep has saved.

    Args:
      folder: of one sweep.
    Returns:
      A field for each condition, of its first seed, from no sharing to the most; empty
      where no checkpoint of such a run is left.
    """
    try:
        rows = runs.own(read_table(Path(folder) / RESULTS_FILE))
    except (OSError, ResultsError):
        return {}
    free = rows[rows["condition"].str.startswith(runs.FREE)] if len(rows) else rows
    found: dict[str, np.ndarray] = {}
    for name in reversed(runs.order(set(free["condition"]))):
        kernel = _stem(folder, free[free["condition"] == name])
        if kernel is not None:
            found[name] = kernel
    return found


def _stem(folder: str | os.PathLike, rows: pd.DataFrame) -> np.ndarray | None:
    """Returns the stem's kernels of the run with the lowest seed, if they are there."""
    from ws_jax.checkpoint import load_run

    first = rows.sort_values(["seed", "epoch"]).iloc[0]
    try:
        params = load_run(Path(folder), run=str(first["run"]))["params"]
    except ResultsError:
        return None
    kernel = np.asarray(params.get(STEM, {}).get("kernel", np.zeros(0)))
    # A larger stride has other places; only stems of small images are drawn.
    return kernel if kernel.ndim == 6 and kernel.shape[2] == 3 else None


def items(folders: Sequence[str | os.PathLike]) -> list[gallery.Item]:
    """Returns a picture for each sweep at or below folders that has such kernels."""
    found = []
    for folder in folders:
        for at, _, files in sorted(walk(folder)):
            fields = trained(at) if RESULTS_FILE in files else {}
            if fields:
                chosen = dict(list(fields.items())[:_MOST])
                others = "; ".join(name for name in fields if name not in chosen)
                rest = f" Not drawn: {others}." if others else ""
                found.append(
                    gallery.Item(
                        "",
                        f"Kernels before and after a sleep. {Path(at).resolve().name}",
                        "The first layer’s kernels at sites from the upper left "
                        "corner, first channel and feature, as the last epoch left "
                        "them, and after a sleep more: sites a window apart come to "
                        f"one kernel; those whose window reads padding stay.{rest}",
                        functools.partial(draw, chosen),
                    )
                )
    return found
