"""What it costs to save a chunk of runs after every epoch."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import jax

from benchmarks.epochs import TRAIN_BATCHES, Epochs
from benchmarks.networks import make_benchmark
from benchmarks.session import Session, timed_row
from benchmarks.timing import Case
from ws_jax.checkpoint import open_chunk
from ws_jax.stored import Saved

# An epoch of the benchmark is short. What a save costs does not hang on its length,
# until it is too short to write in the background.
TRAIN_IMAGES = {"mnist": 56_000, "cifar10": 48_000}  # four of five folds
SAVED_EPOCHS = 3


def measure(session: Session) -> None:
    """Times epochs with and without a checkpoint after each."""
    runs = session.options.several
    for network in session.options.networks:
        benchmark = make_benchmark(network, "free")
        epochs = Epochs(benchmark, runs)
        with tempfile.TemporaryDirectory() as folder:
            cases = [_case("epochs", epochs, None), _case("saved", epochs, folder)]
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
            whole_epoch_s=whole,
            of_whole_epoch=(saved - bare) / whole,
            state_MB=sum(leaf.nbytes for leaf in jax.tree.leaves(state)) / 1e6,
        )
        columns = ["epoch_s", "save_s", "whole_epoch_s", "of_whole_epoch", "state_MB"]
        session.keep("saving", row, columns)


def _case(name: str, epochs: Epochs, folder: str | None) -> Case:
    """Some epochs of a chunk, from opening its checkpoints to the last one's writing.

    Seconds are of an epoch of all runs.
    """
    count = iter(range(10**6))

    def train(save) -> None:
        for epoch in range(1, SAVED_EPOCHS + 1):
            epochs.train(epoch)
            save(epoch)

    def measure() -> float:
        started = time.perf_counter()
        if folder is None:
            train(lambda epoch: None)
        else:
            with open_chunk(Path(folder) / str(next(count)), keep=1) as chunk:
                train(
                    lambda epoch: chunk.save(
                        epochs.living.all_states(), Saved(epoch, False, [{"run": "r"}])
                    )
                )
        return (time.perf_counter() - started) / SAVED_EPOCHS

    return Case(name, measure)
