"""Timing of calls side by side, so that a ratio of two comes from the same minutes."""

from __future__ import annotations

import dataclasses
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax


@dataclasses.dataclass(frozen=True)
class Case:
    """Something to time.

    Attributes:
      name: unique among what is timed together.
      measure: does it once and returns the seconds that it took.
    """

    name: str
    measure: Callable[[], float]


@dataclasses.dataclass(frozen=True)
class Timing:
    """Seconds of one case over the rounds."""

    median: float
    best: float
    worst: float
    rounds: int


def time_cases(
    cases: Sequence[Case],
    rounds: int,
    budget: float = 30.0,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, Timing]:
    """Times cases in turn, round by round, each after one call that is not counted.

    Args:
      cases: to compare.
      rounds: how often each is timed.
      budget: seconds on the clock, of its counted calls as a whole, after which a slow
        case is left out of further rounds.
      clock: tells seconds.
    Returns:
      Timings by name.
    """
    seconds: dict[str, list[float]] = {case.name: [] for case in cases}
    spent = dict.fromkeys(seconds, 0.0)
    for case in cases:
        case.measure()
    for _ in range(rounds):
        for case in cases:
            if spent[case.name] < budget:
                started = clock()
                seconds[case.name].append(case.measure())
                spent[case.name] += clock() - started
    return {name: _summary(values) for name, values in seconds.items()}


def _summary(seconds: list[float]) -> Timing:
    return Timing(statistics.median(seconds), min(seconds), max(seconds), len(seconds))


def call_case(name: str, function: Callable, *args: Any, per: float = 1) -> Case:
    """Returns a case that calls a compiled function; `per` divides its time."""

    def measure() -> float:
        started = time.perf_counter()
        jax.block_until_ready(function(*args))
        return (time.perf_counter() - started) / per

    return Case(name, measure)


def carry_case(name: str, function: Callable, state: Any, *, per: float = 1) -> Case:
    """As `call_case`, for a function that uses up its argument and returns the next."""
    held = [state]

    def measure() -> float:
        started = time.perf_counter()
        held[0] = jax.block_until_ready(function(held[0]))
        return (time.perf_counter() - started) / per

    return Case(name, measure)


def repeated(function: Callable, times: int) -> Callable:
    """Returns a function of arrays that computes `function` a number of times.

    As in a scan over training steps, all but the first write to memory that is
    already mapped. A barrier keeps the arrays from being known as unchanged, else
    what is computed from them would move out of the loop; to change an element of
    each would copy them.
    """

    def loop(*arrays):
        def once(number, carry):
            *same, _ = lax.optimization_barrier((*carry[0], number))
            return same, function(*same)

        shapes = jax.eval_shape(function, *arrays)
        empty = jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), shapes)
        return lax.fori_loop(0, times, once, (list(arrays), empty))[1]

    return loop
