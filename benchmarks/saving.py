"""What it costs to save a chunk of runs after every epoch."""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import jax

from benchmarks.epochs import TRAIN_BATCHES, Epochs
from benchmarks.networks import make_benchmark
from benchmarks.session import Session, timed_row
from benchmarks.timing import Case
from ws_jax.storage.checkpoint import open_chunk
from ws_jax.storage.stored import Saved

# An epoch of the benchmark is short. What a save costs does not hang on its length,
# until it is too short to write in the background.
TRAIN_IMAGES = {"mnist": 56_000, "cifar10": 48_000}  # four of five folds
SAVED_EPOCHS = 3
COLUMNS = (
    "epoch_s", "save_s", "alone_s", "whole_epoch_s", "of_whole_epoch", "at_most",
    "state_MB",
)  # fmt: skip


def measure(session: Session) -> None:
    """Times epochs with and without a checkpoint after each."""
    runs = session.options.several
    for network in session.options.networks:
        benchmark = make_benchmark(network, "free")
        epochs = Epochs(benchmark, runs)
        with tempfile.TemporaryDirectory() as folder:
            cases = [
                _case("epochs", epochs, epochs.train, ""),
                _case("saved", epochs, epochs.train, folder),
                _case("alone", epochs, lambda epoch: None, folder),
            ]
            timings = session.time(cases)
        bare, saved = timings["epochs"].median, timings["saved"].median
        batch = benchmark.run.train.batch_size
        whole = bare * TRAIN_IMAGES[network] / batch / TRAIN_BATCHES
        state = epochs.living.all_states()
        row = timed_row(
            f"{benchmark.name}, {runs} runs, saved after each epoch",
            timings["saved"],
            epoch_s=bare,
            save_s=saved - bare,
            alone_s=timings["alone"].median,
            whole_epoch_s=whole,
            of_whole_epoch=(saved - bare) / whole,
            # Where nothing of it would be written beside the training.
            at_most=timings["alone"].median / whole,
            state_MB=sum(leaf.nbytes for leaf in jax.tree.leaves(state)) / 1e6,
        )
        session.keep("saving", row, COLUMNS)


def _case(name: str, epochs: Epochs, train: Callable[[int], None], folder: str) -> Case:
    """Some epochs of a chunk, from opening its checkpoints to the last one's writing.

    Seconds are of an epoch of all runs. Without a folder nothing is saved.
    """
    count = iter(range(10**6))

    def measure() -> float:
        started = time.perf_counter()
        with contextlib.ExitStack() as stack:
            chunk = None
            if folder:
                path = Path(folder) / f"{name}_{next(count)}"
                chunk = stack.enter_context(open_chunk(path, keep=1))
            for epoch in range(1, SAVED_EPOCHS + 1):
                train(epoch)
                if chunk:
                    rows = [{"run": "r"}]
                    chunk.save(epochs.living.all_states(), Saved(epoch, False, rows))
        return (time.perf_counter() - started) / SAVED_EPOCHS

    return Case(name, measure)
