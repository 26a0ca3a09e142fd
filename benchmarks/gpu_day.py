"""Does on a GPU what waits for one, step by step, and goes on where it was.

On a machine with the data, once; then on the one with the GPU, again and again:

python -m benchmarks.gpu_day --pack=mnist,cifar10 --data=DIR --data_dir=TFDS
python -m benchmarks.gpu_day --data=DIR --workdir=DIR --home=FILE --minutes=9

A call does what there is time for. Every step leaves its record in
WORKDIR/steps/NAME, and all of it, checkpoints left out, is packed into the file
--home, from which a fresh machine goes on. No network is needed, and neither TFDS nor
mlxtend.
"""

import json
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

from absl import flags

from benchmarks import gpu_data, gpu_home
from benchmarks.gpu_steps import Context, Step, steps
from ws_jax import cli
from ws_jax.config import check_name
from ws_jax.storage.integrity import write_atomically

_WORKDIR = cli.define_workdir()
_DATA_DIR = cli.define_data_dir()
_DATA = flags.DEFINE_string("data", "results/gpu_data", "Folder of the packed data.")
_PACK = flags.DEFINE_list("pack", None, "Data sets to pack, and nothing else.")
_HOME = flags.DEFINE_string("home", "", "File to pack results into, and go on from.")
_MINUTES = flags.DEFINE_float("minutes", 9.0, "Time that the call may take.", 0.1)
_ONLY = flags.DEFINE_list("only", None, "Steps to do; else all, in order of worth.")
_SMALL = flags.DEFINE_bool("small", False, "Try everything in miniature.")
_LIST = flags.DEFINE_bool("list", False, "List the steps and do nothing.")
_STEP = flags.DEFINE_string("step", "", "One step in this process; used by itself.")

MOST_TRIES = 2  # of a step that fails, or that cannot go on where it was
_INTERRUPTED = 143  # exit status of a step that has saved itself


def main() -> None:
    """Packs data, lists the steps, or does them."""
    known = steps()
    for name in [*(_ONLY.value or ()), *filter(None, [_STEP.value])]:
        check_name("step", name, known)
    if _PACK.value:
        _pack(_PACK.value)
    elif _LIST.value:
        for step in known.values():
            print(f"{step.name:28} {step.about}")
    elif _STEP.value:
        _do(known[_STEP.value], Path(cli.required(_WORKDIR)))
    else:
        chosen = [known[name] for name in _ONLY.value or known]
        day = Day(Path(cli.required(_WORKDIR)), _MINUTES.value * 60)
        day.work(chosen)


def _pack(names: list[str]) -> None:
    from ws_jax import data

    for name in names:
        check_name("data set to pack", name, gpu_data.PARTS)
        dataset = data.load(name, _DATA_DIR.value)
        paths = gpu_data.pack(dataset, Path(_DATA.value), gpu_data.PARTS[name])
        for path in paths:
            print(f"{path}: {path.stat().st_size / 1e6:.1f} MB")


def _do(step: Step, workdir: Path) -> None:
    """Does one step, in a process of its own."""
    cli.setup_jax()
    from benchmarks import session

    context = Context(workdir / "steps" / step.name, _SMALL.value)
    context.write("machine.json", session.describe_machine())
    gpu_data.enter(workdir / "data", step.data)
    step.do(context)


class Day:
    """Steps one after the other, each in a process of its own, until time is up."""

    def __init__(self, workdir: Path, seconds: float):
        """Takes over what is at home, and collects the data.

        Args:
          workdir: of records, checkpoints and data; made if missing.
          seconds: that all steps together may take.
        """
        self.workdir = workdir
        self.deadline = time.monotonic() + seconds
        # What a sweep needs to end its epoch and to save itself.
        self.grace = min(75.0, seconds / 4)
        (workdir / "steps").mkdir(parents=True, exist_ok=True)
        gpu_data.collect(Path(_DATA.value), workdir / "data")
        if _HOME.value and Path(_HOME.value).exists():
            taken = gpu_home.take(Path(_HOME.value), workdir)
            print(f"from {_HOME.value}: {', '.join(taken) or 'nothing new'}")

    def work(self, chosen: list[Step]) -> None:
        """Does the steps that are not done, while there is time."""
        for step in chosen:
            why_not = self._why_not(step)
            if why_not:
                print(f"{step.name}: {why_not}", flush=True)
                continue
            print(f"{step.name}: {step.about}", flush=True)
            record = self._run(step)
            print(
                f"{step.name}: {record['status']} ({record['seconds']:.0f} s in all)",
                flush=True,
            )
            if _HOME.value:
                Path(_HOME.value).parent.mkdir(parents=True, exist_ok=True)
                gpu_home.bring(self.workdir, Path(_HOME.value))

    def _why_not(self, step: Step) -> str:
        record = self.record(step)
        lost = record["tries"] >= MOST_TRIES and not step.resumes
        failed = record["status"].startswith("failed") and record["fails"] >= MOST_TRIES
        if record["status"] == "done" or lost or failed:
            return f"{record['status']} before"
        for name in step.data:
            lacking = gpu_data.missing(self.workdir / "data", name)
            if lacking:
                return f"waits for {lacking} of the data {name}"
        least = step.minutes * 60 if not _SMALL.value else 1.0
        left = self.deadline - time.monotonic() - self.grace
        return "no time left" if left < least else ""

    def record(self, step: Step) -> dict:
        """Returns the record of a step, as it was left."""
        path = self.workdir / "steps" / step.name / "record.json"
        if path.exists():
            return json.loads(path.read_text())
        return {"status": "not begun", "tries": 0, "fails": 0, "seconds": 0.0}

    def _run(self, step: Step) -> dict:
        folder = self.workdir / "steps" / step.name
        folder.mkdir(exist_ok=True)
        command = [sys.executable, "-m", "benchmarks.gpu_day", f"--step={step.name}"]
        command += [f"--workdir={self.workdir}"]
        command += ["--small"] if _SMALL.value else []
        before, started = self.record(step), time.monotonic()
        with (folder / "log.txt").open("a") as log:
            status = self._wait(subprocess.Popen(command, stdout=log, stderr=log))
        text = {0: "done", _INTERRUPTED: "unfinished", None: "unfinished, killed"}
        failed = status not in text
        machine = folder / "machine.json"
        record = {
            "name": step.name,
            "about": step.about,
            "command": shlex.join(["python", *command[1:]]),
            "status": text.get(status, f"failed with status {status}, see log.txt"),
            "tries": before["tries"] + 1,
            "fails": before["fails"] + failed,
            "seconds": before["seconds"] + time.monotonic() - started,
            "code": _commit(),
            "machine": json.loads(machine.read_text()) if machine.exists() else {},
        }
        content = json.dumps(record, indent=1) + "\n"
        write_atomically(folder / "record.json", content.encode())
        return record

    def _wait(self, process: subprocess.Popen) -> int | None:
        """Waits for a step; asks it to stop in time. None: it had to be killed."""
        left = self.deadline - time.monotonic() - self.grace
        try:
            return process.wait(max(left, 1.0))
        except subprocess.TimeoutExpired:
            return _stop(process, self.grace * 0.8)
        finally:
            process.kill()  # nothing, where it has ended
            process.wait()


def _stop(process: subprocess.Popen, seconds: float) -> int | None:
    """Asks a process to stop; returns its exit status, None if it did not save itself.

    What knows nothing of SIGTERM ends by it.
    """
    process.send_signal(signal.SIGTERM)
    try:
        status = process.wait(seconds)
        return None if status == -signal.SIGTERM else status
    except subprocess.TimeoutExpired:
        return None


def _commit() -> str:
    """Returns the commit of the code; empty where there is no repository."""
    command = ["git", "rev-parse", "HEAD"]
    try:
        told = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return told.stdout.strip()


if __name__ == "__main__":
    cli.run(main)
