"""Which layers of a network share a bank, and the loop that they can become."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from ws_jax.config import ConfigError, rules
from ws_jax.models import FoldedGridNet, FoldedWideResNet, GridNet, Network, WideResNet
from ws_jax.models.wide_resnet import STAGES, WideNetwork

Path = tuple[str, ...]
Folded = FoldedWideResNet | FoldedGridNet


@dataclasses.dataclass(frozen=True)
class Loop:
    """The layers of one bank, as steps of a loop.

    Attributes:
      bank: where it lies in the network's parameters.
      kernels: where the loop's kernels lie in those of the folded network.
      name: where the rest of the loop lies there.
      layers: where each layer lies in the network's parameters, in their order.
      steps: what each step takes over, by its name in the network, and where it lies in
        the loop.
    """

    bank: str
    kernels: str
    name: str
    layers: tuple[Path, ...]
    steps: tuple[Mapping[str, Path], ...]

    @property
    def width(self) -> int:
        """Layers of a step."""
        return len(self.layers) // len(self.steps)

    def places(self) -> list[Path]:
        """Returns where the layers of a step lie in the loop."""
        first = self.steps[0]
        return [(*first[top], *rest) for top, *rest in self.layers[: self.width]]


def loops(network: Network) -> tuple[Loop, ...]:
    """Returns the loops that a network with template banks can become."""
    if isinstance(network, GridNet):
        return (_grid_loop(network),)
    return tuple(_stage_loop(network, stage) for stage in range(STAGES))


def _stage_loop(network: Any, stage: int) -> Loop:
    """All blocks of a stage but the first; a step is a block."""
    blocks = [f"stage_{stage}_block_{n}" for n in range(1, network.num_blocks)]
    return Loop(
        bank=f"stage_{stage}_bank",
        kernels=f"stage_{stage}_kernels",
        name=f"stage_{stage}_loop",
        layers=tuple((b, conv) for b in blocks for conv in ("conv_0", "conv_1")),
        steps=tuple({block: ("block",)} for block in blocks),
    )


def _grid_loop(network: GridNet) -> Loop:
    """All 3x3 layers; a step is what lies between two additions."""
    width = network.skip or 1
    steps = []
    for start in range(0, network.depth, width):
        names = [(f"{kind}_{start + i}", (f"{kind}_{i}",))
                 for i in range(width) for kind in ("norm", "conv")]  # fmt: skip
        steps.append(dict(names))
    layers = tuple((f"conv_{number}",) for number in range(network.depth))
    return Loop("bank", "kernels", "loop", layers, tuple(steps))


def folded_network(
    network: Network, kernels: tuple[int, ...], scaled: bool, origin: str
) -> Folded:
    """Returns the config of the network that loops.

    Args:
      network: that was folded.
      kernels: the number of each layer's, loop by loop.
      scaled: whether layers have a scale of their own.
      origin: says which parameters these are.
    """
    new = {"kernels": kernels, "scaled": scaled, "origin": origin}
    if isinstance(network, GridNet):
        same = ("depth", "width", "skip")
        return FoldedGridNet(**new, **{name: getattr(network, name) for name in same})
    same = rules(WideNetwork)
    return FoldedWideResNet(**new, **{name: getattr(network, name) for name in same})


def called(network: Any) -> str:
    """Returns the name of a network that can be folded, as papers call it.

    Example:
      >>> called(WideResNet(depth=28, width=1, templates=2))
      'SWRN-28-1-2'
      >>> called(GridNet(templates=2))
      '2 templates'
    """
    if isinstance(network, GridNet):
        return f"{network.templates} templates"
    return f"SWRN-{network.depth}-{network.width}-{network.templates}"


def check_foldable(network: Network) -> WideResNet | GridNet:
    """Returns a network; `ConfigError` unless its banks have a similarity."""
    templates = getattr(network, "templates", 0)
    if not isinstance(network, WideResNet | GridNet) or not templates:
        why = "cannot be folded" if templates else (
            "has no template bank, and nothing to fold"
        )  # fmt: skip
        raise ConfigError(
            f"network {network.kind} of this run {why}: fold a run of network wrn or "
            "grid_net with network.templates of 2 or more"
        )
    if templates == 1:
        raise ConfigError(
            "network.templates is 1: all layers of a bank have the same kernel up to "
            "scale by construction, and their similarity, which is 1, says nothing; "
            "fold a run with 2 templates or more"
        )
    if isinstance(network, WideResNet) and network.severing != "none" and network.vcp:
        raise ConfigError(
            f"network.severing is {network.severing}: what is severed is drawn for "
            "each layer, and would not survive folding; fold a run with none severed"
        )
    return network
