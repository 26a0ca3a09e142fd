"""What a day on another machine brings home: records and tables, no checkpoints.

A table that is brought home has the runs of finished chunks only, which is what a
sweep goes on from on a machine without its checkpoints. Rows of runs under way are
beside it, for a reader.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from ws_jax.storage import results

_FILES = ("record.json", "measured.json", "machine.json", "log.txt")
_ENDS = {"finished", "stopped", "diverged"}
UNFINISHED = "unfinished.parquet"


def bring(folder: Path, path: Path) -> None:
    """Packs what the steps below a folder have left into one file, whole or not."""
    temporary = path.with_name(path.name + ".tmp")
    with tarfile.open(temporary, "w:gz") as archive:
        for step in sorted(folder.glob("steps/*")):
            for name, content in _contents(step):
                info = tarfile.TarInfo(f"steps/{step.name}/{name}")
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    temporary.replace(path)


def take(path: Path, folder: Path) -> list[str]:
    """Unpacks what was brought home, for steps that the folder does not have.

    Returns:
      The names of those steps.
    """
    there = {step.name for step in folder.glob("steps/*")}
    with tarfile.open(path) as archive:
        new = [m for m in archive.getmembers() if m.name.split("/")[1] not in there]
        archive.extractall(folder, new, filter="data")
    return sorted({member.name.split("/")[1] for member in new})


def _contents(step: Path) -> Iterator[tuple[str, bytes]]:
    for name in _FILES:
        if (step / name).exists():
            yield name, (step / name).read_bytes()
    sweep = step / "sweep"
    if (sweep / results.RECORD_FILE).exists():
        record = (sweep / results.RECORD_FILE).read_bytes()
        yield f"sweep/{results.RECORD_FILE}", record
    if (sweep / results.RESULTS_FILE).exists():
        yield from _tables(sweep)


def _tables(sweep: Path) -> Iterator[tuple[str, bytes]]:
    table = results.read_table(sweep / results.RESULTS_FILE)
    done = finished(table, results.read_record(sweep / results.RECORD_FILE)["chunks"])
    ended = table["run"].isin(done)
    if ended.any():
        yield f"sweep/{results.RESULTS_FILE}", results.to_bytes(table[ended])
    if not ended.all():
        yield f"sweep/{UNFINISHED}", results.to_bytes(table[~ended])


def finished(table: pd.DataFrame, chunks: list[dict]) -> set[str]:
    """Returns the names of the runs of those chunks whose runs have all ended."""
    ends = table.groupby("run")["status"].last().to_dict()
    names = [[run["run"] for run in chunk["runs"]] for chunk in chunks]
    return {
        name
        for chunk in names
        if all(ends.get(run) in _ENDS for run in chunk)
        for name in chunk
    }
