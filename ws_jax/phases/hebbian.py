"""Weight sharing by a local Hebbian rule: what a pause in training does to kernels.

While a network sleeps, its layers see noise that repeats every window, so that sites a
window apart see the same patch. Every kernel is moved by what its response strays from
the mean response of such a group of sites. Sites whose window reads padding take no
part.

Where all sites of a group see the same patches x, kernels move as

    w_i <- w_i - rate * (C (w_i - mean_j w_j) + gamma (w_i - w_i at the start)),

with C the mean of x x^T over a batch. The mean of a group never moves, and what strays
from it is multiplied by one matrix, the same for all sites and features but for the
order of its taps. So the iterations are done on that matrix, of taps x taps, and the
kernels are multiplied with it once: no network has to be run.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float, Key

from ws_jax.conv import Padding, down_and_across, make_geometry
from ws_jax.lowerings import Geometry
from ws_jax.sharing import Floats, Size, as_floats

Scalar = float | Float[Array, ""]

# The constants of the released code (`utils.py`).
ITERATIONS, BATCH, RATE, GAMMA = 100, 128, 0.1, 1e-5


def hebbian_sleep(
    key: Key[Array, ""],
    kernel: Floats,
    *,
    strides: int | Size = (1, 1),
    padding: Padding | None = None,
    inputs: Size | None = None,
    iterations: int = ITERATIONS,
    batch: int = BATCH,
    rate: Scalar = RATE,
    gamma: Scalar = GAMMA,
) -> Floats:
    """Shares kernels by the local rule, among sites whole windows apart.

    Nothing is checked of `rate`: one above `largest_rate` makes kernels diverge.

    Args:
      key: of the patterns. Those of iteration i are N(0, 1), [batch, kh, kw, c], drawn
        by the key folded with i; the unit of the input in row r and column s has what
        stands at (r mod kh, s mod kw) of its pattern.
      kernel: a field [oh, ow, kh, kw, c, o].
      strides: of the layer, down and across; one number serves both.
      padding: of its input, ((top, bottom), (left, right)) or a name as of
        `local_conv`; None is half a window.
      inputs: units of its input, down and across; None is sites times strides.
      iterations: how often the kernels are moved.
      batch: patterns of an iteration.
      rate: of a move.
      gamma: strength of the pull to the kernels at the start.
    Returns:
      A field of the same shape; kernels at the border are the same bit for bit.
    Raises:
      ValueError: if `kernel` is no kernel field, or has not the layer's sites, or fewer
        than a window; for another argument that is not allowed.
    Source: Pogodin et al. 2021, eq. for weight sharing; constants and the border from
      the released code (`utils.py`, `networks/locally_connected_utils.py`).
    """
    kernel = as_floats("a kernel field", kernel, "oh ow kh kw c o")
    _check(key, padding, inputs)
    _check_count("iterations", iterations, 0)
    _check_count("batch", batch, 1)
    geometry, inputs = _geometry(kernel.shape, strides, padding, inputs)
    window = geometry.window
    rows, columns = geometry.inner(inputs)
    inner = kernel[rows, columns]
    if not inner.size:
        return kernel
    taps = window[0] * window[1] * kernel.shape[4]
    matrix = _sleep_matrix(key, taps, iterations, batch, rate, gamma, kernel.dtype)
    index = _tap_order(geometry, (rows.start, columns.start), kernel.shape[4])
    matrices = matrix[index[..., :, None], index[..., None, :]]
    return kernel.at[rows, columns].set(move_strays(inner, matrices))


def _check(key: Any, padding: Any, inputs: Any) -> None:
    """Raises `ValueError` for a seed, and for sizes that are none."""
    if not isinstance(key, jax.Array):
        raise ValueError(f"key is {key!r}, needs one as of jax.random.key(0)")
    pairs = padding is None or isinstance(padding, str) or np.shape(padding) == (2, 2)
    if not pairs:
        raise ValueError(
            f"padding is {padding!r}, needs pairs ((top, bottom), (left, right)), or "
            "SAME or VALID"
        )
    if inputs is not None and np.shape(inputs) != (2,):
        raise ValueError(f"inputs is {inputs!r}, needs two whole numbers, as (8, 8)")


def _check_count(name: str, value: Any, low: int) -> None:
    if not isinstance(value, int | np.integer) or value < low:
        raise ValueError(f"{name} is {value!r}, needs a whole number of at least {low}")


def _geometry(shape: Any, strides: Any, padding: Any, inputs: Any) -> Any:
    """Returns the geometry of a layer with a kernel field, and its input's units."""
    sites, window = shape[:2], shape[2:4]
    if window[0] > sites[0] or window[1] > sites[1]:
        raise ValueError(
            f"the window is {window[0]}x{window[1]}, larger than the "
            f"{sites[0]}x{sites[1]} sites, where no two are a window apart: nothing "
            "would be shared"
        )
    strides = down_and_across(strides)
    half = (window[0] // 2,) * 2, (window[1] // 2,) * 2
    pads = half if padding is None else padding
    if inputs is None:
        inputs = sites[0] * strides[0], sites[1] * strides[1]
    geometry = make_geometry(inputs, window, strides, pads)
    if geometry.sites(inputs) != sites:
        raise ValueError(
            f"kernels at {sites} sites do not fit: a {window} window with strides "
            f"{strides} and padding {geometry.pads} has {geometry.sites(inputs)} "
            f"sites on an input of {inputs}"
        )
    return geometry, inputs


def _sleep_matrix(key, taps, iterations, batch, rate, gamma, dtype) -> Array:
    """Returns the matrix by which a sleep multiplies what strays, [taps, taps]."""
    same = jnp.eye(taps, dtype=dtype)
    rate, gamma = jnp.asarray(rate, dtype), jnp.asarray(gamma, dtype)

    def once(number, matrix):
        x = jax.random.normal(jax.random.fold_in(key, number), (batch, taps), dtype)
        response = jnp.matmul(x, matrix, precision=lax.Precision.HIGHEST)
        push = jnp.matmul(x.T, response, precision=lax.Precision.HIGHEST) / batch
        return matrix - rate * (push + gamma * (matrix - same))

    return lax.fori_loop(0, iterations, once, same)


def _tap_order(geometry: Geometry, start: Size, channels: int) -> np.ndarray:
    """Returns which entry of a pattern each tap sees, [kh, kw, taps], by group.

    Group (a, b) is that of the site `start` + (a, b), and of all a window apart.
    """
    places = []
    for axis in (0, 1):
        side = geometry.window[axis]
        first = geometry.strides[axis] * (start[axis] + np.arange(side))
        places.append(
            (first[:, None] - geometry.pads[axis][0] + np.arange(side)) % side
        )
    rows, columns = places
    place = (
        rows[:, None, :, None] * geometry.window[1] + columns[None, :, None, :]
    )  # [kh, kw, kh, kw]
    index = place[..., None] * channels + np.arange(channels)
    return index.reshape(*geometry.window, -1)


def move_strays(inner: Array, matrices: Array) -> Array:
    """Multiplies what strays from the mean of its group by the group's matrix.

    Args:
      inner: [h, w, kh, kw, c, o].
      matrices: [kh, kw, taps, taps].
    """
    (down, across), window = inner.shape[:2], inner.shape[2:4]
    whole = [-(-n // k) for n, k in zip((down, across), window, strict=True)]
    sides = [n * k for n, k in zip(whole, window, strict=True)]
    widths = ((0, sides[0] - down), (0, sides[1] - across), *((0, 0),) * 4)
    counts = [
        np.bincount(np.arange(n) % k, minlength=k).clip(1)
        for n, k in zip((down, across), window, strict=True)
    ]
    count = (counts[0][:, None] * counts[1])[None, :, None, :, None, None]
    blocks = jnp.pad(inner, widths).reshape(
        whole[0], window[0], whole[1], window[1], -1, inner.shape[5]
    )
    mean = blocks.sum((0, 2), keepdims=True) / jnp.asarray(count, inner.dtype)
    moved = jnp.einsum(
        "abde,iajbeo->iajbdo", matrices, blocks - mean, precision=lax.Precision.HIGHEST
    )
    moved = (mean + moved).reshape(*sides, *inner.shape[2:])
    return moved[:down, :across]


def shrink_factor(
    taps: int, batch: int = BATCH, rate: Scalar = RATE, gamma: Scalar = 0.0
) -> Scalar:
    """Returns what an iteration multiplies the expected squared deviation by.

    That is 1 - 2 rate + rate^2 (1 + (taps + 1) / batch) without a pull to the start:
    the mean square of a batch of N(0, 1) patterns, E[C^2] = 1 + (taps + 1) / batch,
    decides. Above 1, kernels diverge.

    Args:
      taps: of a kernel, window times channels.
      batch: patterns of an iteration.
      rate: of a move.
      gamma: strength of the pull to the start, which adds to the deviation, but not
        to its growth.
    Source: ours.
    """
    kept = 1 - rate * gamma
    return kept**2 - 2 * rate * kept + rate**2 * (1 + (taps + 1) / batch)


def largest_rate(taps: int, batch: int = BATCH, gamma: Scalar = 0.0) -> Scalar:
    """Returns the rate above which kernels diverge: `shrink_factor` is 1 there."""
    return 2 * (1 + gamma) / ((1 + gamma) ** 2 + (taps + 1) / batch)


def fastest_rate(taps: int, batch: int = BATCH, gamma: Scalar = 0.0) -> Scalar:
    """Returns the rate at which deviations shrink fastest, half of the largest."""
    return largest_rate(taps, batch, gamma) / 2
