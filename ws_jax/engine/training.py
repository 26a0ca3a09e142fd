"""The host's loop over the chunks and epochs of a sweep."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from ws_jax.engine.chunk import Chunk
from ws_jax.engine.living import LivingRuns
from ws_jax.engine.mapping import MappedProgram
from ws_jax.engine.program import Examples
from ws_jax.engine.program import Status as RunStatus
from ws_jax.engine.progress import Progress
from ws_jax.engine.study import Group, Study, map_group
from ws_jax.engine.table import SweepTable
from ws_jax.metrics import Metrics, epoch_metrics
from ws_jax.storage import locks
from ws_jax.storage.events import EventFiles
from ws_jax.storage.locks import Interrupted, Lock
from ws_jax.storage.status import Status, now
from ws_jax.storage.stored import Saved

if TYPE_CHECKING:
    from ws_jax.storage.checkpoint import ChunkCheckpoints

_STATUS_NAMES = {
    RunStatus.ALIVE: "running",
    RunStatus.STOPPED: "stopped",
    RunStatus.DIVERGED: "diverged",
}


class Training:
    """Trains the chunks of a sweep that nobody else trains, one after the other."""

    def __init__(
        self,
        study: Study,
        chunks: Sequence[Chunk],
        mapped: dict[str, MappedProgram],
        table: SweepTable,
        stop: threading.Event,
        progress: Progress,
        status: Status,
    ):
        """Takes a sweep that was agreed on; nothing trains yet.

        Args:
          study: the sweep.
          chunks: of it, all.
          mapped: programs of its groups, which go once they are done with.
          table: of the sweep.
          stop: is set to ask for an end, after the epoch that trains.
          progress: for the person who started it.
          status: for those who watch.
        """
        self.study = study
        self.chunks = chunks
        self.mapped = mapped
        self.table = table
        self.stop = stop
        self.progress = progress
        self.status = status
        self.begins: Callable[[], None] = lambda: None  # called if anything is left
        self.events: EventFiles | None = None  # for TensorBoard
        self.counted: dict[tuple[str, int], int] = {}  # epochs of runs, by chunk
        self.lock: Lock | None = None  # of the chunk that trains
        self.ready: tuple[str, Any] | None = None  # a group, its program and images

    def run(self) -> None:
        """Trains what is left, beside other processes; ends when all is done."""
        self.table.begin()
        finished = all(map(self.table.is_done, self.chunks))
        self._tell_sweep()
        try:
            if not finished:
                self.begins()
            while left := [c for c in self.chunks if not self._done(c)]:
                # All are tried, the first that is free first.
                if not sum([self._try(chunk) for chunk in left]):
                    self._wait(left)
            if not finished:  # of one that was, `begin` has looked after the table
                self.table.write()
                self._tell_sweep()
        finally:
            self.progress.close()

    def _tell_sweep(self) -> None:
        self.status.tell_sweep(
            sweep=self.study.sweep.name,
            runs=self.study.num_runs,
            chunks=len(self.chunks),
            chunks_done=sum(map(self.table.is_done, self.chunks)),
            run_epochs=sum(len(c.runs) * c.epochs for c in self.chunks),
            run_epochs_done=sum(self.counted.values()),
            diverged=self.table.diverged(),
        )

    def _done(self, chunk: Chunk) -> bool:
        """Looks whether a chunk is done, and counts what of it needs no training."""
        done, saved = self.table.look(chunk), self.table.saved.get(chunk.key)
        epochs = chunk.epochs
        left = len(chunk.runs) * epochs
        if done:
            left = 0
        elif saved is not None:
            ends = [row for row in saved.rows if row["epoch"] == saved.epoch]
            left = sum(row["status"] == "running" for row in ends)
            left *= epochs - saved.epoch
        self._count(chunk, len(chunk.runs) * epochs - left)
        return done

    def _count(self, chunk: Chunk, known: int) -> None:
        new = known - self.counted.get(chunk.key, 0)
        self.counted[chunk.key] = known
        self.progress.skip(chunk.group.name, new)

    def _try(self, chunk: Chunk) -> bool:
        """Trains a chunk to its end if nobody else holds it; returns whether it did."""
        if self._done(chunk):
            return False
        lock = self.table.chunk_lock(chunk)
        with lock.tried() as free:
            # Another process may have ended it in between.
            if not free or self._done(chunk):
                return False
            # It brings Orbax, which a sweep that is finished does not wait for.
            from ws_jax.storage.checkpoint import open_chunk

            self.lock = lock
            mapped, examples = self._program(chunk.group)
            self._check_mine()
            folder, digest = self.table.where(chunk)
            keep = self.study.base.execution.keep
            try:
                with open_chunk(folder, keep, digest) as saving:
                    self._train_chunk(chunk, mapped, examples, saving)
            except OSError:  # of a save in the background, of many kinds
                self._check_mine()
                raise
        self.table.write()
        self._tell_sweep()
        return True

    def _check_mine(self) -> None:
        """Raises `WorkdirError` if the folder, or the chunk's lock, was removed."""
        self.table.check_there()
        if self.lock is not None:
            self.lock.check_in_place()

    def _wait(self, left: Sequence[Chunk]) -> None:
        """Waits until one of the chunks is done, or given up by who holds it."""
        holders = sorted({self.table.chunk_lock(chunk).holder() for chunk in left})
        self.progress.say(
            f"the last {len(left)} of {len(self.chunks)} chunks train elsewhere "
            f"({', '.join(holders[:5])}): waiting, to take up what is left undone; "
            "smaller chunks (execution.chunk, for a new sweep) would be work for more"
        )
        self.status.tell("waiting", since=now())
        while not self.stop.wait(locks.POLL_SECONDS):
            for chunk in left:
                if self._done(chunk):
                    return
                with self.table.chunk_lock(chunk).tried() as free:
                    if free:
                        return
        raise Interrupted("stopped while it waited for others; nothing is lost")

    def _program(self, group: Group) -> tuple[MappedProgram, Examples]:
        """Returns the program of a group and its data, which go with the next one."""
        if self.ready is None or self.ready[0] != group.name:
            self.ready = None
            largest = max(len(c.runs) for c in self.chunks if c.group is group)
            mapped = self.mapped.pop(group.name, None) or map_group(self.study, group)
            mapped = mapped.resized(largest)
            examples = mapped.axis.replicate(self.study.examples)
            self.ready = group.name, (mapped, examples)
        return self.ready[1]

    def _train_chunk(
        self,
        chunk: Chunk,
        mapped: MappedProgram,
        examples: Examples,
        checkpoints: ChunkCheckpoints,
    ) -> None:
        self._tell_epoch(chunk, 0)
        living, saved = LivingRuns(mapped, chunk.runs), checkpoints.latest()
        num_chunks = sum(other.group is chunk.group for other in self.chunks)
        self.progress.begin(chunk.group.name, chunk.index, num_chunks)
        if saved is None:
            rows, epoch = self._rows(chunk, 0, living.start(), 0.0, living), 0
            self._add_events(chunk, rows)
        else:
            rows, epoch = self.table.today(chunk, saved).rows, saved.epoch
            living.resume(checkpoints.restore)
        self.progress.ready()
        epochs = chunk.epochs
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
            self._add_events(chunk, new_rows)
            rows += new_rows
            self._show(chunk, epoch, new_rows, living)
            done = epoch == epochs or not living.alive
            self._maybe_save(chunk, checkpoints, living, Saved(epoch, done, rows))

    def _add_events(self, chunk: Chunk, rows: Sequence[Mapping[str, Any]]) -> None:
        if self.events is None:
            return
        told = {*self.study.columns[chunk.runs[0]], "epoch", "status"}
        for row in rows:
            scalars = {
                name: float(value)
                for name, value in row.items()
                if name not in told and isinstance(value, float | int)
            }
            try:
                self.events.add(row["run"], row["epoch"], scalars)
            except OSError as error:
                self.progress.warn(
                    f"no events for TensorBoard from here on ({error}); the training "
                    "goes on, and its table is not touched"
                )
                self.events = None
                return

    def _add_test(self, chunk: Chunk, rows, living: LivingRuns, examples) -> None:
        """Scores the test images, after a run's last epoch if not after every one."""
        always = chunk.run.evaluation.test == "epoch"
        ended = [always or row["status"] != "running" for row in rows]
        if not any(ended) or not self.study.splits[0].test.size:
            return
        task = chunk.run.task
        epoch = rows[0]["epoch"] - 1  # of which drawn images are
        for place, totals in enumerate(
            _by_run(living.test(examples, epoch), len(rows))
        ):
            if ended[place]:
                rows[place] |= epoch_metrics(task, [], totals)

    def _maybe_save(self, chunk: Chunk, checkpoints, living, saved: Saved) -> None:
        stopping = self.stop.is_set() and not saved.done
        due = saved.epoch % self.study.base.execution.checkpoint_every == 0
        self._check_mine()
        if saved.done:
            state = living.all_states()
            kept: Any = state
            if not self.study.base.execution.keep_state:
                kept = {"params": state.params, "model_state": state.model_state}
            checkpoints.save(kept, saved)
        elif due or stopping:
            checkpoints.save(living.all_states(), saved)
        if not saved.done and not stopping:
            self.table.grow(chunk)
        if saved.done or due or stopping:
            self.status.tell("training", checkpoint={"epoch": saved.epoch, "at": now()})
        if self.stop.is_set():
            checkpoints.close()
            self.table.write()
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
            status = _STATUS_NAMES[RunStatus(living.status[place])]
            if status == "running" and epoch == run.train.epochs:
                status = "finished"
            about = {"epoch": epoch, "seconds": seconds, "status": status}
            rows.append({**self.study.columns[run], **found, **about})
        return rows

    def _tell_epoch(self, chunk: Chunk, epoch: int) -> None:
        began = {"chunk_since": now()} if not epoch else {}
        self.status.tell(
            "training",
            group=chunk.group.name,
            chunk=chunk.index,
            epoch=epoch,
            epochs=chunk.epochs,
            seconds_left=round(self.progress.seconds_left()) if epoch else None,
            **began,
        )
        self.status.tell_sweep(run_epochs_done=sum(self.counted.values()))

    def _show(self, chunk: Chunk, epoch: int, rows, living: LivingRuns) -> None:
        run = chunk.run
        stopped = len(living.trained) - len(living.alive)
        watched = f"val_{run.task.watched}"
        self.counted[chunk.key] += len(rows) + stopped * (run.train.epochs - epoch)
        self.progress.update(
            chunk.group.name,
            epoch,
            run.train.epochs,
            len(rows),
            (watched, np.array([row[watched] for row in rows], float)),
            stopped * (run.train.epochs - epoch),
            maximized=run.task.maximized,
        )
        self._tell_epoch(chunk, epoch)
        for row in rows:
            if row["status"] == "diverged":
                self.progress.warn(
                    f"{row['run']}: the loss is no longer finite after epoch {epoch}; "
                    "the run is marked as diverged and the others go on"
                )


def _by_run(totals: Metrics, num_runs: int) -> list[Metrics]:
    """Parts stacked totals into those of each run."""
    return [jax.tree.map(lambda a, i=i: a[i], totals) for i in range(num_runs)]
