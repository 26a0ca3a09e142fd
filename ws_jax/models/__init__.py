"""Networks: each a config of its own, which makes a linen module."""

from ws_jax.models.convnet import ConvNet, ConvNetModule
from ws_jax.models.folded import FoldedModule, FoldedWideResNet
from ws_jax.models.folded_grid import FoldedGridModule, FoldedGridNet
from ws_jax.models.grid_net import GridModule, GridNet
from ws_jax.models.network import Arithmetic, Network, SharedNetwork
from ws_jax.models.residual import Residual, ResNetModule
from ws_jax.models.resnet import ResNet, ResNet18
from ws_jax.models.wide_bottleneck import WideBottleneck, WideBottleneckModule
from ws_jax.models.wide_resnet import WideResNet, WideResNetModule

__all__ = [
    "Arithmetic",
    "ConvNet",
    "ConvNetModule",
    "FoldedGridModule",
    "FoldedGridNet",
    "FoldedModule",
    "FoldedWideResNet",
    "GridModule",
    "GridNet",
    "Network",
    "ResNet",
    "ResNet18",
    "ResNetModule",
    "Residual",
    "SharedNetwork",
    "WideBottleneck",
    "WideBottleneckModule",
    "WideResNet",
    "WideResNetModule",
]
