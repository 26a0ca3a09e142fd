"""The optimisers: gradient descent with momentum, Adam, and Adam with its own decay."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array

from ws_jax.config import config, data, part, static
from ws_jax.optimizers.optimizer import Optimizer
from ws_jax.optimizers.schedules import Constant, Schedule


def _rate() -> Any:
    return data(1e-3, "learning rate", low=0, open_low=True)


def _decay(how: str) -> Any:
    return data(0.0, f"weight decay, {how}", low=0)


def _decays() -> Any:
    return static(
        False, "whether the program has a decay; set where any run of a sweep has one",
        identity=False,
    )  # fmt: skip


def _no_decay() -> Any:
    return static((), "names of parameters or layers that do not decay")


def _clip() -> Any:
    return static(0.0, "largest norm of the whole gradient; 0: any", low=0)


def _schedule() -> Any:
    return part(Constant(), "how the rate changes while training")


def _momentum(value: float, of: str) -> Any:
    return static(value, f"memory of the running mean of {of}", low=0, high=1,
                  open_high=True)  # fmt: skip


def _eps_hat(value: bool) -> Any:
    return static(value, "whether eps comes before the bias correction, as in Keras, "
                  "or after it, as in optax and PyTorch")  # fmt: skip


@config("sgd")
class SGD(Optimizer):
    """Gradient descent with momentum, the decay added to the gradient."""

    learning_rate: float = _rate()
    momentum: float = data(0.0, "of the velocity", low=0, high=1, open_high=True)
    nesterov: bool = static(False, "whether the gradient is taken ahead")
    weight_decay: float = _decay("added to the gradient")
    decays: bool = _decays()
    no_decay: tuple[str, ...] = _no_decay()
    clip: float = _clip()
    schedule: Schedule = _schedule()

    def direction(self):
        """The velocity."""
        return [self.decay(), _trace(self.momentum, self.nesterov)]


def _trace(momentum, nesterov: bool) -> optax.GradientTransformation:
    """As `optax.trace`, with a momentum that may be traced."""

    def init(params):
        return optax.TraceState(jax.tree.map(jnp.zeros_like, params))

    def update(updates, state, params=None):
        del params
        trace = jax.tree.map(lambda g, t: g + momentum * t, updates, state.trace)
        if nesterov:
            steps = jax.tree.map(lambda g, t: g + momentum * t, updates, trace)
        else:
            steps = trace
        return steps, optax.TraceState(trace)

    return optax.GradientTransformation(init, update)


class _Adaptive(Optimizer):
    b1: float
    b2: float
    eps: float
    eps_hat: bool

    def adaptive(self) -> optax.GradientTransformation:
        """Returns Adam's direction."""
        return scale_by_adam(self.b1, self.b2, self.eps, self.eps_hat)


@config("adam")
class Adam(_Adaptive):
    """Adam, the decay added to the gradient as L2 regularisation."""

    learning_rate: float = _rate()
    b1: float = _momentum(0.9, "the gradient")
    b2: float = _momentum(0.999, "its square")
    eps: float = static(1e-7, "added to the root", low=0, open_low=True)
    eps_hat: bool = _eps_hat(True)
    weight_decay: float = _decay("added to the gradient")
    decays: bool = _decays()
    no_decay: tuple[str, ...] = _no_decay()
    clip: float = _clip()
    schedule: Schedule = _schedule()

    def direction(self):
        """Adam's."""
        return [self.decay(), self.adaptive()]


@config("adamw")
class AdamW(_Adaptive):
    """Adam with decoupled decay: the rate times the decay times the parameter.

    Source: Loshchilov & Hutter 2019; PyTorch's `AdamW`.
    """

    learning_rate: float = _rate()
    b1: float = _momentum(0.9, "the gradient")
    b2: float = _momentum(0.999, "its square")
    eps: float = static(1e-8, "added to the root", low=0, open_low=True)
    eps_hat: bool = _eps_hat(False)
    weight_decay: float = data(1e-2, "weight decay, decoupled", low=0)
    decays: bool = _decays()
    no_decay: tuple[str, ...] = _no_decay()
    clip: float = _clip()
    schedule: Schedule = _schedule()

    def direction(self):
        """Adam's, and the decay."""
        return [self.adaptive(), self.decay()]


class AdamState(NamedTuple):
    """Steps taken, and running means of the gradient and of its square."""

    count: Array
    mu: Any
    nu: Any


def scale_by_adam(
    b1: float, b2: float, eps: float, eps_hat: bool
) -> optax.GradientTransformation:
    """Returns Adam's direction, with `eps` where Keras has it or where optax has it.

    Keras adds `eps` to the root of the raw second moment, before its bias is
    corrected (Kingma & Ba's "epsilon hat"); optax and PyTorch add it after. In the
    first steps that differs by a factor of up to sqrt(1 / (1 - b2)), 32, in effective
    `eps`. optax's own mixes whole and other numbers, which strict promotion refuses.

    Args:
      b1: memory of the running mean of the gradient.
      b2: memory of the running mean of its square.
      eps: as said.
      eps_hat: whether it is added before the correction.
    """

    def init(params):
        zeros = jax.tree.map(jnp.zeros_like, params)
        return AdamState(jnp.zeros((), jnp.int32), zeros, zeros)

    def update(updates, state, params=None):
        del params
        count = state.count + 1
        t = count.astype(jnp.float32)
        # 1 - b**t by expm1: in float32 the plain form loses four digits at t = 1.
        root = jnp.sqrt(-_expm1_power(b2, t))
        scale = root / -_expm1_power(b1, t)
        mu = jax.tree.map(lambda m, g: b1 * m + (1 - b1) * g, state.mu, updates)
        nu = jax.tree.map(lambda v, g: b2 * v + (1 - b2) * g * g, state.nu, updates)
        shift = eps if eps_hat else eps * root
        steps = jax.tree.map(lambda m, v: scale * m / (jnp.sqrt(v) + shift), mu, nu)
        return steps, AdamState(count, mu, nu)

    return optax.GradientTransformation(init, update)


def _expm1_power(base: float, exponent: Array) -> Array:
    """Returns base**exponent - 1; a base of 0 forgets at once."""
    return jnp.expm1(exponent * math.log(base)) if base else -jnp.ones_like(exponent)
