"""What compaction saves where runs stop one after the other."""

from __future__ import annotations

import dataclasses
import time

import jax
import numpy as np

from benchmarks.networks import Benchmark, make_benchmark
from benchmarks.session import Session
from ws_jax.engine.living import LivingRuns
from ws_jax.engine.mapping import MappedProgram


def measure(session: Session) -> None:
    """Times a chunk in which one run stops in each epoch."""
    runs = session.options.several
    for network in session.options.networks:
        benchmark = make_benchmark(network, "free")
        held = train_staggered(benchmark, runs, compact=False)
        compacted = train_staggered(benchmark, runs, compact=True)
        differences = jax.tree.map(
            lambda a, b: float(abs(a - b).max()), held.params, compacted.params
        )
        row = {
            "name": f"{benchmark.name}, {runs} runs, one stops in each epoch",
            "held_s": held.seconds,
            "compacted_s": compacted.seconds,
            "of_held": compacted.seconds / held.seconds,
            "largest_difference": max(jax.tree.leaves(differences)),
            "sizes": compacted.sizes,
        }
        columns = ["held_s", "compacted_s", "of_held", "largest_difference"]
        session.keep("compaction", row, columns)


@dataclasses.dataclass(frozen=True)
class Staggered:
    """A chunk trained to its end while one run after the other stops."""

    seconds: float  # of all epochs, without compilation
    epochs: int
    sizes: tuple[int, ...]  # places in the program of each epoch
    params: object  # of all runs, at the end


def train_staggered(benchmark: Benchmark, num_runs: int, compact: bool) -> Staggered:
    """Trains a chunk for as many epochs as it has runs; one stops in each.

    Args:
      benchmark: the network.
      num_runs: runs, and epochs.
      compact: whether the living are gathered into smaller programs.
    """
    data = benchmark.dataset(8, 2)
    program = benchmark.program(data)
    mapped = MappedProgram(program, num_runs, jax.local_devices())
    if not compact:
        mapped.sizes = mapped.sizes[:1]
    runs = benchmark.group.runs[:num_runs]
    living = LivingRuns(mapped, runs)
    living.start()
    examples = mapped.axis.replicate(benchmark.examples(data))
    seconds, sizes = 0.0, []
    for epoch in range(num_runs):
        sizes.append(living.places)
        living.compile(examples)
        living.stop([living.alive[0]])
        started = time.perf_counter()
        living.train_epoch(examples, epoch)
        living.compact()
        seconds += time.perf_counter() - started
    params = jax.tree.map(np.asarray, living.all_states().params)
    return Staggered(seconds, num_runs, tuple(sizes), params)
