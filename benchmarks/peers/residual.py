"""The residual networks that the peers build, from what they are told of them.

Nothing here needs JAX: the environment of the peers need not have it.
"""

import dataclasses
from typing import Any, ClassVar

import numpy as np

STAGES = 3


@dataclasses.dataclass(frozen=True)
class Residual:
    """A residual network of three stages, for small images.

    Attributes:
      image: height, width, channels.
      family: `resnet`, whose blocks normalise after their layers, or `wrn`, whose
        blocks normalise before.
      blocks: of each stage.
      stem: channels of the first layer.
      width: channels of the first stage; twice as many in each later one.
      templates: of the bank from which all 3x3 layers of a stage but those of its first
        block draw; 0: they have kernels of their own.
      local: whether every site has a kernel of its own.
      optimizer: `adamw` or `sgd`, with momentum.
      classes: of the classifier.
      batch: images in a step.
    """

    KINDS: ClassVar[tuple[str, ...]] = ("(residual)", "(local residual)")

    image: tuple[int, int, int]
    family: str
    blocks: int
    stem: int
    width: int
    templates: int
    local: bool
    optimizer: str
    classes: int
    batch: int

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> "Residual":
        """Reads the protocol's object."""
        values: dict[str, Any] = {**fields, "image": tuple(fields["image"])}
        return cls(**values)

    def features(self, stage: int) -> int:
        """Returns the channels of a stage."""
        return self.width * 2**stage

    def data(self) -> tuple[np.ndarray, np.ndarray]:
        """One batch of noise images [n, h, w, c] in [0, 1] and random labels [n]."""
        generator = np.random.default_rng(0)
        images = generator.random((self.batch, *self.image), dtype=np.float32)
        return images, generator.integers(self.classes, size=self.batch)
