"""What an optimiser is, and the chain that is made of one."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import optax

from ws_jax.config import Config, rules
from ws_jax.optimizers.schedules import Constant, Schedule


class Optimizer(Config):
    """The base of optimisers.

    A kind of one's own declares `learning_rate`, and of the others what it has.

    Attributes:
      learning_rate: of the whole network.
      weight_decay: of the parameters.
      decays: whether the program has a decay; if no field, as `weight_decay` is one.
    """

    kinds: ClassVar[dict] = {}
    default_kind: ClassVar[str] = "adam"
    learning_rate: float
    weight_decay: float = 0.0
    decays: bool = False
    no_decay: tuple[str, ...] = ()
    clip: float = 0.0
    schedule: Schedule = Constant()

    def simplified(self):
        """A decay that is not 0 needs a program that has it."""
        declared = "decays" in rules(self)
        if self.decays or not declared or self.weight_decay == 0:
            return self
        return dataclasses.replace(self, decays=True)

    def direction(self) -> list[optax.GradientTransformation]:
        """Returns the parts that turn a gradient into a step, decay included."""
        raise NotImplementedError

    def decay(self) -> optax.GradientTransformation:
        """Returns what adds the decay of the parameters that have one."""
        own = rules(self)
        if not (self.decays if "decays" in own else "weight_decay" in own):
            return optax.identity()
        mask = self.decayed if self.no_decay else None
        return optax.add_decayed_weights(self.weight_decay, mask=mask)

    def decayed(self, params: Any) -> Any:
        """Returns a tree like the parameters' that says which of them decay."""

        def whether(path, _):
            names = {getattr(entry, "key", None) for entry in path}
            return not names & set(self.no_decay)

        return jax.tree_util.tree_map_with_path(whether, params)


def make_optimizer(
    config: Optimizer, num_steps: int, steps_per_epoch: int
) -> optax.GradientTransformation:
    """Returns the optimiser of a config at unit learning rate, schedule included.

    Args:
      config: its data fields may be traced.
      num_steps: of the whole training.
      steps_per_epoch: as said.
    """
    parts = [optax.clip_by_global_norm(config.clip)] if config.clip else []
    parts += config.direction()
    if not isinstance(config.schedule, Constant):
        schedule = config.schedule.make(num_steps, steps_per_epoch)
        # Schedules would mix an integer step with their floats.
        parts.append(
            optax.scale_by_schedule(
                lambda step: schedule(jnp.asarray(step, jnp.float32))
            )
        )
    return optax.chain(*parts)
