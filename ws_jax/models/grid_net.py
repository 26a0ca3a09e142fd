"""A network that keeps the size of its images: one output for every site."""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from absl import logging
from jaxtyping import Array, Float

from ws_jax.banks import TemplateBank
from ws_jax.config import config, require, static
from ws_jax.initializers import kaiming_normal
from ws_jax.layers import SharedConv
from ws_jax.lowerings import arrange, natural_layout
from ws_jax.models.network import Arithmetic, Network
from ws_jax.normalization import BatchNorm
from ws_jax.schemes import parse_scheme


@config("grid_net")
class GridNet(Network):
    """3x3 layers of equal width between two 1x1 layers; takes images of any size.

    A layer comes after a normalisation and a ReLU; what goes into every `skip` of them
    is added to what comes out. With `templates` all 3x3 layers draw their kernels from
    one bank; normalisations are never shared.

    Source: Savarese & Maire 2019, as told by others: 20 layers, 1x1 layers in and out.
    All else is ours (docs/design/0013).
    """

    depth: int = static(20, "3x3 layers", low=1)
    width: int = static(32, "channels of all layers between", low=1)
    templates: int = static(0, "of the bank; 0: every layer has its own kernels", low=0)
    skip: int = static(2, "3x3 layers from one addition to the next; 0: none", low=0)

    def check(self) -> None:
        """Additions must end with the layers."""
        require(
            self.skip == 0 or self.depth % self.skip == 0,
            f"network.skip: {self.skip} does not divide network.depth, {self.depth}",
        )

    def check_images(self, shape):
        """Any will do; a bank that costs more than it saves is warned of."""
        del shape
        if self.templates > self.depth:
            logging.warning(
                "network.templates: a bank of %d templates for %d layers has more "
                "parameters than %d kernels of their own",
                *(self.templates, self.depth, self.depth),
            )

    def stores_fields(self):
        """All sites share kernels."""
        return False

    def make(self, num_outputs, arithmetic):
        """Returns the module."""
        return GridModule(self, arithmetic)


class GridModule(nn.Module):
    """The linen module of a `GridNet`; that of a folded one differs in its middle.

    Attributes:
      config: the network.
      arithmetic: of all products.
    """

    config: Any
    arithmetic: Arithmetic = Arithmetic()

    @nn.compact
    def __call__(
        self, x: Float[Array, "n h w c"], train: bool = False
    ) -> Float[Array, "n h w"]:
        """Maps images to an output a site; training moves the running averages."""
        net, layout = self.config, natural_layout(self.arithmetic.lowering, True)
        conv = partial(make_conv, self.arithmetic, layout)
        norm = partial(BatchNorm, layout=layout)
        x = arrange(x.astype(jnp.float32), layout)
        x = conv(net.width, 1, name="enter")(x)
        x = self.middle(x, train, conv, norm)
        x = nn.relu(norm(name="norm_out")(x, train))
        y = conv(1, 1, name="leave")(x)
        return jnp.transpose(y, [layout.index(axis) for axis in "NHWC"])[..., 0]

    def middle(self, x: Array, train: bool, conv: Any, norm: Any) -> Array:
        """Applies all 3x3 layers, with what comes before them and goes past them.

        Args:
          x: images.
          train: as said.
          conv: makes a layer.
          norm: makes a normalisation.
        """
        net, past, bank = self.config, x, None
        if net.templates:
            bank = TemplateBank(net.templates, net.depth, name="bank")
        for number in range(net.depth):
            x = nn.relu(norm(name=f"norm_{number}")(x, train))
            name = f"conv_{number}"
            x = conv(net.width, 3, name=name, bank=bank, row=number)(x)
            if net.skip and (number + 1) % net.skip == 0:
                x = past = x + past
        return x


def make_conv(
    how: Arithmetic, layout: str, features: int, window: int, **named: Any
) -> SharedConv:
    """Makes a layer of a network on grids; only those of 1x1 have biases.

    Args:
      how: of its products.
      layout: of its input and output.
      features: output channels.
      window: side of its kernels.
      **named: other fields of the module.
    """
    pad = window // 2
    return SharedConv(
        features=features,
        window=(window, window),
        strides=(1, 1),
        padding=((pad, pad), (pad, pad)),
        scheme=parse_scheme("full")[0],
        kernel_init=kaiming_normal("kernel", "in"),
        use_bias=window == 1,
        lowering=how.lowering,
        precision=how.precision,
        layout=layout,
        **named,
    )


def count_parameters(net: GridNet, channels: int = 2) -> int:
    """Returns how many numbers a network's parameters are.

    Args:
      net: the network.
      channels: of the images.

    Example:
      >>> count_parameters(GridNet(depth=20, width=32))
      185793
    """
    kernels = net.templates or net.depth
    total = (channels + 1) * net.width + 9 * kernels * net.width**2
    total += net.templates * net.depth + 2 * net.width * (net.depth + 1)
    return total + net.width + 1


def unshared(net: GridNet) -> GridNet:
    """Returns the same network with kernels of its own in every layer."""
    return dataclasses.replace(net, templates=0)
