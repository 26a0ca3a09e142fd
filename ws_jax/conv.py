"""Convolution under any sharing of kernels over space, and its lowerings.

The definition is `jax.lax.conv_general_dilated_local` with the bank unfolded to a
kernel field; every lowering equals it in value and in both gradients. Which one is
used by default, and on which measurements that rests, is in
`docs/design/0002-lowerings.md`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from ws_jax.config import nearest
from ws_jax.sharing import Sharing, Size, expand, free

Padding = str | Sequence[tuple[int, int]]


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


def local_conv(
    x: Float[Array, "..."],
    kernel: Float[Array, "oh ow kh kw c o"],
    *,
    strides: Size = (1, 1),
    padding: Padding = "VALID",
    lowering: str | None = None,
    precision: lax.PrecisionLike = None,
    layout: str = "NHWC",
    kernel_mask: Array | None = None,
    input_mask: Array | None = None,
) -> Float[Array, "..."]:
    """Convolves with an own kernel at every output site (no weight sharing).

    Equals a convolution when all sites hold the same kernel. See `shared_conv` for
    the arguments.

    Args:
      x: [n, h, w, c], or with its axes in the order of `layout`.
      kernel: a kernel field, one HWIO kernel per site.
      strides: steps of the window down and across.
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
    x: Float[Array, "..."],
    bank: Float[Array, "k kh kw c o"],
    sharing: Sharing,
    *,
    strides: Size = (1, 1),
    padding: Padding = "VALID",
    lowering: str | None = None,
    precision: lax.PrecisionLike = None,
    layout: str = "NHWC",
    kernel_mask: Array | None = None,
    input_mask: Array | None = None,
) -> Float[Array, "..."]:
    """Convolves with the kernel that `sharing` gives each output site.

    Args:
      x: [n, h, w, c], or with its axes in the order of `layout`.
      bank: [num_kernels, kh, kw, c, o].
      sharing: which kernel of the bank each site uses.
      strides: steps of the window down and across.
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
    if bank.ndim != 5 or x.ndim != 4:
        raise ValueError(
            "needs four axes of x and five of the bank (six of a kernel field), got "
            f"shapes {x.shape} and {bank.shape}"
        )
    name = lowering or default_lowering(jax.default_backend())
    own = natural_layout(name, sharing.is_full)
    x = _permute(x, layout, own)
    size = (x.shape[own.index("H")], x.shape[own.index("W")])
    geometry = make_geometry(size, bank.shape[1:3], strides, padding, precision)
    _check(x.shape[own.index("C")], size, x.dtype, bank, sharing, geometry)
    if kernel_mask is not None:
        bank = bank * kernel_mask.astype(bank.dtype)
    if input_mask is not None:
        mask = _permute(input_mask.astype(x.dtype)[None], "NHWC", own)
        x = x * mask
    y = LOWERINGS[name](x, bank, sharing, geometry)
    return _permute(y, own, layout)


_AXES = "NHWC"


def _permute(x: Array, source: str, target: str) -> Array:
    return jnp.transpose(x, [source.index(axis) for axis in target])


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
    if name != "columns":
        return "HWNC"
    return "CHWN" if is_full else "HWCN"


def make_geometry(
    size: Size,
    window: Size,
    strides: Size,
    padding: Padding,
    precision: lax.PrecisionLike = None,
) -> Geometry:
    """Resolves named padding for an input of `size` (h, w), and the precision."""
    if isinstance(padding, str):
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


def default_lowering(backend: str) -> str:
    """Returns the lowering that was measured fastest (docs/design/0002)."""
    return "columns" if backend == "cpu" else "patches"


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
            dimension_numbers=("HWNC", "HWIO", "HWNC"),
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
        dimension_numbers=("HWNC", "HWIO", "HWNC"),
        precision=geometry.precision,
    )


LOWERINGS: dict[str, Callable[[Array, Array, Sharing, Geometry], Array]] = {
    "lax": _lax,
    "patches": _patches,
    "columns": _columns,
}
