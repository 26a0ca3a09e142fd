"""What a phase is, and the one that does nothing."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Key

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

    @property
    def coupling(self) -> float:
        """The part of the way to its group's mean that it moves a kernel; 0: none."""
        return 0.0

    def init(self, layers: Sequence[Layer], params: Params) -> Any:
        """Returns the phase's own state before training: a tree of arrays, or None."""
        del layers, params
        return None

    def due(self, moment: Moment) -> Array | bool:
        """Returns whether the phase acts after a step: a truth value, or not 0.

        A phase that is due after no step is found before training, but for one that
        draws from the key of the moment: nobody can know when that acts. What `apply`
        draws must then come from another key, one folded off it. A phase that does not
        say acts at every step.
        """
        del moment
        return True

    def is_due(self, moment: Moment) -> Bool[Array, ""]:
        """Returns what `due` says, as a truth value.

        Raises:
          ConfigError: if it says no single value.
        """
        due = self.due(moment)
        if due is None or jnp.shape(due):
            given = "nothing" if due is None else f"an array of shape {jnp.shape(due)}"
            raise ConfigError(
                f"phase {self.kind}: due() gives {given}, and must give one truth value"
            )
        return jnp.asarray(due).astype(bool)

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
            moves & self.is_due(moment),
            lambda: self.apply(moment, layers, params, state),
            lambda: (params, state),
        )

    def check_layers(self, layers: Sequence[Layer]) -> None:
        """Raises `ConfigError` if the phase can do nothing to these layers."""

    def check_steps(self, per_epoch: int, epochs: int) -> None:
        """Raises `ConfigError` if the phase never acts in so many steps and epochs."""
        if type(self).due is Phase.due or _ever_due(self, per_epoch, epochs):
            return
        raise ConfigError(
            f"phase {self.kind} would never act: it is due after none of the "
            f"{per_epoch * epochs} steps of training, {per_epoch} in each epoch; let "
            "it act sooner, train longer, or set train.phase to none"
        )


# Once for all phases of a structure: a sweep may have a thousand.
@functools.partial(jax.jit, static_argnums=(1, 2))
def _ever_due(phase: Phase, per_epoch: int, epochs: int) -> Bool[Array, ""]:
    """Returns whether a phase is due after any step, or may be by chance."""
    steps, key = jnp.arange(per_epoch * epochs, dtype=jnp.int32), make_key(0)

    def due(key: Key[Array, ""], step: Array) -> Array:
        in_epoch, epoch = step % per_epoch + 1, step // per_epoch
        return phase.is_due(Moment(key, step + 1, in_epoch, epoch))

    traced = jax.make_jaxpr(due)(key, steps[0]).jaxpr
    draws = any(traced.invars[0] is var for eqn in traced.eqns for var in eqn.invars)
    return jnp.asarray(True) if draws else jnp.any(jax.vmap(due, (None, 0))(key, steps))


@config("none")
class NoPhase(Phase):
    """Nothing happens between steps."""

    def apply(self, moment, layers, params, state):
        """Leaves all as it is."""
        del moment, layers
        return params, state
