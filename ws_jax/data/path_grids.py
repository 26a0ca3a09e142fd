"""Grids with obstacles and their shortest paths as a data set, made from a key."""

import functools
import re
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from ws_jax.config import MOST, ConfigError, check_name
from ws_jax.data.dataset import DataError, Dataset, check_fits
from ws_jax.grids import check_grids, draw_grids
from ws_jax.keys import make_key

NAME = "paths"
_NUMBERS = {
    "density": 0.1,
    "shortest": 2,
    "longest": 8,
    "connectivity": 4,
    "seed": 0,
}
_CHUNK = 500  # grids drawn at a time; part of the definition


def from_name(name: str) -> Dataset:
    """Makes the data set that `paths:COUNTxSIZE` names.

    `paths:5000x16` is 5,000 grids of 16 by 16 cells; further words, after commas, are
    `density`, `shortest`, `longest`, `connectivity`, `seed` and `label`, as in
    `paths:5000x16,density=0.2,longest=12`.

    Args:
      name: as said.

    Raises:
      DataError: if it cannot be read, or no such grids can be drawn.
    """
    size, *words = name.partition(":")[2].split(",")
    if not re.fullmatch(r"[1-9]\d*x[1-9]\d*", size):
        raise DataError(
            f"{name!r} has no size that can be read: write how many grids, and cells a "
            f"side, as in '{NAME}:5000x16'"
        )
    count, side = (int(part) for part in size.split("x"))
    try:
        return make_grids(name, count, side, **_read(name, words))
    except ConfigError as error:
        raise DataError(str(error)) from error


def _read(name: str, words: list[str]) -> dict:
    found: dict[str, Any] = {}
    for word in words:
        field, _, value = word.partition("=")
        check_name(f"word of {name!r}", field, [*_NUMBERS, "label"])
        kind = str if field == "label" else type(_NUMBERS[field])
        if field in found:
            raise DataError(f"{name!r}: {field} is there twice, name it once")
        try:
            found[field] = kind(value)
        except ValueError as error:
            raise DataError(f"{name!r}: {field} {value!r} is no number") from error
    return found


def make_grids(
    name: str,
    count: int,
    size: int,
    *,
    density: float = _NUMBERS["density"],
    shortest: int = _NUMBERS["shortest"],
    longest: int = _NUMBERS["longest"],
    connectivity: int = _NUMBERS["connectivity"],
    label: str = "all",
    seed: int = _NUMBERS["seed"],
) -> Dataset:
    """Makes grids as images of two channels, obstacles and ends, 0 or 255.

    Labels are 1 on shortest paths and 0 elsewhere. The first four fifths count as the
    training part.

    Args:
      name: of the data set.
      count: of grids, 2 or more.
      size: cells a side.
      density: see `grids.draw_grid`, as for the others.
      shortest: distance.
      longest: distance.
      connectivity: neighbours of a cell.
      label: which paths.
      seed: of the draws.
    """
    if count < 2:
        raise DataError(f"a {NAME} data set needs two grids or more, not {count}")
    if not 0 <= seed <= MOST:
        raise DataError(f"data {name}: seed {seed} is not in [0, {MOST}]")
    check_fits(name, (count, size, size, 6))  # images, and labels of four bytes
    check_grids(f"data {name}", size, density, shortest, longest, connectivity, label)
    bounds = {
        "density": np.float32(density),
        "shortest": np.int32(shortest),
        "longest": np.int32(longest),
    }
    options = {"connectivity": connectivity, "label": label}
    images, labels = _draw_all(count, size, seed, bounds, options)
    return Dataset(
        name=name,
        version=f"key:{seed}",
        images=images,
        labels=labels,
        num_classes=2,
        num_train=max(1, count * 4 // 5),
    )


def _draw_all(
    count: int,
    size: int,
    seed: int,
    bounds: Mapping[str, Any],
    options: Mapping[str, Any],
) -> tuple[np.ndarray, np.ndarray]:
    """Draws grids, a chunk of them at a time.

    Args:
      count: of grids.
      size: cells a side.
      seed: of the draws.
      bounds: arguments of `grids.draw_grid` that are numbers.
      options: its other ones, which change the program.
    Returns:
      The images, uint8 [count, size, size, 2], and labels, int32 [count, size, size].
    """
    images = np.empty((count, size, size, 2), np.uint8)
    labels = np.empty((count, size, size), np.int32)
    chunk = {"count": min(count, _CHUNK), "size": size}
    draw = jax.jit(functools.partial(draw_grids, **chunk, **options))
    key = make_key(seed)
    for start in range(0, count, _CHUNK):
        drawn = jax.device_get(draw(jax.random.fold_in(key, start), **bounds))
        number = min(count - start, _CHUNK)
        part = slice(start, start + number)
        images[part] = 255 * np.stack([drawn.obstacles, drawn.ends], -1)[:number]
        labels[part] = drawn.path[:number]
    return images, labels
