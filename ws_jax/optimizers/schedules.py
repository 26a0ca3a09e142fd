"""How the learning rate changes while training: a factor for every step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import jax.numpy as jnp
import optax

from ws_jax.config import Config, config, data, require, static


class Schedule(Config):
    """The base of schedules: a factor of the learning rate for every step."""

    kinds: ClassVar[dict] = {}
    default_kind: ClassVar[str] = "constant"

    @property
    def depends_on_length(self) -> bool:
        """Whether a training of more steps has other factors from its start."""
        return True

    def make(self, num_steps: int, steps_per_epoch: int) -> Callable[[Any], Any]:
        """Returns step -> factor, for a training of `num_steps`."""
        raise NotImplementedError


@config("constant")
class Constant(Schedule):
    """The same rate throughout."""

    @property
    def depends_on_length(self) -> bool:
        """Never."""
        return False

    def make(self, num_steps, steps_per_epoch):
        """Always 1."""
        return optax.constant_schedule(1.0)


@config("cosine")
class Cosine(Schedule):
    """Falls to zero along half a cosine, after a linear warm-up."""

    warmup: float = static(0.0, "epochs in which the rate rises to its full", low=0)

    def make(self, num_steps, steps_per_epoch):
        """Returns the schedule."""
        return _warmed(self.warmup * steps_per_epoch, num_steps, _cosine)


@config("steps")
class Steps(Schedule):
    """Multiplied by a factor at each milestone, after a linear warm-up."""

    milestones: tuple[float, ...] = static(
        (0.3, 0.6, 0.8), "when, in the unit", low=0, open_low=True
    )
    unit: str = static(
        "training", "of milestones: the whole training, epochs, or steps",
        names=("training", "epoch", "step"),
    )  # fmt: skip
    decay: float = data(0.2, "factor at each milestone", low=0)
    warmup: float = static(0.0, "epochs in which the rate rises to its full", low=0)

    @property
    def depends_on_length(self) -> bool:
        """If milestones are parts of the training."""
        return self.unit == "training"

    def check(self) -> None:
        """Milestones as parts of training lie within it."""
        within = self.unit != "training" or max(self.milestones, default=0) <= 1
        require(
            within,
            f"schedule.milestones are {self.milestones}, of the whole training: 1 is "
            "its end; schedule.unit=epoch or step counts otherwise",
        )

    def make(self, num_steps, steps_per_epoch):
        """Returns the schedule."""
        length = {"training": num_steps, "epoch": steps_per_epoch, "step": 1}[self.unit]
        edges = [round(m * length) for m in self.milestones]

        def fall(step, span):
            del span
            past = sum(jnp.where(step >= edge, 1.0, 0.0) for edge in edges)
            return jnp.power(jnp.float32(1) * self.decay, past)

        warmup = self.warmup * steps_per_epoch
        return lambda step: fall(step, num_steps) * _rise(step, warmup)


def _cosine(step, span):
    return 0.5 * (1 + jnp.cos(jnp.pi * jnp.clip(step / max(span, 1), 0, 1)))


def _rise(step, warmup):
    return jnp.minimum(1.0, (step + 1) / warmup) if warmup > 0 else 1.0


def _warmed(warmup, num_steps, fall):
    if warmup <= 0:
        return optax.cosine_decay_schedule(1.0, num_steps)
    after = num_steps - warmup
    return lambda s: jnp.where(
        s < warmup, _rise(s, warmup), fall(jnp.maximum(s - warmup, 0), after)
    )
