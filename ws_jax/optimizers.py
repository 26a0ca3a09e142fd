"""Optimisers as optax chains for unit learning rate, their rates and decays run data.

The learning rate multiplies what a chain returns, where the parameters are moved
(`engine.train`); all else is in the chain, which is built anew wherever it is used:
its numbers may be traced.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array

from ws_jax.config import Config, config, data, part, require, rules, static


class Schedule(Config):
    """The base of schedules: a factor of the learning rate for every step."""

    kinds: ClassVar[dict] = {}
    default_kind: ClassVar[str] = "constant"

    def make(self, num_steps: int, steps_per_epoch: int) -> Callable[[Any], Any]:
        """Returns step -> factor, for a training of `num_steps`."""
        raise NotImplementedError


@config("constant")
class Constant(Schedule):
    """The same rate throughout."""

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


class Optimizer(Config):
    """The base of optimisers.

    A kind of one's own declares `learning_rate`, and of the others what it has.

    Attributes:
      learning_rate: of the whole network.
      weight_decay: of the parameters.
      decays: whether the program has a decay; where it is no field, it has one if
        `weight_decay` is.
      no_decay: names of parameters or layers that do not decay.
      clip: largest norm of the whole gradient; 0: any.
      schedule: how the rate changes while training.
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
        mask = self._decayed if self.no_decay else None
        return optax.add_decayed_weights(self.weight_decay, mask=mask)

    def _decayed(self, params: Any) -> Any:
        def decayed(path, _):
            names = {getattr(entry, "key", None) for entry in path}
            return not names & set(self.no_decay)

        return jax.tree_util.tree_map_with_path(decayed, params)


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
    eps_hat: bool = static(True, "whether eps comes before the bias correction, as in "
                           "Keras, or after it, as in optax and PyTorch")  # fmt: skip
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
    eps_hat: bool = static(False, "whether eps comes before the bias correction, as in "
                           "Keras, or after it, as in optax and PyTorch")  # fmt: skip
    weight_decay: float = data(1e-2, "weight decay, decoupled", low=0)
    decays: bool = _decays()
    no_decay: tuple[str, ...] = _no_decay()
    clip: float = _clip()
    schedule: Schedule = _schedule()

    def direction(self):
        """Adam's, and the decay."""
        return [self.adaptive(), self.decay()]


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
