"""The lowerings of the op: ways to compute a convolution under any sharing.

All equal `jax.lax`'s own operations in value and in both gradients. Which one is used
by default, and on which measurements that rests: `docs/design/0002-lowerings.md`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from ws_jax.config import nearest
from ws_jax.sharing import Sharing, Size, expand


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


def default_lowering(backend: str) -> str:
    """Returns the lowering that was measured fastest (docs/design/0002)."""
    return "columns" if backend == "cpu" else "patches"


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


def extract_patches(x: Float[Array, "h w n c"], geometry: Geometry) -> Array:
    """Cuts the window under every site: [h, w, n, c] to [oh, ow, n, kh * kw * c].

    Taps are ordered (kh, kw, c), as in an HWIO kernel. With sites leading, each of
    the kh * kw pieces is a strided slice of leading axes, and nothing is transposed.
    """
    return jnp.concatenate(_pieces(x, geometry, "HWNC"), axis=-1)


def _pieces(x: Array, geometry: Geometry, layout: str) -> list[Array]:
    """Cuts what each tap sees at all sites, in the order (kh, kw)."""
    down, across = layout.index("H"), layout.index("W")
    size = (x.shape[down], x.shape[across])
    if any(map(any, geometry.pads)):
        pads = [(0, 0)] * x.ndim
        pads[down], pads[across] = geometry.pads
        x = jnp.pad(x, pads)
    (oh, ow), (sh, sw) = geometry.sites(size), geometry.strides

    def piece(i: int, j: int) -> Array:
        window = [slice(None)] * x.ndim
        window[down] = slice(i, i + (oh - 1) * sh + 1, sh)
        window[across] = slice(j, j + (ow - 1) * sw + 1, sw)
        return x[tuple(window)]

    kh, kw = geometry.window
    return [piece(i, j) for i in range(kh) for j in range(kw)]


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
    layout = natural_layout("columns", sharing.is_full)
    columns = jnp.concatenate(_pieces(x, geometry, layout), axis=layout.index("C"))
    features, n = bank.shape[-1], x.shape[-1]
    bank = bank.reshape(sharing.num_kernels, -1, features)
    if sharing.is_full:
        y = _product(bank[0], columns.reshape(bank.shape[1], -1), geometry)
        return y.reshape(features, *sharing.shape, n)
    columns = columns.reshape(-1, *columns.shape[2:])
    y = _product(_unfold(bank, sharing), columns, geometry)
    return y.reshape(*sharing.shape, features, n)


def _unfold(bank, sharing: Sharing):
    """Copies kernels to their sites: [k, ...] to [sites, ...].

    Its gradient gathers each kernel's sites, where autodiff would scatter.
    """
    if sharing.is_free:
        return bank
    sites, groups = sharing.sites.ravel(), sharing.groups

    @jax.custom_vjp
    def unfold(a):
        return jnp.take(a, sites, axis=0)

    def pull(_, g):
        rows = jnp.take(g, groups.ravel(), axis=0, mode="fill", fill_value=0)
        return (rows.reshape(*groups.shape, *g.shape[1:]).sum(axis=1),)

    unfold.defvjp(lambda a: (unfold(a), None), pull)
    return unfold(bank)


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
}
