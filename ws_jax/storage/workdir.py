"""The folder of a sweep: who may write to it, and what it says of itself."""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import platform
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import jax
from absl import logging

import ws_jax
from ws_jax.storage.environments import changes, environments
from ws_jax.storage.events import EVENT_FOLDER
from ws_jax.storage.integrity import (
    WorkdirError,
    advice,
    check_own,
    remove_folder,
)
from ws_jax.storage.locks import (
    LOCK_FILE,
    Interrupted,
    Lock,
    moved,
    open_own,
    part_lock,
)
from ws_jax.storage.records import check_code, differences
from ws_jax.storage.results import (
    RECORD_FILE,
    RESULTS_FILE,
    ResultsError,
    read_record,
    write_record,
)
from ws_jax.storage.status import STATUS_FILE
from ws_jax.storage.stored import CHECKPOINT_FOLDER, chunk_folder

__all__ = ["Interrupted", "Workdir", "WorkdirError", "stop_requests"]

# Orbax looks for its files by patterns, and finds none in a folder named like these.
_PATTERNS = "*?[\\"
_PACKAGES = ("jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "numpy")


class Workdir:
    """A sweep's folder; several processes may work in it, one at a time plans."""

    def __init__(self, path: str | os.PathLike):
        """Makes the folder if missing.

        Raises:
          WorkdirError: if it cannot be made or written, or its path has signs that
            checkpoints cannot be kept under.
        """
        self.path = Path(path).absolute()
        signs = " ".join(sign for sign in _PATTERNS if sign in str(self.path))
        if signs:
            raise WorkdirError(
                f"no checkpoints can be kept in {self.path}, for the {signs} in its "
                "path: name another folder with --workdir"
            )
        try:
            str(self.path).encode()
        except UnicodeEncodeError:  # of bytes that are no text
            raise WorkdirError(
                f"no checkpoints can be kept in {ascii(str(self.path))}, for its path "
                "is no text in UTF-8: name another folder with --workdir"
            ) from None
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            os.close(open_own(self.path / LOCK_FILE))
            self._lock = Lock(self.path / LOCK_FILE)
        except OSError as error:
            help_ = advice(error, "name another folder with --workdir")
            raise WorkdirError(
                f"cannot write to {self.path} ({error.strerror}): {help_}"
            ) from error

    def __enter__(self) -> Workdir:
        return self

    def __exit__(self, *exception) -> None:
        self._lock.release()

    @contextlib.contextmanager
    def planning(
        self,
        stop: threading.Event,
        waiting: Callable[[str], None] = lambda holder: None,
        alone: bool = False,
    ) -> Iterator[None]:
        """Keeps others from planning during the block; then stays among the workers.

        Args:
          stop: ends the waiting for others that plan.
          waiting: called with the name of the other.
          alone: whether no other process may work here.
        Raises:
          WorkdirError: if another process works here that must not.
          Interrupted: if it was asked to stop while it waited.
        """
        with part_lock(self.path, "plan").held(stop, waiting):
            if not self._lock.take(shared=not alone):
                raise WorkdirError(
                    f"{self.path} is in use by another process: wait for it, or name "
                    "another folder with --workdir"
                )
            yield
            # Nobody can come between: who wants it alone has to plan.
            self._lock.take(shared=True)

    def check_there(self) -> None:
        """Checks that the folder is still where it was when it was opened.

        Raises:
          WorkdirError: if it was moved or removed, or its lock file was.
        """
        if (self.path / RECORD_FILE).exists():
            self._lock.check_in_place()
        elif not self._lock.in_place():
            # A save may have made it anew, as far as it needed.
            raise moved(self.path, remains=self.path.is_dir())

    def be_alone(self) -> None:
        """Makes sure, while planning, that no other process works here.

        Raises:
          WorkdirError: if one does.
        """
        if not self._lock.take():
            raise WorkdirError(
                f"{self.path} is in use by another process, whose sweep cannot be "
                "changed while it works: wait for it"
            )

    def find(self, record: Mapping[str, Any], overwrite: bool) -> dict[str, Any] | None:
        """Returns the record of the sweep that is here and goes on; None if it is new.

        Args:
          record: of the sweep that is asked for, see `engine.study.make_record`.
          overwrite: whether what is here may be removed, which `begin` does.
        Raises:
          WorkdirError: if another sweep is here and may not be removed, or the record
            of what is here is damaged.
        """
        path = self.path / RECORD_FILE
        if overwrite:
            return None
        if path.exists():
            return self._check(self._read_record(), record)
        checkpoints = self.path / CHECKPOINT_FOLDER
        if (self.path / RESULTS_FILE).exists() or (
            checkpoints.exists() and any(checkpoints.iterdir())
        ):
            raise WorkdirError(
                f"{self.path} holds results but no {RECORD_FILE} that says of what: "
                "name another folder with --workdir, or remove them with --overwrite"
            )
        return None

    def here(self) -> dict[str, Any] | None:
        """Returns the record of the sweep that is here, or None.

        Raises:
          WorkdirError: if it is damaged.
        """
        return self._read_record() if (self.path / RECORD_FILE).exists() else None

    def begin(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """Removes what is here, and writes and returns the record of a new sweep.

        Args:
          record: see `engine.study.make_record`; and `chunks`, the runs that train
            together: group, index, and a list of runs.
        Returns:
          The record, with the versions and devices of this process.
        """
        self._clear()
        record = {**record, **environment()}
        write_record(record, self.path)
        return record

    def _read_record(self) -> dict[str, Any]:
        try:
            return read_record(self.path / RECORD_FILE)
        except ResultsError as error:
            raise WorkdirError(
                f"{error}, name another folder with --workdir, or remove all that is "
                "there with --overwrite"
            ) from error

    def _clear(self) -> None:
        checkpoints = self.path / CHECKPOINT_FOLDER
        check_own(self.path / EVENT_FOLDER, self.path)  # before anything is removed
        if checkpoints.is_symlink():
            folders = self._linked_folders(checkpoints)
        else:
            folders = [checkpoints]
        try:
            (self.path / RESULTS_FILE).unlink(missing_ok=True)
            (self.path / STATUS_FILE).unlink(missing_ok=True)
            for folder in (*folders, self.path / EVENT_FOLDER):
                remove_folder(folder)
            # Last: without it, nothing here can be taken for a sweep.
            (self.path / RECORD_FILE).unlink(missing_ok=True)
        except OSError as error:
            raise WorkdirError(
                f"what is in {self.path} could not be removed ({error.strerror}): "
                "remove it by hand, or name another folder with --workdir"
            ) from error

    def _linked_folders(self, checkpoints: Path) -> list[Path]:
        """Returns this sweep's folders where a link leads; anything else is refused."""
        there = sorted(checkpoints.iterdir()) if checkpoints.exists() else []
        chunks = []
        if there and (self.path / RECORD_FILE).exists():
            chunks = self._read_record()["chunks"]
        own = [chunk_folder(self.path, c["group"], c["index"]) for c in chunks]
        inside = [path for group in there if group.is_dir() for path in group.iterdir()]
        groups = {folder.parent for folder in own}
        if not (set(there) <= groups and set(inside) <= set(own)):
            raise WorkdirError(
                f"{checkpoints} is a link, and what it leads to holds more than the "
                f"checkpoints of this sweep: empty {checkpoints.resolve()} by hand, or "
                "name another folder with --workdir"
            )
        for folder in own:
            check_own(folder, checkpoints)
        return there

    def change(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """Writes and returns the record of the sweep that is here, with more in it."""
        write_record(record, self.path)
        return dict(record)

    def note_environment(self) -> None:
        """Notes in the record that it goes on by other versions, devices or flags.

        Nothing is refused. Only while planning, since the record is read and written.

        Raises:
          WorkdirError: if the record is damaged.
          OSError: if it cannot be written.
        """
        record, now = self.here(), environment()
        if record is None or now in environments(record):
            return
        logging.warning(
            "%s goes on with other versions, devices or flags than it began with (%s); "
            "its record says so now",
            self.path,
            "; ".join(changes(environments(record)[0], now)),
        )
        noted = [*record.get("environments", []), now]
        self.change({**record, "environments": noted})

    def _check(self, here: dict[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
        if fields := differences(here, new):
            listed = "".join(f"\n  {field}" for field in fields)
            raise WorkdirError(
                f"{self.path} holds a sweep with another config (there -> asked):"
                f"{listed}\nName another folder with --workdir, or remove what is "
                "there with --overwrite; more runs or epochs are added with --extend"
            )
        check_code(self.path, here, new)
        return here


_FLAGS_WITHOUT_EFFECT = ("--xla_force_host_platform_device_count", "--xla_dump")


def versions() -> dict[str, str]:
    """Returns the versions of what computes, fit for JSON."""
    return {
        "ws_jax": ws_jax.__version__,
        "python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in _PACKAGES},
    }


def environment() -> dict[str, Any]:
    """Returns the versions, devices and flags that this process runs with, for JSON.

    Flags of XLA change how numbers are rounded; those that say how many devices a host
    has, or what is written of compiled programs, do not. Without any there is no entry.
    """
    flags = [
        flag
        for flag in os.environ.get("XLA_FLAGS", "").split()
        if not flag.startswith(_FLAGS_WITHOUT_EFFECT)
    ]
    return {
        **({"flags": flags} if flags else {}),
        "versions": versions(),
        "device": {
            "platform": jax.default_backend(),
            "kind": jax.devices()[0].device_kind,
            "count": jax.local_device_count(),
        },
    }


@contextlib.contextmanager
def stop_requests() -> Iterator[threading.Event]:
    """Turns the first SIGTERM or SIGINT into an event; the second acts as ever.

    A signal that the process was told to ignore, as a shell tells what it starts in the
    background, stays ignored.
    """
    event = threading.Event()
    before = {}

    def request(number, frame):
        del number, frame
        event.set()
        for signum, handler in before.items():
            signal.signal(signum, handler)

    if threading.current_thread() is threading.main_thread():
        for signum in (signal.SIGTERM, signal.SIGINT):
            if signal.getsignal(signum) == signal.SIG_IGN:
                continue
            before[signum] = signal.signal(signum, request)
    try:
        yield event
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)
