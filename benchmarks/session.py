"""What the sections of a benchmark share: options, rates, and what was measured."""

from __future__ import annotations

import dataclasses
import math
import platform
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax

from benchmarks.networks import SCHEMES, Benchmark, make_benchmark
from benchmarks.options import Options
from benchmarks.timing import Case, Timing, time_cases
from ws_jax.cli import num_cores
from ws_jax.engine.describe import count_parameters
from ws_jax.engine.memory import available_bytes
from ws_jax.storage.workdir import environment

Row = dict[str, Any]
_STATE_WORDS = 3  # a parameter and its two moments


class Session:
    """Times, prints what is found as it goes, and keeps it for the record.

    Attributes:
      options: what to measure.
      product_rate: operations a second of a large product, once it is known.
      bandwidth: bytes a second of a copy, read and written, once it is known.
      sections: what was measured, rows by section.
      peers: versions of the frameworks that steps were compared with.
    """

    def __init__(self, options: Options, show: Callable[[str], None]):
        """Takes what to measure and where to print."""
        self.options = options
        self.show = show
        self.product_rate = self.bandwidth = math.nan
        self.sections: dict[str, list[Row]] = {}
        self.peers: dict[str, str] = {}

    def benchmarks(self) -> list[Benchmark]:
        """The networks to measure, each as CNN and as FCN."""
        networks = self.options.networks
        return [make_benchmark(n, scheme) for n in networks for scheme in SCHEMES]

    def runs(self, benchmark: Benchmark, states: float) -> list[int]:
        """The numbers of runs to measure; those that the memory cannot hold are told.

        Args:
          benchmark: the network.
          states: how often each run's state is held.
        """
        program = benchmark.program(benchmark.dataset(1, 1))
        each = states * _STATE_WORDS * 4 * count_parameters(program)
        free = len(jax.local_devices()) * available_bytes(jax.local_devices())
        fitting = []
        for runs in self.options.runs:
            if runs * each <= free:
                fitting.append(runs)
            else:
                self.show(f"  {benchmark.name}, {runs} runs: too little memory")
        return fitting

    def time(self, cases: Sequence[Case], rounds: int = 0) -> dict[str, Timing]:
        """Times cases side by side; returns timings by name."""
        return time_cases(cases, rounds or self.options.rounds)

    def keep(self, section: str, row: Row, columns: Sequence[str]) -> None:
        """Keeps a row for the record, and shows some of its columns."""
        if section not in self.sections:
            self.show(f"\n{section}")
        self.sections.setdefault(section, []).append(row)
        self.show(line(row, columns))

    def record(self) -> dict[str, Any]:
        """Returns all that was measured, with the machine and the versions."""
        # Without the path of the peers, which is of this machine alone.
        options = dataclasses.asdict(self.options).items()
        return {
            **describe_machine(),
            "peers": self.peers,
            "options": {name: value for name, value in options if name != "peers"},
            "sections": self.sections,
        }


def timed_row(name: str, timing: Timing, **figures: float) -> Row:
    """Returns a row of what was timed."""
    return {
        "name": name,
        "median_s": timing.median,
        "best_s": timing.best,
        "worst_s": timing.worst,
        "rounds": timing.rounds,
        **figures,
    }


def line(row: Row, columns: Sequence[str]) -> str:
    """Returns one row of a table for a person: the name, the time, the columns."""
    values = {"ms": row.get("median_s", 0) * 1e3, **row}
    cells = [f"{c} {values[c]:,.3g}" for c in columns if c in values]
    return f"  {row['name']:42}  " + "   ".join(cells)


def describe_machine() -> dict[str, Any]:
    """Returns what the numbers hold for: the processor, the devices, the versions."""
    processor = {"name": _processor() or platform.processor(), "cores": num_cores()}
    return {"processor": processor, **environment()}


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return ""
    names = [line for line in lines if line.startswith("model name")]
    return names[0].partition(":")[2].strip() if names else ""
