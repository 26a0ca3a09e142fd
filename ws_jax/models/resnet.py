"""Residual networks for small and for large images.

Convolutional, locally connected or between, by the one field `sharing`.
"""

from __future__ import annotations

from typing import ClassVar

from ws_jax.config import config, require, static
from ws_jax.models.residual import Residual


@config("resnet")
class ResNet(Residual):
    """A ResNet of depth 6 n + 2: a stem, three stages of n basic blocks, a classifier.

    Source: He et al. 2016, Section 4.2; Pogodin et al. 2021, released code
    `networks/resnet.py`.
    """

    stages: ClassVar[int] = 3
    stem: ClassVar[tuple[int, int]] = (3, 1)
    pools: ClassVar[bool] = False
    depth: int = static(20, "layers with parameters on the way: 6 n + 2", low=8)

    @property
    def blocks(self) -> int:
        """Blocks of a stage."""
        return (self.depth - 2) // 6

    def check(self) -> None:
        """The depth must be one of a ResNet."""
        super().check()
        blocks = max(1, round((self.depth - 2) / 6))
        require(
            (self.depth - 2) % 6 == 0,
            f"network.depth: {self.depth} is not 6 n + 2; the nearest is "
            f"{6 * blocks + 2}",
        )


@config("resnet18")
class ResNet18(Residual):
    """The ResNet-18 of large images: four stages of two basic blocks.

    The stem is a 7x7 layer of stride 2 and a 3x3 max-pool of stride 2. He et al. have
    64 channels in the first stage, Pogodin et al. 32.

    Source: He et al. 2016, Table 1; Pogodin et al. 2021, released code
    `networks/resnet.py`.
    """

    stages: ClassVar[int] = 4
    stem: ClassVar[tuple[int, int]] = (7, 2)
    pools: ClassVar[bool] = True
    width: int = static(64, "channels of the first stage; twice as many in each later "
                        "one", low=1)  # fmt: skip

    @property
    def blocks(self) -> int:
        """Blocks of a stage."""
        return 2
