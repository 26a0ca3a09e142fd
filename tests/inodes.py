"""A sweep on a disk whose inodes run out: run within a mount namespace of its own.

Prints a line of JSON for each round: the inodes that were free, the exit status of the
sweep with no more than these, and what it said.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from absl import logging


def fill(disk: Path, left: int) -> Path:
    """Leaves so many inodes free; returns the folder of what takes the others."""
    taken = disk / "taken"
    taken.mkdir()
    for number in range(os.statvfs(disk).f_favail - left):
        (taken / str(number)).touch()
    return taken


def main(name: str, config: str, out: Path, lefts: list[int]) -> None:
    """Runs a sweep of a module of tests with few inodes, and again with many.

    Args:
      name: of the module.
      config: its name there.
      out: folder for what each round ends with; a disk is mounted within it.
      lefts: inodes that are free, by round.
    """
    asked = getattr(importlib.import_module(name), config)
    from ws_jax import engine
    from ws_jax.cli.main import guard, is_ours
    from ws_jax.storage import results

    logging.get_absl_handler().addFilter(is_ours)  # as a launcher does
    disk = out / "disk"
    disk.mkdir()
    mount = ("mount", "-t", "tmpfs", "-o", "nr_inodes=2000,size=256m", "none")
    subprocess.run([*mount, str(disk)], check=True)
    for number, left in enumerate(lefts):
        workdir, taken = disk / "sweep", fill(disk, left)
        with contextlib.redirect_stderr(io.StringIO()) as said:
            status = guard(functools.partial(engine.run_sweep, asked, workdir))
        free = os.statvfs(disk).f_favail
        if (workdir / results.RESULTS_FILE).exists():
            results.read_table(workdir / results.RESULTS_FILE)
        shutil.rmtree(taken)
        engine.run_sweep(asked, workdir)
        shutil.copytree(workdir, out / str(number))
        shutil.rmtree(workdir)
        print(json.dumps([left, free, status, said.getvalue()]), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), json.loads(sys.argv[4]))
