"""Which sites hold the same kernel: sharing schemes as small static values.

A bank `[num_kernels, ...]` and a `Sharing` make a kernel field: the kernel at site
`(h, w)` is `bank[sites[h, w]]`. One kernel for all sites is a convolution, an own
kernel per site a free (locally connected) layer; tiles and periodic lattices lie
between the two.
"""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ws_jax.config import parse_scheme

Size = tuple[int, ...]  # down and across


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
    return Sharing(np.zeros(shape, np.int32))


def free(shape: Size) -> Sharing:
    """Returns an own kernel for every site of `shape` (Ott et al. 2020)."""
    return Sharing(np.arange(shape[0] * shape[1], dtype=np.int32).reshape(shape))


def tiles(shape: Size, size: int) -> Sharing:
    """Returns one kernel for each tile of `size` x `size` neighbouring sites.

    Tiles at the lower and right border are smaller where `size` does not divide the
    shape. `size = 1` is free; `size` at least the side is full. Source: ours.
    """
    _check_size(size)
    return _rectangles(shape, (size, size))


def _rectangles(shape: Size, sides: Size) -> Sharing:
    rows, columns = (np.arange(n) // s for n, s in zip(shape, sides, strict=True))
    return Sharing(rows[:, None] * (columns[-1] + 1) + columns)


def periodic(shape: Size, period: int) -> Sharing:
    """Returns one kernel for each class of sites `period` apart.

    Site (h, w) uses kernel (h mod period, w mod period): what the lateral wiring of
    Pogodin et al. 2021 can bring together. `period = 1` is full.
    """
    _check_size(period)
    rows, columns = (np.arange(n) % period for n in shape)
    return Sharing(rows[:, None] * min(period, shape[1]) + columns)


def _check_size(size: int) -> None:
    if size < 1:
        raise ValueError(f"the size of a tile or period must be at least 1, got {size}")


SCHEMES = {
    "full": lambda shape, size: full(shape),
    "free": lambda shape, size: free(shape),
    "tiles": tiles,
    "periodic": periodic,
}


def layer_sharing(scheme: str, layer: int, shape: Size) -> Sharing:
    """Returns the sharing of one layer under a scheme such as `full/tiles:2`.

    Args:
      scheme: see `config.parse_scheme`; its last part serves all further layers.
      layer: index of the layer, from 0.
      shape: the layer's sites, (oh, ow).
    """
    parts = parse_scheme(scheme)
    name, size = parts[min(layer, len(parts) - 1)]
    return SCHEMES[name](shape, size)


def expand(bank: Float[Array, "k *kernel"], sharing: Sharing) -> Array:
    """Unfolds a bank into a field: the kernel of every site.

    Args:
      bank: [num_kernels, ...].
      sharing: which kernel each site uses.
    Returns:
      [oh, ow, ...].
    Raises:
      ValueError: if the bank has another number of kernels.
    """
    if bank.shape[0] != sharing.num_kernels:
        raise ValueError(
            f"a bank of {bank.shape[0]} kernels does not fit {sharing!r}: its first "
            "axis must count the kernels"
        )
    return bank.at[sharing.sites].get(mode="promise_in_bounds")


def collapse(field: Float[Array, "oh ow *kernel"], sharing: Sharing) -> Array:
    """Averages a field over each group of sites: [oh, ow, ...] to a bank [k, ...]."""
    if field.shape[:2] != sharing.shape:
        raise ValueError(f"a field of {field.shape[:2]} sites does not fit {sharing!r}")
    sites = sharing.sites.ravel()
    flat = field.reshape(sites.size, *field.shape[2:])
    total = jax.ops.segment_sum(flat, sites, sharing.num_kernels)
    counts = np.bincount(sites).astype(field.dtype)
    return total / jnp.expand_dims(counts, tuple(range(1, flat.ndim)))


def group_mean(kernel: Float[Array, "oh ow *kernel"], sharing: Sharing) -> Array:
    """Replaces each site's kernel by the mean over the sites that share with it.

    Args:
      kernel: a field [oh, ow, ...].
      sharing: which sites are brought together.
    Returns:
      A field of the same shape. Source: the instant form of weight sharing in
      Pogodin et al. 2021.
    """
    return expand(collapse(kernel, sharing), sharing)
