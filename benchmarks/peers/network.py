"""The networks that the peers build, from what they are told of them.

Nothing here needs JAX: the environment of the peers need not have it.
"""

import dataclasses
import math
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

LEARNING_RATE = 1e-3
BETAS = (0.9, 0.999)
EPSILON = 1e-7


@dataclasses.dataclass(frozen=True)
class Layer:
    """One convolution, shared or local, over square windows and without padding."""

    in_height: int
    in_width: int
    in_channels: int
    features: int
    kernel_size: int
    stride: int

    @property
    def height(self) -> int:
        """Rows of output sites."""
        return (self.in_height - self.kernel_size) // self.stride + 1

    @property
    def width(self) -> int:
        """Columns of output sites."""
        return (self.in_width - self.kernel_size) // self.stride + 1

    @property
    def taps(self) -> int:
        """Entries of one kernel for one feature."""
        return self.kernel_size**2 * self.in_channels

    @property
    def kernel_std(self) -> float:
        """He's initialisation, from the true fan-in whatever the kernel's layout."""
        return math.sqrt(2 / self.taps)


@dataclasses.dataclass(frozen=True)
class Network:
    """Convolutions with ReLU, a hidden dense layer with ReLU, a dense layer."""

    # With which the names of the cases end that can build it.
    KINDS: ClassVar[tuple[str, ...]] = ("(cnn)", "(fcn)")

    image: tuple[int, int, int]
    features: tuple[int, ...]
    kernel_sizes: tuple[int, ...]
    strides: tuple[int, ...]
    hidden: int
    classes: int
    batch: int

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> "Network":
        """Reads the protocol's object, of which the lists become tuples."""
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in fields.items()
        }
        return cls(**values)

    def layers(self) -> list[Layer]:
        """The convolutions, first to last."""
        layers = []
        shape = self.image
        for features, kernel_size, stride in zip(
            self.features, self.kernel_sizes, self.strides, strict=True
        ):
            layer = Layer(*shape, features, kernel_size, stride)
            layers.append(layer)
            shape = (layer.height, layer.width, features)
        return layers

    def dense_shapes(self) -> list[tuple[int, int]]:
        """Inputs and outputs of the two dense layers."""
        last = self.layers()[-1]
        flat = last.height * last.width * last.features
        return [(flat, self.hidden), (self.hidden, self.classes)]

    def data(self) -> tuple[np.ndarray, np.ndarray]:
        """One batch of noise images [n, h, w, c] in [0, 1] and random labels [n]."""
        generator = np.random.default_rng(0)
        images = generator.random((self.batch, *self.image), dtype=np.float32)
        return images, generator.integers(self.classes, size=self.batch)


@dataclasses.dataclass(frozen=True)
class Trainer:
    """A network ready to train; `step` takes a step and returns its loss when done."""

    step: Callable[[], float]
    num_parameters: int
