"""Trains every study of the first paper, one after the other, resumable.

python -m launch.paper --workdir=results/paper --data_dir=DIR
"""

import dataclasses
import importlib
from pathlib import Path

from absl import flags, logging

from ws_jax import cli
from ws_jax.config import READINGS, ExperimentConfig, SemanticsConfig, check_name

WORKDIR = cli.define_workdir()
DATA_DIR = cli.define_data_dir()
SEMANTICS = flags.DEFINE_enum("semantics", "paper", READINGS, "Whose word holds.")
ONLY = flags.DEFINE_list("only", None, "Studies to train, of configs/paper.py.")


def read(name: str) -> ExperimentConfig:
    """Returns the config of one study, under the asked semantics."""
    values = importlib.import_module(f"configs.{name}").get_config()
    config = ExperimentConfig.from_config_dict(values)
    return dataclasses.replace(config, semantics=SemanticsConfig(SEMANTICS.value))


def main() -> None:
    """Trains the studies."""
    studies = importlib.import_module("configs.paper").STUDIES
    for name in ONLY.value or ():
        check_name("study", name, studies)
    workdir = Path(cli.required(WORKDIR)) / SEMANTICS.value
    cli.setup_jax()
    from ws_jax import experiment

    for name in ONLY.value or studies:
        logging.info("study %s", name)
        path = experiment.run_sweep(read(name), workdir / name, data_dir=DATA_DIR.value)
        print(f"results: {path}")


if __name__ == "__main__":
    cli.run(main)
