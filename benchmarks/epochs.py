"""Whole epochs as a sweep trains them, their compilation and their memory."""

from __future__ import annotations

import dataclasses
import time

import jax

from benchmarks.networks import Benchmark
from benchmarks.session import Session, timed_row
from benchmarks.steps import Steps
from benchmarks.timing import Case
from ws_jax.engine.living import LivingRuns
from ws_jax.engine.mapping import MappedProgram

# An epoch of the benchmark: four to one, as in five folds.
TRAIN_BATCHES, VALIDATION_BATCHES = 16, 4


def measure(session: Session) -> None:
    """Times whole epochs against the steps and forward passes in them."""
    for benchmark in session.benchmarks():
        for runs in session.runs(benchmark, states=3):
            epochs = Epochs(benchmark, runs)
            bare = Steps(benchmark, runs, session.options.steps)
            step, forward = bare.step_case("step"), bare.forward_case("forward")
            timings = session.time([step, forward, epochs.case("epoch")])
            floor = epochs.bare(timings["step"].median, timings["forward"].median)
            row = timed_row(
                f"{benchmark.name}, {runs} runs",
                timings["epoch"],
                step_ms=timings["step"].median * 1e3,
                forward_ms=timings["forward"].median * 1e3,
                over_bare=timings["epoch"].median / floor,
            )
            session.keep("epochs", row, ["ms", "step_ms", "forward_ms", "over_bare"])


def measure_compilation(session: Session) -> None:
    """Compiles the epochs of one run and of many, and reads what they need."""
    for benchmark in session.benchmarks():
        for runs in session.options.runs:
            compiled = Epochs(benchmark, runs).compiled
            row = {
                "name": f"{benchmark.name}, {runs} runs",
                "compile_s": compiled.seconds,
                "arguments_MB": compiled.arguments / 1e6,
                "temporary_MB": compiled.temporary / 1e6,
            }
            session.keep("compilation", row, list(row)[1:])


@dataclasses.dataclass(frozen=True)
class Compiled:
    """What it took to compile an epoch, and what it needs."""

    seconds: float
    arguments: int  # bytes
    temporary: int  # bytes beyond arguments and results


class Epochs:
    """Epochs of a number of runs: augmentation, steps, evaluations, measures."""

    def __init__(self, benchmark: Benchmark, num_runs: int):
        """Makes data and states, and compiles."""
        data = benchmark.dataset(TRAIN_BATCHES, VALIDATION_BATCHES)
        program = benchmark.program(data)
        self.num_runs = num_runs
        devices = jax.local_devices()[:num_runs]
        self.mapped = MappedProgram(program, num_runs, devices)
        runs = benchmark.group.runs[:num_runs]
        self.living = LivingRuns(self.mapped, runs)
        self.living.start()
        self._examples = self.mapped.axis.replicate(benchmark.examples(data))
        self.compiled = self._compile()
        self.evaluations = 1 + len(benchmark.run.evaluation.views)

    def _compile(self) -> Compiled:
        started = time.perf_counter()
        compiled = self.living.compile(self._examples)
        seconds = time.perf_counter() - started
        memory = compiled.memory_analysis()
        return Compiled(
            seconds, memory.argument_size_in_bytes, memory.temp_size_in_bytes
        )

    def case(self, name: str) -> Case:
        """Epochs; seconds are per run."""
        epoch = iter(range(10**6))

        def measure() -> float:
            started = time.perf_counter()
            self.train(next(epoch))
            return (time.perf_counter() - started) / self.num_runs

        return Case(name, measure)

    def train(self, epoch: int) -> None:
        """Trains an epoch of all runs."""
        self.living.train_epoch(self._examples, epoch)

    def bare(self, step: float, forward: float) -> float:
        """Seconds of the steps and forward passes in an epoch, given those of one."""
        passes = self.evaluations * VALIDATION_BATCHES
        return TRAIN_BATCHES * step + passes * forward
