"""Measures how fast it runs here, from single layers to whole epochs.

python -m launch.benchmark --output=benchmark.json

The peers are timed side by side if an environment that has PyTorch and tf_keras is
named: --peers=DIR/bin/python
"""

import json
from pathlib import Path

from absl import flags

from ws_jax import cli
from ws_jax.config import ConfigError, check_name

SECTIONS = flags.DEFINE_list(
    "sections",
    "ceilings,layers,steps,epochs,compilation,compaction,startup",
    "What to measure, in order.",
)
NETWORKS = flags.DEFINE_list("networks", "mnist,cifar10", "Networks to measure.")
RUNS = flags.DEFINE_list("runs", "1,8,55", "Numbers of runs that train together.")
ROUNDS = flags.DEFINE_integer("rounds", 7, "How often each is timed.", 2)
PEERS = flags.DEFINE_string("peers", "", "Python of an environment with the peers.")
SLOW_PEERS = flags.DEFINE_bool("slow_peers", False, "Also those slow to prepare.")
OUTPUT = flags.DEFINE_string("output", "", "JSON file to write; must not exist.")


def main() -> None:
    """Measures, prints, and writes the record."""
    cli.setup_jax()
    from ws_jax.benchmark import suite

    options = suite.Options(
        networks=tuple(NETWORKS.value),
        runs=suite.read_runs(RUNS.value),
        rounds=ROUNDS.value,
        peers=PEERS.value,
        slow_peers=SLOW_PEERS.value,
    )
    for name in SECTIONS.value:
        check_name("section", name, suite.SECTIONS)
    output = Path(OUTPUT.value) if OUTPUT.value else None
    if output and output.exists():
        raise ConfigError(f"{output} exists: name another --output, or remove it")
    suite.compile_afresh()
    measured = suite.Suite(options, print)
    print(*[f"{key}: {value}" for key, value in suite.machine().items()], sep="\n")
    # Fractions of the ceilings need the ceilings.
    for name in dict.fromkeys(["ceilings", *SECTIONS.value]):
        getattr(measured, name)()
        if output:  # after each section, so that a stop loses one at the most
            output.parent.mkdir(parents=True, exist_ok=True)
            output.write_text(json.dumps(measured.record(), indent=1) + "\n")


if __name__ == "__main__":
    cli.run(main)
