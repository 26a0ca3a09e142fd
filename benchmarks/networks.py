"""The networks and programs that are timed."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np

from ws_jax.config import replace_field
from ws_jax.conv import make_geometry
from ws_jax.data import Dataset, make_splits
from ws_jax.engine.program import Examples, Program, make_examples, make_program
from ws_jax.engine.study import Group, make_groups
from ws_jax.lowerings import find_filter
from ws_jax.names import MODEL_NAMES
from ws_jax.papers.ott2020.presets import cifar10, mnist
from ws_jax.runs import Run
from ws_jax.schemes import layer_scheme
from ws_jax.sharing import Sharing
from ws_jax.winograd import Plan

PRESETS = {"mnist": (mnist, (28, 28, 1)), "cifar10": (cifar10, (32, 32, 3))}
NUM_CLASSES = 10
SCHEMES = tuple(MODEL_NAMES)  # of the CNN and of the FCN


@dataclasses.dataclass(frozen=True)
class Layer:
    """The shapes of one convolutional layer of a network."""

    index: int
    size: tuple[int, int]  # of its input
    channels: int
    window: int
    stride: int
    features: int

    @property
    def sites(self) -> tuple[int, int]:
        """Output sites down and across."""
        down, across = ((n - self.window) // self.stride + 1 for n in self.size)
        return down, across

    @property
    def taps(self) -> int:
        """Inputs of one output."""
        return self.window**2 * self.channels

    def sharing(self, scheme: str) -> Sharing:
        """Which kernel each site uses under a scheme."""
        return layer_scheme(scheme, self.index).sharing(self.sites)

    def filter(self, scheme: str) -> Plan | None:
        """How the lowering `winograd` filters, None where it does not."""
        geometry = make_geometry(
            self.size, (self.window,) * 2, (self.stride,) * 2, "VALID"
        )
        sharing = self.sharing(scheme)
        return find_filter(sharing, geometry, self.size, self.channels, self.features)

    def flops(self, batch: int) -> float:
        """Operations of value and gradients, two for each tap, site and feature.

        The first layer has no input gradient. Minimal filtering needs fewer.
        """
        products = 3 if self.index else 2
        sites = self.sites[0] * self.sites[1]
        return 2.0 * products * sites * self.taps * self.features * batch


@dataclasses.dataclass(frozen=True)
class Benchmark:
    """A network under one sharing scheme, with its runs."""

    network: str
    scheme: str
    group: Group

    @property
    def run(self) -> Run:
        """Any of its runs."""
        return self.group.run

    @property
    def name(self) -> str:
        """As it is called in tables."""
        return f"{self.network} {MODEL_NAMES.get(self.scheme, self.scheme)}"

    @property
    def batch(self) -> int:
        """Images in a batch."""
        return self.run.train.batch_size

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Height, width and channels."""
        return PRESETS[self.network][1]

    def layers(self) -> list[Layer]:
        """The shapes of the convolutional layers."""
        h, w, channels = self.image_shape
        net: Any = self.run.network
        size, found = (h, w), []
        for i, features in enumerate(net.features):
            layer = Layer(
                i, size, channels, net.kernel_sizes[i], net.strides[i], features
            )
            found.append(layer)
            size, channels = layer.sites, features
        return found

    def dense_shapes(self) -> list[tuple[int, int]]:
        """Inputs and outputs of the dense layers."""
        last = self.layers()[-1]
        net: Any = self.run.network
        flat, hidden = int(np.prod(last.sites)) * last.features, net.hidden
        return [(flat, hidden), (hidden, NUM_CLASSES)]

    @property
    def flops(self) -> float:
        """Operations of the products of a training step, see `Layer.flops`."""
        dense = sum(6.0 * math.prod(shape) for shape in self.dense_shapes())
        return dense * self.batch + sum(x.flops(self.batch) for x in self.layers())

    def dataset(self, train_batches: int, validation_batches: int) -> Dataset:
        """Random images: whole batches to train on, and to validate on, in a fold."""
        number = self.batch * (train_batches + validation_batches)
        rng = np.random.default_rng(0)
        return Dataset(
            name="random",
            version="0",
            images=rng.integers(0, 256, (number, *self.image_shape), np.uint8),
            labels=rng.integers(0, NUM_CLASSES, number, np.int32),
            num_classes=NUM_CLASSES,
            num_train=number,
        )

    def program(self, dataset: Dataset) -> Program:
        """The program that trains on a dataset cut into folds."""
        return make_program(self.run, dataset, make_splits(dataset, self.run.data))

    def examples(self, dataset: Dataset) -> Examples:
        """A dataset, cut into folds."""
        return make_examples(dataset, make_splits(dataset, self.run.data))


def make_benchmark(network: str, scheme: str, lowering: str = "auto") -> Benchmark:
    """Returns a network of the first paper, trained at translation level 0.2."""
    preset, _ = PRESETS[network]
    sweep = preset(
        f"benchmark_{network}",
        sharing=(scheme,),
        levels=(0.2,),
        seeds=tuple(range(11)),
    )
    base = replace_field(sweep.base, "execution.lowering", lowering)
    (group,) = make_groups(dataclasses.replace(sweep, base=base).checked())
    return Benchmark(network, scheme, group)
