"""Runs a sweep from config to results: the one place where side effects are ordered.

A sweep's folder holds `sweep.json` (config, plan, versions, device, data),
`checkpoints/`, and `results.parquet`. Chunks of runs train one after the other, each
to its end; whatever happens in between, starting the same sweep again goes on from
the newest checkpoint of each chunk.
"""

from __future__ import annotations

import dataclasses
import functools
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from absl import logging

from ws_jax import results
from ws_jax.checkpoint import ChunkCheckpoints, Saved, chunk_folder, open_chunk
from ws_jax.config import ExperimentConfig
from ws_jax.mapping import MappedProgram
from ws_jax.metrics import Metrics
from ws_jax.plan import Group
from ws_jax.program import Status
from ws_jax.progress import Progress
from ws_jax.study import (
    Chunk,
    Study,
    describe_chunks,
    make_chunks,
    map_groups,
    prepare,
    recorded_chunks,
    run_columns,
)
from ws_jax.sweep import LivingRuns
from ws_jax.workdir import Interrupted, Workdir, make_record, stop_requests

_STATUS_NAMES = {
    Status.ALIVE: "running",
    Status.STOPPED: "stopped",
    Status.DIVERGED: "diverged",
}


def run_sweep(
    config: ExperimentConfig,
    workdir: str | Path,
    *,
    data_dir: str | None = None,
    overwrite: bool = False,
) -> Path:
    """Trains all runs of a sweep and writes their results; goes on where it was.

    Args:
      config: of the sweep.
      workdir: folder of the sweep, made if missing.
      data_dir: folder with prepared or raw data.
      overwrite: whether results of an earlier sweep may be removed.
    Returns:
      The path of the results.
    Raises:
      ConfigError, DataError: as `prepare`; ConfigError also as `make_chunks`.
      WorkdirError: if the folder cannot be written, is in use, or holds another
        sweep and `overwrite` is not set.
      Interrupted: after SIGTERM or SIGINT, once all is saved.
    """
    study = prepare(config, data_dir)
    mapped = map_groups(study)
    with Workdir(workdir) as folder, stop_requests() as stop:
        new = make_record(config, study.dataset)
        record = folder.find(new, overwrite)
        if record is None:
            chunks = describe_chunks(study, make_chunks(study, mapped))
            record = folder.begin({**new, "chunks": chunks})
        chunks = recorded_chunks(study, record)
        return _Sweep(study, chunks, mapped, folder.path, stop).run()


class _Sweep:
    """The host's loop over chunks and epochs."""

    def __init__(
        self,
        study: Study,
        chunks: Sequence[Chunk],
        mapped: dict[str, MappedProgram],
        path: Path,
        stop: threading.Event,
    ):
        self.study = study
        self.chunks = chunks
        self.mapped = mapped
        self.path = path
        self.stop = stop
        self.rows: dict[tuple[str, int], list[dict[str, Any]]] = {}
        runs = [run.name for group in study.groups for run in group.runs]
        self.places = {name: place for place, name in enumerate(runs)}
        self.epochs = study.config.train.epochs
        self.progress = Progress(
            run_epochs=study.num_runs * self.epochs,
            images_per_epoch=max(fold.num_train for fold in study.folds),
        )

    def run(self) -> Path:
        unfinished = [chunk for chunk in self.chunks if not self._read(chunk)]
        path = self.path / results.RESULTS_FILE
        try:
            for chunk in unfinished:
                with self._open(chunk) as checkpoints:
                    self._train_chunk(chunk, checkpoints, checkpoints.latest())
                self._write()
        finally:
            self.progress.close()
        if not path.exists():
            self._write()
        return path

    def _open(self, chunk: Chunk):
        folder = chunk_folder(self.path, chunk.group.name, chunk.index)
        return open_chunk(folder, self.study.config.execution.keep)

    def _read(self, chunk: Chunk) -> bool:
        """Reads the rows that a chunk has saved; returns whether it is done.

        All chunks are read before any trains, so that the table only ever grows.
        """
        if not chunk_folder(self.path, chunk.group.name, chunk.index).exists():
            return False
        with self._open(chunk) as checkpoints:
            saved = checkpoints.latest()
        if saved is None:
            return False
        self.rows[chunk.key] = saved.rows
        if saved.done:
            self.progress.skip(len(chunk.runs) * self.epochs)
        return saved.done

    def _train_chunk(
        self, chunk: Chunk, checkpoints: ChunkCheckpoints, saved: Saved | None
    ) -> None:
        mapped = self._mapped(chunk.group)
        living = LivingRuns(mapped, chunk.runs, self.study.folds)
        if saved is None:
            rows, epoch = self._rows(chunk, 0, living.start(), 0.0, living), 0
        else:
            rows, epoch = saved.rows, saved.epoch
            living.resume(checkpoints.restore)
            self.progress.skip(len(chunk.runs) * epoch)
        images, labels = self._device_data(mapped)
        while epoch < self.epochs and living.alive:
            living.compile(images, labels)
            started = time.monotonic()
            metrics = living.train_epoch(images, labels, epoch)
            epoch += 1
            seconds = (time.monotonic() - started) / len(living.trained)
            new_rows = self._rows(chunk, epoch, metrics, seconds, living)
            rows += new_rows
            self._show(chunk, epoch, new_rows, living)
            done = epoch == self.epochs or not living.alive
            self.rows[chunk.key] = rows
            self._maybe_save(checkpoints, living, Saved(epoch, done, rows))

    def _maybe_save(self, checkpoints, living, saved: Saved) -> None:
        stopping = self.stop.is_set() and not saved.done
        due = saved.epoch % self.study.config.execution.checkpoint_every == 0
        if saved.done:
            state = living.all_states()
            kept = {"params": state.params, "model_state": state.model_state}
            checkpoints.save(kept, saved)
        elif due or stopping:
            checkpoints.save(living.all_states(), saved)
        if self.stop.is_set():
            checkpoints.close()
            self._write()
            raise Interrupted(
                "stopped and saved; start the same command again to go on"
            )

    def _rows(
        self,
        chunk: Chunk,
        epoch: int,
        metrics: Metrics,
        seconds: float,
        living: LivingRuns,
    ) -> list[dict[str, Any]]:
        """Makes the rows of an epoch, for the runs that trained in it."""
        if not metrics:
            return []
        means = {name: total.mean() for name, total in metrics.items()}
        rows = []
        for place, index in enumerate(living.trained):
            row = run_columns(self.study, chunk.group, chunk.runs[index])
            row |= {name: float(values[place]) for name, values in means.items()}
            status = _STATUS_NAMES[Status(living.status[place])]
            if status == "running" and epoch == self.epochs:
                status = "finished"
            row |= {"epoch": epoch, "seconds": seconds, "status": status}
            rows.append(row)
        return rows

    def _show(self, chunk: Chunk, epoch: int, rows, living: LivingRuns) -> None:
        stopped = len(living.trained) - len(living.alive)
        accuracies = np.array([row["val_acc"] for row in rows])
        self.progress.update(
            chunk.group.name,
            epoch,
            len(rows),
            accuracies,
            stopped * (self.epochs - epoch),
        )
        for row in rows:
            if row["status"] == "diverged":
                logging.warning(
                    "%s: the loss is no longer finite after epoch %d; the run is "
                    "marked as diverged and the others go on",
                    row["run"],
                    epoch,
                )

    def _write(self) -> None:
        rows = [row for chunk_rows in self.rows.values() for row in chunk_rows]
        if not rows:
            return
        # How a run ended is known at its last epoch, and said in all its rows.
        ends = {row["run"]: row["status"] for row in rows}
        # What a former version saved may lack columns that are new.
        new = results.training_columns(dataclasses.asdict(self.study.config.train))
        rows = [{**new, **row, "status": ends[row["run"]]} for row in rows]
        # In the order of the plan, however the runs were cut into chunks.
        rows.sort(key=lambda row: (self.places[row["run"]], row["epoch"]))
        results.write(results.make_frame(rows), self.path)

    @functools.lru_cache(maxsize=1)  # noqa: B019  one group's program at a time
    def _mapped(self, group: Group) -> MappedProgram:
        mapped = self.mapped.pop(group.name)
        largest = max(len(c.runs) for c in self.chunks if c.group == group)
        return mapped.resized(largest)

    @functools.lru_cache(maxsize=1)  # noqa: B019  the data stay on the device
    def _device_data(self, mapped: MappedProgram):
        data = self.study.dataset
        return mapped.axis.replicate((data.images, data.labels))
