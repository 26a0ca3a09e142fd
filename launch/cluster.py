"""Submits a job array that works on one sweep, through submitit.

python -m launch.cluster --config=smoke --workdir=DIR --elements=8 --slurm=qos=long

Elements that are preempted, or whose time is over, save and queue again. What all would
refuse is refused before; --nocheck leaves that to them.
"""

from pathlib import Path

from absl import flags

from ws_jax import cli, cluster
from ws_jax.config import ConfigError

CONFIG = cli.define_config()
AXIS = cli.define_axes()
WORKDIR = cli.define_workdir()
DATA_DIR = cli.define_data_dir()
EXTEND = cli.define_extend()
ELEMENTS = flags.DEFINE_integer("elements", 1, "How many processes, or machines.", 1)
CLUSTER = flags.DEFINE_enum("cluster", None, ["slurm", "local"], "Else what is here.")
MINUTES = flags.DEFINE_integer("minutes", 240, "Time of an element; then again.", 1)
SAVE_SECONDS = flags.DEFINE_integer("save_seconds", 300, "Left to save in.", 1)
GPUS = flags.DEFINE_integer("gpus", 0, "Of each element.", 0)
CPUS = flags.DEFINE_integer("cpus", 0, "Of each element; 0: what the cluster gives.", 0)
CHECK = flags.DEFINE_bool("check", True, "Load the data and look at the workdir first.")
SLURM = flags.DEFINE_multi_string("slurm", [], "An option of sbatch, as partition=gpu.")


def main() -> None:
    """Submits the array, and prints the numbers of its jobs."""
    if (left := SAVE_SECONDS.value) >= 60 * MINUTES.value:
        raise ConfigError(f"--save_seconds={left}: must be less than --minutes")
    sweep = cli.read_config(CONFIG, AXIS.value)
    workdir = Path(cli.required(WORKDIR)).absolute()
    asked = cluster.slurm_options(SLURM.value) | {
        "timeout_min": MINUTES.value, "gpus_per_node": GPUS.value or None,
        "cpus_per_task": CPUS.value or None, "name": sweep.name,
        "slurm_signal_delay_s": SAVE_SECONDS.value,
    }  # fmt: skip
    given = {"data_dir": DATA_DIR.value, "extend": EXTEND.value}
    where = cluster.find(CLUSTER.value or "")
    if CHECK.value:
        cli.setup_jax()
        from ws_jax import engine

        study = engine.check_start(sweep, workdir, **given)
        print(f"{study.num_runs} runs in {len(study.groups)} groups")
    command = [f"{__package__}.sweep", *cli.typed_config(CONFIG, AXIS)]
    command += [f"--workdir={workdir}", *["--extend"] * EXTEND.value]
    command += [f"--data_dir={DATA_DIR.value}"] * bool(DATA_DIR.value)
    jobs = cluster.submit(command, ELEMENTS.value, workdir / "jobs", where, asked)
    print(f"submitted to {where}: {' '.join(job.job_id for job in jobs)}")
    print(f"logs: {workdir}/jobs")


if __name__ == "__main__":
    cli.run(main)
