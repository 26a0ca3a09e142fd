"""The process of the peers, asked to prepare and to time their steps."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.networks import NUM_CLASSES, Benchmark
from benchmarks.timing import Case
from ws_jax.cli import num_cores
from ws_jax.config import ConfigError

WORKER = "benchmarks.peers.worker"
_ROOT = Path(__file__).parents[2]

# Peers that take minutes to prepare and were no faster: compiled, and a sparse matrix.
_SLOW = ("compile", "LocallyConnected2D 3")
# Seconds until a peer's threads, which spin on after their work, leave the cores.
_SETTLE = 0.5
_KINDS = {"full": "(cnn)", "free": "(fcn)"}


class PeerError(ConfigError):
    """The environment of the peers does not work."""


class Peers:
    """A process of another Python environment that times steps when asked to.

    It sits idle in between, so its cases can take turns with our own.
    """

    def __init__(self, python: str):
        """Starts the process; raises `PeerError` if it does not answer."""
        command = [python, "-m", WORKER, f"--threads={num_cores()}"]
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                env={**os.environ, "PYTHONPATH": str(_ROOT)},
            )
        except OSError as error:
            raise PeerError(f"cannot start {python}: {error}") from error
        hello = self._read()
        self.versions: dict[str, str] = hello["versions"]
        self.missing: dict[str, str] = hello["missing"]

    def __enter__(self) -> Peers:
        return self

    def __exit__(self, *exception) -> None:
        self._process.communicate(timeout=30)

    def prepare(
        self,
        benchmark: Benchmark,
        num_parameters: int,
        steps: int,
        slow: bool,
        tell: Callable[[str, str], None],
    ) -> list[Case]:
        """Builds what can be timed on a network, in place of what there was.

        Args:
          benchmark: the network.
          num_parameters: of it; a peer that has others is a mistake.
          steps: training steps in one timed call; seconds are per step.
          slow: whether also those that take minutes.
          tell: called with the name of a case and why it is left out.
        Raises:
          PeerError: if a peer has another number of parameters.
        """
        network = _network(benchmark)
        kind = _KINDS[benchmark.scheme]
        return self.prepare_network(
            network, kind, benchmark.name, num_parameters, steps, slow, tell
        )

    def prepare_network(
        self,
        network: dict[str, Any],
        kind: str,
        called: str,
        num_parameters: int,
        steps: int,
        slow: bool,
        tell: Callable[[str, str], None],
    ) -> list[Case]:
        """Builds what can be timed on a network that the peers are told of.

        Args:
          network: as the peers' own classes read it.
          kind: with which the names of its cases end, as `(cnn)`.
          called: the network's name, for messages.
          num_parameters: see `prepare`, as all that follow.
          steps: as said.
          slow: as said.
          tell: as said.
        Raises:
          PeerError: if a peer has another number of parameters.
        """
        for name, reason in self.missing.items():
            tell(name, reason)
        cases = []
        for name in self.ask(op="cases", network=network)["cases"]:
            if not name.endswith(kind):
                continue
            if not slow and any(mark in name for mark in _SLOW):
                continue
            answer = self.ask(op="prepare", case=name)
            if "error" in answer:
                tell(name, answer["error"])
            elif answer["parameters"] != num_parameters:
                raise PeerError(
                    f"{name} has {answer['parameters']:,} parameters, and "
                    f"{called} {num_parameters:,}: not the same network"
                )
            else:
                cases.append(self._case(name, steps))
        return cases

    def _case(self, name: str, steps: int) -> Case:
        def seconds() -> float:
            answer = self.ask(op="time", case=name, steps=steps)
            if "error" in answer:
                raise PeerError(f"{name}: {answer['error']}")
            time.sleep(_SETTLE)
            return answer["seconds"]

        return Case(name, seconds)

    def ask(self, **request: Any) -> dict[str, Any]:
        """Sends a request to the peers' process; returns its answer."""
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


def _network(benchmark: Benchmark) -> dict[str, Any]:
    net: Any = benchmark.run.network
    return {
        "image": benchmark.image_shape,
        "features": net.features,
        "kernel_sizes": net.kernel_sizes,
        "strides": net.strides,
        "hidden": net.hidden,
        "classes": NUM_CLASSES,
        "batch": benchmark.batch,
    }
