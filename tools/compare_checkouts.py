"""Runs the same small sweeps in two checkouts and compares every number, bit for bit.

python tools/compare_checkouts.py OTHER_CHECKOUT FOLDER [NAME ...]

Each sweep runs once here and once there, with this environment's packages; what stands
in FOLDER already is not run again. All columns that both tables have are compared but
`seconds`, and a difference ends with exit status 1. A change that is meant to keep all
numbers is tried so, on one machine, before it lands.
"""

import subprocess
import sys
from pathlib import Path

import pandas as pd

HERE = Path(__file__).resolve().parents[1]
ONE_EPOCH = ["--config=configs/smoke.py", "--config.train.epochs=1"]
ALL_VIEWS = (
    "--config.evaluation.perturbations="
    "('translation','rotation','noise','edge_noise','swap')"
)
KINDS = [
    *ONE_EPOCH,
    ALL_VIEWS,
    "--config.sweep.augmentations=('translation','rotation','noise','edge_noise')",
]
SEVERED = [
    *ONE_EPOCH,
    "--config.sweep.sharing=('free',)",
    "--config.sweep.severing=(0.0,0.5)",
]
RELEASED = "--config.semantics.bundle=released"
SWEEPS = {
    "kinds": KINDS,
    "kinds_released": [*KINDS, RELEASED],
    "severed": SEVERED,
    "severed_released": [*SEVERED, RELEASED],
    "depths": [*ONE_EPOCH, "--config.sweep.num_layers=(2,3)"],
    "study": ["--config=configs/study.py"],
}


def run(checkout: Path, name: str, workdir: Path) -> pd.DataFrame:
    """Returns the table of a sweep in a checkout, which is trained if missing."""
    table = workdir / "results.parquet"
    if not table.exists():
        flags = [*SWEEPS[name], f"--workdir={workdir}"]
        command = [sys.executable, "-m", "launch.sweep", *flags]
        subprocess.run(command, cwd=checkout, check=True)
    return pd.read_parquet(table)


def differences(here: pd.DataFrame, there: pd.DataFrame) -> list[str]:
    """Lists the columns in which two tables differ, and those that only one has."""
    if list(here["run"]) != list(there["run"]):
        return [f"runs or epochs: {len(here)} rows here, {len(there)} there"]
    found = [
        f"{name} is missing here" for name in there.columns.difference(here.columns)
    ]
    for name in there.columns.intersection(here.columns).drop("seconds"):
        if not here[name].equals(there[name]):
            rows = (here[name] != there[name]) & ~(
                here[name].isna() & there[name].isna()
            )
            found.append(f"{name} differs in {rows.sum()} of {len(rows)} rows")
    return found


def main(other: str, folder: str, *names: str) -> int:
    """Compares; returns the exit status."""
    status = 0
    for name in names or SWEEPS:
        here = run(HERE, name, Path(folder).resolve() / "here" / name)
        there = run(Path(other), name, Path(folder).resolve() / "there" / name)
        found = differences(here, there)
        print(f"{name}: {len(here)} rows", *(found or ["equal"]), sep="\n  ")
        status |= bool(found)
    return status


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
