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
from jaxtyping import Array

from ws_jax.config import Config, ConfigError, data, require, static
from ws_jax.initializers import FANS
from ws_jax.normalization import global_average
from ws_jax.schemes import is_full, parse_scheme, shortest_text
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


def fans_field() -> Any:
    """Declares how the fans of a free kernel are counted."""
    return static("kernel", "of a free kernel", names=tuple(FANS))


def severing_field() -> Any:
    """Declares what is severed."""
    return static("none", "as in `convnet`", names=("none", "connections", "units"))


def vcp_field() -> Any:
    """Declares the probability of severing."""
    return data(0.0, "probability of severing", low=0, high=1, open_high=True)


def dtype_field() -> Any:
    """Declares the type of products and activations."""
    return static("float32", "of products and activations", names=tuple(DTYPES))


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

    def check_severing(self) -> None:
        """Raises `ConfigError` if a probability is given and nothing to sever."""
        require(
            self.vcp == 0 or self.severing != "none" or not self.stores_fields(),
            f"network.vcp is {self.vcp}, but network.severing is none: nothing would "
            "be severed; set network.severing to connections or units",
        )

    def check_schemes(self, name: str, count: int, of: str = "stages") -> None:
        """Raises `ConfigError` if a field names more schemes than there are stages."""
        text = getattr(self, name)
        given = len(parse_scheme(text))
        require(
            given <= count,
            f"network.{name}: {text} names {given} schemes, for {count} {of}",
        )

    def simplified(self):
        """Kernels that all sites share have one way to count fans, and are whole."""
        short = dataclasses.replace(self, sharing=shortest_text(self.sharing))
        if not is_full(self.sharing):
            return short
        return dataclasses.replace(short, fans="kernel", severing="none", vcp=0.0)

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


def classify(
    x: Array,
    layout: str,
    num_outputs: int,
    how: Arithmetic,
    kernel_init: Any,
    bias_init: Any = nn.initializers.zeros,
) -> Array:
    """Makes outputs of the mean over all sites, in the module that calls it.

    Args:
      x: [n, h, w, c], in `layout`.
      layout: order of the axes.
      num_outputs: as said.
      how: of the product.
      kernel_init: of the layer, which is called `output`.
      bias_init: of the same.
    """
    dense = nn.Dense(
        num_outputs,
        kernel_init=kernel_init,
        bias_init=bias_init,
        precision=how.precision,
        name="output",
    )
    return dense(global_average(x, layout))


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
