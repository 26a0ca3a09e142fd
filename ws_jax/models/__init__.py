"""Networks: each a config of its own, which makes a linen module."""

from ws_jax.models.convnet import ConvNet, ConvNetModule
from ws_jax.models.network import Arithmetic, Network, SharedNetwork
from ws_jax.models.residual import Residual, ResNetModule
from ws_jax.models.resnet import ResNet, ResNet18

__all__ = [
    "Arithmetic",
    "ConvNet",
    "ConvNetModule",
    "Network",
    "ResNet",
    "ResNet18",
    "ResNetModule",
    "Residual",
    "SharedNetwork",
]
