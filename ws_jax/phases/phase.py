"""What a phase is, and the one that does nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple

from jax import lax
from jaxtyping import Array, Key

from ws_jax.config import Config, config
from ws_jax.layers import Layer

Params = Any


class Moment(NamedTuple):
    """When a phase is called.

    Attributes:
      key: of its draws, another one after every step.
      step: steps taken since training began, the last one included.
      step_in_epoch: the same since the epoch began.
      epoch: epochs done before this one.
    """

    key: Key[Array, ""]
    step: Array
    step_in_epoch: Array
    epoch: Array


class Phase(Config):
    """The base of phases."""

    kinds: ClassVar[dict] = {}
    default_kind: ClassVar[str] = "none"

    def init(self, layers: Sequence[Layer], params: Params) -> Any:
        """Returns the phase's own state before training: a tree of arrays, or None."""
        del layers, params
        return None

    def apply(
        self, moment: Moment, layers: Sequence[Layer], params: Params, state: Any
    ) -> tuple[Params, Any]:
        """Returns the parameters and the phase's state after a step.

        Args:
          moment: when it is.
          layers: of the network.
          params: after the optimiser's step.
          state: of the phase.
        """
        raise NotImplementedError

    def apply_where(
        self, moves: Array, moment: Moment, layers: Sequence[Layer], params: Params,
        state: Any,
    ) -> tuple[Params, Any]:  # fmt: skip
        """As `apply`, for a run that moves; one that does not keeps what it has.

        A choice between two trees of parameters would copy them at every step.

        Args:
          moves: whether the run moves, a truth value.
          moment: as `apply`.
          layers: as `apply`.
          params: as `apply`.
          state: as `apply`.
        """
        return lax.cond(
            moves,
            lambda: self.apply(moment, layers, params, state),
            lambda: (params, state),
        )

    def check_layers(self, layers: Sequence[Layer]) -> None:
        """Raises `ConfigError` if the phase can do nothing to these layers."""

    def check_steps(self, per_epoch: int, epochs: int) -> None:
        """Raises `ConfigError` if the phase never acts in so many steps and epochs."""


@config("none")
class NoPhase(Phase):
    """Nothing happens between steps."""

    def apply(self, moment, layers, params, state):
        """Leaves all as it is."""
        del moment, layers
        return params, state
