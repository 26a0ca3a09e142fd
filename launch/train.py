"""Trains one run of a config: the first of its sweep, or the one that flags name.

python -m launch.train --config=configs/smoke.py --workdir=results/one --level=0.2

Any field can be named: --axis=weight_decay=1e-4
"""

from absl import flags

from ws_jax import cli

CONFIG = cli.define_config()
AXIS = cli.define_axes()
WORKDIR = cli.define_workdir()
DATA_DIR = cli.define_data_dir()
OVERWRITE = cli.define_overwrite()
WORDS = {
    "sharing": flags.DEFINE_string("sharing", None, "Scheme, as free or tiles:2."),
    "init": flags.DEFINE_string("init", None, "Reading of the initialisation."),
    "augmentations": flags.DEFINE_string("augmentation", None, "Kind."),
    "num_layers": flags.DEFINE_integer("num_layers", None, "Layers used."),
    "levels": flags.DEFINE_float("level", None, "Augmentation level in [0, 1)."),
    "severing": flags.DEFINE_float(
        "vcp", None, "Probability of severing a connection or unit, in [0, 1)."
    ),
    "learning_rates": flags.DEFINE_float("learning_rate", None, "Learning rate."),
    "folds": flags.DEFINE_integer("fold", None, "Validation fold, from 0."),
    "seeds": flags.DEFINE_integer("seed", None, "Seed."),
}
SEVERING = flags.DEFINE_float("severing", None, "The same, by its old name.")


def main() -> None:
    """Trains the run."""
    asked = {word: flag.value for word, flag in WORDS.items()}
    asked["severing"] = cli.either(WORDS["severing"], SEVERING)
    asked = {word: value for word, value in asked.items() if value is not None}
    sweep = cli.read_run(CONFIG, AXIS.value, asked)
    workdir = cli.required(WORKDIR)
    cli.setup_jax()
    from ws_jax import engine

    path = engine.run_sweep(
        sweep, workdir, data_dir=DATA_DIR.value, overwrite=OVERWRITE.value
    )
    print(f"results: {path}")


if __name__ == "__main__":
    cli.run(main)
