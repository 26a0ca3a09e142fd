"""The table of a sweep while it trains: what the checkpoints of all chunks say.

Several processes may train chunks of one sweep, and each of them writes the whole
table, from the checkpoints of all: so it never says more than can be gone on from.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence, Set
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from absl import logging

from ws_jax.engine.chunk import Chunk
from ws_jax.engine.study import Study
from ws_jax.models import FoldedGridNet, FoldedWideResNet
from ws_jax.storage import ledger, results
from ws_jax.storage.integrity import WorkdirError
from ws_jax.storage.locks import Lock, part_lock
from ws_jax.storage.stored import (
    Saved,
    chunk_digest,
    glance,
    latest_saved,
    steps,
)

_FOLDED = (FoldedWideResNet, FoldedGridNet)
# Of the time, at most: what it may take to let the table grow while a chunk trains.
GROWING_SHARE = 0.02


class SweepTable:
    """What is saved of each chunk of a sweep, and the table that is made of it.

    Attributes:
      saved: by chunk, what its newest checkpoint said when it was looked at; chunks
        without one are left out.
    """

    def __init__(
        self,
        study: Study,
        chunks: Sequence[Chunk],
        record: Mapping[str, Any],
        path: Path,
        held: Callable[[Lock], AbstractContextManager],
        check_there: Callable[[], None],
    ):
        """Takes the sweep and its folder; nothing is read yet.

        Args:
          study: the sweep.
          chunks: of it, all.
          record: of the sweep, as it was begun.
          path: of its folder.
          held: waits for a lock and holds it.
          check_there: raises `WorkdirError` if the folder was moved or removed.
        """
        self.check_there = check_there
        self._study = study
        self._chunks = chunks
        self._record = record
        self._path = path
        self._held = held
        self._lock = part_lock(path, "table")
        self.saved: dict[tuple[str, int], Saved] = {}
        self._seen: dict[tuple[str, int], int] = {}  # steps, of chunks not done
        # By run, rows of those that ended, of chunks that are not done.
        self._ended: dict[str, list[dict[str, Any]]] = {}
        names = [columns["run"] for columns in study.columns.values()]
        self._grown = {
            (entry["group"], entry["index"]): {run["run"]: run for run in entry["runs"]}
            for entry in record["chunks"]
            if "digest" in entry
        }
        self._places = {name: place for place, name in enumerate(names)}
        self._written, self._cost = time.monotonic(), 0.0

    def where(self, chunk: Chunk) -> tuple[Path, str]:
        """Returns a chunk's folder, and the digest of what is in it."""
        return chunk.folder(self._path), chunk_digest(self._record, self._names(chunk))

    def chunk_lock(self, chunk: Chunk) -> Lock:
        """Returns the lock of a chunk, which whoever trains it holds."""
        return chunk.lock(self._path)

    def is_done(self, chunk: Chunk) -> bool:
        """Whether a chunk was done when it was looked at."""
        return chunk.key in self.saved and self.saved[chunk.key].done

    def today(self, chunk: Chunk, saved: Saved) -> Saved:
        """Returns what a checkpoint says, in the words of a sweep that has grown since.

        Runs that had finished have epochs left, if epochs were added; what was their
        last epoch is one between, without the scores that only the last one has.
        """
        if chunk.key not in self._grown:
            return saved
        columns, epochs = self._grown[chunk.key], chunk.epochs
        rows = [{**row, **columns[row["run"]]} for row in saved.rows]
        for place, row in enumerate(rows):
            if row["status"] == "finished" and saved.epoch < epochs:
                rows[place] = _between(row, chunk.run.evaluation.test)
        ends = {row["run"]: row["status"] for row in rows}
        return Saved(saved.epoch, saved.done and "running" not in ends.values(), rows)

    def begin(self) -> None:
        """Reads what there is of all chunks, and writes the table if it differs.

        Raises:
          WorkdirError: if the checkpoints or the table cannot be gone on from.
        """
        with self._held(self._lock):
            held = {chunk.key for chunk in self._chunks if not self._read(chunk)}
            self._keep_lost(held)
            self._settle()

    def look(self, chunk: Chunk) -> bool:
        """Looks again at a chunk that was not done; returns whether it is now."""
        if self.is_done(chunk):
            return True
        folder, digest = self.where(chunk)
        step = max(steps(folder), default=0)
        if step != self._seen.get(chunk.key) and (found := glance(folder, digest)):
            self.saved[chunk.key] = self.today(chunk, found)
            self._seen[chunk.key] = step
        return self.is_done(chunk)

    def write(self) -> None:
        """Writes the table, unless it says already what the checkpoints say."""
        with self._held(self._lock):
            self._write()

    def grow(self, chunk: Chunk) -> None:
        """Writes the table if a chunk has a newer checkpoint, and it takes no time.

        It is left as it is while another process holds it, which may be paused.
        """
        waited = time.monotonic() - self._written
        step = max(steps(self.where(chunk)[0]), default=0)
        if step == self._seen.get(chunk.key) or waited * GROWING_SHARE < self._cost:
            return
        with self._lock.tried() as free:
            if free:
                self._write()

    def _write(self) -> None:
        began = time.monotonic()
        for chunk in self._chunks:
            self.look(chunk)
        self._settle()
        self._written = time.monotonic()
        self._cost = self._written - began

    def diverged(self) -> list[str]:
        """Returns the names of runs that have diverged, as far as is known."""
        rows = [row for saved in self.saved.values() for row in saved.rows]
        return sorted({r["run"] for r in rows if r["status"] == "diverged"})

    def _read(self, chunk: Chunk) -> bool:
        """Reads what there is of a chunk; returns whether nobody else trains it."""
        if self.look(chunk):
            return True
        with self.chunk_lock(chunk).tried() as free:
            where = self.where(chunk)
            if free and (found := latest_saved(*where)):
                self.saved[chunk.key] = self.today(chunk, found)
                self._seen[chunk.key] = max(steps(where[0]))
        return free

    def _keep_lost(self, held: Set[tuple[str, int]]) -> None:
        """Keeps rows that are in the table, but in no checkpoint.

        Chunks of which all are there count as done. Those that others train do not,
        since their holders have their rows.
        """
        known = self.saved.keys() | held
        unsaved = {c.key: self._names(c) for c in self._chunks if c.key not in known}
        saved = {
            name: self.is_done(chunk)
            for chunk in self._chunks
            if chunk.key in known
            for name in self._names(chunk)
        }
        kept = ledger.rows_to_keep(
            self._path, unsaved, saved, self._digests(), self._earlier_digests()
        )
        for chunk in self._chunks:
            if chunk.key in unsaved.keys() - kept.done.keys():
                self._check_begins(chunk)
        if kept.anew:
            logging.warning(
                "no checkpoint is left in %s of runs that were begun, as %s (%d in "
                "all): they train from their start, to the same numbers",
                self._path,
                kept.anew[0],
                len(kept.anew),
            )
        for key, rows in kept.done.items():
            epoch = max(row["epoch"] for row in rows)
            self.saved[key] = Saved(epoch, True, rows)
        self._ended = kept.ended

    def _check_begins(self, chunk: Chunk) -> None:
        """Raises `WorkdirError` for runs whose start is in a checkpoint alone."""
        for run in chunk.runs:
            if isinstance(run.network, _FOLDED) and run.network.origin:
                raise WorkdirError(
                    f"{self._study.columns[run]['run']} in {self._path} begins with "
                    "folded parameters, and no checkpoint is left that has them: put "
                    "its checkpoints back, or fold its run again by launch.fold with "
                    "--overwrite"
                )

    def _digests(self) -> dict[str, set[str]]:
        """Returns what rows of each run may have as digest: of now, or as recorded."""
        found = {own["run"]: {own["digest"]} for own in self._study.columns.values()}
        for entry in self._record["chunks"]:
            for run in entry["runs"]:
                found[run["run"]].add(run.get("digest"))
        return found

    def _earlier_digests(self) -> dict[str, set[str]]:
        """Returns what rows of each run had as digest before epochs were added."""
        found: dict[str, set[str]] = {}
        for entry in self._record["chunks"]:
            for name, digests in entry.get("was", {}).items():
                found[name] = set(digests)
        return found

    def _settle(self) -> None:
        if rows := self._rows():
            self.check_there()
            if results.holds(self._path, rows):
                return
            ledger.settle(results.make_frame(rows), self._path)

    def _rows(self) -> list[dict[str, Any]]:
        found: dict[str, list[dict[str, Any]]] = {}
        for saved in self.saved.values():
            own = _by_run(saved.rows)
            found |= own
            for name, rows in own.items():
                if saved.done:
                    self._ended.pop(name, None)
                elif rows[-1]["status"] != "running":
                    self._ended[name] = rows
        # They stay while their chunk trains anew.
        rows = [row for own in (found | self._ended).values() for row in own]
        # In the order of the plan, however the runs were cut into chunks.
        return sorted(rows, key=lambda row: (self._places[row["run"]], row["epoch"]))

    def _names(self, chunk: Chunk) -> list[str]:
        return [self._study.columns[run]["run"] for run in chunk.runs]


def _by_run(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Parts rows by run; how a run ended, known at its last epoch, all of them say."""
    last = {row["run"]: row["status"] for row in rows}
    parts: dict[str, list[dict[str, Any]]] = {name: [] for name in last}
    for row in rows:
        parts[row["run"]].append({**row, "status": last[row["run"]]})
    return parts


def _between(row: Mapping[str, Any], test: str) -> dict[str, Any]:
    """Returns the row of a run's last epoch as that of a run that goes on."""
    scored = {name for name in row if test == "end" and name.startswith("test_")}
    kept = {name: value for name, value in row.items() if name not in scored}
    return {**kept, "status": "running"}
