"""Measures how fast it runs here, from single layers to whole epochs.

python -m launch.benchmark --output=benchmark.json

The peers are timed side by side if an environment that has PyTorch and tf_keras is
named: --peers=DIR/bin/python
"""

import json
from pathlib import Path

from absl import flags

from ws_jax import cli
from ws_jax.config import ConfigError

try:
    from benchmarks.options import NETWORKS, SECTIONS, Options, read_runs
except ModuleNotFoundError:
    text = "error: the benchmark runs in a checkout of the repository alone"
    raise SystemExit(text) from None

_SECTIONS = flags.DEFINE_list("sections", list(SECTIONS), "What to measure.")
_NETWORKS = flags.DEFINE_list("networks", list(NETWORKS), "Networks to measure.")
_RUNS = flags.DEFINE_list("runs", ["1", "8", "55"], "Numbers of runs together.")
_ROUNDS = flags.DEFINE_integer("rounds", 7, "How often each is timed.", 2)
_PEERS = flags.DEFINE_string("peers", "", "Python of an environment with the peers.")
_SLOW_PEERS = flags.DEFINE_bool("slow_peers", False, "Also those slow to prepare.")
_OUTPUT = flags.DEFINE_string("output", "", "JSON file to write; must not exist.")


def main() -> None:
    """Measures, prints, and writes the record."""
    options = Options(
        sections=tuple(_SECTIONS.value), networks=tuple(_NETWORKS.value),
        runs=read_runs(_RUNS.value), rounds=_ROUNDS.value,
        peers=_PEERS.value, slow_peers=_SLOW_PEERS.value,
    )  # fmt: skip
    output = Path(_OUTPUT.value) if _OUTPUT.value else None
    if output and output.exists():
        raise ConfigError(f"{output} exists: name another --output, or remove it")
    cli.setup_jax()
    from benchmarks import session, suite
    from ws_jax.storage.integrity import write_atomically

    measured = session.Session(options, lambda line: print(line, flush=True))
    print(json.dumps(session.describe_machine(), indent=1))

    def write() -> None:
        if output:
            output.parent.mkdir(parents=True, exist_ok=True)
            text = json.dumps(measured.record(), indent=1) + "\n"
            write_atomically(output, text.encode())

    suite.measure(measured, write)


if __name__ == "__main__":
    cli.run(main)
