"""Convolution under any sharing of kernels over space.

The definition is `jax.lax.conv_general_dilated_local` with the bank unfolded to a
kernel field; every lowering equals it in value and in both gradients.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

from ws_jax.config import check_name
from ws_jax.lowerings import LOWERINGS, Geometry, default_lowering, natural_layout
from ws_jax.sharing import Floats, Sharing, Size, as_floats, check_sharing, free

Padding = str | Sequence[tuple[int, int]]


def local_conv(
    x: Floats,
    kernel: Floats,
    *,
    strides: Size | int = (1, 1),
    padding: Padding = "VALID",
    lowering: str | None = None,
    precision: lax.PrecisionLike = None,
    layout: str = "NHWC",
    kernel_mask: Array | np.ndarray | None = None,
    input_mask: Array | np.ndarray | None = None,
) -> Float[Array, "..."]:
    """Convolves with an own kernel at every output site (no weight sharing).

    Equals a convolution when all sites hold the same kernel. See `shared_conv` for
    the arguments.

    Args:
      x: [n, h, w, c], or with its axes in the order of `layout`. Arrays may be
        NumPy's, whose float64 becomes JAX's usual float.
      kernel: a kernel field, one HWIO kernel per site.
      strides: steps of the window down and across, or one number for both.
      padding: 'VALID', 'SAME', or ((top, bottom), (left, right)).
      lowering: how it is computed, one of `LOWERINGS`; None takes the fastest known.
      precision: of the products; None is `HIGHEST`, which keeps float32.
      layout: order of the axes of `x` and of the result.
      kernel_mask: 0/1 array of the kernel's shape, multiplied with it.
      input_mask: 0/1 array [h, w, c], multiplied with every image.
    Returns:
      One response per site and feature, [n, oh, ow, o], in the order of `layout`.
    Raises:
      ValueError: if `kernel` has other sites or channels than `x`, `strides` and
        `padding` imply.
    Source: Ott et al. 2020, the free convolutional layer.
    """
    kernel = as_floats("a kernel field", kernel, "oh ow kh kw c o")
    sharing = free(kernel.shape[:2])
    flat = (kernel.shape[0] * kernel.shape[1], *kernel.shape[2:])
    return shared_conv(
        x,
        kernel.reshape(flat),
        sharing,
        strides=strides,
        padding=padding,
        lowering=lowering,
        precision=precision,
        layout=layout,
        kernel_mask=None if kernel_mask is None else kernel_mask.reshape(flat),
        input_mask=input_mask,
    )


def shared_conv(
    x: Floats,
    bank: Floats,
    sharing: Sharing,
    *,
    strides: Size | int = (1, 1),
    padding: Padding = "VALID",
    lowering: str | None = None,
    precision: lax.PrecisionLike = None,
    layout: str = "NHWC",
    kernel_mask: Array | np.ndarray | None = None,
    input_mask: Array | np.ndarray | None = None,
) -> Float[Array, "..."]:
    """Convolves with the kernel that `sharing` gives each output site.

    Args:
      x: [n, h, w, c], or with its axes in the order of `layout`. Arrays may be
        NumPy's, whose float64 becomes JAX's usual float.
      bank: [num_kernels, kh, kw, c, o].
      sharing: which kernel of the bank each site uses.
      strides: steps of the window down and across, or one number for both.
      padding: 'VALID', 'SAME', or ((top, bottom), (left, right)).
      lowering: how it is computed, one of `LOWERINGS`; None takes the fastest known.
      precision: of the products; None is `HIGHEST`, which keeps float32.
      layout: order of the axes of `x` and of the result; that of `natural_layout`
        saves the transposes between layers.
      kernel_mask: 0/1 array of the bank's shape, multiplied with it.
      input_mask: 0/1 array [h, w, c], multiplied with every image.
    Returns:
      [n, oh, ow, o], its axes in the order of `layout`. Products are summed in
      float32.
    Raises:
      ValueError: if shapes, dtypes or names do not fit together.
    Source: `docs/design/0001-one-algebra.md`.
    """
    if sorted(layout) != sorted(_AXES):
        raise ValueError(f"unknown layout {layout!r}: needs the letters N, H, W and C")
    check_sharing(sharing)
    x = as_floats("x", x, " ".join(layout).lower())
    bank = as_floats("a bank", bank, "k kh kw c o")
    strides = down_and_across(strides)
    name = lowering or default_lowering(jax.default_backend())
    own = natural_layout(name, sharing.is_full)
    x = _permute(x, layout, own)
    size = (x.shape[own.index("H")], x.shape[own.index("W")])
    geometry = make_geometry(size, bank.shape[1:3], strides, padding, precision)
    _check(x.shape[own.index("C")], size, x.dtype, bank, sharing, geometry)
    if kernel_mask is not None:
        bank = bank * jnp.asarray(kernel_mask, bank.dtype)
    if input_mask is not None:
        mask = _permute(jnp.asarray(input_mask, x.dtype)[None], "NHWC", own)
        x = x * mask
    y = LOWERINGS[name].apply(x, bank, sharing, geometry)
    return _permute(y, own, layout)


_AXES = "NHWC"


def down_and_across(strides: Any) -> Size:
    """Returns steps down and across."""
    both = (strides, strides) if np.ndim(strides) == 0 else tuple(strides)
    whole = all(isinstance(step, int | np.integer) and step > 0 for step in both)
    if len(both) != 2 or not whole:
        raise ValueError(
            f"strides are {strides!r}, needs two whole numbers above 0, as (2, 2), or "
            "one for both"
        )
    return int(both[0]), int(both[1])


def _permute(x: Array, source: str, target: str) -> Array:
    return jnp.transpose(x, [source.index(axis) for axis in target])


def make_geometry(
    size: Size,
    window: Size,
    strides: Size,
    padding: Padding,
    precision: lax.PrecisionLike = None,
) -> Geometry:
    """Resolves named padding for an input of `size` (h, w), and the precision."""
    if isinstance(padding, str):
        check_name("padding", padding, ("SAME", "SAME_LOWER", "VALID"))
        padding = lax.padtype_to_pads(size, window, strides, padding)
    top_bottom, left_right = (tuple(pair) for pair in padding)
    if precision is None:
        precision = lax.Precision.HIGHEST
    return Geometry(tuple(window), tuple(strides), (top_bottom, left_right), precision)


def _check(channels, size, dtype, bank, sharing, geometry) -> None:
    sites = geometry.sites(size)
    if sites != sharing.shape:
        raise ValueError(
            f"kernels for {sharing.shape} sites do not fit: a {geometry.window} window "
            f"with strides {geometry.strides} and padding {geometry.pads} has {sites} "
            f"sites on an input of {size}"
        )
    if bank.shape[0] != sharing.num_kernels or bank.shape[3] != channels:
        raise ValueError(
            f"a bank of {bank.shape[0]} kernels over {bank.shape[3]} channels does not "
            f"fit {sharing!r} on {channels} channels"
        )
    if dtype != bank.dtype:
        raise ValueError(f"x is {dtype}, the kernels are {bank.dtype}: cast one")
