"""The same steps in other frameworks, timed in a process of their own environment."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from ws_jax.benchmark.networks import NUM_CLASSES, Benchmark
from ws_jax.benchmark.timing import Case
from ws_jax.cli import num_cores

WORKER = Path(__file__).with_name("peer_worker.py")


class PeerError(RuntimeError):
    """The environment of the peers does not work."""


class Peers:
    """A process of another Python environment that times steps when asked to.

    It sits idle in between, so its cases can take turns with our own.
    """

    def __init__(self, python: str):
        """Starts the process; raises `PeerError` if it does not answer."""
        command = [python, str(WORKER), f"--threads={num_cores()}"]
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
        except OSError as error:
            raise PeerError(f"cannot start {python}: {error}") from error
        hello = self._read()
        self.versions: dict[str, str] = hello["versions"]
        self.missing: dict[str, str] = hello["missing"]

    def cases(self, benchmark: Benchmark) -> list[str]:
        """Returns the names of what can be timed on a network."""
        net = benchmark.config.network
        network = {
            "image": benchmark.image_shape,
            "features": net.features,
            "kernel_sizes": net.kernel_sizes,
            "strides": net.strides,
            "hidden": net.hidden,
            "classes": NUM_CLASSES,
            "batch": benchmark.batch,
        }
        return self._ask(op="cases", network=network)["cases"]

    def prepare(self, name: str) -> dict[str, Any]:
        """Builds a case; the answer has an `error` if that failed."""
        return self._ask(op="prepare", case=name)

    def drop(self, name: str) -> None:
        """Frees what a case holds."""
        self._ask(op="drop", case=name)

    def case(self, name: str, steps: int) -> Case:
        """A prepared case; seconds are per training step."""
        return Case(
            name, lambda: self._ask(op="time", case=name, steps=steps)["seconds"]
        )

    def close(self) -> None:
        """Ends the process."""
        self._process.communicate(timeout=30)

    def _ask(self, **request: Any) -> dict[str, Any]:
        assert self._process.stdin
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return self._read()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            raise PeerError("the process of the peers ended without an answer")
        return json.loads(line)
