"""The lowerings of the op: ways to compute a convolution under any sharing.

All equal `jax.lax`'s own operations in value and in both gradients. Which one is used
by default, and on which measurements that rests: `docs/design/0002-lowerings.md`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

from ws_jax.config import nearest
from ws_jax.sharing import Sharing, Size, expand
from ws_jax.winograd import Plan, filter_blocks, make_plan


class Geometry(NamedTuple):
    """The static part of a convolution: window, strides, padding, precision."""

    window: Size
    strides: Size
    pads: tuple[tuple[int, int], tuple[int, int]]
    precision: lax.PrecisionLike

    def sites(self, size: Size) -> Size:
        """Returns the output sites (oh, ow) over an input of (h, w) units."""
        triples = zip(size, self.window, self.strides, self.pads, strict=True)
        down, across = ((n + sum(p) - k) // s + 1 for n, k, s, p in triples)
        return down, across

    def inner(self, size: Size) -> tuple[slice, slice]:
        """Returns the sites, down and across, whose window reads no padding.

        Example:
          >>> Geometry((3, 3), (2, 2), ((1, 1), (1, 1)), None).inner((32, 32))
          (slice(1, 16, None), slice(1, 16, None))
        """
        quads = zip(size, self.window, self.strides, self.pads, strict=True)
        down, across = (
            slice(-(-p[0] // s), max(-(-p[0] // s), (n - k + p[0]) // s + 1))
            for n, k, s, p in quads
        )
        return down, across


def default_lowering(backend: str) -> str:
    """Returns the lowering that was measured fastest (docs/design/0002)."""
    return "winograd" if backend == "cpu" else "patches"


def natural_layout(lowering: str | None, is_full: bool) -> str:
    """Returns the layout in which a lowering needs no transposes between layers.

    Args:
      lowering: one of `LOWERINGS`; None is the default of this backend.
      is_full: whether all sites share one kernel.
    Raises:
      ValueError: if there is no such lowering.
    """
    name = lowering or default_lowering(jax.default_backend())
    if name not in LOWERINGS:
        raise ValueError(f"unknown lowering {name!r}: {nearest(name, LOWERINGS)}")
    return LOWERINGS[name].full if is_full else LOWERINGS[name].other


def arrange(images: Float[Array, "n h w c"], layout: str) -> Array:
    """Brings images into a layout in which they go from layer to layer.

    If that has the batch innermost, one row of pixels after the other: what XLA would
    transpose at once it computes anew, augmentation and all, for each window that
    sees it (docs/design/0007).
    """
    if layout[-1] != "N":
        return jnp.transpose(images, ["NHWC".index(axis) for axis in layout])
    rows = jnp.moveaxis(images, 1, 0)
    x = lax.map(lambda row: jnp.moveaxis(row, 0, -1), rows)
    return jnp.transpose(x, ["HWCN".index(axis) for axis in layout])


def flatten(x: Array, layout: str) -> Float[Array, "n units"]:
    """Makes one row of units of each image, in (h, w, c) order, for a dense layer.

    It takes four axes in the order of `layout`, as `arrange` gives them. With the
    batch innermost what is transposed is a matrix, which a product takes as it is.
    """
    if layout[-1] != "N":
        x = jnp.transpose(x, [layout.index(axis) for axis in "NHWC"])
        return x.reshape(x.shape[0], -1)
    x = jnp.transpose(x, [layout.index(axis) for axis in "HWCN"])
    return x.reshape(-1, x.shape[-1]).T


def extract_patches(x: Float[Array, "h w n c"], geometry: Geometry) -> Array:
    """Cuts the window under every site: [h, w, n, c] to [oh, ow, n, kh * kw * c].

    Taps are ordered (kh, kw, c), as in an HWIO kernel. With sites leading, each of
    the kh * kw pieces is a strided slice of leading axes, and nothing is transposed.
    """
    x = _pad(x, geometry, "HWNC")
    return jnp.concatenate(_pieces(x, geometry, "HWNC"), axis=-1)


def _pad(x: Array, geometry: Geometry, layout: str) -> Array:
    if not any(map(any, geometry.pads)):
        return x
    pads = [(0, 0)] * x.ndim
    pads[layout.index("H")], pads[layout.index("W")] = geometry.pads
    return jnp.pad(x, pads)


def _pieces(x: Any, geometry: Geometry, layout: str) -> list[Any]:
    """Cuts what each tap sees of a padded image at all sites, in the order (kh, kw)."""
    down, across = layout.index("H"), layout.index("W")
    (kh, kw), (sh, sw) = geometry.window, geometry.strides

    def piece(i: int, j: int) -> Any:
        window = [slice(None)] * x.ndim
        window[down] = slice(i, x.shape[down] - kh + i + 1, sh)
        window[across] = slice(j, x.shape[across] - kw + j + 1, sw)
        return x[tuple(window)]

    return [piece(i, j) for i in range(kh) for j in range(kw)]


def _site_columns(x: Float[Array, "h w c n"], geometry: Geometry) -> Array:
    """Cuts the window under every site of what is padded: [oh, ow, kh * kw * c, n]."""
    h, w, c, n = x.shape
    numbers = np.arange(h * w * c).reshape(h, w, c)
    rows = np.concatenate(_pieces(numbers, geometry, "HWC"), axis=-1)
    return _like(
        lambda x: jnp.concatenate(_pieces(x, geometry, "HWCN"), axis=2),
        lambda x: _take_rows(x.reshape(-1, n), rows),
        x,
    )


def _channel_columns(x: Float[Array, "c h w n"], geometry: Geometry) -> Array:
    """Cuts the windows out of every channel of what is padded: [c, kh * kw, oh, ow, n].

    One channel after the other: XLA would write all at once as a matrix for the
    product, with a division for each element to find its row.
    """
    _, h, w, n = x.shape
    numbers = np.arange(h * w).reshape(h, w)
    rows = np.stack(_pieces(numbers, geometry, "HW"))
    return _like(
        lambda x: jnp.stack(_pieces(x, geometry, "CHWN"), axis=1),
        lambda x: lax.map(lambda plane: _take_rows(plane.reshape(-1, n), rows), x),
        x,
    )


def _take_rows(x: Float[Array, "m n"], rows: np.ndarray) -> Array:
    return x.at[rows].get(mode="promise_in_bounds")


def _like(slow: Callable, fast: Callable, x: Array) -> Array:
    """Returns `fast(x)`, which equals `slow(x)`, with the gradient of linear `slow`.

    Windows as rows taken by static index are one pass over memory, where slices and
    their concatenation are two; but slices have the quicker gradient, a sum.
    """
    call = jax.custom_jvp(fast)
    call.defjvp(lambda primals, tangents: (call(*primals), slow(*tangents)))
    return call(x)


def _patches(x, bank, sharing: Sharing, geometry: Geometry):
    """Slices, then one product batched over kernels."""
    patches = extract_patches(x, geometry)
    oh, ow, n, taps = patches.shape
    features = bank.shape[-1]
    grouped = _group(patches.reshape(oh * ow, n, taps), sharing)
    y = lax.dot_general(
        grouped,
        bank.reshape(sharing.num_kernels, taps, features),
        dimension_numbers=(((2,), (1,)), ((0,), (0,))),
        precision=geometry.precision,
        preferred_element_type=jnp.float32,
    )
    y = _ungroup(y.astype(x.dtype), sharing, n)
    return y.reshape(oh, ow, n, features)


def _columns(x, bank, sharing: Sharing, geometry: Geometry):
    """As `_patches` with the batch innermost, so that all that moves is long rows.

    Sites that share a kernel each get a copy of it: the batch alone makes products
    large enough, and kernels are less to move than patches.
    """
    x = _pad(x, geometry, natural_layout("columns", sharing.is_full))
    features, n = bank.shape[-1], x.shape[-1]
    if sharing.is_full:
        kernel = jnp.moveaxis(bank[0], 2, 0).reshape(-1, features)  # [c * kh * kw, o]
        columns = _channel_columns(x, geometry).reshape(kernel.shape[0], -1)
        y = _product(kernel, columns, geometry)
        return y.reshape(features, *sharing.shape, n)
    columns = _site_columns(x, geometry)
    columns = columns.reshape(-1, *columns.shape[2:])
    kernels = bank if sharing.is_free else expand(bank, sharing)
    y = _product(kernels.reshape(*columns.shape[:2], features), columns, geometry)
    return y.reshape(*sharing.shape, features, n)


def _winograd(x, bank, sharing: Sharing, geometry: Geometry):
    """As `_columns`, but blocks of sites are filtered together where that pays."""
    layout = natural_layout("columns", sharing.is_full)
    size = (x.shape[layout.index("H")], x.shape[layout.index("W")])
    plan = find_filter(sharing, geometry, size, *bank.shape[-2:])
    if plan is None or x.dtype.itemsize < 4:
        return _columns(x, bank, sharing, geometry)
    x = _pad(x, geometry, layout)
    x = jnp.transpose(x, [layout.index(axis) for axis in "HWCN"])
    y = filter_blocks(x, bank, plan, geometry.precision)
    return jnp.transpose(y, ["HWCN".index(axis) for axis in layout])


def find_filter(
    sharing: Sharing, geometry: Geometry, size: Size, channels: int, features: int
) -> Plan | None:
    """Returns how `winograd` filters a layer over (h, w) units.

    None is as `columns`: where there is no way, it does not pay, or products are of
    less than float32, whose rounding it would magnify.
    """
    if geometry.precision != lax.Precision.HIGHEST:
        return None
    units = tuple(n + sum(pads) for n, pads in zip(size, geometry.pads, strict=True))
    plan = make_plan(sharing, units, geometry.window, geometry.strides)
    return plan if plan and plan.pays(channels, features) else None


def _product(bank, columns, geometry: Geometry):
    """[taps, o] and [taps, m] to [o, m], or the same for each of k kernels."""
    lead = tuple(range(bank.ndim - 2))
    taps = (bank.ndim - 2,)
    return lax.dot_general(
        bank,
        columns,
        dimension_numbers=((taps, taps), (lead, lead)),
        precision=geometry.precision,
        preferred_element_type=jnp.float32,
    ).astype(bank.dtype)


def _group(patches, sharing: Sharing):
    """Brings the patches of each kernel together: [sites, n, taps] to [k, m, taps]."""
    sites, n, taps = patches.shape
    if not (sharing.is_full or sharing.is_free):
        patches = _rearrange(patches, sharing.groups.ravel(), _positions(sharing))
    return patches.reshape(sharing.num_kernels, -1, taps)


def _ungroup(y, sharing: Sharing, n: int):
    """Undoes `_group`: [k, m, o] to [sites, n, o]."""
    y = y.reshape(-1, n, y.shape[-1])
    if sharing.is_full or sharing.is_free:
        return y
    return _rearrange(y, _positions(sharing), sharing.groups.ravel())


def _positions(sharing: Sharing):
    """Where each site stands in the flat `groups`, int [sites]."""
    flat = sharing.groups.ravel()
    return flat.argsort(kind="stable")[: sharing.sites.size]


def _rearrange(x, order, inverse):
    """Takes rows of `x` by static index; rows past its end are zeros.

    Its gradient is the same with `inverse`: a gather, where autodiff would scatter.
    """

    def take(a, index):
        return jnp.take(a, index, axis=0, mode="fill", fill_value=0)

    @jax.custom_vjp
    def rearrange(a):
        return take(a, order)

    rearrange.defvjp(lambda a: (take(a, order), None), lambda _, g: (take(g, inverse),))
    return rearrange(x)


def _lax(x, bank, sharing: Sharing, geometry: Geometry):
    """The reference: lax's own operations."""
    if sharing.is_full:
        return lax.conv_general_dilated(
            x,
            bank[0],
            geometry.strides,
            geometry.pads,
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
            precision=geometry.precision,
        )
    field = expand(bank, sharing)
    # lax unfolds a kernel with the channel slowest, ours has it fastest.
    oh, ow, kh, kw, c, o = field.shape
    unfolded = jnp.transpose(field, (0, 1, 4, 2, 3, 5)).reshape(oh, ow, c * kh * kw, o)
    return lax.conv_general_dilated_local(
        x,
        unfolded,
        geometry.strides,
        geometry.pads,
        filter_shape=geometry.window,
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        precision=geometry.precision,
    )


class Lowering(NamedTuple):
    """How the op is computed, and the layouts of images that suit it."""

    apply: Callable[[Array, Array, Sharing, Geometry], Array]
    full: str  # where all sites share a kernel
    other: str


LOWERINGS: dict[str, Lowering] = {
    "lax": Lowering(_lax, "NHWC", "NHWC"),
    "patches": Lowering(_patches, "HWNC", "HWNC"),
    "columns": Lowering(_columns, "CHWN", "HWCN"),
    "winograd": Lowering(_winograd, "CHWN", "HWCN"),
}
