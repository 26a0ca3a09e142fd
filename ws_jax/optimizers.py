"""Optimisers and schedules for unit learning rate.

The learning rate is run data, so it is not here: a training step moves the
parameters by minus the rate times what these transformations return.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array

from ws_jax.config import OptimizerConfig


class KerasAdamState(NamedTuple):
    """Steps taken, and running means of the gradient and of its square."""

    count: Array
    mu: Any
    nu: Any


def scale_by_keras_adam(
    b1: float, b2: float, eps: float
) -> optax.GradientTransformation:
    """Returns Adam's direction with `eps` where Keras has it.

    Keras adds `eps` to the root of the raw second moment, before its bias is
    corrected (Kingma & Ba's "epsilon hat"); optax adds it after. In the first steps
    that differs by a factor of up to sqrt(1 / (1 - b2)), 32, in effective `eps`.
    """

    def init(params):
        zeros = jax.tree.map(jnp.zeros_like, params)
        return KerasAdamState(jnp.zeros((), jnp.int32), zeros, zeros)

    def update(updates, state, params=None):
        del params
        count = state.count + 1
        t = count.astype(jnp.float32)
        # 1 - b**t by expm1: in float32 the plain form loses four digits at t = 1.
        scale = jnp.sqrt(-jnp.expm1(t * math.log(b2))) / -jnp.expm1(t * math.log(b1))
        mu = jax.tree.map(lambda m, g: b1 * m + (1 - b1) * g, state.mu, updates)
        nu = jax.tree.map(lambda v, g: b2 * v + (1 - b2) * g * g, state.nu, updates)
        steps = jax.tree.map(lambda m, v: scale * m / (jnp.sqrt(v) + eps), mu, nu)
        return steps, KerasAdamState(count, mu, nu)

    return optax.GradientTransformation(init, update)


def make_schedule(config: OptimizerConfig, num_steps: int) -> Callable[[Any], Any]:
    """Returns step -> factor of the learning rate, over training of `num_steps`."""
    schedule = SCHEDULES[config.schedule](config, num_steps)
    # optax would mix an integer step with its floats.
    return lambda step: schedule(jnp.asarray(step, jnp.float32))


def make_optimizer(
    config: OptimizerConfig, num_steps: int
) -> optax.GradientTransformation:
    """Returns the optimiser of `config` at unit learning rate, schedule included."""
    parts = [OPTIMIZERS[config.name](config)]
    if config.weight_decay:
        parts.insert(0, optax.add_decayed_weights(config.weight_decay))
    if config.schedule != "constant":
        parts.append(optax.scale_by_schedule(make_schedule(config, num_steps)))
    return optax.chain(*parts)


def _sgd(config: OptimizerConfig) -> optax.GradientTransformation:
    if config.momentum == 0:
        return optax.identity()
    return optax.trace(config.momentum, config.nesterov)


def _steps(config: OptimizerConfig, num_steps: int):
    edges = {int(m * num_steps): config.decay for m in config.milestones}
    return optax.piecewise_constant_schedule(1.0, edges)


OPTIMIZERS = {
    "adam": lambda c: scale_by_keras_adam(c.b1, c.b2, c.eps),
    "sgd": _sgd,
}
SCHEDULES = {
    "constant": lambda config, num_steps: optax.constant_schedule(1.0),
    "cosine": lambda config, num_steps: optax.cosine_decay_schedule(1.0, num_steps),
    "steps": _steps,
}
