"""Times training steps of the same networks in PyTorch and Keras 2, on the CPU.

Run as a module by an environment that has those frameworks and need not have ours: it
imports nothing of ours but this package, which never imports jax. It answers one JSON
object a line on stdout for each one a line on stdin, until stdin ends:

  {"op": "cases", "network": {...}}             {"cases": [name, ...]}
  {"op": "prepare", "case": name}               {"parameters": int, "loss": float}
  {"op": "time", "case": name, "steps": k}      {"seconds": of one training step}
  {"op": "drop", "case": name}                  {}

Anything that fails answers {"error": reason}. The first line, unasked, tells versions
and what is missing. The name of a case ends in the kind of its network: "(cnn)" shares
a kernel among all sites, "(fcn)" has an own kernel and bias at every site. Residual
networks are told with "kind": "residual"; their cases end in "(residual)" where all
sites share a kernel, and in "(local residual)" where every one has its own.
"""

import argparse
import functools
import gc
import importlib
import json
import os
import shutil
import sys
import time
from collections.abc import Callable
from typing import Any, TextIO

from benchmarks.peers.network import Network, Trainer
from benchmarks.peers.residual import Residual

WARM_UP_STEPS = 3


def time_calls(fn: Callable[[], Any], count: int) -> float:
    """Mean seconds of one call, of `count` back to back."""
    start = time.perf_counter()
    for _ in range(count):
        fn()
    return (time.perf_counter() - start) / count


class Worker:
    """Answers the requests; holds the cases that are prepared."""

    def __init__(self, makers: dict[str, Callable[[Any], Trainer]]):
        """Takes what builds each case; nothing is built before it is asked for."""
        self._makers = makers
        self._trainers: dict[str, Trainer] = {}
        self._network: Network | Residual | None = None

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Does what one request asks; a failure is an answer, too."""
        try:
            match request["op"]:
                case "cases":
                    return self._cases(request["network"])
                case "prepare":
                    return self._prepare(request["case"])
                case "time":
                    trainer = self._trainers[request["case"]]
                    return {"seconds": time_calls(trainer.step, request["steps"])}
                case "drop":
                    return self._drop(request["case"])
                case op:
                    raise ValueError(f"unknown op {op!r}")
        except Exception as error:
            return {"error": describe_error(error)}

    def _cases(self, network: dict[str, Any]) -> dict[str, Any]:
        fields = dict(network)
        kind = Residual if fields.pop("kind", "") == "residual" else Network
        self._network = kind.from_json(fields)
        self._trainers.clear()
        gc.collect()
        return {"cases": [n for n in self._makers if n.endswith(kind.KINDS)]}

    def _prepare(self, name: str) -> dict[str, Any]:
        if self._network is None:
            raise ValueError("no network yet: ask for its cases first")
        self._drop(name)
        trainer = self._makers[name](self._network)
        loss = [trainer.step() for _ in range(WARM_UP_STEPS)][-1]
        self._trainers[name] = trainer
        return {"parameters": trainer.num_parameters, "loss": loss}

    def _drop(self, name: str) -> dict[str, Any]:
        self._trainers.pop(name, None)
        gc.collect()
        return {}


def describe_error(error: BaseException) -> str:
    """Type and first line of the message."""
    lines = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {lines[0][:300]}"


def load_torch(num_threads: int) -> str:
    """Imports PyTorch for this many threads; returns its version."""
    torch = importlib.import_module("torch")
    torch.set_num_threads(num_threads)
    torch.set_num_interop_threads(1)
    # As TensorFlow and XLA do in their threads: a network that has learnt its one
    # batch by heart would otherwise slow down on denormal moments of Adam.
    torch.set_flush_denormal(True)
    # Every network compiles the same functions again.
    torch._dynamo.config.recompile_limit = 64
    return torch.__version__


def load_tensorflow(num_threads: int) -> str:
    """Imports TensorFlow for this many threads; returns its version."""
    tf = importlib.import_module("tensorflow")
    tf.config.threading.set_intra_op_parallelism_threads(num_threads)
    tf.config.threading.set_inter_op_parallelism_threads(num_threads)
    return tf.__version__


def load_keras() -> str:
    """Imports Keras 2; returns its version."""
    return importlib.import_module("tf_keras").__version__


def load_frameworks(num_threads: int) -> tuple[dict[str, str], dict[str, str]]:
    """Versions of what there is, and why the rest is missing."""
    versions, missing = {}, {}
    for name, load in {
        "torch": functools.partial(load_torch, num_threads),
        "tensorflow": functools.partial(load_tensorflow, num_threads),
        "tf_keras": load_keras,
    }.items():
        try:
            versions[name] = load()
        except Exception as error:
            missing[name] = describe_error(error)
    if not shutil.which(os.environ.get("CXX", "g++")):
        missing["torch.compile"] = "no C++ compiler"
    return versions, missing


def quieten() -> None:
    """Sets what the frameworks read when they are imported."""
    os.environ |= {
        "CUDA_VISIBLE_DEVICES": "-1",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        # Idle threads sleep: another framework may be on the clock meanwhile.
        "OMP_WAIT_POLICY": "PASSIVE",
        "KMP_BLOCKTIME": "0",
        # Compile in this process, without a pool that stays.
        "TORCHINDUCTOR_COMPILE_THREADS": "1",
    }


def claim_stdout() -> TextIO:
    """Keeps stdout for the protocol; what libraries print goes to stderr."""
    protocol = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return protocol


def send(protocol: TextIO, message: dict[str, Any]) -> None:
    """Writes one line, at once."""
    protocol.write(json.dumps(message) + "\n")
    protocol.flush()


def main() -> None:
    """Answers until stdin ends."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--threads", type=int, required=True)
    num_threads = parser.parse_args().threads
    protocol = claim_stdout()
    quieten()
    versions, missing = load_frameworks(num_threads)
    send(protocol, {"versions": versions, "missing": missing})
    makers = {}
    if "torch" in versions:
        from benchmarks.peers import in_torch, residual_in_torch

        can_compile = "torch.compile" not in missing
        makers |= in_torch.cases(can_compile=can_compile)
        makers |= residual_in_torch.cases(can_compile=can_compile)
    if "tf_keras" in versions:
        from benchmarks.peers import in_keras

        makers |= in_keras.cases()
    worker = Worker(makers)
    for line in sys.stdin:
        send(protocol, worker.answer(json.loads(line)))


if __name__ == "__main__":
    main()
