"""Trains a sweep: every run of a config, mapped, resumable.

python -m launch.sweep --config=configs/smoke.py --workdir=results/smoke
"""

from absl import flags

from ws_jax import cli

CONFIG = cli.define_config()
WORKDIR = flags.DEFINE_string("workdir", None, "Folder of the sweep, made if missing.")
DATA_DIR = flags.DEFINE_string(
    "data_dir",
    None,
    "Folder with data that TFDS has prepared, or with raw files; else TFDS_DATA_DIR, "
    "else TFDS's own folder.",
)
OVERWRITE = flags.DEFINE_bool(
    "overwrite", False, "Remove what another sweep has left in the folder."
)
DRY_RUN = flags.DEFINE_bool("dry_run", False, "Print the plan and train nothing.")


def main() -> None:
    """Runs the sweep, or prints its plan."""
    config = cli.read_config(CONFIG)
    cli.setup_jax()
    from ws_jax import describe, experiment

    if DRY_RUN.value:
        study = experiment.prepare(config, DATA_DIR.value)
        print(describe.plan_text(study))
        return
    path = experiment.run_sweep(
        config,
        cli.required(WORKDIR),
        data_dir=DATA_DIR.value,
        overwrite=OVERWRITE.value,
    )
    print(f"results: {path}")


if __name__ == "__main__":
    cli.run(main)
