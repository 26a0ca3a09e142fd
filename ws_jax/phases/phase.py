"""What a phase is, and the one that does nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Key

from ws_jax.config import Config, ConfigError, config
from ws_jax.keys import make_key
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

    def due(self, moment: Moment) -> Array | bool:
        """Returns whether the phase acts after a step, a truth value.

        It goes by the numbers of the moment alone, not by its key: so a phase that
        never acts is found before training. One that does not say acts at every step.
        """
        del moment
        return True

    def apply(
        self, moment: Moment, layers: Sequence[Layer], params: Params, state: Any
    ) -> tuple[Params, Any]:
        """Returns the parameters and the phase's state after a step where it is due.

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
        """As `apply` if it is due and the run moves; else both are kept as they are.

        A choice between two trees of parameters would copy them at every step.

        Args:
          moves: whether the run moves, a truth value.
          moment: as `apply`.
          layers: as `apply`.
          params: as `apply`.
          state: as `apply`.
        """
        return lax.cond(
            moves & self.due(moment),
            lambda: self.apply(moment, layers, params, state),
            lambda: (params, state),
        )

    def check_layers(self, layers: Sequence[Layer]) -> None:
        """Raises `ConfigError` if the phase can do nothing to these layers."""

    def check_steps(self, per_epoch: int, epochs: int) -> None:
        """Raises `ConfigError` if the phase never acts in so many steps and epochs."""
        if type(self).due is Phase.due:
            return
        steps, key = jnp.arange(per_epoch * epochs, dtype=jnp.int32), make_key(0)

        def due(step: Array) -> Array | bool:
            in_epoch, epoch = step % per_epoch + 1, step // per_epoch
            return self.due(Moment(key, step + 1, in_epoch, epoch))

        if not jnp.any(jax.vmap(due)(steps)):
            raise ConfigError(
                f"phase {self.kind} would never act: it is due after none of the "
                f"{len(steps)} steps of training, {per_epoch} in each epoch; let it "
                "act sooner, train longer, or set train.phase to none"
            )


@config("none")
class NoPhase(Phase):
    """Nothing happens between steps."""

    def apply(self, moment, layers, params, state):
        """Leaves all as it is."""
        del moment, layers
        return params, state
