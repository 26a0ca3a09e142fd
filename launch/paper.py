"""Trains every study of a paper, one after the other, resumable.

python -m launch.paper --paper=ott2020 --workdir=results/paper --data_dir=DIR
"""

from pathlib import Path

from absl import flags, logging

from ws_jax import cli
from ws_jax.config import check_name

PAPER = flags.DEFINE_string("paper", "ott2020", "Folder of configs.")
WORKDIR = cli.define_workdir("Folder of a folder for each study, made if missing.")
DATA_DIR = cli.define_data_dir()
SEMANTICS = flags.DEFINE_string(
    "semantics", "", "Whose word holds where paper and code differ, as released."
)
ONLY = flags.DEFINE_list("only", None, "Studies to train, of configs/PAPER/paper.py.")

DRY_RUN = flags.DEFINE_bool("dry_run", False, "Print the plans and train nothing.")
TIME = flags.DEFINE_bool("time", False, "With --dry_run: time two steps of each group.")


def main() -> None:
    """Trains the studies."""
    cli.goes_with(TIME, DRY_RUN)
    studies = cli.load_studies(PAPER.value)
    for name in ONLY.value or ():
        check_name("study", name, studies)
    reading = cli.paper_reading(PAPER.value, SEMANTICS.value)
    workdir = Path("" if DRY_RUN.value else cli.required(WORKDIR)) / reading
    asked = {"semantics.bundle": reading} if reading else {}
    sweeps = {
        name: cli.change_sweep(cli.load_sweep(studies[name]), asked)
        for name in ONLY.value or studies
    }
    cli.setup_jax()
    from ws_jax import engine
    from ws_jax.engine import describe

    for name, sweep in sweeps.items():
        logging.info("study %s", name)
        if DRY_RUN.value:
            plan = describe.plan(sweep, DATA_DIR.value, TIME.value)
            print(plan, end="\n\n", flush=True)
            continue
        path = engine.run_sweep(sweep, workdir / name, data_dir=DATA_DIR.value)
        print(f"results: {path}")


if __name__ == "__main__":
    cli.run(main)
