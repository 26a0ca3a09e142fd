"""Runs a sweep from config to results: the one place where side effects are ordered.

A sweep's folder holds `sweep.json` (config, plan, versions, device, data),
`checkpoints/`, and `results.parquet`. Chunks of runs train one after the other, each
to its end; whatever happens in between, starting the same sweep again goes on from
the newest checkpoint of each chunk.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from ws_jax import ledger, results
from ws_jax.checkpoint import ChunkCheckpoints, open_chunk
from ws_jax.engine.chunk import LivingRuns
from ws_jax.engine.mapping import MappedProgram
from ws_jax.engine.program import Examples, Status
from ws_jax.engine.progress import Progress
from ws_jax.engine.study import (
    Chunk,
    Study,
    describe_chunks,
    make_chunks,
    map_groups,
    prepare,
    recorded_chunks,
)
from ws_jax.metrics import Metrics, epoch_metrics
from ws_jax.runs import Sweep
from ws_jax.stored import Saved, chunk_digest, chunk_folder, latest_saved
from ws_jax.workdir import (
    Interrupted,
    Workdir,
    WorkdirError,
    make_record,
    stop_requests,
)

_STATUS_NAMES = {
    Status.ALIVE: "running",
    Status.STOPPED: "stopped",
    Status.DIVERGED: "diverged",
}


def run_sweep(
    sweep: Sweep,
    workdir: str | Path,
    *,
    data_dir: str | None = None,
    overwrite: bool = False,
) -> Path:
    """Trains all runs of a sweep and writes their results; goes on where it was.

    Args:
      sweep: what is trained.
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
    progress = Progress()
    progress.say(f"loading the data {sweep.base.data.name}")
    study = prepare(sweep, data_dir)
    progress.say(f"planning {study.num_runs} runs in {len(study.groups)} groups")
    progress.plan(
        {g.name: len(g.runs) * g.run.train.epochs for g in study.groups},
        max(len(split.train) for split in study.splits),
    )
    mapped = map_groups(study)
    with Workdir(workdir) as folder, stop_requests() as stop:
        new = make_record(study.sweep, study.dataset)
        record = folder.find(new, overwrite)
        if record is None:
            chunks = describe_chunks(
                study, make_chunks(study, mapped, progress.compiling)
            )
            record = folder.begin({**new, "chunks": chunks})
        try:
            chunks = recorded_chunks(study, record)
        except KeyError as error:
            raise WorkdirError(
                f"the record of {folder.path} names {error}, which its config does not "
                "have: put a copy of it as the sweep wrote it in its place"
            ) from error
        training = _Training(study, chunks, mapped, folder.path, stop, record, progress)
        return training.run()


class _Training:
    """The host's loop over chunks and epochs."""

    def __init__(
        self,
        study: Study,
        chunks: Sequence[Chunk],
        mapped: dict[str, MappedProgram],
        path: Path,
        stop: threading.Event,
        record: Mapping[str, Any],
        progress: Progress,
    ):
        self.study = study
        self.chunks = chunks
        self.mapped = mapped
        self.path = path
        self.stop = stop
        self.record = record
        self.rows: dict[tuple[str, int], list[dict[str, Any]]] = {}
        names = [columns["run"] for columns in study.columns.values()]
        self.places = {name: place for place, name in enumerate(names)}
        self.progress = progress

    def run(self) -> Path:
        unfinished = self._read_all()
        try:
            for _, chunks in itertools.groupby(unfinished, lambda c: c.group.name):
                self._train_group(list(chunks))
        finally:
            self.progress.close()
        return self.path / results.RESULTS_FILE

    def _where(self, chunk: Chunk) -> tuple[Path, str]:
        """Returns a chunk's folder, and the digest of what is in it."""
        folder = chunk_folder(self.path, chunk.group.name, chunk.index)
        return folder, chunk_digest(self.record, self._names(chunk))

    def _names(self, chunk: Chunk) -> list[str]:
        return [self.study.columns[run]["run"] for run in chunk.runs]

    def _train_group(self, chunks: Sequence[Chunk]) -> None:
        """Trains chunks of one group, whose program and data go with it."""
        group = chunks[0].group
        largest = max(len(c.runs) for c in self.chunks if c.group is group)
        mapped = self.mapped.pop(group.name).resized(largest)
        examples = mapped.axis.replicate(self.study.examples)
        for chunk in chunks:
            with self._open(chunk) as checkpoints:
                self._train_chunk(chunk, mapped, examples, checkpoints)
            self._write()

    def _open(self, chunk: Chunk):
        folder, digest = self._where(chunk)
        return open_chunk(folder, self.study.base.execution.keep, digest)

    def _read_all(self) -> list[Chunk]:
        """Reads the rows of all chunks; returns the chunks that are not done.

        All are read before any trains, so that the table only ever grows; it is
        written anew if it does not say what they say.
        """
        saved = {c.key: latest_saved(*self._where(c)) for c in self.chunks}
        unsaved = {c.key: self._names(c) for c in self.chunks if saved[c.key] is None}
        others = [name for c in self.chunks if saved[c.key] for name in self._names(c)]
        lost = ledger.rows_of_lost_chunks(self.path, unsaved, others)
        self.rows = lost | {key: found.rows for key, found in saved.items() if found}
        done = {key for key, found in saved.items() if found and found.done} | set(lost)
        if rows := self._all_rows():
            ledger.settle(results.make_frame(rows), self.path)
        for chunk in self.chunks:
            epochs, found = chunk.group.run.train.epochs, saved[chunk.key]
            left = len(chunk.runs) * epochs
            if chunk.key in done:
                left = 0
            elif found is not None:
                ends = [row for row in found.rows if row["epoch"] == found.epoch]
                alive = sum(row["status"] == "running" for row in ends)
                left = alive * (epochs - found.epoch)
            self.progress.skip(chunk.group.name, len(chunk.runs) * epochs - left)
        return [chunk for chunk in self.chunks if chunk.key not in done]

    def _train_chunk(
        self,
        chunk: Chunk,
        mapped: MappedProgram,
        examples: Examples,
        checkpoints: ChunkCheckpoints,
    ) -> None:
        living, saved = LivingRuns(mapped, chunk.runs), checkpoints.latest()
        num_chunks = sum(other.group is chunk.group for other in self.chunks)
        self.progress.begin(chunk.group.name, chunk.index, num_chunks)
        if saved is None:
            rows, epoch = self._rows(chunk, 0, living.start(), 0.0, living), 0
        else:
            rows, epoch = saved.rows, saved.epoch
            living.resume(checkpoints.restore)
        self.progress.ready()
        epochs = chunk.group.run.train.epochs
        while epoch < epochs and living.alive:
            if not living.is_compiled:
                what = f", {living.places} at once"
                with self.progress.compiling(chunk.group.name, what):
                    living.compile(examples)
            started = time.monotonic()
            totals = living.train_epoch(examples, epoch)
            epoch += 1
            seconds = (time.monotonic() - started) / len(living.trained)
            new_rows = self._rows(chunk, epoch, totals, seconds, living)
            self._add_test(chunk, new_rows, living, examples)
            living.compact()
            rows += new_rows
            self._show(chunk, epoch, new_rows, living)
            done = epoch == epochs or not living.alive
            self.rows[chunk.key] = rows
            self._maybe_save(checkpoints, living, Saved(epoch, done, rows))

    def _add_test(self, chunk: Chunk, rows, living: LivingRuns, examples) -> None:
        """Scores the test images after a run's last epoch, where there are any."""
        ended = [row["status"] != "running" for row in rows]
        if not any(ended) or not self.study.splits[0].test.size:
            return
        task = chunk.group.run.task
        for place, totals in enumerate(_by_run(living.test(examples), len(rows))):
            if ended[place]:
                rows[place] |= epoch_metrics(task, [], totals)

    def _maybe_save(self, checkpoints, living, saved: Saved) -> None:
        stopping = self.stop.is_set() and not saved.done
        due = saved.epoch % self.study.base.execution.checkpoint_every == 0
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
        rows = []
        parts = _by_run(metrics, len(living.trained))
        for place, index in enumerate(living.trained):
            run, totals = chunk.runs[index], parts[place]
            views = [view.kind for view in run.evaluation.views]
            totals = totals if epoch else {"measured": totals}
            found = epoch_metrics(run.task, views, totals)
            if not found:
                return []
            status = _STATUS_NAMES[Status(living.status[place])]
            if status == "running" and epoch == run.train.epochs:
                status = "finished"
            about = {"epoch": epoch, "seconds": seconds, "status": status}
            rows.append({**self.study.columns[run], **found, **about})
        return rows

    def _show(self, chunk: Chunk, epoch: int, rows, living: LivingRuns) -> None:
        run = chunk.group.run
        stopped = len(living.trained) - len(living.alive)
        watched = f"val_{run.task.watched}"
        self.progress.update(
            chunk.group.name,
            epoch,
            run.train.epochs,
            len(rows),
            (watched, np.array([row[watched] for row in rows], float)),
            stopped * (run.train.epochs - epoch),
            maximized=run.task.maximized,
        )
        for row in rows:
            if row["status"] == "diverged":
                self.progress.warn(
                    f"{row['run']}: the loss is no longer finite after epoch {epoch}; "
                    "the run is marked as diverged and the others go on"
                )

    def _write(self) -> None:
        if rows := self._all_rows():
            results.write(results.make_frame(rows), self.path)

    def _all_rows(self) -> list[dict[str, Any]]:
        """Returns the rows of all chunks, as the table has them."""
        rows = [row for chunk_rows in self.rows.values() for row in chunk_rows]
        # How a run ended is known at its last epoch, and said in all its rows.
        ends = {row["run"]: row["status"] for row in rows}
        rows = [{**row, "status": ends[row["run"]]} for row in rows]
        # In the order of the plan, however the runs were cut into chunks.
        return sorted(rows, key=lambda row: (self.places[row["run"]], row["epoch"]))


def _by_run(totals: Metrics, num_runs: int) -> list[Metrics]:
    """Parts stacked totals into those of each run."""
    return [jax.tree.map(lambda a, i=i: a[i], totals) for i in range(num_runs)]
