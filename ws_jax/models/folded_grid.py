"""Networks on grids whose 3x3 layers are a loop over a few kernels."""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from ws_jax.config import config, require, static
from ws_jax.initializers import kaiming_normal
from ws_jax.models.folded import Tied
from ws_jax.models.grid_net import GridModule
from ws_jax.models.network import Network


@config("grid_net_folded")
class FoldedGridNet(Network):
    """A `grid_net` of which all 3x3 layers are one loop.

    A step of the loop is what lies between two additions: `skip` layers, or one where
    nothing is added. All steps share the kernels, which each layer looks up by number;
    normalisations are of a step's own. `ws_jax.folding` makes such networks of trained
    ones with a template bank.

    Source: ours, as `grid_net`.
    """

    depth: int = static(20, "3x3 layers", low=1)
    width: int = static(32, "channels of all layers between", low=1)
    skip: int = static(2, "3x3 layers from one addition to the next; 0: none", low=0)
    kernels: tuple[int, ...] = static((), "that of each layer, by number", low=0)
    scaled: bool = static(
        False, "whether a layer takes its kernel times a number of its own"
    )
    origin: str = static("", "the run, epoch and fold its kernels are of; empty: none")

    def check(self) -> None:
        """Every layer has a kernel, and every kernel a layer."""
        require(
            self.depth % self.step == 0,
            f"network.skip: {self.skip} does not divide network.depth, {self.depth}",
        )
        require(
            len(self.kernels) == self.depth,
            f"network.kernels has {len(self.kernels)} numbers, for {self.depth} layers",
        )
        require(
            set(self.kernels) == set(range(max(self.kernels) + 1)),
            f"network.kernels are {self.kernels}: they must use every number from 0 to "
            f"{max(self.kernels)}",
        )

    @property
    def step(self) -> int:
        """Layers of a step of the loop."""
        return self.skip or 1

    def stores_fields(self):
        """All sites share kernels."""
        return False

    def make(self, num_outputs, arithmetic):
        """Returns the module."""
        return FoldedGridModule(self, arithmetic)


class FoldedGridModule(GridModule):
    """The linen module of a `FoldedGridNet`.

    Parameters: `kernels`, [kernels, 3, 3, width, width], and those of `loop`, with a
    leading axis of steps.
    """

    def middle(self, x, train, conv, norm):
        """A loop."""
        net = self.config
        numbers = np.array(net.kernels, np.int32).reshape(-1, net.step)

        def init(key):
            one, shape = kaiming_normal("kernel", "in"), (3, 3, net.width, net.width)
            keys = jax.random.split(key, int(numbers.max()) + 1)
            return jax.vmap(lambda key: one(key, shape))(keys)

        kernels = self.param("kernels", init)
        loop = nn.scan(
            _Step,
            variable_axes={"params": 0, "batch_stats": 0},
            split_rngs={"params": True},
            in_axes=(0, nn.broadcast),
            length=len(numbers),
        )
        steps = loop(net, conv, norm, train, name="loop")
        return steps(x, jnp.asarray(numbers), kernels)[0]


class _Step(nn.Module):
    net: FoldedGridNet
    conv: Any
    norm: Any
    train: bool

    @nn.compact
    def __call__(self, x: Array, numbers: Array, kernels: Array) -> tuple[Array, None]:
        past = x
        for place in range(self.net.step):
            x = nn.relu(self.norm(name=f"norm_{place}")(x, self.train))
            bank = Tied(kernels[numbers[place]], self.net.scaled)
            x = self.conv(self.net.width, 3, name=f"conv_{place}", bank=bank)(x)
        return (x + past if self.net.skip else x), None
