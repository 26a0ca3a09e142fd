"""The networks of Ott et al. 2020, Table A.2: CNN and FCN as one model."""

from __future__ import annotations

from functools import partial

import flax.linen as nn
from jax import lax
from jaxtyping import Array, Float

from ws_jax.config import NetworkConfig
from ws_jax.initializers import glorot_uniform
from ws_jax.layers import SharedConv
from ws_jax.lowerings import arrange, flatten, natural_layout
from ws_jax.plan import Spec
from ws_jax.sharing import layer_sharing


class ConvNet(nn.Module):
    """Convolutional layers with ReLU, a dense hidden layer, and class logits.

    CNN, FCN and all between are this model under another `scheme`.

    Attributes:
      network: sizes of the layers.
      num_layers: how many of the convolutional layers are used, from the first.
      scheme: sharing scheme, see `config.parse_scheme`.
      num_classes: outputs.
      reading: of the initialisation, see `initializers.fans`.
      severing: see `layers.SharedConv`.
      lowering: see `lowerings.LOWERINGS`; None takes the fastest known.
      precision: of all products.
    """

    network: NetworkConfig
    num_layers: int
    scheme: str
    num_classes: int
    reading: str = "paper"
    severing: str = "none"
    lowering: str | None = None
    precision: lax.Precision = lax.Precision.HIGHEST

    @nn.compact
    def __call__(
        self, x: Float[Array, "n h w c"], train: bool = False
    ) -> Float[Array, "n classes"]:
        """Maps images in [0, 1] to logits; training changes nothing here."""
        del train
        net = self.network
        layout = natural_layout(self.lowering, self.scheme == "full")
        x = arrange(x, layout)
        for i in range(self.num_layers):
            x = SharedConv(
                features=net.features[i],
                window=(net.kernel_sizes[i],) * 2,
                strides=(net.strides[i],) * 2,
                padding=net.padding,
                make_sharing=partial(layer_sharing, self.scheme, i),
                kernel_init=glorot_uniform(self.reading),
                severing=self.severing,
                lowering=self.lowering,
                precision=self.precision,
                layout=layout,
                name=f"conv_{i}",
            )(x)
            x = nn.relu(x)
        x = nn.relu(self._dense(net.hidden, "hidden")(flatten(x, layout)))
        return self._dense(self.num_classes, "output")(x)

    def _dense(self, features: int, name: str) -> nn.Dense:
        return nn.Dense(
            features,
            kernel_init=glorot_uniform(),
            precision=self.precision,
            name=name,
        )


def make_convnet(spec: Spec, num_classes: int) -> ConvNet:
    """Returns the network that `spec` asks for."""
    execution = spec.config.execution
    return ConvNet(
        network=spec.config.network,
        num_layers=spec.num_layers,
        scheme=spec.sharing,
        num_classes=num_classes,
        reading=spec.init,
        severing=spec.severing,
        lowering=None if execution.lowering == "auto" else execution.lowering,
        precision=lax.Precision[execution.precision.upper()],
    )
