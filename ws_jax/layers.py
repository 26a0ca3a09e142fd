"""Thin linen modules over the op and sharing schemes, and what describes them.

A phase or a measure acts on the kernels of a network's layers. `describe_layers` tells
it where they lie: every layer here enters itself while the network's shapes are traced.
"""

from __future__ import annotations

import contextlib
import contextvars
import dataclasses
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array

from ws_jax import conv
from ws_jax.banks import COEFFICIENTS, TEMPLATES, mix
from ws_jax.config import ConfigError
from ws_jax.keys import make_key
from ws_jax.lowerings import Geometry
from ws_jax.schemes import Scheme, stored_axes
from ws_jax.sharing import Sharing, Size

# A layer that severs connections keeps its 0/1 masks in this collection, which the
# training loop draws for each run (`engine.program.draw_masks`).
MASKS = "masks"


@dataclasses.dataclass(frozen=True)
class Layer:
    """Where a layer's kernels are, and over what they act.

    Attributes:
      path: names of the modules down to the layer, as its parameters are nested.
      sharing: which sites share a kernel.
      geometry: window, strides, padding.
      inputs: (h, w, c) of what it sees.
      features: output channels.
      bank: names of the modules down to the template bank that it draws from; empty if
        its kernels are its own.
      stores_field: whether what it stores of kernels is one for every site, where the
        sites share none: not so if they are mixed from templates.
    """

    path: tuple[str, ...]
    sharing: Sharing
    geometry: Geometry
    inputs: tuple[int, int, int]
    features: int
    bank: tuple[str, ...] = ()
    stores_field: bool = True

    @property
    def name(self) -> str:
        """The path, joined by slashes."""
        return "/".join(self.path)

    @property
    def sites_differ(self) -> bool:
        """Whether sites, two or more, have kernels of their own that are stored."""
        own = self.stores_field and not self.bank and self.sharing.is_free
        return own and self.sharing.sites.size > 1

    @property
    def inner(self) -> tuple[slice, slice]:
        """The sites, down and across, whose window reads no padding."""
        return self.geometry.inner(self.inputs[:2])

    def parameter(self, params: Any, name: str = "kernel") -> Array | None:
        """Returns a parameter of the layer as it is stored; None if it has none."""
        return _inner(params, self.path).get(name)

    def coefficients(self, params: Any) -> Array | None:
        """Returns those with which it mixes templates, [k]; None without a bank."""
        return self.parameter(params, COEFFICIENTS) if self.bank else None

    def templates(self, params: Any) -> Array | None:
        """Returns those of its bank, [k, ...]; None if it has none."""
        return _inner(params, self.bank).get(TEMPLATES) if self.bank else None

    def kernel(self, params: Any) -> Array | None:
        """Returns its kernels as it stores them or mixes them; None if it has none."""
        if not self.bank:
            return self.parameter(params)
        coefficients, templates = self.coefficients(params), self.templates(params)
        assert coefficients is not None and templates is not None
        return mix(coefficients, templates)

    def field(self, params: Any, name: str = "kernel") -> Array | None:
        """Returns a parameter that is stored for every site, [oh, ow, ...], else None.

        Kernels are such if every site has its own; one of a bank, or of all sites,
        is none, nor are the templates of which a site mixes its kernel.
        """
        stored = self.parameter(params, name)
        if stored is None or not self._is_field(stored.shape, name):
            return None
        return stored

    def template_fields(self, params: Any) -> Array | None:
        """Returns its bank's templates if each is a field, [k, oh, ow, ...], else None.

        All layers of a bank have the same.
        """
        templates = self.templates(params)
        if templates is None or not self._is_field(templates.shape[1:]):
            return None
        return templates

    def _is_field(self, shape: tuple[int, ...], name: str = "kernel") -> bool:
        # Templates and windows may have as many as there are sites: axes are counted.
        fits = len(shape) == 6 if name == "kernel" else len(shape) > 2
        return self.sharing.is_free and fits and shape[:2] == self.sharing.shape

    def replace(self, params: Any, value: Array, name: str = "kernel") -> Any:
        """Returns parameters with another value in one of the layer's."""
        return _replaced(params, (*self.path, name), value)

    def replace_templates(self, params: Any, value: Array) -> Any:
        """Returns parameters with other templates in the layer's bank."""
        return _replaced(params, (*self.bank, TEMPLATES), value)


def _inner(params: Any, path: tuple[str, ...]) -> Any:
    for module in path:
        params = params.get(module, {})
    return params


def _replaced(tree: Any, path: tuple[str, ...], value: Any) -> Any:
    head, *rest = path
    new = _replaced(tree[head], tuple(rest), value) if rest else value
    return {**tree, head: new}


_entered: contextvars.ContextVar[list[Layer] | None] = contextvars.ContextVar(
    "layers", default=None
)


@contextlib.contextmanager
def _collect() -> Iterator[list[Layer]]:
    found: list[Layer] = []
    token = _entered.set(found)
    try:
        yield found
    finally:
        _entered.reset(token)


def describe_layers(init: Callable[[Array], Any]) -> tuple[Layer, ...]:
    """Returns the layers of a network, in the order in which it uses them.

    Args:
      init: from a key to the network's variables; only its shapes are traced.
    """
    return describe_network(init)[0]


def describe_network(init: Callable[[Array], Any]) -> tuple[tuple[Layer, ...], Any]:
    """Returns the same, and the shapes of the network's variables, by one trace."""
    with _collect() as found:
        shapes = jax.eval_shape(lambda: init(make_key(0)))
    return tuple(found), shapes


def bank_coefficients(layers: Iterable[Layer], params: Any) -> dict[str, Array]:
    """Returns the coefficients of every template bank, [layers, k], by its name.

    A bank's name is the path of its module, joined by slashes; its layers come in the
    order in which the network uses them.
    """
    rows: dict[str, list[Array]] = {}
    for layer in layers:
        own = layer.coefficients(params)
        if own is not None:
            rows.setdefault("/".join(layer.bank), []).append(own)
    return {name: jnp.stack(own) for name, own in rows.items()}


class SharedConv(nn.Module):
    """A convolution whose kernels are shared over space as its scheme says.

    Parameters: those of the scheme, `kernel` in most, stored as one HWIO kernel under
    full sharing, as a field [oh, ow, kh, kw, c, o] if every site has its own, else as
    a bank [num_kernels, kh, kw, c, o]; and `bias`, one value per kernel and feature,
    stored alike, or one per feature if `share_bias`.

    Attributes:
      features: output channels.
      window: size of the kernel's window, down and across.
      strides: steps of the window, down and across.
      padding: 'VALID', 'SAME', or ((top, bottom), (left, right)).
      scheme: how kernels are shared.
      kernel_init: a linen initialiser.
      use_bias: whether there is a bias.
      share_bias: whether all sites share it.
      severing: `none`, `connections` (a mask on kernels) or `units` (a mask on the
        layer's input units). Kernels that all sites share are never severed.
      lowering: see `lowerings.LOWERINGS`; None takes the fastest known.
      precision: of the products.
      layout: order of the axes of input and output, see `lowerings.natural_layout`.
      dtype: of products and output; None is that of the input.
      param_dtype: of the parameters.
      bank: what its kernels are drawn from, a `banks.TemplateBank` say; they then are
        no parameter of its own, but `coefficients`, [k], are. None: they are its own.
      row: which of the bank's layers it is, from 0.
    """

    features: int
    window: Size
    strides: Size
    padding: Any
    scheme: Scheme
    kernel_init: Callable[..., Array]
    use_bias: bool = True
    share_bias: bool = False
    severing: str = "none"
    lowering: str | None = None
    precision: Any = None
    layout: str = "NHWC"
    dtype: Any = None
    param_dtype: Any = jnp.float32
    bank: Any = None
    row: int = 0

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """Maps [n, h, w, c] to [n, oh, ow, features], before any activation."""
        h, w, channels = (x.shape[self.layout.index(axis)] for axis in "HWC")
        geometry = conv.make_geometry(
            (h, w), self.window, self.strides, self.padding, self.precision
        )
        sharing = self._sharing(geometry.sites((h, w)))
        bank = () if self.bank is None else self.bank.path
        one = (*self.window, channels, self.features)
        inputs = (h, w, channels)
        own = len(self.scheme.stored_shape(sharing, one)) == 2 + len(one)
        self._enter(
            Layer(self.path, sharing, geometry, inputs, self.features, bank, own)
        )
        dtype = self.dtype or x.dtype
        bank, acting = self.scheme.kernels(self, sharing, one, self.kernel_init)
        kernel_mask, input_mask = self._masks(sharing, one, (h, w, channels))
        if kernel_mask is not None:
            bank = bank * kernel_mask.reshape(bank.shape)
        y = conv.shared_conv(
            x.astype(dtype),
            bank.astype(dtype),
            acting,
            strides=self.strides,
            padding=self.padding,
            lowering=self.lowering,
            precision=self.precision,
            layout=self.layout,
            input_mask=input_mask,
        )
        if not self.use_bias:
            return y
        lead = () if self.share_bias else stored_axes(sharing)
        shape = (*lead, self.features)
        bias = self.param("bias", nn.initializers.zeros, shape, self.param_dtype)
        if self.share_bias:
            field = bias.reshape(1, 1, -1)
            return y + _in_layout(field.astype(dtype), self.layout)
        return y + site_bias(bias.astype(dtype), sharing, self.layout)

    def _sharing(self, sites: Size) -> Sharing:
        found = self.scheme.sharing(sites)
        if found.shape != sites:
            raise ConfigError(
                f"scheme {self.scheme}: its sharing is of {found.shape} sites, and "
                f"layer {'/'.join(self.path)} has {sites}"
            )
        return found

    def stored_kernel(
        self, kernel_init: Callable[..., Array], shape: tuple[int, ...]
    ) -> Array:
        """Returns the parameter `kernel`, or what is drawn from the bank instead.

        Args:
          kernel_init: of kernels.
          shape: in which the scheme stores them.
        """
        if self.bank is not None:
            return self.bank.draw(self, kernel_init, shape)
        return self.param("kernel", kernel_init, shape, self.param_dtype)

    def _enter(self, layer: Layer) -> None:
        found = _entered.get()
        if found is not None and layer not in found:
            found.append(layer)

    def _masks(self, sharing, one, image_shape):
        if self.severing == "none" or sharing.is_full:
            return None, None
        if self.severing == "connections":
            shape = (*stored_axes(sharing), *one)
            return self.variable(MASKS, "kernel", jnp.ones, shape).value, None
        return None, self.variable(MASKS, "inputs", jnp.ones, image_shape).value


def stored_field(stored: Array, sharing: Sharing) -> Array:
    """Unfolds a stored kernel or bias to a field [oh, ow, ...]."""
    lead = len(stored_axes(sharing))
    bank = stored.reshape(sharing.num_kernels, *stored.shape[lead:])
    return bank[sharing.sites]


def site_bias(bias: Array, sharing: Sharing, layout: str = "NHWC") -> Array:
    """Makes a stored bias fit a response: [1, oh or 1, ow or 1, o], in `layout`."""
    if sharing.is_full:
        return _in_layout(bias.reshape(1, 1, -1), layout)
    return _in_layout(stored_field(bias, sharing), layout)


def _in_layout(field: Array, layout: str) -> Array:
    return jnp.transpose(field[None], ["NHWC".index(axis) for axis in layout])
