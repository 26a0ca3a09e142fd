"""What residual networks have in common: fields, checks, and the module."""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import Any, ClassVar

import flax.linen as nn
from jaxtyping import Array, Float

from ws_jax.config import config, data, require, static
from ws_jax.initializers import bounded_uniform, kaiming_normal, near_shared
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
from ws_jax.normalization import BatchNorm, pool, subsample
from ws_jax.schemes import Scheme, is_full, layer_scheme, shortest_text


@config
class Residual(SharedNetwork):
    """The base of residual networks: a stem, stages of basic blocks, a classifier.

    Every layer is by the one field `sharing`, which may name a scheme for each stage
    (`full/free/free`); the stem counts as of the first. The stem and the 1x1 shortcuts
    have schemes of their own if they are named. Where a stage begins the shortcut is a
    1x1 layer with a normalisation (Pogodin et al. 2021), or has no parameters (He et
    al. 2016, Section 4.2, option A); elsewhere it is the identity.

    Kernels are drawn from a normal distribution of variance 2 / fan, each by itself, or
    near one that all sites share (`start`). A kernel's fan is its window times its
    output channels (or its input channels), sites not counted unless `fans` says so.
    The classifier's kernel is drawn from a truncated normal distribution of variance
    1 / fan_in and its bias is zero, or both are uniform in ±1 / sqrt(fan_in), a third
    of that variance, as in the released code of Pogodin et al. (`output_init`).

    Attributes:
      stages: how many there are; each but the first begins with a stride of 2.
      stem: window and stride of the first layer.
      pools: whether the stem ends with a 3x3 max-pool of stride 2.
    """

    stages: ClassVar[int]
    stem: ClassVar[tuple[int, int]]
    pools: ClassVar[bool]
    sharing: str = static("full", "scheme of all layers, or of each stage: full, free, "
                          "tiles:2, full/free, …")  # fmt: skip
    stem_sharing: str = static("", "of the first layer; empty: as the first stage")
    shortcut_sharing: str = static("", "of 1x1 shortcuts; empty: as their stages")
    width: int = static(16, "channels of the first stage; twice as many in each later "
                        "one", low=1)  # fmt: skip
    shortcut: str = static(
        "projection", "where a stage begins: a 1x1 layer, or sites left out and "
        "channels of zeros", names=("projection", "identity"),
    )  # fmt: skip
    use_bias: bool = static(False, "whether layers before a normalisation have a bias")
    share_bias: bool = static(True, "whether all sites share a bias")
    init_fan: str = static(
        "out", "of kernels: window x channels out, or in", names=("out", "in")
    )
    output_init: str = static(
        "normal", "of the classifier: normal of variance 1 / fan_in, biases zero, or "
        "uniform in ±1 / sqrt(fan_in), biases too", names=("normal", "uniform"),
    )  # fmt: skip
    fans: str = fans_field()
    start: str = static(
        "random", "kernels at the start: each drawn by itself, or one draw that all "
        "sites share and noise", names=("random", "shared"),
    )  # fmt: skip
    start_noise: float = data(
        0.0, "of each site, as part of what is shared at the start; 0: a convolution",
        low=0,
    )  # fmt: skip
    severing: str = severing_field()
    vcp: float = vcp_field()
    dtype: str = dtype_field()

    @property
    def blocks(self) -> int:
        """Blocks of a stage."""
        raise NotImplementedError

    def check(self) -> None:
        """The schemes must be known and not too many, and the options in accord."""
        self.check_schemes("sharing", self.stages)
        if self.stem_sharing:
            self.check_schemes("stem_sharing", 1, "layer")
        if self.shortcut_sharing:
            self.check_schemes("shortcut_sharing", self.stages)
        self.check_severing()
        require(
            self.start == "shared" or self.start_noise == 0,
            f"network.start_noise is {self.start_noise}, but network.start is "
            f"{self.start}: nothing is shared at the start to which noise could be "
            "added; set network.start to shared",
        )
        require(
            self.start == "random" or self.fans == "kernel",
            f"network.start is {self.start}, but network.fans is {self.fans}: one "
            "draw that all sites share has the fans of a kernel; set network.fans to "
            "kernel",
        )

    def check_images(self, shape):
        """The strides must leave something."""
        strides = self.stem[1] * (2 if self.pools else 1) * 2 ** (self.stages - 1)
        require(
            min(shape[:2]) >= strides,
            f"images of {shape[0]}x{shape[1]} are too small for a ResNet whose strides "
            f"make {strides}: it needs {strides}x{strides}",
        )

    def scheme(self, stage: int, layer: str = "") -> Scheme:
        """Returns the scheme of a stage's layers, or of its `stem` or `shortcut`."""
        own = {"stem": self.stem_sharing, "shortcut": self.shortcut_sharing}
        return layer_scheme(own.get(layer) or self.sharing, stage)

    def schemes(self) -> list[Scheme]:
        """Returns the scheme of every kind of layer that there is."""
        found = [self.scheme(0, "stem"), *(self.scheme(i) for i in range(self.stages))]
        if self.shortcut == "projection":
            found += [self.scheme(i, "shortcut") for i in range(1, self.stages)]
        return found

    def stores_fields(self):
        """Not if every layer stores one kernel."""
        return not all(scheme.is_full for scheme in self.schemes())

    def simplified(self):
        """Without what no layer has: fans and severing, starts, shortcuts, biases."""
        same: dict[str, Any] = {"sharing": shortest_text(self.sharing)}
        if not self.stores_fields():
            same |= {"fans": "kernel", "severing": "none", "vcp": 0.0}
            same |= {"start": "random", "start_noise": 0.0}
        if self.shortcut != "projection":
            same["shortcut_sharing"] = ""
        if not self.use_bias:
            same["share_bias"] = True
        return dataclasses.replace(self, **same)

    def make(self, num_outputs, arithmetic):
        """Returns the module."""
        return ResNetModule(self, num_outputs, arithmetic)


class ResNetModule(nn.Module):
    """The linen module of a residual network.

    Attributes:
      config: the network.
      num_outputs: of the classifier.
      arithmetic: of all products.
    """

    config: Residual
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
        conv = partial(_conv, net, how, layout)
        norm = partial(BatchNorm, layout=layout)
        x = arrange(x.astype(DTYPES[net.dtype]), layout)
        x = conv(net.scheme(0, "stem"), net.width, *net.stem, name="stem")(x)
        x = nn.relu(norm(name="stem_norm")(x, train))
        if net.pools:
            x = pool(x, layout, "max", (3, 3), (2, 2), ((1, 1), (1, 1)))
        for stage in range(net.stages):
            for number in range(net.blocks):
                block = Block(
                    conv=conv,
                    norm=norm,
                    config=net,
                    stage=stage,
                    stride=2 if stage and not number else 1,
                    layout=layout,
                    name=f"stage_{stage}_block_{number}",
                )
                x = block(x, train)
        inits = _output_inits(net.output_init, x.shape[layout.index("C")])
        return classify(x, layout, self.num_outputs, how, *inits)


class Block(nn.Module):
    """Two 3x3 layers, each normalised, and what goes past them.

    Attributes:
      conv: makes a layer: (scheme, features, window, stride, name).
      norm: makes a normalisation.
      config: the network.
      stage: of the network, from 0; its features follow.
      stride: of the first layer and of the shortcut.
      layout: order of the axes of input and output.
    """

    conv: Any
    norm: Any
    config: Residual
    stage: int
    stride: int
    layout: str

    @nn.compact
    def __call__(self, x: Array, train: bool) -> Array:
        """Maps [n, h, w, c], in `layout`, to [n, h / stride, w / stride, features]."""
        net, stage, stride = self.config, self.stage, self.stride
        scheme, features = net.scheme(stage), net.width * 2**stage
        y = self.conv(scheme, features, 3, stride, name="conv_0")(x)
        y = nn.relu(self.norm(name="norm_0")(y, train))
        y = self.conv(scheme, features, 3, 1, name="conv_1")(y)
        y = self.norm(name="norm_1")(y, train)
        if x.shape != y.shape and net.shortcut == "identity":
            x = subsample(x, self.layout, stride, features)
        elif x.shape != y.shape:
            own = net.scheme(stage, "shortcut")
            x = self.conv(own, features, 1, stride, name="shortcut")(x)
            x = self.norm(name="shortcut_norm")(x, train)
        return nn.relu(x + y)


def _output_inits(name: str, fan_in: int) -> tuple[Any, Any]:
    """Returns the initialisers of the classifier's kernel and bias."""
    if name == "uniform":
        return bounded_uniform(fan_in), bounded_uniform(fan_in)
    return nn.initializers.lecun_normal(), nn.initializers.zeros


def _conv(
    net: Residual,
    how: Arithmetic,
    layout: str,
    scheme: Scheme,
    features: int,
    window: int,
    stride: int,
    *,
    name: str,
) -> SharedConv:
    pad = window // 2  # on all four sides, as PyTorch's; XLA's SAME pads one side more
    kernel_init = kaiming_normal(net.fans, net.init_fan)
    if net.start == "shared":
        kernel_init = near_shared(kernel_init, net.start_noise)
    return SharedConv(
        features=features,
        window=(window, window),
        strides=(stride, stride),
        padding=((pad, pad), (pad, pad)),
        scheme=scheme,
        kernel_init=kernel_init,
        use_bias=net.use_bias,
        share_bias=net.share_bias,
        severing=net.severing,
        lowering=how.lowering,
        precision=how.precision,
        layout=layout,
        name=name,
    )
