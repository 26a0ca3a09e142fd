"""Wide residual networks whose later blocks are a loop over a few kernels."""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from ws_jax.banks import COEFFICIENTS
from ws_jax.config import config, require, static
from ws_jax.initializers import kaiming_normal
from ws_jax.layers import MASKS
from ws_jax.models.wide_resnet import STAGES, WideModule, WideNetwork
from ws_jax.schemes import SCHEME_STREAM


@config("wrn_folded")
class FoldedWideResNet(WideNetwork):
    """A WRN of which each stage, its first block left out, is a loop.

    A step of the loop is a block. All steps share the stage's kernels, of which they
    look up two by number; normalisations are of a step's own. So `kernels` of
    (0, 1, 0, 1) are two steps with the same two layers, and (0, 0, 0, 0) one layer four
    times. `ws_jax.folding` makes such networks of trained ones with template banks.

    Source: Savarese & Maire 2019, as told by others; how it loops is ours.
    """

    kernels: tuple[int, ...] = static(
        (), "of its stage's kernels, that of each layer, stage by stage", low=0
    )
    scaled: bool = static(
        False, "whether a layer takes its kernel times a number of its own"
    )
    origin: str = static("", "the run, epoch and fold its kernels are of; empty: none")

    def check(self) -> None:
        """Every layer of a loop has a kernel, and every kernel a layer."""
        super().check()
        require(
            self.num_shared > 0,
            f"network.depth: at depth {self.depth} a stage has one block, and nothing "
            "to loop over: take depth 16 or more",
        )
        require(
            len(self.kernels) == STAGES * self.num_shared,
            f"network.kernels has {len(self.kernels)} numbers, for {STAGES} stages of "
            f"{self.num_shared} layers",
        )
        for stage in range(STAGES):
            own = self.stage_kernels(stage)
            require(
                set(own) == set(range(max(own) + 1)),
                f"network.kernels of stage {stage} are {own}: they must use every "
                f"number from 0 to {max(own)}",
            )

    def stage_kernels(self, stage: int) -> tuple[int, ...]:
        """Returns the numbers of a stage's kernels, layer by layer."""
        return self.kernels[stage * self.num_shared : (stage + 1) * self.num_shared]

    def make(self, num_outputs, arithmetic):
        """Returns the module."""
        return FoldedModule(self, num_outputs, arithmetic)


class FoldedModule(WideModule):
    """The linen module of a `FoldedWideResNet`.

    Parameters of stage s: `stage_s_kernels`, [kernels, ...], each as a layer stores its
    own; and those of `stage_s_loop`, with a leading axis of steps.
    """

    def later_blocks(self, x, train, block, stage):
        """A loop."""
        net = self.config
        numbers = np.array(net.stage_kernels(stage), np.int32).reshape(-1, 2)
        h, w = (x.shape[block.keywords["layout"].index(axis)] for axis in "HW")
        scheme, c = net.scheme(stage), net.features(stage)
        shape = scheme.stored_shape(scheme.sharing((h, w)), (3, 3, c, c))

        def init(key):
            keys = jax.random.split(key, int(numbers.max()) + 1)
            one = kaiming_normal(net.fans, "in")
            return jax.vmap(lambda key: one(key, shape))(keys)

        kernels = self.param(f"stage_{stage}_kernels", init)
        loop = nn.scan(
            _Step,
            variable_axes={"params": 0, "batch_stats": 0, MASKS: 0},
            split_rngs={"params": True, SCHEME_STREAM: True},
            in_axes=(0, nn.broadcast),
            length=len(numbers),
        )
        steps = loop(block, train, net.scaled, name=f"stage_{stage}_loop")
        return steps(x, jnp.asarray(numbers), kernels)[0]


class _Step(nn.Module):
    block: Any
    train: bool
    scaled: bool

    @nn.compact
    def __call__(self, x: Array, numbers: Array, kernels: Array) -> tuple[Array, None]:
        banks = tuple(Tied(kernels[numbers[i]], self.scaled) for i in range(2))
        return self.block(banks=banks, name="block")(x, self.train), None


class Tied:
    """What a layer draws its kernel from: one that is given, times its own number.

    Attributes:
      kernel: as the layer stores its own.
      scaled: whether the layer has such a number.
    """

    path = ()

    def __init__(self, kernel: Array, scaled: bool):
        """Takes what is said above."""
        self.kernel, self.scaled = kernel, scaled

    def draw(self, layer: Any, kernel_init: Any, shape: tuple[int, ...]) -> Array:
        """Returns the kernel, as `banks.TemplateBank.draw` returns a mixture."""
        del kernel_init
        kernel = self.kernel.reshape(shape)
        if not self.scaled:
            return kernel
        ones = nn.initializers.ones
        scale = layer.param(COEFFICIENTS, ones, (1,), layer.param_dtype)
        return kernel * scale.reshape((1,) * kernel.ndim)
