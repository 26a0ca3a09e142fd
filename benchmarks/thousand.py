"""A thousand small runs: planned, read back, and started again once they are finished.

What a sweep costs that grows with the number of its runs, and not with their training.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.session import Session, timed_row
from benchmarks.timing import Case
from ws_jax import data, results
from ws_jax.engine import run_sweep
from ws_jax.engine.study import prepare
from ws_jax.models import ConvNet
from ws_jax.runs import Data, Evaluation, Execution, Run, Sweep, Train

FOLDS, SEEDS, RATES = 5, 20, 10
ROOT = Path(__file__).parents[1]


def sweep() -> Sweep:
    """Returns a thousand runs of a tiny network: one epoch on 60 images."""
    network = ConvNet(features=(2,), kernel_sizes=(3,), strides=(2,), hidden=4)
    base = Run(
        data=Data("synthetic:60x10x10x1", num_folds=FOLDS),
        network=network,
        train=Train(epochs=1, batch_size=16),
        evaluation=Evaluation(views=()),
        execution=Execution(chunk=100),
    )
    axes = {
        "fold": tuple(range(FOLDS)),
        "seed": tuple(range(SEEDS)),
        "train.optimizer.learning_rate": tuple(1e-4 * (i + 1) for i in range(RATES)),
    }
    return Sweep("thousand", base, axes).checked()


def get_config() -> Sweep:
    """Returns the same for the command line."""
    return sweep()


def measure(session: Session) -> None:
    """Trains them once, and times what is done about them.

    `planned` begins with the data in memory, and ends with the columns of all runs.
    `again` finds the sweep finished, in this process and in a new one with its imports.
    """
    asked = sweep()
    data.load(asked.base.data.name)
    with tempfile.TemporaryDirectory(prefix="ws_jax_benchmark_") as folder:
        run_sweep(asked, folder)
        command = [
            *(sys.executable, "-m", "launch.sweep"),
            *(f"--config={__file__}", f"--workdir={folder}"),
        ]
        cases = [
            Case("planned", lambda: _seconds(lambda: prepare(asked).columns)),
            Case("read back", lambda: _seconds(lambda: results.read(folder))),
            Case("again", lambda: _seconds(lambda: run_sweep(asked, folder))),
            Case("again, new process", lambda: _seconds(lambda: _run(command))),
        ]
        for name, timing in session.time(cases).items():
            row = timed_row(f"1,000 runs, {name}", timing)
            session.keep("thousand", row, ["ms"])


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True, capture_output=True, cwd=ROOT)


def _seconds(do: Callable[[], Any]) -> float:
    started = time.perf_counter()
    do()
    return time.perf_counter() - started
