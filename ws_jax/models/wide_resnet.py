"""Wide residual networks for small images, with banks over depth or without."""

from __future__ import annotations

from functools import partial
from typing import Any

import flax.linen as nn
from absl import logging
from jaxtyping import Array, Float

from ws_jax.banks import TemplateBank
from ws_jax.config import config, require, static
from ws_jax.initializers import kaiming_normal
from ws_jax.layers import SharedConv
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
from ws_jax.normalization import BatchNorm
from ws_jax.schemes import Scheme, is_full, layer_scheme

STAGES = 3


@config
class WideNetwork(SharedNetwork):
    """What wide residual networks have in common; see `WideResNet`."""

    sharing: str = static("full", "scheme of all layers, or of each stage: full, free, "
                          "tiles:2, full/free, …")  # fmt: skip
    depth: int = static(28, "layers with parameters on the way: 6 n + 4", low=10)
    width: int = static(10, "channels of the first stage by 16; later stages have 2 "
                        "and 4 times as many", low=1)  # fmt: skip
    fans: str = fans_field()
    severing: str = severing_field()
    vcp: float = vcp_field()
    dtype: str = dtype_field()

    def check(self) -> None:
        """The depth must be one of a WRN, the schemes known and not too many."""
        self.check_schemes("sharing", STAGES)
        blocks = max(1, round((self.depth - 4) / 6))
        require(
            (self.depth - 4) % 6 == 0,
            f"network.depth: {self.depth} is not 6 n + 4; the nearest is "
            f"{6 * blocks + 4}",
        )
        self.check_severing()

    def check_images(self, shape):
        """Two strides of 2 must leave something."""
        require(
            min(shape[:2]) >= 4,
            f"images of {shape[0]}x{shape[1]} are too small for a WRN of three stages: "
            "it needs 4x4",
        )

    @property
    def num_blocks(self) -> int:
        """Residual blocks of each stage."""
        return (self.depth - 4) // 6

    @property
    def num_shared(self) -> int:
        """Layers of each stage that can share kernels: all but the first block's."""
        return 2 * (self.num_blocks - 1)

    def scheme(self, stage: int) -> Scheme:
        """Returns the scheme of a stage's layers."""
        return layer_scheme(self.sharing, stage)

    def features(self, stage: int) -> int:
        """Returns the channels of a stage."""
        return 16 * self.width * 2**stage


@config("wrn")
class WideResNet(WideNetwork):
    """WRN-depth-width, and with `templates` SWRN-depth-width-templates.

    A stem of 16 channels, three stages of n blocks with 16, 32 and 64 times `width`
    channels, a normalisation, and a classifier of the mean over all sites. A block
    normalises before each of its two 3x3 layers, which have no biases. Where channels
    change, what goes past a block is a 1x1 layer of the first normalisation's output.

    With templates, each stage has a bank from which all 3x3 layers but those of its
    first block draw. Stem, first blocks, shortcuts and normalisations are never shared.

    Kernels and templates are drawn from a normal distribution of variance 2 / fan_in,
    and so is the classifier.

    Source: Zagoruyko & Komodakis 2016; Savarese & Maire 2019, authors' code
    `models/swrn.py`.
    """

    templates: int = static(0, "of each stage's bank; 0: no bank, a WRN", low=0)

    def check(self) -> None:
        """With templates there must be layers that can share them."""
        super().check()
        require(
            self.templates == 0 or self.num_shared > 0,
            f"network.templates is {self.templates}, but at depth {self.depth} a stage "
            "has one block, whose layers are never shared: take depth 16 or more, or "
            "templates 0",
        )

    def check_images(self, shape):
        """Warns, too, of banks that cost more than they save."""
        super().check_images(shape)
        if self.templates > self.num_shared:
            logging.warning(
                "network.templates: a bank of %d templates for %d layers has more "
                "parameters than %d kernels of their own",
                *(self.templates, self.num_shared, self.num_shared),
            )

    def make(self, num_outputs, arithmetic):
        """Returns the module."""
        return WideResNetModule(self, num_outputs, arithmetic)


class WideModule(nn.Module):
    """The linen module of a wide residual network; kinds differ in later blocks.

    Attributes:
      config: the network.
      num_outputs: of the classifier.
      arithmetic: of all products.
    """

    config: Any
    num_outputs: int
    arithmetic: Arithmetic = Arithmetic()

    @nn.compact
    def __call__(
        self, x: Float[Array, "n h w c"], train: bool = False
    ) -> Float[Array, "n outputs"]:
        """Maps images to outputs; training moves the running averages."""
        net, how = self.config, self.arithmetic
        # One layout throughout: a layer whose scheme wants another has it permuted.
        layout = natural_layout(how.lowering, is_full(net.sharing))
        x = arrange(x.astype(DTYPES[net.dtype]), layout)
        x = make_conv(net, how, layout, net.scheme(0), 16, 3, 1, name="stem")(x)
        for stage in range(STAGES):
            block = partial(
                Block, config=net, arithmetic=how, layout=layout, stage=stage
            )
            x = block(stride=2 if stage else 1, name=f"stage_{stage}_block_0")(x, train)
            x = self.later_blocks(x, train, block, stage)
        x = nn.relu(BatchNorm(layout=layout, name="norm")(x, train))
        return classify(x, layout, self.num_outputs, how, kaiming_normal(fan="in"))

    def later_blocks(self, x: Array, train: bool, block: Any, stage: int) -> Array:
        """Applies all blocks of a stage but the first.

        Args:
          x: images.
          train: as said.
          block: makes a block of the stage.
          stage: from 0.
        """
        raise NotImplementedError


class WideResNetModule(WideModule):
    """The linen module of a `WideResNet`."""

    def later_blocks(self, x, train, block, stage):
        """One after the other, their kernels their own or of the stage's bank."""
        net, bank = self.config, None
        if net.templates:
            bank = TemplateBank(
                net.templates, net.num_shared, name=f"stage_{stage}_bank"
            )
        for number in range(1, net.num_blocks):
            rows = (2 * number - 2, 2 * number - 1)
            name = f"stage_{stage}_block_{number}"
            x = block(banks=(bank, bank), rows=rows, name=name)(x, train)
        return x


class Block(nn.Module):
    """Normalisation, ReLU and a 3x3 layer, twice, and what goes past them.

    Attributes:
      config: the network.
      arithmetic: of all products.
      layout: order of the axes of input and output.
      stage: of the network, from 0; its features follow.
      stride: of the first layer and of the shortcut.
      banks: what the two layers draw their kernels from; None: they are their own.
      rows: which of the bank's layers they are.
    """

    config: Any
    arithmetic: Arithmetic
    layout: str
    stage: int
    stride: int = 1
    banks: tuple[Any, Any] = (None, None)
    rows: tuple[int, int] = (0, 0)

    @nn.compact
    def __call__(self, x: Array, train: bool) -> Array:
        """Maps [n, h, w, c], in `layout`, to [n, h / stride, w / stride, features]."""
        net, stage = self.config, self.stage
        features = net.features(stage)
        conv = partial(
            make_conv, net, self.arithmetic, self.layout, net.scheme(stage), features
        )
        inner = nn.relu(BatchNorm(layout=self.layout, name="norm_0")(x, train))
        if x.shape[self.layout.index("C")] != features:
            x = conv(1, self.stride, name="shortcut")(inner)
        draws = [
            {"bank": bank, "row": row}
            for bank, row in zip(self.banks, self.rows, strict=True)
        ]
        y = conv(3, self.stride, name="conv_0", **draws[0])(inner)
        y = nn.relu(BatchNorm(layout=self.layout, name="norm_1")(y, train))
        return x + conv(3, 1, name="conv_1", **draws[1])(y)


def make_conv(
    net: Any,
    how: Arithmetic,
    layout: str,
    scheme: Scheme,
    features: int,
    window: int,
    stride: int,
    *,
    name: str,
    bank: Any = None,
    row: int = 0,
) -> SharedConv:
    """Makes a layer of a wide residual network, which has no bias.

    Args:
      net: its `fans` and `severing` serve.
      how: of its products.
      layout: of its input and output.
      scheme: over space.
      features: output channels.
      window: side of its kernels.
      stride: of its windows.
      name: of the module.
      bank: what its kernels are drawn from; None: they are its own.
      row: which of the bank's layers it is.
    """
    pad = window // 2  # on all four sides, as PyTorch's; XLA's SAME pads one side more
    return SharedConv(
        features=features,
        window=(window, window),
        strides=(stride, stride),
        padding=((pad, pad), (pad, pad)),
        scheme=scheme,
        kernel_init=kaiming_normal(net.fans, "in"),
        use_bias=False,
        severing=net.severing,
        lowering=how.lowering,
        precision=how.precision,
        layout=layout,
        bank=bank,
        row=row,
        name=name,
    )
