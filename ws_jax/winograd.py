"""Winograd's minimal filtering of blocks of sites that share a kernel.

A kernel of r taps at m neighbouring sites takes m * r multiplications one by one, but
only m + r - 1 between linear transforms of data, kernel and result. Nested over two
axes, with one product over the channels for each pair of transformed rows and columns,
that is a convolution with up to four times fewer operations. Source: Lavin & Gray
2015, "Fast algorithms for convolutional neural networks".
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

from ws_jax.sharing import Sharing, Size

# Where polynomials are evaluated, besides at infinity. With more points, or points
# further from 1 in size, rounding weighs more (docs/design/0002).
_POINTS = (0, 1, -1, 1 / 2, -2, -1 / 2)


class Side(NamedTuple):
    """Minimal filtering along one axis: `result @ ((kernel @ w) * (data @ x))`.

    Attributes:
      data: [blocks * rows, units], for an image.
      kernel: [rows, taps], for a kernel.
      result: [sites, blocks * rows], for products of the two.
    """

    data: np.ndarray
    kernel: np.ndarray
    result: np.ndarray

    @property
    def blocks(self) -> int:
        """Blocks of sites, each with a kernel of its own."""
        return len(self.data) // len(self.kernel)


class Plan(NamedTuple):
    """Minimal filtering down and across an image."""

    down: Side
    across: Side

    def pays(self, channels: int, features: int) -> bool:
        """Whether it is quicker than a product over all taps for each site.

        By operations for an image, those of the transforms included. The limit was
        measured (docs/design/0002): small matrices are multiplied at a lower rate.
        """
        (rows, units), (rows_across, units_across) = (s.data.shape for s in self)
        sites, sites_across = (len(side.result) for side in self)
        taps = self.down.kernel.shape[1] * self.across.kernel.shape[1]
        into = rows * units_across * (units + rows_across)
        out = sites * rows_across * (rows + sites_across)
        products = rows * rows_across * channels * features
        direct = sites * sites_across * taps * channels * features
        return products + into * channels + out * features < direct * 2 / 3


def make_plan(
    sharing: Sharing, units: Size, window: Size, strides: Size
) -> Plan | None:
    """Returns how to filter, or None if there is no way that float32 can stand.

    Args:
      sharing: its kernels must serve rectangular blocks of few sites.
      units: of the padded image, (h, w).
      window: of the kernel.
      strides: of the window.
    """
    if sharing.blocks is None:
        return None
    sides = zip(sharing.shape, sharing.blocks, units, window, strides, strict=True)
    down, across = (tile_side(*numbers) for numbers in sides)
    return None if down is None or across is None else Plan(down, across)


def filter_blocks(
    x: Float[Array, "h w c n"],
    bank: Float[Array, "k kh kw c o"],
    plan: Plan,
    precision: lax.PrecisionLike,
) -> Float[Array, "oh ow o n"]:
    """Convolves padded images with the kernel of each block of sites."""
    down, across = plan
    data = _transform(down.data, across.data, x, precision)
    kernels = jnp.moveaxis(bank, 0, 2)
    kernels = _transform(down.kernel, across.kernel, kernels, precision)
    # [rows, rows, k, c, o] to the rows of all blocks, as those of the data.
    grid = (*kernels.shape[:2], down.blocks, across.blocks, *kernels.shape[3:])
    kernels = jnp.transpose(kernels.reshape(grid), (2, 0, 3, 1, 4, 5))
    products = lax.dot_general(
        kernels.reshape(*data.shape[:2], *kernels.shape[4:]),
        data,
        dimension_numbers=(((2,), (2,)), ((0, 1), (0, 1))),
        precision=precision,
        preferred_element_type=x.dtype,
    )
    return _transform(down.result, across.result, products, precision)


def _transform(down: np.ndarray, across: np.ndarray, x: Array, precision: Any) -> Array:
    """Multiplies each of the two leading axes by a matrix."""
    h, w, *rest = x.shape
    rows, columns = len(down), len(across)
    y = lax.dot(jnp.asarray(down, x.dtype), x.reshape(h, -1), precision=precision)
    again = jnp.broadcast_to(jnp.asarray(across, x.dtype), (rows, columns, w))
    numbers = (((2,), (1,)), ((0,), (0,)))
    y = lax.dot_general(again, y.reshape(rows, w, -1), numbers, precision=precision)
    return y.reshape(rows, columns, *rest)


@functools.cache
def tile_side(
    sites: int, block: int, units: int, taps: int, stride: int
) -> Side | None:
    """One filter for each phase of the stride, since its taps see no other's units."""
    starts = range(0, sites, block)
    data, kernels, results = [], [], []
    for phase in range(min(stride, taps)):
        phase_taps = len(range(phase, taps, stride))
        if block + phase_taps - 1 > len(_POINTS) + 1:
            return None
        result, kernel, small = _cook_toom(block, phase_taps)
        rows = len(small)
        # The last block may reach past the image, at sites that are cut off below.
        wide = np.zeros((len(starts), rows, units + stride * (block + taps)))
        for number, start in enumerate(starts):
            first = stride * start + phase
            wide[number, :, first : first + stride * rows : stride] = small
        data.append(wide[..., :units])
        kernels.append(np.zeros((rows, taps)))
        kernels[-1][:, phase::stride] = kernel
        results.append(result)
    result = np.kron(np.eye(len(starts)), np.concatenate(results).T)
    return Side(
        np.concatenate(data, axis=1).reshape(-1, units),
        np.concatenate(kernels),
        result[:sites],
    )


def _cook_toom(sites: int, taps: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns [rows, sites], [rows, taps] and [rows, rows]: a, g, b of a' (g w * b x).

    With rows = sites + taps - 1. Filtering is the transpose of the product of two
    polynomials, which are evaluated, multiplied point by point, and interpolated.
    """
    rows = sites + taps - 1
    if taps == 1:
        return np.eye(sites), np.ones((rows, 1)), np.eye(rows)
    if sites == 1:
        return np.ones((rows, 1)), np.eye(taps), np.eye(rows)

    def evaluate(coefficients: int) -> np.ndarray:
        finite = np.vander(_POINTS[: rows - 1], coefficients, increasing=True)
        return np.vstack([finite, np.eye(coefficients)[-1]])

    return evaluate(sites), evaluate(taps), np.linalg.inv(evaluate(rows)).T
