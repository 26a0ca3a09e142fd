"""Trains a sweep: every run of a config, mapped, resumable.

python -m launch.sweep --config=configs/smoke.py --workdir=results/smoke

Any field is an axis: --axis=weight_decay=0,1e-4 --axis=hidden=256,1024
"""

from absl import flags

from ws_jax import cli

CONFIG = cli.define_config()
AXIS = cli.define_axes()
WORKDIR = cli.define_workdir()
DATA_DIR = cli.define_data_dir()
OVERWRITE = cli.define_overwrite()
EXTEND = cli.define_extend()
TENSORBOARD = flags.DEFINE_bool(
    "tensorboard", False, "Also write measurements as TensorBoard's events."
)
DRY_RUN = flags.DEFINE_bool("dry_run", False, "Print the plan and train nothing.")

TIME = flags.DEFINE_bool("time", False, "With --dry_run: time two steps of each group.")


def main() -> None:
    """Runs the sweep, or prints its plan."""
    sweep = cli.read_config(CONFIG, AXIS.value)
    cli.goes_with(TIME, DRY_RUN)
    workdir = None if DRY_RUN.value else cli.required(WORKDIR)
    cli.setup_jax()
    from ws_jax import engine
    from ws_jax.engine import describe

    if workdir is None:
        print(describe.plan(sweep, DATA_DIR.value, TIME.value))
        return
    path = engine.run_sweep(
        sweep,
        workdir,
        data_dir=DATA_DIR.value,
        overwrite=OVERWRITE.value,
        extend=EXTEND.value,
        tensorboard=TENSORBOARD.value,
    )
    print(f"results: {path}")


if __name__ == "__main__":
    cli.run(main)
