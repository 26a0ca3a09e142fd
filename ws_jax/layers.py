"""Thin linen modules over `conv`, `sharing` and `initializers`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array

from ws_jax import conv
from ws_jax.sharing import Sharing, Size

# A layer that severs connections keeps its 0/1 masks in this collection, which the
# training loop draws for each run (`program.draw_masks`).
MASKS = "masks"


class SharedConv(nn.Module):
    """A convolution whose kernels are shared over space as `make_sharing` says.

    Parameters: `kernel`, stored as one HWIO kernel under full sharing, as a field
    [oh, ow, kh, kw, c, o] if every site has its own, else as a bank
    [num_kernels, kh, kw, c, o]; and `bias`, one value per kernel and feature, stored
    alike.

    Attributes:
      features: output channels.
      window: size of the kernel's window, down and across.
      strides: steps of the window, down and across.
      padding: 'VALID' or 'SAME'.
      make_sharing: from the sites (oh, ow) to a `Sharing`.
      kernel_init: a linen initialiser.
      severing: `none`, `paper` (a mask on connections) or `released` (a mask on the
        layer's input units). Shared kernels are never severed.
      lowering: see `lowerings.LOWERINGS`; None takes the fastest known.
      precision: of the products.
      layout: order of the axes of input and output, see `lowerings.natural_layout`.
    """

    features: int
    window: Size
    strides: Size
    padding: str
    make_sharing: Callable[[Size], Sharing]
    kernel_init: Callable[..., Array]
    severing: str = "none"
    lowering: str | None = None
    precision: Any = None
    layout: str = "NHWC"

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """Maps [n, h, w, c] to [n, oh, ow, features], before any activation."""
        h, w, channels = (x.shape[self.layout.index(axis)] for axis in "HWC")
        geometry = conv.make_geometry(
            (h, w), self.window, self.strides, self.padding, self.precision
        )
        sharing = self.make_sharing(geometry.sites((h, w)))
        lead = stored_axes(sharing)
        one = (*self.window, channels, self.features)
        kernel = self.param("kernel", self.kernel_init, (*lead, *one))
        bias = self.param("bias", nn.initializers.zeros, (*lead, self.features))
        kernel_mask, input_mask = self._masks(sharing, kernel.shape, (h, w, channels))
        if kernel_mask is not None:
            kernel = kernel * kernel_mask
        y = conv.shared_conv(
            x,
            kernel.reshape(sharing.num_kernels, *one),
            sharing,
            strides=self.strides,
            padding=self.padding,
            lowering=self.lowering,
            precision=self.precision,
            layout=self.layout,
            input_mask=input_mask,
        )
        return y + site_bias(bias, sharing, self.layout)

    def _masks(self, sharing, kernel_shape, image_shape):
        if self.severing == "none" or sharing.is_full:
            return None, None
        if self.severing == "paper":
            mask = self.variable(MASKS, "kernel", jnp.ones, kernel_shape).value
            return mask, None
        return None, self.variable(MASKS, "inputs", jnp.ones, image_shape).value


def stored_axes(sharing: Sharing) -> tuple[int, ...]:
    """Returns the leading axes with which a layer stores its kernels and biases.

    Example:
      >>> from ws_jax import sharing
      >>> stored_axes(sharing.full((4, 4))), stored_axes(sharing.free((4, 4)))
      ((), (4, 4))
      >>> stored_axes(sharing.tiles((4, 4), 2))
      (4,)
    """
    if sharing.is_full:
        return ()
    return sharing.shape if sharing.is_free else (sharing.num_kernels,)


def stored_field(stored: Array, sharing: Sharing) -> Array:
    """Unfolds a stored kernel or bias to a field [oh, ow, ...]."""
    lead = len(stored_axes(sharing))
    bank = stored.reshape(sharing.num_kernels, *stored.shape[lead:])
    return bank[sharing.sites]


def site_bias(bias: Array, sharing: Sharing, layout: str = "NHWC") -> Array:
    """Makes a stored bias fit a response: [1, oh or 1, ow or 1, o], in `layout`."""
    if sharing.is_full:
        field = bias.reshape(1, 1, -1)
    else:
        field = stored_field(bias, sharing)
    return jnp.transpose(field[None], ["NHWC".index(axis) for axis in layout])
