"""Trains a sweep: every run of a config, mapped, resumable.

python -m launch.sweep --config=configs/smoke.py --workdir=results/smoke
"""

from absl import flags

from ws_jax import cli

CONFIG = cli.define_config()
WORKDIR = cli.define_workdir()
DATA_DIR = cli.define_data_dir()
OVERWRITE = cli.define_overwrite()
DRY_RUN = flags.DEFINE_bool("dry_run", False, "Print the plan and train nothing.")


def main() -> None:
    """Runs the sweep, or prints its plan."""
    config = cli.read_config(CONFIG)
    workdir = None if DRY_RUN.value else cli.required(WORKDIR)
    cli.setup_jax()
    from ws_jax import describe, experiment, study

    if workdir is None:
        print(describe.plan_text(study.prepare(config, DATA_DIR.value)))
        return
    path = experiment.run_sweep(
        config, workdir, data_dir=DATA_DIR.value, overwrite=OVERWRITE.value
    )
    print(f"results: {path}")


if __name__ == "__main__":
    cli.run(main)
