"""Processes to kill that start at once: forked from one that has imported everything.

Most of the start of a sweep is imports. The process that forks has made them, and
nothing more: JAX starts no threads before its first device is asked for, so nothing
can be held by a thread that a fork leaves behind.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

TESTS = Path(__file__).parent
# Threads that NumPy and pyarrow would start when they are imported.
NO_THREADS = {
    "OPENBLAS_NUM_THREADS": "1",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
}


class Forks:
    """One process at a time that runs a sweep of a module of tests."""

    def __init__(self, module: str, folder: Path):
        """Starts the process that forks.

        Args:
          module: of tests; it is imported once.
          folder: of what the processes say.
        """
        paths = os.pathsep.join([str(TESTS.parent), str(TESTS)])
        self._server = subprocess.Popen(
            [sys.executable, str(Path(__file__)), module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **NO_THREADS, "PYTHONPATH": paths},
        )
        self._folder = folder
        self._said = Path()
        assert self._answer() == "ready"

    def start(
        self,
        workdir: Path,
        config: str = "CONFIG",
        aim: tuple[str, str, int] = ("",) * 3,
    ) -> None:
        """Forks a process that runs a sweep.

        Args:
          workdir: of the sweep.
          config: its name in the module.
          aim: a module, a function in it, and at which call of it the process dies.
        """
        handle, said = tempfile.mkstemp(dir=self._folder)
        os.close(handle)
        self._said = Path(said)
        self._ask(do="start", workdir=str(workdir), config=config, aim=aim, said=said)

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Sends a signal to the process; it may have ended."""
        self._ask(do="kill", number=int(number))

    def wait(self) -> tuple[int, str]:
        """Waits for the process's end; returns its status, and what it said."""
        return self._ask(do="wait"), self._said.read_text()

    def close(self) -> None:
        """Ends the process that forks, and the one that it has forked."""
        self._server.stdin.close()
        self._server.wait()
        self._server.stdout.close()

    def _ask(self, **request: Any) -> Any:
        self._server.stdin.write(f"{json.dumps(request)}\n")
        self._server.stdin.flush()
        return self._answer()

    def _answer(self) -> Any:
        return json.loads(self._server.stdout.readline())


def import_all() -> None:
    """Imports what each process would; `AssertionError` if that started threads."""
    for needed in (
        "pyarrow.parquet",
        "orbax.checkpoint",
        "ws_jax.engine",
        "ws_jax.cli",
    ):
        importlib.import_module(needed)
    threads = Path("/proc/self/task")
    if threads.exists():
        assert len(list(threads.iterdir())) == 1, "a fork would lose threads"


def _serve(name: str) -> None:
    module = importlib.import_module(name)
    import_all()
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what else is printed is no answer
    child = 0

    def answer(value: Any) -> None:
        answers.write(f"{json.dumps(value)}\n")
        answers.flush()

    answer("ready")
    for line in sys.stdin:
        request = json.loads(line)
        if request["do"] == "start":
            child = os.fork()
            if not child:
                _run(module, request)
            answer(child)
        elif request["do"] == "kill":
            os.kill(child, request["number"])  # not waited for: the number is its own
            answer(None)
        else:
            _, status = os.waitpid(child, 0)
            child = 0
            answer(os.waitstatus_to_exitcode(status))
    if child:
        os.kill(child, signal.SIGKILL)


def _run(module: Any, request: dict[str, Any]) -> None:
    """Runs a sweep in a process that was forked, and ends it."""
    status = 99
    try:
        said = os.open(request["said"], os.O_WRONLY)
        null = os.open(os.devnull, os.O_RDONLY)
        for old, new in ((null, 0), (said, 1), (said, 2)):
            os.dup2(old, new)
        from ws_jax import engine
        from ws_jax.cli import compile_cache
        from ws_jax.cli.main import guard

        # As a launcher does: a process that was killed may have cut an entry off.
        compile_cache.remove_damaged(Path(os.environ["JAX_COMPILATION_CACHE_DIR"]))
        if request["aim"][0]:
            take_aim(*request["aim"], lambda: os.kill(os.getpid(), signal.SIGKILL))
        config = getattr(module, request["config"])
        status = guard(lambda: engine.run_sweep(config, request["workdir"]))
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


def take_aim(module: str, name: str, count: int, act: Callable[[], object]) -> None:
    """Does something just before a call of a function.

    Args:
      module: that the function is in.
      name: of the function there, `Class.method` say.
      count: of the calls, which one.
      act: what is done.
    """
    owner: Any = importlib.import_module(module)
    *path, name = name.split(".")
    for part in path:
        owner = getattr(owner, part)
    real, calls = getattr(owner, name), []

    def aimed(*args, **kwargs):
        calls.append(name)
        if len(calls) == count:
            act()
        return real(*args, **kwargs)

    setattr(owner, name, aimed)


if __name__ == "__main__":
    _serve(sys.argv[1])
