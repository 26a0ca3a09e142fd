"""Phases that act every few steps, on layers whose sites have kernels of their own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.custom_batching import custom_vmap
from jaxtyping import Array

from ws_jax.config import MOST, ConfigError, data, static
from ws_jax.layers import Layer
from ws_jax.phases.phase import Moment, NoPhase, Params, Phase
from ws_jax.sharing import Size


class Periodically(Phase):
    """A phase that acts every few steps, on layers whose sites have own kernels."""

    every: int
    count: str
    first: int

    def essence(self):
        """What never acts is no phase."""
        return NoPhase() if self.is_never else self

    def check_layers(self, layers):
        """Some layer must store a kernel for every site."""
        if not any(layer.sharing.is_free for layer in layers):
            raise ConfigError(
                f"phase {self.kind} would do nothing: no layer of this network has a "
                "kernel of its own at every site; set network.sharing to free, or "
                "train.phase to none"
            )

    def check_steps(self, per_epoch, epochs):
        """The first time lies within training, or within an epoch if counted there."""
        if self.is_never:
            return
        first = self.first or self.every
        by_epoch = self.count == "epoch"
        last = per_epoch if by_epoch else per_epoch * epochs
        if first > last:
            counted = "an epoch" if by_epoch else "training"
            raise ConfigError(
                f"phase {self.kind} would never act: {counted} has {last} steps, and "
                f"it acts first after {first}; lower train.phase.every or set "
                "train.phase.first, or set train.phase to none"
            )

    def acts_once_an_epoch(self, per_epoch: int) -> bool:
        """Returns whether it acts once in each epoch, counted anew there.

        Whatever its cadence is, it then comes to all batches of an epoch.

        Args:
          per_epoch: batches of an epoch.
        """
        first = self.first or self.every
        again = first + self.every
        return (
            self.count == "epoch" and first <= per_epoch < again and not self.is_never
        )

    @property
    def is_never(self) -> bool:
        """Whether it is not to act at all."""
        return self.every == MOST

    def due(self, moment: Moment) -> Array:
        """Returns whether it acts now, a truth value."""
        number = moment.step if self.count == "training" else moment.step_in_epoch
        due = (number >= self.first) & ((number - self.first) % self.every == 0)
        return due & (jnp.asarray(self.every) < MOST)

    def apply(self, moment, layers, params, state):
        """Acts if it is due."""
        return self.apply_where(True, moment, layers, params, state)

    def apply_where(self, moves, moment, layers, params, state):
        """Acts if it is due and the run moves, which is one condition.

        Within another, of runs that are mapped, this one's rule could not be mapped.
        """

        def step(due, phase, moment, params):
            act = lambda: phase.act(moment, layers, params)  # noqa: E731
            return lax.cond(due, act, lambda: params)

        mapped = custom_vmap(step)

        @mapped.def_vmap
        def each(size, batched, *args):
            # A mapped condition would be computed for all runs at every step.
            full = jax.tree.map(
                lambda a, b: a if b else jnp.broadcast_to(a, (size, *a.shape)),
                args, tuple(batched),
            )  # fmt: skip
            some = lambda: lax.map(lambda one: step(*one), full)  # noqa: E731
            params = lax.cond(jnp.any(full[0]), some, lambda: full[3])
            return params, jax.tree.map(lambda _: True, params)

        phase = jax.tree.map(jnp.asarray, self)
        return mapped(self.is_due(moment) & moves, phase, moment, params), state

    def act(self, moment: Moment, layers: Sequence[Layer], params: Params) -> Params:
        """Returns the parameters after it has acted."""
        raise NotImplementedError


def free_layers(layers: Sequence[Layer]) -> list[Layer]:
    """Returns the layers whose sites have kernels of their own."""
    return [layer for layer in layers if layer.sharing.is_free]


def check_period(kind: str, layer: Layer, periods: Size) -> None:
    """Raises `ConfigError` if a layer has fewer sites than a period, down or across."""
    down, across = layer.sharing.shape
    if periods[0] > down or periods[1] > across:
        raise ConfigError(
            f"phase {kind}: a period of {periods[0]}x{periods[1]} is larger than the "
            f"{down}x{across} sites of layer {layer.name}, where nothing would be "
            f"shared; periods up to {min(down, across)} or larger images are possible"
        )


def every_field() -> Any:
    """Declares how often a phase acts."""
    return data(
        100, "steps from one time to the next; never: it does not act", low=1, high=MOST
    )


def count_field() -> Any:
    """Declares where its steps are counted from."""
    return static(
        "training", "where steps are counted from: all of training, or each epoch",
        names=("training", "epoch"),
    )  # fmt: skip


def first_field() -> Any:
    """Declares when it acts first."""
    return data(
        0, "step after which it acts first, from 1; 0: after `every` steps", low=0,
        high=MOST,
    )  # fmt: skip
