"""Which sites hold the same kernel: sharing schemes as small static values.

A bank `[num_kernels, ...]` and a `Sharing` make a kernel field: the kernel at site
`(h, w)` is `bank[sites[h, w]]`. One kernel for all sites is a convolution, an own
kernel per site a free (locally connected) layer; tiles and periodic lattices lie
between the two.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from ws_jax.config import check_name, require

Size = tuple[int, ...]  # down and across
Floats = Any  # an array, JAX's or NumPy's; `as_floats` checks it


class Sharing:
    """A map from the sites of a layer to the kernels of a bank; static and hashable.

    Attributes:
      sites: int32 [oh, ow], the index of each site's kernel in the bank.
      num_kernels: kernels in the bank; each is used by at least one site.
    """

    def __init__(self, sites: np.ndarray):
        """Takes the map itself; see `full`, `free`, `tiles`, `periodic`.

        Raises:
          ValueError: unless `sites` is a 2-d array of integers that uses every
            kernel from 0 to its largest entry.
        """
        sites = np.array(sites)
        if sites.ndim != 2 or sites.size == 0 or sites.dtype.kind not in "iu":
            raise ValueError(
                "sites must be an integer map [oh, ow] with at least one site, got "
                f"shape {sites.shape} of {sites.dtype}"
            )
        used = np.unique(sites)
        if not np.array_equal(used, np.arange(len(used))):
            raise ValueError(
                f"sites must use every kernel from 0 to {sites.max()}, got {used}"
            )
        self.sites = sites.astype(np.int32)
        self.sites.flags.writeable = False
        self.num_kernels = len(used)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sharing) and np.array_equal(self.sites, other.sites)

    def __hash__(self) -> int:
        return hash((self.sites.shape, self.sites.tobytes()))

    def __repr__(self) -> str:
        return f"Sharing({self.num_kernels} kernels at {self.shape} sites)"

    @property
    def shape(self) -> Size:
        """Sites down and across, (oh, ow)."""
        return self.sites.shape

    @property
    def is_full(self) -> bool:
        """Whether one kernel serves all sites (a convolution)."""
        return self.num_kernels == 1

    @property
    def is_free(self) -> bool:
        """Whether each site has its own kernel, stored in the order of the sites."""
        return np.array_equal(self.sites.ravel(), np.arange(self.sites.size))

    @functools.cached_property
    def blocks(self) -> Size | None:
        """Sides of the blocks of sites that share kernels, None if they are none.

        Blocks are rectangles of one size, in the order of the bank; those at the
        lower and right border may be smaller.
        """
        lines = self.sites[:, 0], self.sites[0]
        down, across = (int((line == line[0]).cumprod().sum()) for line in lines)
        same = self == _rectangles(self.shape, (down, across))
        return (down, across) if same else None

    @functools.cached_property
    def groups(self) -> np.ndarray:
        """Flat sites by kernel, int32 [num_kernels, largest group].

        Groups smaller than the largest are filled up with `num_sites`, one past the
        last site.
        """
        flat = self.sites.ravel()
        members = [np.flatnonzero(flat == k) for k in range(self.num_kernels)]
        table = np.full((len(members), max(map(len, members))), flat.size, np.int32)
        for row, sites in zip(table, members, strict=True):
            row[: len(sites)] = sites
        return table


def full(shape: Size) -> Sharing:
    """Returns one kernel for all sites of `shape`: a convolution."""
    _check_shape(shape)
    return Sharing(np.zeros(shape, np.int32))


def free(shape: Size) -> Sharing:
    """Returns an own kernel for every site of `shape` (Ott et al. 2020)."""
    _check_shape(shape)
    return Sharing(np.arange(shape[0] * shape[1], dtype=np.int32).reshape(shape))


def tiles(shape: Size, size: int) -> Sharing:
    """Returns one kernel for each tile of `size` x `size` neighbouring sites.

    Tiles at the lower and right border are smaller where `size` does not divide the
    shape. `size = 1` is free; `size` at least the side is full. Source: ours.
    """
    _check_shape(shape)
    _check_size(size)
    return _rectangles(shape, (size, size))


def _rectangles(shape: Size, sides: Size) -> Sharing:
    rows, columns = (np.arange(n) // s for n, s in zip(shape, sides, strict=True))
    return Sharing(rows[:, None] * (columns[-1] + 1) + columns)


def periodic(shape: Size, period: int | Size) -> Sharing:
    """Returns one kernel for each class of sites `period` apart.

    Site (h, w) uses kernel (h mod period, w mod period): what the lateral wiring of
    Pogodin et al. 2021 can bring together. `period = 1` is full. A pair is one period
    down and one across.
    """
    _check_shape(shape)
    periods = tuple(period) if isinstance(period, tuple | list) else (period, period)
    if len(periods) != 2:
        raise ValueError(f"a period down and one across are two, got {period!r}")
    for size in periods:
        _check_size(size)
    rows, columns = (np.arange(n) % p for n, p in zip(shape, periods, strict=True))
    return Sharing(rows[:, None] * min(periods[1], shape[1]) + columns)


def _check_size(size: Any) -> None:
    if not _is_count(size):
        raise ValueError(
            "the size of a tile or period must be a whole number of at least 1, got "
            f"{size!r}"
        )


def _check_shape(shape: Any) -> None:
    two = isinstance(shape, tuple | list) and len(shape) == 2
    if not (two and all(map(_is_count, shape))):
        raise ValueError(
            "the sites of a layer are two whole numbers (oh, ow), each at least 1, got "
            f"{shape!r}: as in sharing.free((6, 6))"
        )


def _is_count(value: Any) -> bool:
    return isinstance(value, int | np.integer) and int(value) >= 1


class Map(NamedTuple):
    """A scheme whose mixing is one-hot: how it maps sites to kernels.

    Attributes:
      make: from the sites (oh, ow) and the scheme's size to a `Sharing`.
      sized: whether the scheme has a size, as `tiles:2` does.
    """

    make: Callable[[Size, int], Sharing]
    sized: bool


MAPS: dict[str, Map] = {
    "full": Map(lambda shape, size: full(shape), sized=False),
    "free": Map(lambda shape, size: free(shape), sized=False),
    "tiles": Map(tiles, sized=True),
    "periodic": Map(periodic, sized=True),
}


def parse_map(text: str) -> tuple[str, int]:
    """Splits what maps sites to kernels into its name and size, 0 if it has none.

    Raises:
      ConfigError: for an unknown name, or a size that is missing, spare or not
        positive.

    Example:
      >>> parse_map("tiles:2"), parse_map("free")
      (('tiles', 2), ('free', 0))
    """
    return parse_sized(text, {name: entry.sized for name, entry in MAPS.items()})


def parse_sized(text: str, sized: dict[str, bool]) -> tuple[str, int]:
    """Splits `NAME` or `NAME:SIZE`; `sized` says which names have a size."""
    name, colon, size = text.partition(":")
    check_name("sharing scheme", name, sized)
    if not sized[name]:
        require(not colon, f"sharing scheme {name!r} takes no size: {text!r}")
        return name, 0
    valid = size.isdigit() and int(size) > 0
    given = f", not {size!r}" if size else ""
    require(
        valid,
        f"sharing scheme {name!r} needs a size of 1 or more, as in '{name}:2'{given}",
    )
    return name, int(size)


def map_sites(text: str, shape: Size) -> Sharing:
    """Returns the sharing of a layer of `shape` sites under a scheme, as `tiles:2`."""
    name, size = parse_map(text)
    return MAPS[name].make(shape, size)


def as_floats(what: str, value: Any, axes: str = "") -> Array:
    """Takes an array, JAX's or NumPy's, as JAX's.

    NumPy's float64 becomes JAX's usual float, float32 unless `jax_enable_x64` is set.

    Args:
      what: it is, for messages.
      value: the array.
      axes: names of its axes; `...` at the end stands for any others.
    Raises:
      ValueError: if it holds no floats, or has other axes.
    """
    names = axes.removesuffix("...").split()
    few = np.ndim(value) < len(names)
    if axes and (few or (not axes.endswith("...") and np.ndim(value) > len(names))):
        raise ValueError(f"{what} needs axes [{axes}], got shape {np.shape(value)}")
    array = jnp.asarray(value)
    if not jnp.issubdtype(array.dtype, jnp.floating):
        raise ValueError(f"{what} needs floats, got {array.dtype}")
    return array


def check_sharing(sharing: Any) -> None:
    """Raises `ValueError` unless it is a `Sharing`: a scheme's text is none."""
    if not isinstance(sharing, Sharing):
        raise ValueError(
            f"needs a Sharing, got {sharing!r}: make one for a layer's sites, as by "
            "sharing.tiles((oh, ow), 2) or sharing.map_sites('tiles:2', (oh, ow))"
        )


def expand(bank: Floats, sharing: Sharing) -> Array:
    """Unfolds a bank into a field: the kernel of every site.

    Args:
      bank: [num_kernels, ...].
      sharing: which kernel each site uses.
    Returns:
      [oh, ow, ...].
    Raises:
      ValueError: if the bank has another number of kernels.
    """
    check_sharing(sharing)
    bank = as_floats("a bank", bank, "k ...")
    if bank.shape[0] != sharing.num_kernels:
        raise ValueError(
            f"a bank of {bank.shape[0]} kernels does not fit {sharing!r}: its first "
            "axis must count the kernels"
        )
    return bank.at[sharing.sites].get(mode="promise_in_bounds")


def collapse(field: Floats, sharing: Sharing) -> Array:
    """Averages a field over each group of sites: [oh, ow, ...] to a bank [k, ...]."""
    check_sharing(sharing)
    field = as_floats("a field", field, "oh ow ...")
    if field.shape[:2] != sharing.shape:
        raise ValueError(f"a field of {field.shape[:2]} sites does not fit {sharing!r}")
    sites = sharing.sites.ravel()
    flat = field.reshape(sites.size, *field.shape[2:])
    total = jax.ops.segment_sum(flat, sites, sharing.num_kernels)
    counts = np.bincount(sites).astype(field.dtype)
    return total / jnp.expand_dims(counts, tuple(range(1, flat.ndim)))


def group_mean(kernel: Floats, sharing: Sharing) -> Array:
    """Replaces each site's kernel by the mean over the sites that share with it.

    Args:
      kernel: a field [oh, ow, ...].
      sharing: which sites are brought together.
    Returns:
      A field of the same shape. Source: the instant form of weight sharing in
      Pogodin et al. 2021.
    """
    check_sharing(sharing)
    return expand(collapse(kernel, sharing), sharing)
