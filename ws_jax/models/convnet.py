"""The networks of Ott et al. 2020, Table A.2: CNN and FCN as one model."""

from __future__ import annotations

import dataclasses

import flax.linen as nn
from jaxtyping import Array, Float

from ws_jax.config import config, require, static
from ws_jax.initializers import FANS, glorot_uniform
from ws_jax.layers import SharedConv
from ws_jax.lowerings import arrange, flatten, natural_layout
from ws_jax.models.network import (
    DTYPES,
    Arithmetic,
    SharedNetwork,
    dtype_field,
    sites_after,
    vcp_field,
)
from ws_jax.schemes import layer_scheme, parse_scheme


@config("convnet")
class ConvNet(SharedNetwork):
    """(Locally) convolutional layers with ReLU, a dense hidden layer, and outputs.

    CNN, FCN and all between are this network under another `sharing`. The defaults
    are those for 28x28x1 images. Source: Ott et al. 2020, Table A.2.
    """

    sharing: str = static(
        "full", "scheme: full, free, tiles:2, periodic:2, mixed:4, noisy:10"
    )
    features: tuple[int, ...] = static((32, 64, 128), "channels of each layer", low=1)
    kernel_sizes: tuple[int, ...] = static((3, 3, 3), "sides of windows", low=1)
    strides: tuple[int, ...] = static((2, 2, 1), "of windows", low=1)
    padding: str = static("VALID", "at the border", names=("VALID", "SAME"))
    hidden: int = static(1024, "units of the dense layer", low=1)
    num_layers: int = static(0, "first layers that are used; 0: all", low=0)
    fans: str = static(
        "kernel", "of a free kernel: its own, or of all that is stored",
        names=tuple(FANS),
    )  # fmt: skip
    severing: str = static(
        "none", "of free layers: single connections, or units seen by all filters",
        names=("none", "connections", "units"),
    )  # fmt: skip
    vcp: float = vcp_field()
    dtype: str = dtype_field()

    def check(self) -> None:
        """One entry a layer, and no more layers used than there are."""
        parse_scheme(self.sharing)
        lengths = {len(self.features), len(self.kernel_sizes), len(self.strides)}
        require(
            len(lengths) == 1 and lengths != {0},
            "network.features, kernel_sizes and strides need one entry a layer, got "
            f"{self.features}, {self.kernel_sizes}, {self.strides}",
        )
        require(
            self.num_layers <= len(self.features),
            f"network.num_layers: {self.num_layers} is not in "
            f"1..{len(self.features)}, or 0 for all",
        )
        self.check_severing()

    def simplified(self):
        """With the number of its layers said."""
        count = self.num_layers or len(self.features)
        return dataclasses.replace(super().simplified(), num_layers=count)

    def essence(self):
        """Layers that are not used do not count."""
        same, count = super().essence(), self.num_layers or len(self.features)
        cut = {n: getattr(same, n)[:count] for n in _PER_LAYER}
        return dataclasses.replace(same, **cut, num_layers=0)

    def check_images(self, shape):
        """The windows must fit."""
        self.layer_sites(shape)

    def layer_sites(self, shape: tuple[int, int, int]) -> list[tuple[int, int]]:
        """Returns the output sites (oh, ow) of each layer that is used."""
        size, sites = shape[:2], []
        for i in range(self.num_layers or len(self.features)):
            size = sites_after(
                size, self.kernel_sizes[i], self.strides[i], self.padding,
                f"layer {i + 1}", shape,
            )  # fmt: skip
            sites.append(size)
        return sites

    def make(self, num_outputs, arithmetic):
        """Returns the module."""
        return ConvNetModule(self, num_outputs, arithmetic)


_PER_LAYER = ("features", "kernel_sizes", "strides")


class ConvNetModule(nn.Module):
    """The linen module of a `ConvNet`.

    Attributes:
      config: the network.
      num_outputs: of the last layer.
      arithmetic: of all products.
    """

    config: ConvNet
    num_outputs: int
    arithmetic: Arithmetic = Arithmetic()

    @nn.compact
    def __call__(
        self, x: Float[Array, "n h w c"], train: bool = False
    ) -> Float[Array, "n outputs"]:
        """Maps images in [0, 1] to outputs; training changes nothing here."""
        del train
        net, how = self.config, self.arithmetic
        dtype = DTYPES[net.dtype]
        layout = natural_layout(how.lowering, net.sharing == "full")
        x = arrange(x.astype(dtype), layout)
        for i in range(net.num_layers or len(net.features)):
            x = SharedConv(
                features=net.features[i],
                window=(net.kernel_sizes[i],) * 2,
                strides=(net.strides[i],) * 2,
                padding=net.padding,
                scheme=layer_scheme(net.sharing, i),
                kernel_init=glorot_uniform(net.fans),
                severing=net.severing,
                lowering=how.lowering,
                precision=how.precision,
                layout=layout,
                name=f"conv_{i}",
            )(x)
            x = nn.relu(x)
        x = nn.relu(self._dense(net.hidden, "hidden", dtype)(flatten(x, layout)))
        return self._dense(self.num_outputs, "output", dtype)(x).astype("float32")

    def _dense(self, features: int, name: str, dtype) -> nn.Dense:
        return nn.Dense(
            features,
            kernel_init=glorot_uniform(),
            precision=self.arithmetic.precision,
            dtype=dtype,
            name=name,
        )
