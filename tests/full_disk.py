"""A sweep on a disk that runs full: run within a mount namespace of its own.

Prints a line of JSON for each round: the exit status of a sweep whose disk had no more
room from some point on, and what it said on the terminal until its process was gone.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import forks
from absl import flags, logging

FILES = ("sweep.json", "results.parquet")


def fill(disk: Path, left: int | None) -> None:
    """Leaves so many inodes free, or takes all bytes if that is None."""
    taken = disk / "taken"
    taken.mkdir()
    with contextlib.suppress(OSError):  # a save beside it takes some, too
        if left is None:
            with open(taken / "bytes", "wb", buffering=0) as file:
                while True:
                    file.write(bytes(4096))
        for number in range(os.statvfs(disk).f_favail - left):
            (taken / str(number)).touch()


def kept(workdir: Path) -> dict[str, Any]:
    """Returns what a sweep must not lose: its files, and the newest of each chunk."""
    there = [workdir / name for name in FILES if (workdir / name).exists()]
    newest: dict[str, int] = {}
    for step in workdir.glob("checkpoints/*/*/*"):
        if step.name.isdecimal():
            chunk = str(step.parent.relative_to(workdir))
            newest[chunk] = max(newest.get(chunk, 0), int(step.name))
    return {path.name: path.read_bytes().hex() for path in there} | newest


def start(asked: Any, disk: Path, left: int | None, aim: tuple[str, str, int]) -> int:
    """Runs a sweep as a launcher does, on a disk that is full from the aim on."""
    from ws_jax import engine
    from ws_jax.cli.main import guard, set_up_log

    def fill_it() -> None:
        fill(disk, left)
        text = json.dumps(kept(disk / "sweep"))
        (disk.parent / "kept.json").write_text(text)

    if aim[0]:
        forks.take_aim(*aim, fill_it)
    else:
        fill_it()
    flags.FLAGS(["sweep"])
    logging.use_absl_handler()
    set_up_log()
    return guard(functools.partial(engine.run_sweep, asked, disk / "sweep"))


def again(asked: Any, disk: Path) -> int:
    """Looks at what a full disk left, makes room, and runs the sweep to its end."""
    from ws_jax import engine
    from ws_jax.storage import results, status

    if told := status.read(disk / "sweep"):
        (process,) = told["processes"].values()
        assert process["state"] == "failed", process
        assert "No space left" in process["error"], process
    before = json.loads((disk.parent / "kept.json").read_text())
    there = kept(disk / "sweep")
    for name, value in before.items():
        now = there.get(name, 0)
        sound = now == value if name in FILES else now >= value
        assert sound, f"{name} was lost"
    if (disk / "sweep" / results.RESULTS_FILE).exists():
        results.read(disk / "sweep")
    shutil.rmtree(disk / "taken")
    engine.run_sweep(asked, disk / "sweep")
    return 0


def forked(call: Callable[[], int], said: Path) -> int:
    """Calls a function in a process of its own; returns its exit status."""
    if child := os.fork():
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    handle = os.open(said, os.O_WRONLY | os.O_CREAT)
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    sys.exit(call())


def main(name: str, config: str, out: Path, rounds: list[Any]) -> None:
    """Runs a sweep of a module of tests on full disks, and again with room.

    Args:
      name: of the module.
      config: its name there.
      out: folder for what each round ends with; a disk is mounted within it.
      rounds: the inodes that are free, or None if there are inodes but no bytes, and
        an aim, see `forks.take_aim`: the call before which the disk becomes full.
    """
    asked = getattr(importlib.import_module(name), config)
    forks.import_all()
    disk = out / "disk"
    disk.mkdir()
    mount = ("mount", "-t", "tmpfs", "-o", "nr_inodes=2000,size=64m", "none")
    subprocess.run([*mount, str(disk)], check=True)
    for number, (left, aim) in enumerate(rounds):
        said = out / f"said_{number}"
        status = forked(functools.partial(start, asked, disk, left, aim), said)
        told = said.read_text()
        if forked(functools.partial(again, asked, disk), said):
            sys.exit(f"{left} {aim}: {told}\nthen {said.read_text()}")
        shutil.copytree(disk / "sweep", out / str(number))
        shutil.rmtree(disk / "sweep")
        print(json.dumps([status, told]), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), json.loads(sys.argv[4]))
