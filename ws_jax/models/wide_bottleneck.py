"""Wide residual networks of bottleneck blocks, for large images, with banks or without.

No source says how the third paper's network for ImageNet is built: which is ours to
say, and said in `docs/design/0011`.
"""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import Any

import flax.linen as nn
from absl import logging
from jaxtyping import Array, Float

from ws_jax.banks import TemplateBank
from ws_jax.config import config, require, static
from ws_jax.initializers import kaiming_normal
from ws_jax.lowerings import arrange, natural_layout
from ws_jax.models.network import (
    DTYPES,
    Arithmetic,
    SharedNetwork,
    classify,
    dtype_field,
    fans_field,
    severing_field,
    vcp_field,
)
from ws_jax.models.wide_resnet import make_conv
from ws_jax.normalization import BatchNorm, pool
from ws_jax.schemes import Scheme, is_full, layer_scheme

# Blocks of each of the four stages, by depth. Source: He et al. 2016, Table 1.
BLOCKS = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}
_STAGES = 4


@config("wrn_bottleneck")
class WideBottleneck(SharedNetwork):
    """WRN-depth-width of bottleneck blocks, and SWRN-depth-width-templates.

    A stem of 7x7 windows and a pooling, four stages, a classifier of the mean over all
    sites. A block has a 1x1 layer, a 3x3 layer and a 1x1 layer, each normalised after
    it; only the inner channels are `width` times those of a ResNet. Where a stage
    begins, what goes past the block is a normalised 1x1 layer, and the 3x3 layer of
    stages after the first has stride 2.

    With templates, each stage has a bank from which the 3x3 layers of all its blocks
    but the first draw; with `first_blocks`, that of the first, too. Nothing else is
    shared.

    Source: Zagoruyko & Komodakis 2016, Section 4 (WRN-50-2); torchvision's
    `wide_resnet50_2`, whose size it has. The banks: ours.
    """

    sharing: str = static("full", "scheme of all layers, or of each stage")
    depth: int = static(50, "layers with parameters on the way: 50, 101 or 152")
    width: int = static(2, "inner channels, by those of a ResNet", low=1)
    templates: int = static(0, "of each stage's bank; 0: no bank", low=0)
    first_blocks: bool = static(False, "whether those of stages draw, too")
    fans: str = fans_field()
    severing: str = severing_field()
    vcp: float = vcp_field()
    dtype: str = dtype_field()

    def check(self) -> None:
        """The depth must be one of these, the schemes known and not too many."""
        self.check_schemes("sharing", _STAGES)
        close = min(BLOCKS, key=lambda depth: abs(depth - self.depth))
        require(
            self.depth in BLOCKS,
            f"network.depth: {self.depth} is none of {', '.join(map(str, BLOCKS))}; "
            f"the nearest is {close}",
        )
        self.check_severing()

    def check_images(self, shape):
        """Five strides of 2 must leave something; banks should save something."""
        require(
            min(shape[:2]) >= 32,
            f"images of {shape[0]}x{shape[1]} are too small for a WRN of four stages: "
            "it needs 32x32",
        )
        fewest = min(map(self.num_shared, range(_STAGES)))
        if self.templates > fewest:
            logging.warning(
                "network.templates: a bank of %d templates, but there is a stage of %d "
                "layers that draw, which has more parameters with it than without",
                *(self.templates, fewest),
            )

    def simplified(self):
        """Without a bank no block draws."""
        same = super().simplified()
        if self.templates:
            return same
        return dataclasses.replace(same, first_blocks=False)

    def num_shared(self, stage: int) -> int:
        """Returns how many layers of a stage draw from its bank."""
        return BLOCKS[self.depth][stage] - (not self.first_blocks)

    def scheme(self, stage: int) -> Scheme:
        """Returns the scheme of a stage's layers."""
        return layer_scheme(self.sharing, stage)

    def make(self, num_outputs, arithmetic):
        """Returns the module."""
        return WideBottleneckModule(self, num_outputs, arithmetic)


class WideBottleneckModule(nn.Module):
    """The linen module of a `WideBottleneck`.

    Attributes:
      config: the network.
      num_outputs: of the classifier.
      arithmetic: of all products.
    """

    config: WideBottleneck
    num_outputs: int
    arithmetic: Arithmetic = Arithmetic()

    @nn.compact
    def __call__(
        self, x: Float[Array, "n h w c"], train: bool = False
    ) -> Float[Array, "n outputs"]:
        """Maps images to outputs; training moves the running averages."""
        net, how = self.config, self.arithmetic
        layout = natural_layout(how.lowering, is_full(net.sharing))
        conv = partial(make_conv, net, how, layout)
        x = arrange(x.astype(DTYPES[net.dtype]), layout)
        x = conv(net.scheme(0), 64, 7, 2, name="stem")(x)
        x = nn.relu(BatchNorm(layout=layout, name="stem_norm")(x, train))
        x = pool(x, layout, "max", (3, 3), (2, 2), ((1, 1), (1, 1)))
        for stage, blocks in enumerate(BLOCKS[net.depth]):
            bank, own = None, 0 if net.first_blocks else 1
            if net.templates:
                bank = TemplateBank(
                    net.templates, net.num_shared(stage), name=f"stage_{stage}_bank"
                )
            for number in range(blocks):
                block = _Block(
                    conv=conv,
                    scheme=net.scheme(stage),
                    features=64 * 2**stage,
                    width=net.width,
                    layout=layout,
                    stride=2 if stage and not number else 1,
                    bank=bank if number >= own else None,
                    row=number - own,
                    name=f"stage_{stage}_block_{number}",
                )
                x = block(x, train)
        return classify(x, layout, self.num_outputs, how, kaiming_normal(fan="in"))


class _Block(nn.Module):
    conv: Any
    scheme: Scheme
    features: int
    width: int
    layout: str
    stride: int
    bank: Any
    row: int

    @nn.compact
    def __call__(self, x: Array, train: bool) -> Array:
        def norm(name, x):
            return BatchNorm(layout=self.layout, name=name)(x, train)

        conv, out = partial(self.conv, self.scheme), 4 * self.features
        inner = self.features * self.width
        y = nn.relu(norm("norm_0", conv(inner, 1, 1, name="conv_0")(x)))
        y = conv(
            inner, 3, self.stride, name="conv_1", bank=self.bank, row=self.row
        )(y)  # fmt: skip
        y = nn.relu(norm("norm_1", y))
        y = norm("norm_2", conv(out, 1, 1, name="conv_2")(y))
        if x.shape[self.layout.index("C")] != out:
            x = norm("shortcut_norm", conv(out, 1, self.stride, name="shortcut")(x))
        return nn.relu(x + y)
