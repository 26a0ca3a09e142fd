"""Runs that train in step: started, resumed, told apart, and compacted.

When runs of a chunk have stopped, the living are gathered into a smaller program out
of a short list of sizes, each of which is compiled at most once.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ws_jax.engine.mapping import (
    MappedProgram,
    gather_rows,
    over_runs,
    stack_inputs,
)
from ws_jax.engine.program import Examples, RunState, Status
from ws_jax.engine.train import init_run
from ws_jax.metrics import Metrics
from ws_jax.runs import Run


class LivingRuns:
    """The runs of a chunk that still train, and the states of those that do not.

    Runs are named by their index in the chunk.

    Attributes:
      alive: the runs that train on.
      trained: the runs that trained in the epoch before, or are about to begin.
      status: of the runs in `trained`, after that epoch.
      placed: what tells the runs of the program apart, on the devices.
      state: theirs, on the devices.
    """

    def __init__(self, mapped: MappedProgram, runs: Sequence[Run]):
        """Takes the runs of a chunk; `start` or `resume` gives them their states."""
        self._mapped = mapped
        self._inputs = stack_inputs(runs)
        self._num_runs = len(runs)
        self._host: RunState | None = None  # all runs, as of the last compaction
        self.alive = self.trained = list(range(len(runs)))
        self.status = np.full(len(runs), Status.ALIVE)

    def start(self) -> Metrics:
        """Draws the initial states; returns what is measured on them."""
        self._hold(self.alive)
        state, metrics = self._mapped.init(self.placed)
        self.state = idle_after(state, len(self._held))
        return self._rows_of(self.trained, jax.device_get(metrics))

    def resume(self, load: Callable[[RunState], RunState]) -> None:
        """Goes on from saved states of all runs of the chunk.

        Args:
          load: from the shapes of the states to the states, as NumPy arrays.
        """
        # Not by the mapped program: it wants as many runs as its devices can share.
        init = over_runs(functools.partial(init_run, self._mapped.program), 0)
        like = jax.eval_shape(init, self._inputs)[0]
        self._host = load(like)
        status = self._host.status
        self.alive = np.flatnonzero(status == Status.ALIVE).tolist()
        self._gather()

    def compile(self, examples: Examples) -> Any:
        """Compiles the next epoch's program unless it is, so that epochs tell times."""
        args = (examples, np.int32(0), self.placed, self.state)
        return self._mapped.compile(*args)

    @property
    def is_compiled(self) -> bool:
        """Whether the next epoch's program is compiled."""
        return self._mapped.is_compiled(self.places)

    @property
    def places(self) -> int:
        """Runs that the program of the next epoch has room for."""
        return self.state.status.shape[0]

    def stop(self, runs: Sequence[int]) -> None:
        """Stops runs: in the next epoch they are left as they are, then done with."""
        status = np.array(self.state.status)
        status[[self._held.index(run) for run in runs]] = Status.STOPPED
        placed = self._mapped.axis.place(jnp.asarray(status))
        self.state = dataclasses.replace(self.state, status=placed)

    def test(self, examples: Examples, epoch: int) -> Metrics:
        """Scores the runs that trained last, for that epoch, on the test images."""
        totals = self._mapped.test(examples, self.placed, self.state, epoch)
        return self._rows_of(self.trained, jax.device_get(totals))

    def train_epoch(self, examples: Examples, epoch: int) -> Metrics:
        """Trains the living runs for one epoch; returns its metrics, on the host."""
        self.state, metrics = self._mapped.epoch(
            examples, self.placed, self.state, epoch
        )
        metrics, status = jax.device_get((metrics, self.state.status))
        self.trained = self.alive
        metrics, self.status = self._rows_of(self.trained, (metrics, status))
        still = self.status == Status.ALIVE
        self.alive = [run for run, s in zip(self.trained, still, strict=True) if s]
        return metrics

    def compact(self) -> None:
        """Gathers the living runs into a smaller program, where there is one for them.

        What is asked of the runs that have just ended (`test`) is asked before.
        """
        if self.alive and self._mapped.size_for(len(self.alive)) < self.places:
            self._host = self.all_states()
            self._gather()

    def all_states(self) -> RunState:
        """Returns the states of all runs of the chunk, in order."""
        if len(self._held) == self._num_runs == len(self.state.status):
            return self.state
        held, number = np.array(self._held), len(self._held)
        ended = self._host or self.state  # before any compaction, fillers are last

        def merge(old, new):
            merged = np.array(old[: self._num_runs])
            merged[held] = np.asarray(new)[:number]
            return merged

        return jax.tree.map(merge, ended, self.state)

    def _gather(self) -> None:
        self._hold(self.alive)
        state = gather_rows(self._host, self._held, len(self.placed.key))
        self.state = self._mapped.axis.place(
            jax.tree.map(np.asarray, idle_after(state, len(self._held)))
        )

    def _hold(self, runs: list[int]) -> None:
        size = self._mapped.size_for(len(runs))
        self._held = runs
        self.placed = self._mapped.axis.place(gather_rows(self._inputs, runs, size))

    def _rows_of(self, runs: list[int], tree: Any) -> Any:
        rows = [self._held.index(run) for run in runs]
        return jax.tree.map(lambda a: np.asarray(a)[rows], tree)


def idle_after(state: RunState, num_runs: int) -> RunState:
    """Marks the places of a chunk past its `num_runs` runs as IDLE."""
    place = np.arange(state.status.shape[0])
    idle = jnp.int32(Status.IDLE)
    status = jnp.where(place < num_runs, state.status, idle)
    return dataclasses.replace(state, status=status)
