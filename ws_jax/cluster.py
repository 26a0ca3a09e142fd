"""Elements of a job array, each a process of one sweep, through submitit.

An element starts the launcher of sweeps as a person would, and watches it: what it
trains and who trains what is the sweep's own affair. When the cluster is about to take
an element's machine it asks for an end after the epoch, and has itself queued again;
started again, the same command goes on.

Needs the extra `cluster`. Nothing here imports JAX, so that an element is light.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

POLL_SECONDS = 0.2  # between looks at the process
STOPPED = 143  # its exit status once it was asked to stop and has saved


class Element:
    """One process of a sweep: what submitit calls on a machine of the cluster."""

    def __init__(self, command: Sequence[str]):
        """Takes the command of the sweep, without Python."""
        self.command = list(command)

    def __call__(self) -> int:
        """Runs the sweep to its end.

        SIGTERM saves and ends it, as everywhere; the signal by which submitit tells of
        a preemption or of the end of the time also has it queued again.

        Returns:
          0.
        Raises:
          RuntimeError: if the sweep failed; its own error is in the element's log.
          SystemExit: if it was asked to stop.
        """
        from submitit.core.job_environment import JobEnvironment

        again = JobEnvironment._usr_sig()
        asked: list[int] = []
        before = {
            number: signal.signal(number, lambda number, frame: asked.append(number))
            for number in (signal.SIGTERM, again)
        }
        # In a session of its own: the cluster signals whole process groups, and a
        # second signal would end the process before it has saved.
        process = subprocess.Popen(
            [sys.executable, "-m", *self.command], start_new_session=True
        )
        try:
            status = _watch(process, asked)
        finally:
            process.terminate()  # if this process itself was interrupted
            for number, handler in before.items():
                signal.signal(number, handler)
        if status == 0:
            return 0
        if status not in (STOPPED, -signal.SIGTERM):
            raise RuntimeError(f"the sweep ended with status {status}; see its log")
        if again in asked:
            queue: Any = before[again]  # submitit's; it ends this process, too
            queue(again, None)
        sys.exit(STOPPED)

    def checkpoint(self) -> Any:
        """Returns what is queued again: the same; the sweep knows how far it is."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)


def _watch(process: subprocess.Popen, asked: Sequence[int]) -> int:
    """Waits for a process, which is asked to stop once if this one is."""
    told = False
    while (status := process.poll()) is None:
        if asked and not told:
            process.terminate()
            told = True
        time.sleep(POLL_SECONDS)
    return status


def slurm_options(texts: Sequence[str]) -> dict[str, Any]:
    """Reads options of sbatch, each `NAME=VALUE`, as submitit's parameters.

    Raises:
      ConfigError: for one without a value.
    """
    from ws_jax.config import ConfigError

    found: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise ConfigError(f"--slurm={text}: needs a value, as in --slurm=qos=long")
        found[f"slurm_{name}"] = int(value) if value.isdigit() else value
    return found


def find(cluster: str = "") -> str:
    """Returns the cluster that is meant.

    Args:
      cluster: its name; empty: `slurm` where there is one, else `local`.
    Raises:
      ConfigError: if submitit is missing.
    """
    return cluster or str(_submitit().AutoExecutor.which())


def _submitit() -> Any:
    from ws_jax.config import ConfigError

    try:
        import submitit
    except ImportError as error:
        raise ConfigError(
            "job arrays need submitit: pip install -c constraints.txt '.[cluster]'"
        ) from error
    return submitit


def submit(
    command: Sequence[str],
    elements: int,
    folder: str | Path,
    cluster: str = "",
    parameters: Mapping[str, Any] | None = None,
    requeues: int = 1000,
) -> list[Any]:
    """Submits a job array whose elements work on one sweep.

    Args:
      command: of the sweep, without Python: a module, and its flags.
      elements: how many.
      folder: of their logs.
      cluster: `slurm`, or `local` for processes of this machine; empty: `slurm` where
        there is one.
      parameters: of submitit, as `timeout_min` or `slurm_partition`.
      requeues: how often an element that ran out of its time is queued again.
    Returns:
      submitit's jobs.
    Raises:
      ConfigError: if submitit is missing, or knows no such cluster or parameter.
    """
    from ws_jax.config import ConfigError

    submitit = _submitit()
    limit = {f"{name}_max_num_timeout": requeues for name in ("local", "slurm")}
    try:
        executor = submitit.AutoExecutor(folder, cluster=cluster or None, **limit)
        executor.update_parameters(**(parameters or {}))
    except (ValueError, NameError, AssertionError, RuntimeError) as error:
        lines = [line for line in str(error).splitlines() if line]
        raise ConfigError(f"submitit: {' '.join(lines)}") from error
    with executor.batch():  # as one array
        return [executor.submit(Element(command)) for _ in range(elements)]
