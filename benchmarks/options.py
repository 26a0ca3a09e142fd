"""What a benchmark measures, checked before anything is loaded that takes time."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Sequence

from ws_jax.config import ConfigError, check_name

NETWORKS = ("mnist", "cifar10")
# In the order in which they make sense: fractions of the ceilings need the ceilings.
SECTIONS = (
    "ceilings",
    "layers",
    "steps",
    "lowerings",
    "sharing",
    "residual",
    "epochs",
    "compilation",
    "compaction",
    "saving",
    "startup",
    "thousand",
)


@dataclasses.dataclass(frozen=True)
class Options:
    """What to measure, and how long.

    Attributes:
      sections: of `SECTIONS`; the ceilings are always among them.
      networks: of `NETWORKS`.
      runs: numbers of runs that train together.
      rounds: how often each is timed.
      steps: training steps in one timed call.
      peers: the Python of an environment that has them; none if empty.
      slow_peers: whether also those that take minutes to prepare.
    Raises:
      ConfigError: if one of them makes no sense.
    """

    sections: tuple[str, ...] = SECTIONS
    networks: tuple[str, ...] = NETWORKS
    runs: tuple[int, ...] = (1, 8, 55)
    rounds: int = 7
    steps: int = 16
    peers: str = ""
    slow_peers: bool = False

    def __post_init__(self):
        for name in self.sections:
            check_name("section", name, SECTIONS)
        for name in self.networks:
            check_name("network", name, NETWORKS)
        if self.peers and not shutil.which(self.peers):
            raise ConfigError(f"peers {self.peers!r}: no such program")

    @property
    def several(self) -> int:
        """The number of runs at which sweeps are compared: 8, or the nearest below."""
        return max((n for n in self.runs if n <= 8), default=min(self.runs))


def read_runs(texts: Sequence[str]) -> tuple[int, ...]:
    """Reads numbers of runs, such as ["1", "8"]; raises ConfigError for others."""
    for text in texts:
        if not text.isdigit() or int(text) == 0:
            raise ConfigError(f"runs {text!r} is no number from 1")
    if not texts:
        raise ConfigError("runs is empty: needs numbers such as 1,8")
    return tuple(sorted({int(text) for text in texts}))
