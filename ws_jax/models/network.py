"""What every network has: a config that checks itself and makes a linen module.

A network maps `(images [n, h, w, c], train)` to outputs. State other than parameters
(running averages, say) lives in its linen collections and is carried by the run. In an
epoch's last batch it sees images twice, where the training set does not fill it: they
do not count in the loss, but they do in such averages.
"""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

import flax.linen as nn
import jax.numpy as jnp
from jax import lax

from ws_jax.config import Config, ConfigError
from ws_jax.schemes import is_full, parse_scheme
from ws_jax.sharing import Size

DTYPES = {"float32": jnp.float32, "bfloat16": jnp.bfloat16}


@dataclasses.dataclass(frozen=True)
class Arithmetic:
    """How products are computed, the same for all layers of a network.

    Attributes:
      lowering: see `lowerings.LOWERINGS`; None takes the fastest known.
      precision: of the products.
    """

    lowering: str | None = None
    precision: lax.Precision = lax.Precision.HIGHEST


class Network(Config):
    """The base of networks' configs."""

    kinds: ClassVar[dict] = {}
    default_kind: ClassVar[str] = "convnet"

    def make(self, num_outputs: int, arithmetic: Arithmetic) -> nn.Module:
        """Returns the linen module; data fields of the config may be traced."""
        raise NotImplementedError

    def check_images(self, shape: tuple[int, int, int]) -> None:
        """Raises `ConfigError` if the network cannot take images of [h, w, c]."""

    def severing_probability(self) -> Any:
        """Returns the probability that a connection is severed; may be traced."""
        return jnp.float32(0)

    def stores_fields(self) -> bool:
        """Returns whether a layer may store a kernel for every site."""
        return True


class SharedNetwork(Network):
    """A network whose layers share kernels by one scheme, or one for each layer.

    Attributes:
      sharing: the scheme, see `schemes.parse_scheme`.
      fans: how a free kernel's fans are counted, see `initializers.fans`.
      severing: what is severed, see `layers.SharedConv`.
      vcp: probability that a connection is severed.
    """

    sharing: str
    fans: str
    severing: str
    vcp: float

    def check(self) -> None:
        """Its scheme must be one that is known."""
        parse_scheme(self.sharing)

    def simplified(self):
        """Kernels that all sites share have one way to count fans, and are whole."""
        if not is_full(self.sharing):
            return self
        return dataclasses.replace(self, fans="kernel", severing="none", vcp=0.0)

    def essence(self):
        """With a probability of 0 nothing is severed."""
        if self.vcp == 0:
            return dataclasses.replace(self, severing="none")
        return self

    def severing_probability(self):
        """As said."""
        return self.vcp

    def stores_fields(self):
        """Not if all layers share kernels."""
        return not is_full(self.sharing)


def sites_after(
    size: Size, window: int, stride: int, padding: str, layer: str, image: Any
) -> Size:
    """Returns the output sites of a layer.

    Raises:
      ConfigError: if nothing is left.
    """
    pad = window - 1 if padding == "SAME" else 0
    down, across = ((n + pad - window) // stride + 1 for n in size)
    if min(down, across) < 1:
        raise ConfigError(
            f"images of {image[0]}x{image[1]} are too small for the network: nothing "
            f"is left after {layer} (window {window}x{window}, stride {stride}, "
            f"padding {padding})"
        )
    return down, across
