"""How far a sweep is, for people and programs that watch it: `status.json`.

All processes of a sweep share the file. It is for watching only: nothing is read from
it by a sweep that goes on.
"""

from __future__ import annotations

import contextlib
import datetime
import errno
import json
import os
import platform
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ws_jax.storage import below

STATUS_FILE = "status.json"
WRITE_SECONDS = 5.0  # between two writes; a process that is alive writes as often
SILENT_SECONDS = 60.0  # after which one that trained is called silent
LOST_SECONDS = 900.0  # after which nobody waits for it: a paused one told more by now
_MOST_PROCESSES = 50  # that are told of, the latest
_MOST_SIGNS = 400  # of an error
_ENDED = ("finished", "stopped", "failed")


class Status:
    """What one process tells of the sweep that it works on."""

    def __init__(self, workdir: Path, lock: Any, seconds: float = WRITE_SECONDS):
        """Takes the folder of the sweep, and the lock of its status.

        Args:
          workdir: of the sweep.
          lock: of the file, a `locks.Lock`.
          seconds: between two writes.
        """
        self._path = Path(workdir) / STATUS_FILE
        self._lock = lock
        self._seconds = seconds
        self._sweep: dict[str, Any] = {}
        self._own: dict[str, Any] = {"state": "starting", "since": now()}
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._write_on, daemon=True)

    def tell(self, state: str, **parts: Any) -> None:
        """Notes what this process does; the next write says it."""
        self._own = {**self._own, "state": state, **parts}

    def tell_sweep(self, **parts: Any) -> None:
        """Notes how far the whole sweep is; the next write says it."""
        self._sweep = {**self._sweep, **parts}

    def __enter__(self) -> Status:
        self._write()
        self._thread.start()
        return self

    def __exit__(self, kind, error, trace) -> None:
        self._end.set()
        self._thread.join()
        ended = "finished" if error is None else "failed"
        if kind is not None and kind.__name__ in ("Interrupted", "KeyboardInterrupt"):
            ended = "stopped"
        lines = [*str(error).splitlines(), kind.__name__] if ended == "failed" else []
        self.tell(ended, **({"error": lines[0]} if lines else {}))
        for _ in range(20):  # others hold it for a moment
            if self._write():
                break
            self._end.wait(0.02)

    def _write_on(self) -> None:
        while not self._end.wait(self._seconds):
            self._write()

    def _write(self) -> bool:
        """Writes, unless another process does just now or the disk cannot."""
        # A status that cannot be written stops no sweep.
        with contextlib.suppress(Exception), self._lock.tried() as free:
            if not free:
                return False
            told = read(self._path.parent) or {}
            processes = {**told.get("processes", {})}
            processes.pop(own_name(), None)
            processes[own_name()] = {**self._own, "told": now()}
            latest = list(processes.items())[-_MOST_PROCESSES:]
            told = {**told, **self._sweep, "processes": dict(latest)}
            _replace(self._path, json.dumps(told, indent=1).encode())
        return True


def _replace(path: Path, content: bytes) -> None:
    """Replaces a file; on a full disk its content, so that the end of a sweep is told.

    What is read in between is cut off, or mixed: no JSON, which `read` passes over.
    """
    temporary = path.with_name(f"{path.name}.tmp")
    temporary.unlink(missing_ok=True)  # it may be a link out of the workdir
    try:
        with open(temporary, "xb") as file:
            file.write(content)
        os.replace(temporary, path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        with open(os.open(path, os.O_WRONLY | os.O_NOFOLLOW), "wb") as file:
            file.write(content)
            file.truncate()


def own_name() -> str:
    """Returns what this process is called in locks and in the status."""
    return f"{platform.node()}:{os.getpid()}"


def now() -> str:
    """Returns the time as it is written, in UTC."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def read(workdir: Path) -> dict[str, Any] | None:
    """Reads what the processes of a sweep told, or None if there is nothing sound."""
    try:
        told = json.loads((Path(workdir) / STATUS_FILE).read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(told, dict):
        return None
    processes = told.get("processes", {})
    entries = processes.items() if isinstance(processes, dict) else ()
    return {**told, "processes": {n: p for n, p in entries if isinstance(p, dict)}}


def find(folders: Sequence[str | os.PathLike]) -> list[Path]:
    """Lists the folders at or below some that hold a status."""
    found: dict[str, Path] = {}  # by their real paths: links may lead to one folder
    for folder in folders:
        for at, inner, files in below.walk(folder):
            if STATUS_FILE in files:
                found.setdefault(os.path.realpath(at), Path(at))
                inner.clear()  # checkpoints are many
    return sorted(found.values())


def as_table(folders: Sequence[Path], time: str) -> str:
    """Formats how far sweeps are, a line for each process that works.

    One that failed or fell silent is shown, too, until another starts after it or the
    sweep is done; where there is none of these, the last one.

    Args:
      folders: of the sweeps.
      time: now, as `now` writes it.
    """
    head = ("sweep", "chunks", "epochs", "diverged", "process", "left", "saved", "does")
    lines: list[tuple[str, ...]] = [head]
    for folder in folders:
        try:
            lines += _sweep_lines(folder, time)
        except Exception:  # anyone may have written anything there
            lines.append((str(folder), *[""] * 6, "unreadable status"))
    # Signs that a terminal would act on are shown as spaces.
    lines = [tuple(_printable(cell) for cell in line) for line in lines]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    return "\n".join(
        "  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def all_ended(folders: Sequence[Path], time: str) -> bool:
    """Whether no process that a table shows says that it works, or all are lost.

    One that told nothing for `LOST_SECONDS` is taken for killed.

    Args:
      folders: of the sweeps.
      time: now, as `now` writes it.
    """
    return not any(_works(folder, time) for folder in folders)


def _works(folder: Path, time: str) -> bool:
    try:
        told = read(folder) or {}
        shown = [] if _is_done(told) else _shown(told, time)
        return any(
            p.get("state", "") not in ("", *_ENDED) and _silent(p, time) < LOST_SECONDS
            for _, p in shown
        )
    except Exception:  # the table says that it cannot be read
        return False


def _sweep_lines(folder: Path, time: str) -> list[tuple[str, ...]]:
    told = read(folder) or {}
    first: tuple[str, ...] = _sweep_cells(folder, told)
    lines: list[tuple[str, ...]] = []
    for name, process in _shown(told, time):
        lines.append((*first, name, *_process_cells(process, time)))
        first = ("", "", "", "")
    return lines


def _printable(text: Any) -> str:
    return "".join(sign if sign.isprintable() else " " for sign in str(text))


def _sweep_cells(folder: Path, told: Mapping[str, Any]) -> tuple[str, ...]:
    epochs, of = told.get("run_epochs_done", 0), told.get("run_epochs", 0)
    part = f"{100 * epochs // of}%" if of else ""
    chunks = f"{told.get('chunks_done', '?')}/{told.get('chunks', '?')}"
    return str(folder), chunks, part, str(len(told.get("diverged", ())))


def _shown(told: Mapping[str, Any], time: str) -> list[tuple[str, Any]]:
    """Returns names and processes that a table shows, see `as_table`."""
    entries = list(told.get("processes", {}).items())
    starts = max((str(p.get("since", "")) for _, p in entries), default="")

    def matters(process: Mapping[str, Any]) -> bool:
        if process.get("state") in ("finished", "stopped"):
            return False
        lost = process.get("state") == "failed" or _silent(process, time) > 0
        return not lost or (
            not _is_done(told) and starts <= str(process.get("told", ""))
        )

    return [e for e in entries if matters(e[1])] or entries[-1:] or [("", {})]


def _is_done(told: Mapping[str, Any]) -> bool:
    return bool(told.get("chunks")) and told.get("chunks") == told.get("chunks_done")


def _silent(process: Mapping[str, Any], time: str) -> float:
    """Returns the seconds that a process which should tell has told nothing, or 0.

    Another host's clock may be ahead by some minutes. A time that is further ahead was
    told before a clock was set back: how long ago is not known, and a process that is
    alive has told the time again since.
    """
    silent = _seconds(process.get("told", time), time)
    silent = -silent if silent < -LOST_SECONDS else silent
    return (
        silent if process.get("state") not in _ENDED and silent > SILENT_SECONDS else 0
    )


def _process_cells(process: Mapping[str, Any], time: str) -> tuple[str, str, str]:
    state = process.get("state", "")
    does = state
    left = process.get("seconds_left") if state == "training" else None
    if state == "training":
        does = "{group} chunk {chunk} epoch {epoch}/{epochs}".format(
            **{"group": "", "chunk": "", "epoch": "", "epochs": "", **process}
        )
    elif state == "failed":
        does = f"failed: {process.get('error', '')[:_MOST_SIGNS]}"
    if silent := _silent(process, time):
        does, left = f"silent for {_long(silent)}, killed or paused ({does})", None
    saved = process.get("checkpoint", {}).get("at", "")
    return "" if left is None else _long(left), saved, does


def _long(seconds: float) -> str:
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < 120 else f"{minutes / 60:.0f} h"


def _seconds(since: str, until: str) -> float:
    ends = [datetime.datetime.fromisoformat(text) for text in (since, until)]
    return (ends[1] - ends[0]).total_seconds()
