"""Grids with obstacles, two cells on them, and the shortest paths between these.

All is drawn from a key in a program of fixed shapes, one grid at a time, to be mapped.
A path goes from a free cell to a free neighbour in each step; with connectivity 8 a
diagonal counts as one step, also between two obstacles. The distance of two cells is
the number of steps of a shortest path.

Cell c lies on a shortest path from s to t if d(s, c) + d(c, t) = d(s, t). Distances
are found breadth first: a dilation of all cells reached is one step.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Bool, Float, Int32, Key

from ws_jax.config import MOST, check_name, require

CONNECTIVITIES = (4, 8)
LABELS = ("all", "one")
TRIES = 256  # draws until two cells are as far apart as asked
_LEAST_SHARE = 0.05  # of draws that succeed: then 256 of them fail once in 500,000
_MOST_CELLS = 128  # a side: what the sample of grids takes grows with the square
_SAMPLED = 512  # draws by which that share is judged
_STEPS = {
    4: ((-1, 0), (0, -1), (0, 1), (1, 0)),
    8: ((-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1)),
}


class Grid(NamedTuple):
    """One grid, [h, w], and what is asked and answered on it.

    Attributes:
      obstacles: cells that no path enters.
      ends: the two cells.
      path: cells on shortest paths between them, the ends included.
      distance: steps from one end to the other.
      found: whether the distance is as asked; if not, it is as near as the last try
        came.
    """

    obstacles: Bool[Array, "h w"]
    ends: Bool[Array, "h w"]
    path: Bool[Array, "h w"]
    distance: Int32[Array, ""]
    found: Bool[Array, ""]


def distances(
    free: Bool[Array, "h w"], start: Bool[Array, "h w"], connectivity: int = 4
) -> Int32[Array, "h w"]:
    """Returns each cell's distance from the nearest start; -1 if none is reached.

    Args:
      free: cells that a path may enter.
      start: cells from which paths begin; those that are not free do not count.
      connectivity: neighbours of a cell, 4 or 8.
    """

    def step(state):
        found, edge, count = state
        edge = _dilate(edge, connectivity) & free & (found < 0)
        return jnp.where(edge, count, found), edge, count + 1

    edge = jnp.asarray(start) & free
    found = jnp.where(edge, jnp.int32(0), jnp.int32(-1))
    state = (found, edge, jnp.int32(1))
    return lax.while_loop(lambda state: jnp.any(state[1]), step, state)[0]


def _dilate(cells: Array, connectivity: int) -> Array:
    """Returns the cells that have a neighbour among `cells`."""
    across = _beside(cells, 1)
    if connectivity == 4:
        return across | _beside(cells, 0)
    wide = cells | across
    return across | _beside(wide, 0)


def _beside(cells: Array, axis: int) -> Array:
    blank = jnp.zeros_like(lax.slice_in_dim(cells, 0, 1, axis=axis))
    inner = (slice(None),) * axis
    before = jnp.concatenate([cells[(*inner, slice(1, None))], blank], axis)
    after = jnp.concatenate([blank, cells[(*inner, slice(None, -1))]], axis)
    return before | after


def paths_between(
    free: Bool[Array, "h w"],
    start: Bool[Array, "h w"],
    end: Bool[Array, "h w"],
    connectivity: int = 4,
    label: str = "all",
) -> tuple[Bool[Array, "h w"], Int32[Array, ""]]:
    """Returns the cells on shortest paths between two cells, and their distance.

    Args:
      free: cells that a path may enter.
      start: one cell.
      end: one cell.
      connectivity: neighbours of a cell, 4 or 8.
      label: `all`, the cells on any shortest path; or `one`, those of the path that
        goes back from the end and takes of the neighbours nearer to the start always
        the first, row by row from the top left.
    Returns:
      No cells and -1 if no path joins them.
    """
    near = distances(free, start, connectivity)
    apart = jnp.max(jnp.where(end, near, -1))
    if label == "one":
        return _walk_back(near, end, apart, connectivity), apart
    far = distances(free, end, connectivity)
    reached = (near >= 0) & (far >= 0)
    return reached & (near + far == apart), apart


def _walk_back(near: Array, end: Array, apart: Array, connectivity: int) -> Array:
    steps = jnp.array(_STEPS[connectivity], jnp.int32)
    padded = jnp.pad(near, 1, constant_values=-1)
    first = jnp.stack(jnp.unravel_index(jnp.argmax(end), end.shape)).astype(jnp.int32)

    def step(state):
        path, cell, left = state
        around = cell[None] + steps
        nearer = padded[around[:, 0] + 1, around[:, 1] + 1] == left - 1
        cell = around[jnp.argmax(nearer)]
        return path.at[cell[0], cell[1]].set(True), cell, left - 1

    state = (end & (apart >= 0), first, apart)
    return lax.while_loop(lambda state: state[2] > 0, step, state)[0]


def draw_grid(
    key: Key[Array, ""],
    size: int,
    density: float | Float[Array, ""],
    shortest: int | Int32[Array, ""],
    longest: int | Int32[Array, ""],
    connectivity: int = 4,
    label: str = "all",
) -> Grid:
    """Draws a grid with two cells on it whose distance lies within bounds.

    A try draws every cell as an obstacle with probability `density`, one end evenly
    from the free cells, and the other evenly from those whose distance from the first
    is as asked. If there is none, all is drawn again, up to `TRIES` times.

    Args:
      key: of the draws.
      size: cells a side.
      density: of obstacles; may be traced, as may the next two.
      shortest: distance, from 1.
      longest: distance.
      connectivity: neighbours of a cell, 4 or 8.
      label: see `paths_between`.
    """

    def attempt(count):
        return _attempt(
            jax.random.fold_in(key, count), size, density, shortest, longest,
            connectivity,
        )  # fmt: skip

    def again(state):
        return (state[0] < TRIES) & ~state[1][3]

    def redraw(state):
        return state[0] + 1, attempt(state[0])

    blank = jnp.zeros((size, size), bool)
    state = (jnp.int32(0), (blank, blank, blank, jnp.bool_(False)))
    _, (free, start, end, found) = lax.while_loop(again, redraw, state)
    path, apart = paths_between(free, start, end, connectivity, label)
    return Grid(~free, start | end, path, apart, found)


def _attempt(key, size, density, shortest, longest, connectivity):
    """One try: free cells, the two ends, and whether they are as far apart as asked."""
    draws = jax.random.uniform(key, (3, size, size))
    free = draws[0] >= density
    start = _pick(draws[1], free)
    near = distances(free, start, connectivity)
    gap = jnp.maximum(jnp.maximum(shortest - near, near - longest), 0)
    gap = jnp.where(near > 0, gap, jnp.int32(2 * size * size))
    least = jnp.min(gap)
    return free, start, _pick(draws[2], gap == least), least == 0


def _pick(draws: Array, among: Array) -> Array:
    """Picks one of some cells, each as likely as any other."""
    chosen = jnp.argmax(jnp.where(among, draws, -1.0))
    return (jnp.arange(among.size) == chosen).reshape(among.shape) & among


def draw_grids(
    key: Key[Array, ""], count: int, size: int, *bounds: Any, **options: Any
) -> Grid:
    """Draws several grids, each from a key of its own: as `draw_grid`, with an axis.

    The grids of a key are the first of those of a larger `count`.
    """
    keys = jax.vmap(lambda index: jax.random.fold_in(key, index))(jnp.arange(count))
    return jax.vmap(lambda k: draw_grid(k, size, *bounds, **options))(keys)


def check_grids(
    what: str,
    size: int,
    density: float,
    shortest: int,
    longest: int,
    connectivity: int = 4,
    label: str = "all",
) -> None:
    """Raises `ConfigError` unless grids as asked can be drawn.

    Args:
      what: is drawn, for the message.
      size: cells a side.
      density: of obstacles.
      shortest: distance.
      longest: distance.
      connectivity: neighbours of a cell.
      label: see `paths_between`.
    """
    known = " or ".join(map(str, CONNECTIVITIES))
    require(
        connectivity in CONNECTIVITIES,
        f"{what}: connectivity {connectivity} is not {known}",
    )
    check_name("label of shortest paths", label, LABELS)
    require(size >= 2, f"{what}: grids of {size}x{size} have no two cells; 2 is least")
    require(
        size <= _MOST_CELLS,
        f"{what}: grids of {size}x{size} are too large; {_MOST_CELLS} a side is most",
    )
    require(shortest >= 1, f"{what}: the shortest distance is {shortest}, below 1")
    require(
        longest >= shortest,
        f"{what}: the longest distance, {longest}, is below the shortest, {shortest}",
    )
    require(longest <= MOST, f"{what}: the longest distance is {longest}, above {MOST}")
    require(0 <= density < 1, f"{what}: density {density} is not in [0, 1)")
    largest, share = _reachable(size, density, shortest, longest, connectivity)
    require(
        share >= _LEAST_SHARE,
        f"{what}: grids of {size}x{size} with obstacles of density {density:g} have "
        f"{'hardly any' if share else 'no'} two cells at a distance of {shortest} to "
        f"{longest}; the largest that was reached in {_SAMPLED} draws is {largest}",
    )


def largest_distance(
    size: int, density: float, shortest: int, longest: int, connectivity: int = 4
) -> int:
    """Returns the largest distance in a sample of grids that can be drawn as asked.

    Args:
      size: cells a side.
      density: of obstacles.
      shortest: distance.
      longest: distance.
      connectivity: neighbours of a cell.
    """
    return _reachable(size, density, shortest, longest, connectivity)[0]


@functools.lru_cache(maxsize=256)
def _reachable(size, density, shortest, longest, connectivity) -> tuple[int, float]:
    """Returns the largest distance in a sample, and in which part one is as asked."""
    # A third of a second, which other data would wait for, too.
    from scipy import ndimage

    # On the host, where nothing needs to compile before a person is told.
    random = np.random.RandomState(0)
    free = random.random_sample((_SAMPLED, size, size)) >= density
    start = np.where(free, random.random_sample(free.shape), -1.0)
    flat = start.reshape(_SAMPLED, -1)
    chosen = np.arange(size * size) == flat.argmax(axis=1)[:, None]
    edge = chosen.reshape(free.shape) & free
    around = ndimage.generate_binary_structure(2, 1 if connectivity == 4 else 2)[None]
    left, count, asked = free & ~edge, 0, np.zeros(_SAMPLED, bool)
    while (edge := ndimage.binary_dilation(edge, around) & left).any():
        left, count = left & ~edge, count + 1
        if shortest <= count <= longest:
            asked |= edge.any(axis=(1, 2))
    return count, float(asked.mean())
