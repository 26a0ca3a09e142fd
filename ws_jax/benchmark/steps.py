"""Whole training steps and forward passes, one run and many."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from ws_jax.benchmark.networks import NUM_CLASSES, Benchmark
from ws_jax.benchmark.timing import Case, call_case, carry_case
from ws_jax.data import folds
from ws_jax.mapping import MappedProgram, stack_inputs
from ws_jax.program import forward
from ws_jax.train import init_run, train_step


class Steps:
    """Training steps of a number of runs on one batch each, no augmentation.

    They are mapped as a sweep maps them; or, if `plainly`, by nothing but `jax.vmap`.
    """

    def __init__(
        self, benchmark: Benchmark, num_runs: int, steps: int, plainly: bool = False
    ):
        """Makes states and batches."""
        data = benchmark.dataset(16, 4)
        self.program = benchmark.program(data)
        self.num_runs, self.steps = num_runs, steps
        devices = jax.local_devices()[: 1 if plainly else num_runs]
        self.mapped = MappedProgram(self.program, num_runs, devices)
        self._plainly = plainly
        runs = benchmark.group.runs[:num_runs]
        all_folds = folds(len(data), benchmark.config.data.num_folds)
        inputs = self.mapped.place(stack_inputs(runs, all_folds))
        shape = (num_runs, benchmark.batch, *benchmark.image_shape)
        images = jax.random.uniform(jax.random.key(0), shape)
        labels = jax.random.randint(jax.random.key(1), shape[:2], 0, NUM_CLASSES)
        self.batch = self.mapped.place((images, labels))
        self.inputs = inputs
        self.state, _ = self.mapped.init(inputs)

    def step_case(self, name: str) -> Case:
        """Training steps; seconds are per step and run."""
        compiled = self._steps()
        return carry_case(
            name,
            lambda state: compiled(self.inputs, self.batch, state),
            self.state,
            per=self.steps * self.num_runs,
        )

    def lower(self) -> Any:
        """Returns the steps, lowered but not compiled."""
        return self._steps().lower(self.inputs, self.batch, self.state)

    def _steps(self) -> Any:
        def one(inputs, batch, state):
            images, labels = batch
            counted = jnp.ones(labels.shape, bool)

            def step(state, number):
                # Steps differ, so that nothing moves out of the loop.
                x = images + number.astype(jnp.float32) * jnp.float32(1e-6)
                state, metrics = train_step(
                    self.program, inputs, {}, state, (x, labels, counted), number
                )
                return state, metrics["loss"].total

            return lax.scan(step, state, jnp.arange(self.steps))[0]

        return self._jit(one, donate_argnums=2)

    def forward_case(self, name: str) -> Case:
        """Forward passes; seconds are per batch and run."""

        def one(batch, state):
            def classify(total, number):
                x = batch[0] + number.astype(jnp.float32) * jnp.float32(1e-6)
                logits, _ = forward(
                    self.program, state.params, state.model_state, {}, x, train=False
                )
                return total + logits.sum(), None

            return lax.scan(classify, jnp.float32(0), jnp.arange(self.steps))[0]

        function = self._jit(one)
        state, _ = self.mapped.init(self.inputs)  # the steps use up the other
        return call_case(
            name, function, self.batch, state, per=self.steps * self.num_runs
        )

    def _jit(self, function: Callable, **options: Any) -> Any:
        if self._plainly:
            return jax.jit(jax.vmap(function), **options)
        return self.mapped.jit(function, **options)

    def parameter_bytes(self) -> int:
        """Bytes of one run's parameters."""
        shapes = jax.eval_shape(
            lambda i: init_run(self.program, i)[0].params,
            jax.tree.map(lambda a: a[0], self.inputs),
        )
        return sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(shapes))
