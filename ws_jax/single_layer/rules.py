"""The rules by which a pool of neurons shares: at once, and by a circuit in time."""

from __future__ import annotations

import math

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Int

from ws_jax.config import MOST, ConfigError, config, require, static
from ws_jax.single_layer.pool import Pool, draw_input, draw_start, watch

_HIGHEST = lax.Precision.HIGHEST


@config("instant")
class Instant(Pool):
    """Kernels move at once by what responses stray from their mean.

    The rate of input i is `rate / (delay + i)`, with heavy-ball momentum. Source:
    Pogodin et al. 2021, Section 3; constants of the released code.
    """

    windows: tuple[int, ...] = static((3, 6, 9), "sides of kernels", low=1)
    gammas: tuple[float, ...] = static((1e-1, 1e-2, 1e-3), "pulls to the start", low=0)
    trials: int = static(10, "of each window and gamma", low=1)
    neurons: int = static(100, "of a pool", low=2)
    inputs: int = static(2000, "each of which moves the kernels once", low=1, high=MOST)
    points: int = static(100, "at which something is measured", low=1)
    momentum: float = static(0.95, "of the heavy ball", low=0, high=1, open_high=True)
    rate: float = static(0.5, "numerator of the rate", low=0, open_low=True)
    delay: float = static(1000.0, "inputs until the rate has halved", low=1)
    seed: int = static(0, "of all draws", low=0, high=MOST)

    def limit(self, gamma):
        """A deviation from the mean shrinks to gamma / (1 + gamma) of its start."""
        return _log_square(gamma / (1 + gamma))

    def check_converges(self):
        """The first rate, the largest, must be below the bound of every window."""
        first = self.rate / self.delay
        for window in self.windows:
            for gamma in self.gammas:
                largest = largest_rate(window**2, gamma, self.momentum)
                if first >= largest:
                    raise ConfigError(
                        f"rate: {self.rate:g} makes kernels of {window}x{window} taps "
                        f"diverge: with momentum {self.momentum:g} and gamma "
                        f"{gamma:g}, the first step of {first:.4g} must be below "
                        f"{largest:.4g}, so the rate below {largest * self.delay:.4g}; "
                        "set it, or allow_diverging"
                    )

    def one(self, key, gamma, live):
        """Simulates one run, input by input."""
        start = draw_start(key, self.neurons, live)

        def move(number, state):
            kernels, velocity = state
            x = draw_input(key, number, live)
            push = instant_push(kernels, start, x, gamma)
            rate = self.rate / (self.delay + number.astype(jnp.float32))
            velocity = self.momentum * velocity - rate * push
            return kernels + velocity, velocity

        def kernels_of(state):
            return state[0]

        state = start, jnp.zeros_like(start)
        return watch(self.recorded(), move, kernels_of, state, start, live)


@config("circuit")
class Circuit(Pool):
    """Kernels move while an inhibitory neuron takes the pool's mean away.

    An input is held for `hold` steps of Euler's method, each as long as the unit of
    `tau`. The rate of step i, counted over all inputs, is `rate / sqrt(1 + i / slow)`,
    and 0 for the first `still` steps. Source: Pogodin et al. 2021, Section 3; constants
    of the released code.
    """

    windows: tuple[int, ...] = static((3, 6, 9), "sides of kernels", low=1)
    gammas: tuple[float, ...] = static((1e-1, 1e-2, 1e-3), "pulls to the start", low=0)
    trials: int = static(1, "of each window and gamma", low=1)
    neurons: int = static(100, "of a pool", low=2)
    inputs: int = static(10_000, "each held for a while", low=1, high=MOST)
    points: int = static(100, "at which something is measured", low=1)
    momentum: float = static(0.95, "of the heavy ball", low=0, high=1, open_high=True)
    rate: float = static(3e-4, "of the first step", low=0, open_low=True)
    slow: float = static(
        2.0, "steps of which the rate takes note", low=0, open_low=True
    )
    still: int = static(51, "first steps in which kernels rest", low=0)
    hold: int = static(150, "steps for which an input is held", low=1)
    tau: float = static(30.0, "time constant of rates, in steps", low=1)
    alpha: float = static(10.0, "strength of inhibition", low=0)
    bias: float = static(1.0, "of rates")
    seed: int = static(0, "of all draws", low=0, high=MOST)

    def check(self):
        """Steps are counted over all inputs."""
        super().check()
        require(
            self.inputs * self.hold <= MOST,
            f"hold: {self.inputs} inputs of {self.hold} steps each are more than "
            f"{MOST} steps",
        )

    def limit(self, gamma):
        """The mean decays, too, and by less than what strays from it."""
        mean = self.mean_limit(gamma)
        return _log_square(gamma / (1 + gamma) / mean) if mean else -math.inf

    def mean_limit(self, gamma: float) -> float:
        """Returns what is left of the pool's mean kernel in the long run."""
        pull = gamma * (1 + self.alpha)
        return pull / (1 + pull)

    def check_converges(self):
        """Rates must settle: Euler's steps are stable for alpha < 2 tau - 1."""
        largest = 2 * self.tau - 1
        if self.alpha >= largest:
            raise ConfigError(
                f"alpha: {self.alpha:g} makes rates diverge: with tau {self.tau:g} it "
                f"must be below 2 tau - 1 = {largest:g}; set it, or allow_diverging"
            )

    def one(self, key, gamma, live):
        """Simulates one run, input by input.

        While an input is held, a kernel's change lies in the plane of its deviation
        from the start, its velocity and the input, so that its part along the input and
        two numbers common to all neurons are followed alone. This is the literal
        simulation to rounding.
        """
        start = draw_start(key, self.neurons, live)

        def move(number, state):
            x = draw_input(key, number, live)
            return self._hold(state, start, x, number * self.hold, gamma)

        def kernels_of(state):
            return start + state[0]

        zero, rest = jnp.zeros_like(start), jnp.zeros(self.neurons)
        state = zero, zero, rest, jnp.zeros(())
        return watch(self.recorded(), move, kernels_of, state, start, live)

    def _hold(self, state, start, x, first, gamma):
        """Holds an input; returns deviation, velocity, rates and inhibition."""
        apart, velocity, rates, inhibition = state
        along = jnp.matmul(apart, x, precision=_HIGHEST)
        speed = jnp.matmul(velocity, x, precision=_HIGHEST)
        drive = jnp.matmul(start, x, precision=_HIGHEST) + along
        square = jnp.dot(x, x, precision=_HIGHEST)

        def step(number, now):
            rates, inhibition, moved, speed_now, own, foreign = now
            rate = self._rate(first + number)
            new, inhibition = circuit_step(
                rates, inhibition, drive + moved, self.alpha, self.tau, self.bias
            )
            push = (new - self.bias) * square + gamma * (along + moved)
            speed_now = self.momentum * speed_now - rate * push
            own = _orthogonal(own, 1.0, rate * gamma, self.momentum)
            foreign = _orthogonal(foreign, 0.0, rate * gamma, self.momentum)
            return new, inhibition, moved + speed_now, speed_now, own, foreign

        nothing = jnp.zeros(())
        now = (
            rates, inhibition, jnp.zeros_like(along), speed,
            (nothing, nothing), (nothing, nothing + 1),
        )  # fmt: skip
        rates, inhibition, moved, last, own, foreign = lax.fori_loop(
            0, self.hold, step, now
        )
        # What moves beside the input, and what is left of the part along it.
        aside = own[0] * apart + foreign[0] * velocity
        aside_speed = own[1] * apart + foreign[1] * velocity
        rest = moved - own[0] * along - foreign[0] * speed
        rest_speed = last - own[1] * along - foreign[1] * speed
        unit = x / square
        apart = apart + aside + rest[:, None] * unit[None]
        velocity = aside_speed + rest_speed[:, None] * unit[None]
        return apart, velocity, rates, inhibition

    def _rate(self, step: Int[Array, ""]) -> Float[Array, ""]:
        time = step.astype(jnp.float32)
        rate = self.rate / jnp.sqrt(1 + time / self.slow)
        return jnp.where(step < self.still, 0.0, rate)


def instant_push(
    kernels: Float[Array, "neurons taps"],
    start: Float[Array, "neurons taps"],
    x: Float[Array, "taps"],
    gamma: float | Float[Array, ""],
) -> Float[Array, "neurons taps"]:
    """Returns against what the instant rule moves kernels.

    It is the gradient of half the squared deviation of responses from their mean, and
    of gamma / 2 times the squared deviation of kernels from the start.
    """
    response = jnp.matmul(kernels, x, precision=_HIGHEST)
    stray = response - jnp.mean(response)
    return stray[:, None] * x[None] + gamma * (kernels - start)


def circuit_step(
    rates: Float[Array, "neurons"],
    inhibition: Float[Array, ""],
    drive: Float[Array, "neurons"],
    alpha: float,
    tau: float,
    bias: float,
) -> tuple[Float[Array, "neurons"], Float[Array, ""]]:
    """Moves rates and their inhibition by a step of Euler's method, both at once.

    Args:
      rates: of the neurons.
      inhibition: rate of the inhibitory neuron.
      drive: responses of the kernels to the input.
      alpha: strength of inhibition.
      tau: time constant, in steps.
      bias: of rates.
    """
    target = drive - alpha * inhibition + bias
    mean = jnp.mean(rates)
    after = inhibition + (mean - bias - inhibition) / tau
    return rates + (target - rates) / tau, after


def _orthogonal(parts, whole, pull, momentum):
    """Moves (change of place, velocity) of what no input touches; it began at whole."""
    moved, speed = parts
    speed = momentum * speed - pull * (whole + moved)
    return moved + speed, speed


def largest_rate(taps: int, gamma: float = 0.0, momentum: float = 0.0) -> float:
    """Returns the constant rate above which the instant rule diverges.

    That is the rate r at which the expected squared deviation no longer shrinks,

        r = 2 (1 + gamma) (1 - m) / (q - 2 m (1 + gamma)^2 / (1 + m)),

    with m the momentum and q = (1 + gamma)^2 + taps + 1, the mean square of x x^T +
    gamma for N(0, 1) inputs. It explains why the released code takes a
    smaller rate for 18x18 taps.

    Source: ours.
    """
    pulled = (1 + gamma) ** 2
    square = pulled + taps + 1
    rest = square - 2 * momentum * pulled / (1 + momentum)
    return 2 * (1 + gamma) * (1 - momentum) / rest


def _log_square(value: float) -> float:
    return 2 * math.log(value) if value else -math.inf
