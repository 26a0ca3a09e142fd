"""Whole training steps and forward passes, one run and many, and those of peers."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from benchmarks.networks import (
    NUM_CLASSES,
    SCHEMES,
    Benchmark,
    make_benchmark,
)
from benchmarks.options import Options
from benchmarks.peers.client import Peers
from benchmarks.products import step_products
from benchmarks.session import Session, timed_row
from benchmarks.timing import Case, call_case, carry_case
from ws_jax.engine.describe import count_parameters
from ws_jax.engine.mapping import MappedProgram, RunAxis, gather_rows, stack_inputs
from ws_jax.engine.program import forward
from ws_jax.engine.train import Batch, train_step
from ws_jax.lowerings import LOWERINGS, default_lowering
from ws_jax.phases import Moment

# Words that Adam moves for each parameter: it reads parameter, two moments and the
# gradient, and writes the first three.
_ADAM_WORDS = 7
_TILES = (2, 4)


def measure(session: Session) -> None:
    """Times steps of one run and of many, against bounds and peers."""
    python = session.options.peers
    with Peers(python) if python else contextlib.nullcontext() as peers:
        if peers:
            session.peers = peers.versions
        for benchmark in session.benchmarks():
            _measure(session, benchmark, peers)


def _measure(session: Session, benchmark: Benchmark, peers: Peers | None) -> None:
    ours = _our_cases(session, benchmark)
    if not ours:
        return
    several = session.options.several
    plain = make_benchmark(benchmark.network, benchmark.scheme, "lax")
    mapped = Steps(plain, several, _lax_steps(session.options), plainly=True)
    number = count_parameters(mapped.program)
    cases = [*ours.values(), mapped.step_case(f"vmap lax {several}")]
    if peers:
        cases += _peer_cases(session, benchmark, peers, number)
    products = list(step_products(benchmark))
    # One on each device, as the steps of several runs compute them.
    lone = [product.case(RunAxis(jax.local_devices())) for product in products]
    timings = session.time([*cases, *lone])
    bound = sum(timings[product.name].median for product in products)
    bound += 4 * _ADAM_WORDS * number / session.bandwidth
    flops = benchmark.flops
    base = timings[ours[several if several in ours else min(ours)].name].median
    for case in cases:
        median = timings[case.name].median
        row = timed_row(
            f"{benchmark.name}: {case.name}",
            timings[case.name],
            GFLOPs=flops / median / 1e9,
            of_ceiling=flops / median / session.product_rate,
            of_roofline=bound / median,
            against_ours=median / base,
        )
        session.keep("steps", row, ["ms", *list(row)[5:]])
    for product in products:
        timing = timings[product.name]
        rate = product.flops / timing.median
        row = timed_row(product.name, timing, GFLOPs=rate / 1e9)
        session.keep("products", row, ["ms", "GFLOPs"])


def _our_cases(session: Session, benchmark: Benchmark) -> dict[int, Case]:
    """Returns steps as a sweep takes them, by the number of runs."""
    return {
        runs: Steps(benchmark, runs, session.options.steps).step_case(f"ws_jax {runs}")
        for runs in session.runs(benchmark, states=2)
    }


def _peer_cases(
    session: Session, benchmark: Benchmark, peers: Peers, num_parameters: int
) -> list[Case]:
    def tell(case: str, reason: str) -> None:
        session.show(f"  {benchmark.name}: {case}: {reason}")

    options = session.options
    return peers.prepare(
        benchmark, num_parameters, options.steps, options.slow_peers, tell
    )


def measure_sharing(session: Session) -> None:
    """Times a step from free over tiles to full sharing."""
    schemes = ["free", *[f"tiles:{n}" for n in _TILES], "full"]
    runs = session.options.several
    for network in session.options.networks:
        cases = []
        for scheme in schemes:
            steps = Steps(make_benchmark(network, scheme), runs, session.options.steps)
            cases.append(steps.step_case(f"{network} {scheme}"))
        _compare(session, "sharing", cases, "of_free")


def measure_lowerings(session: Session) -> None:
    """Times a step under each lowering, of one run and of several."""
    options = session.options
    default = default_lowering(jax.default_backend())
    names = [default, *[name for name in LOWERINGS if name != default]]
    for network, scheme in itertools.product(options.networks, SCHEMES):
        for runs in sorted({1, options.several}):
            cases = []
            for lowering in names:
                benchmark = make_benchmark(network, scheme, lowering)
                steps = _lax_steps(options) if lowering == "lax" else options.steps
                name = f"{benchmark.name}, {runs} runs: {lowering}"
                cases.append(Steps(benchmark, runs, steps).step_case(name))
            _compare(session, "lowerings", cases, "of_default")


def _lax_steps(options: Options) -> int:
    """Returns the steps in a call under `lax`, where a CPU takes seconds for each."""
    return 1 if jax.default_backend() == "cpu" else options.steps


def _compare(session: Session, section: str, cases: list[Case], column: str) -> None:
    """Times cases against the first of them."""
    timings = session.time(cases)
    first = timings[cases[0].name].median
    for name, timing in timings.items():
        row = timed_row(name, timing, **{column: timing.median / first})
        session.keep(section, row, ["ms", column])


class Steps:
    """Training steps of a number of runs on one batch each, no augmentation.

    They are mapped as a sweep maps them, which fills its last places where devices
    cannot share the runs evenly; or, if `plainly`, by nothing but `jax.vmap`.
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
        places = self.mapped.size_for(num_runs)
        filled = gather_rows(stack_inputs(runs), range(num_runs), places)
        self.inputs = self.mapped.axis.place(filled)
        shape = (places, benchmark.batch, *benchmark.image_shape)
        images = jax.random.uniform(jax.random.key(0), shape)
        labels = jax.random.randint(jax.random.key(1), shape[:2], 0, NUM_CLASSES)
        self.batch = self.mapped.axis.place((images, labels))
        self.state, _ = self.mapped.init(self.inputs)

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
                moment = Moment(inputs.key, number, number, number)
                state, metrics = train_step(
                    self.program, inputs, {}, state, Batch(x, labels, counted),
                    moment, inputs.key,
                )  # fmt: skip
                return state, metrics["loss"].total

            return lax.scan(step, state, jnp.arange(self.steps))[0]

        return self._jit(one, donate_argnums=2)

    def forward_case(self, name: str) -> Case:
        """Forward passes; seconds are per batch and run."""

        def one(inputs, batch, variables):
            params, model_state = variables

            def classify(total, number):
                x = batch[0] + number.astype(jnp.float32) * jnp.float32(1e-6)
                logits, _ = forward(
                    self.program, inputs.config, params, model_state, {}, x
                )
                return total + logits.sum(), None

            return lax.scan(classify, jnp.float32(0), jnp.arange(self.steps))[0]

        function = self._jit(one)
        state, _ = self.mapped.init(self.inputs)  # the steps use up the other
        variables = (state.params, state.model_state)
        args = (self.inputs, self.batch, variables)
        return call_case(name, function, *args, per=self.steps * self.num_runs)

    def _jit(self, function: Callable, **options: Any) -> Any:
        if self._plainly:
            return jax.jit(jax.vmap(function), **options)
        return self.mapped.axis.jit(function, **options)
