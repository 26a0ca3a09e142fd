"""One layer that learns to share: a pool of neurons which all see the same input.

Every neuron of the pool has a kernel of its own, which starts at 1 + N(0, 1) in every
tap; inputs are N(0, 1). Two rules move the kernels (`rules`):

- `Instant`: a kernel moves by what its response strays from the mean of the pool, at
  once, `w_i <- w_i - rate ((z_i - mean z) x + gamma (w_i - w_i at the start))`;
- `Circuit`: the mean is taken away by an inhibitory neuron, in time. An input is held
  for a while, rates follow `tau r_i' = -r_i + z_i - alpha r_inh + b` and
  `tau r_inh' = -r_inh + mean r - b`, and `r_i - b` stands in the place of what strays.

Kernels of all sizes, strengths of the pull and trials are one program for each rule:
small kernels are filled up with taps whose input is always zero.
"""

from __future__ import annotations

from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float, Int, Key

from ws_jax.config import Config, require
from ws_jax.keys import make_key


class Records(NamedTuple):
    """What is measured of a run, [..., points]; the first is the start.

    Attributes:
      inverse: mean over taps of variance over squared mean, as in the released code.
      ratio: mean over taps of squared mean over variance, as in the paper.
      mean: norm of the pool's mean kernel, in units of that at the start.
      cosine: of the angle between the pool's mean kernel and that at the start.
    """

    inverse: Float[Array, "*points"]
    ratio: Float[Array, "*points"]
    mean: Float[Array, "*points"]
    cosine: Float[Array, "*points"]


class Run(NamedTuple):
    """What tells runs of a rule apart.

    Attributes:
      window: side of the kernel; it has `window` squared taps.
      gamma: strength of the pull to the kernels at the start.
      trial: number of the trial. Trials of one window have the same kernels at the
        start and the same inputs under every gamma.
    """

    window: int
    gamma: float
    trial: int


class Pool(Config):
    """The base of the rules: their constants, and the runs of a study."""

    kinds: ClassVar[dict] = {}

    windows: tuple[int, ...]
    gammas: tuple[float, ...]
    trials: int
    neurons: int
    inputs: int
    points: int
    momentum: float
    rate: float
    seed: int

    def runs(self) -> list[Run]:
        """Returns the runs: every window, under every gamma, in every trial."""
        trials = range(self.trials)
        return [Run(w, g, t) for w in self.windows for g in self.gammas for t in trials]

    @property
    def num_runs(self) -> int:
        """How many runs there are."""
        return len(self.windows) * len(self.gammas) * self.trials

    @property
    def least_bytes(self) -> int:
        """What kernels take: those of now and those at the start."""
        return 2 * 4 * self.num_runs * self.neurons * max(self.windows) ** 2

    def recorded(self) -> Int[np.ndarray, "points"]:
        """Returns after how many inputs something is measured, 0 first."""
        return np.unique(np.round(np.linspace(0, self.inputs, self.points + 1))).astype(
            np.int32
        )

    def limit(self, gamma: float) -> float:
        """Returns what the logarithm of the inverse SNR falls by in the long run.

        Derived for inputs whose mean square is the unit matrix.
        """
        raise NotImplementedError

    def check_converges(self) -> None:
        """Raises `ConfigError` if kernels diverge; the bound is named."""
        raise NotImplementedError

    def check(self) -> None:
        """A study has runs, each once, and at most as many points as inputs."""
        for name in ("windows", "gammas"):
            values = getattr(self, name)
            require(
                len(set(values)) == len(values) > 0,
                f"{name}: {values} are none, or one is there twice",
            )
        require(
            self.points <= self.inputs,
            f"points: {self.points} are more than the {self.inputs} inputs",
        )

    def simulate(self) -> Records:
        """Runs all runs in one program, each as it would run alone.

        Returns:
          What is measured, [runs, points], in the order of `runs` and `recorded`.
        """
        return _simulate(self)

    def one(
        self,
        key: Key[Array, ""],
        gamma: Float[Array, ""],
        live: Float[Array, "taps"],
    ) -> Records:
        """Simulates one run.

        Args:
          key: of its kernels and inputs.
          gamma: as in `Run`.
          live: 1 for a tap of its kernel, 0 for one that fills up.
        """
        raise NotImplementedError


def draw_start(
    key: Key[Array, ""], neurons: int, live: Float[Array, "taps"]
) -> Float[Array, "neurons taps"]:
    """Draws kernels at the start; those of fewer taps are the first of more."""
    draws = jax.random.normal(jax.random.fold_in(key, 0), (live.size, neurons))
    return (1 + draws.T) * live[None]


def draw_input(
    key: Key[Array, ""], number: Int[Array, ""], live: Float[Array, "taps"]
) -> Float[Array, "taps"]:
    """Draws an input, N(0, 1) in the live taps; that of fewer is the first of more.

    Args:
      key: of the run.
      number: of the input, from 0.
      live: as in `Pool.one`.
    """
    key = jax.random.fold_in(jax.random.fold_in(key, 1), number)
    return jax.random.normal(key, live.shape) * live


def run_key(seed: int, window: int, trial: int) -> Key[Array, ""]:
    """Returns the key of a run: gamma does not change it."""
    return jax.random.fold_in(jax.random.fold_in(make_key(seed), window), trial)


def measure(
    kernels: Float[Array, "neurons taps"],
    start: Float[Array, "neurons taps"],
    live: Float[Array, "taps"],
) -> Records:
    """Measures a pool: its SNR in two forms, and how its mean kernel has changed.

    Args:
      kernels: of the pool.
      start: what they were.
      live: as in `Pool.one`; other taps do not count.
    """
    mean, before = jnp.mean(kernels, axis=0), jnp.mean(start, axis=0)
    variance = jnp.mean((kernels - mean[None]) ** 2, axis=0)
    square, real = mean**2, live > 0
    count = jnp.sum(live)
    inverse = jnp.sum(jnp.where(real, variance / jnp.where(real, square, 1), 0)) / count
    ratio = jnp.sum(jnp.where(real, square / jnp.where(real, variance, 1), 0)) / count
    norm, first = jnp.sqrt(jnp.sum(square)), jnp.sqrt(jnp.sum(before**2))
    return Records(inverse, ratio, norm / first, jnp.sum(mean * before) / norm / first)


def watch(times, move, kernels_of, state, start, live) -> Records:
    """Moves a pool input by input, and measures it at the given times."""

    def to_next(state, ends):
        state = lax.fori_loop(ends[0], ends[1], move, state)
        return state, measure(kernels_of(state), start, live)

    first = measure(start, start, live)
    _, later = lax.scan(to_next, state, (times[:-1], times[1:]))
    return Records(
        *(jnp.concatenate([a[None], b]) for a, b in zip(first, later, strict=True))
    )


def _simulate(pool: Pool) -> Records:
    runs = pool.runs()
    most = max(pool.windows) ** 2
    live = np.array([np.arange(most) < run.window**2 for run in runs], np.float32)
    gammas = np.array([run.gamma for run in runs], np.float32)
    keys = jnp.stack([run_key(pool.seed, run.window, run.trial) for run in runs])
    return jax.jit(jax.vmap(pool.one))(keys, gammas, live)
