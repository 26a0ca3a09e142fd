"""Locks on the parts of a workdir that several processes work on.

Each is a file that is locked with `flock`. The system drops the lock when its process
ends, however it ends, so nothing has to be cleared after a kill.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from ws_jax.storage.integrity import WorkdirError, advice, check_own
from ws_jax.storage.status import own_name

LOCK_FILE = ".lock"  # shared by all that work on the sweep
LOCK_FOLDER = ".locks"
POLL_SECONDS = 2.0  # between looks at a lock that another process holds


class Interrupted(Exception):  # noqa: N818  nothing is wrong
    """The sweep was asked to stop, and has saved all it has."""


class Lock:
    """A lock on a file, made if missing; two of one process exclude each other, too.

    A holder leaves its name in the file, for people to read.
    """

    def __init__(self, path: Path, workdir: Path | None = None):
        """Names the file; nothing is locked yet.

        Args:
          path: of the file.
          workdir: that the file is somewhere in, if no link in it may lead elsewhere.
        """
        self.path = path
        self._workdir = workdir
        self._file: IO[str] | None = None

    def take(self, shared: bool = False) -> bool:
        """Takes the lock if it is free, or changes to shared; returns whether it was.

        Args:
          shared: whether others may share it.
        Raises:
          WorkdirError: if the disk knows no locks or is full, or the file is a link.
        """
        how = (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB
        try:
            if self._file is None:
                self._make_folder()
                self._file = os.fdopen(open_own(self.path), "a+")
            fcntl.flock(self._file, how)
        except BlockingIOError:
            self.release()
            return False
        except OSError as error:
            self.release()
            needs = (
                "a sweep needs a folder that can be written, on a disk with working "
                "file locks (see docs/clusters.md); name another one with --workdir"
            )
            raise WorkdirError(
                f"{self.path} cannot be locked ({error.strerror}): "
                f"{advice(error, needs)}"
            ) from error
        if not shared:
            self._leave_name()
        return True

    def _leave_name(self) -> None:
        """Writes who holds the lock, which is held on a full disk, too."""
        assert self._file is not None
        with contextlib.suppress(OSError):
            os.ftruncate(self._file.fileno(), 0)
            os.write(self._file.fileno(), own_name().encode())

    def _make_folder(self) -> None:
        if self._workdir is not None:
            check_own(self.path.parent, self._workdir)
            if not self._workdir.is_dir():
                raise moved(self._workdir)
        self.path.parent.mkdir(parents=True, exist_ok=True)

    def in_place(self) -> bool:
        """Returns whether the file that is held is still the one at its path."""
        if self._file is None:
            return False
        try:
            there = os.stat(self.path, follow_symlinks=False)
        except OSError:
            return False
        return os.path.samestat(os.fstat(self._file.fileno()), there)

    def check_in_place(self) -> None:
        """Checks that no other process can have taken what this one holds.

        Raises:
          WorkdirError: if the file was removed, so that others would lock another one.
        """
        if not self.in_place():
            raise WorkdirError(
                f"{self.path} was removed while a process held it, and another one may "
                "have taken up what it trains: leave the lock files alone, which hold "
                "nothing back once their process has ended, and start the same command "
                "again to go on from the last checkpoint"
            )

    def release(self) -> None:
        """Drops the lock if it is held."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def holder(self) -> str:
        """Returns who took it last, as `host:pid`."""
        try:
            return self.path.read_text().strip()[:100] or "another process"
        except (OSError, UnicodeDecodeError):
            return "another process"

    @contextlib.contextmanager
    def tried(self) -> Iterator[bool]:
        """Holds the lock for a block, if it is free; tells whether it does."""
        taken = self.take()
        try:
            yield taken
        finally:
            if taken:
                self.release()

    @contextlib.contextmanager
    def held(
        self, stop: threading.Event, waiting: Callable[[str], None]
    ) -> Iterator[None]:
        """Holds the lock for a block, after waiting for it if need be.

        Args:
          stop: ends the waiting.
          waiting: called once with the holder if there is something to wait for.
        Raises:
          Interrupted: if `stop` was set while it waited.
        """
        tries = 0
        while not self.take():
            if stop.is_set():
                raise Interrupted("stopped while it waited; nothing is lost")
            tries += 1
            if tries == 7:  # most are held for a moment
                waiting(self.holder())
            stop.wait(min(0.01 * 2 ** min(tries, 10), POLL_SECONDS))
        try:
            yield
        finally:
            self.release()


def moved(workdir: Path, remains: bool = False) -> WorkdirError:
    """Returns the error that a workdir is no longer where it was.

    Args:
      workdir: where it was.
      remains: whether a part of a save is there now.
    """
    there = "; remove what is there now, which is half a checkpoint" if remains else ""
    return WorkdirError(
        f"{workdir} was moved or removed while a process worked on it: put it back, or "
        "start the same command with --workdir where it is now, to go on from there"
        f"{there}"
    )


def open_own(path: Path) -> int:
    """Opens a file to read and append, made if missing; a link is not followed.

    Raises:
      WorkdirError: if the file is a link.
      OSError: if it cannot be opened.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW
    try:
        return os.open(path, flags, 0o666)
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        raise WorkdirError(
            f"{path} is a link, and what it leads to would be written over: remove it"
        ) from error


def part_lock(workdir: Path, *names: str) -> Lock:
    """Returns the lock of a part of a workdir, as its table or one of its chunks."""
    return Lock(workdir.joinpath(LOCK_FOLDER, *names), workdir)
