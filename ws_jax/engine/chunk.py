"""Chunks: runs of a group that train in step, how they are cut and where they are kept.

All that is asked of one, but for the states of its runs (`living`).
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import jax
import numpy as np

from ws_jax.engine.mapping import MappedProgram, place_counts, stack_inputs
from ws_jax.engine.memory import epoch_need, fitting_runs
from ws_jax.engine.study import Group, Study
from ws_jax.runs import Run
from ws_jax.storage.locks import Lock, part_lock
from ws_jax.storage.stored import chunk_folder


@dataclasses.dataclass(frozen=True)
class Chunk:
    """Runs of a group that train in step."""

    group: Group
    index: int
    runs: tuple[Run, ...]

    @property
    def key(self) -> tuple[str, int]:
        """What tells a chunk from others of its sweep."""
        return self.group.name, self.index

    @property
    def run(self) -> Run:
        """Any of its runs, for what all have in common."""
        return self.group.run

    @property
    def epochs(self) -> int:
        """The longest that its runs train."""
        return self.run.train.epochs

    def folder(self, workdir: Path) -> Path:
        """Returns where its checkpoints are kept in the folder of a sweep."""
        return chunk_folder(workdir, *self.key)

    def lock(self, workdir: Path) -> Lock:
        """Returns its lock, which whoever trains it holds."""
        return part_lock(workdir, self.group.name, self.folder(workdir).name)


def make_chunks(
    study: Study,
    mapped: Mapping[str, MappedProgram],
    compiling: Callable[[str], AbstractContextManager] = contextlib.nullcontext,
    begun: Sequence[Chunk] = (),
) -> list[Chunk]:
    """Cuts each group of a sweep into chunks of runs that train in step.

    Unless the config says how many runs those are, it compiles the epoch of each
    group, to learn how many fit the memory.

    Args:
      study: the sweep.
      mapped: its groups, mapped; what compiles stays in them.
      compiling: entered with a group's name while its epoch compiles.
      begun: chunks of runs that need none any more; others of their groups are as large
        as they are, at most.
    Raises:
      ConfigError: if the memory does not suffice for one run a device.
    """
    chunks = []
    known = {run for chunk in begun for run in chunk.runs}
    for group in study.groups:
        runs = [run for run in group.runs if run not in known]
        others = [chunk for chunk in begun if chunk.group is group]
        first = 1 + max((chunk.index for chunk in others), default=-1)
        limit = max((len(chunk.runs) for chunk in others), default=0)
        limit = study.base.execution.chunk or limit
        if not runs:
            continue
        if not limit:
            with compiling(group.name):
                limit = fitting_runs(
                    group.name,
                    mapped[group.name],
                    len(group.runs),
                    study.examples,
                    _any_inputs(group),
                )
        for index, part in enumerate(split_runs(runs, limit), first):
            chunks.append(Chunk(group, index, part))
    return chunks


def split_runs(runs: Sequence[Run], most: int) -> list[tuple[Run, ...]]:
    """Cuts the runs of a group into parts of nearly equal size, at most `most`."""
    number = -(-len(runs) // most)
    parts = np.array_split(np.arange(len(runs)), number)
    return [tuple(runs[i] for i in part) for part in parts]


def group_need(study: Study, group: Group, mapped: MappedProgram, runs: int) -> float:
    """Returns the bytes that an epoch of so many runs needs on each device.

    Infinite if the compiler gives up for want of memory.
    """
    size = place_counts(runs, len(mapped.axis.devices))[0]
    return epoch_need(mapped, size, study.examples, _any_inputs(group))


def _any_inputs(group: Group):
    return jax.eval_shape(lambda: stack_inputs(group.runs[:1]))


def describe_chunks(study: Study, chunks: Sequence[Chunk]) -> list[dict[str, Any]]:
    """Returns what the record of a sweep says of its chunks, fit for JSON."""
    described = []
    for chunk in chunks:
        runs = [study.columns[run] for run in chunk.runs]
        entry = {"group": chunk.group.name, "index": chunk.index, "runs": runs}
        described.append(entry)
    return described


def recorded_chunks(study: Study, record: Mapping[str, Any]) -> list[Chunk]:
    """Rebuilds the chunks as the sweep was begun, maybe on another machine."""
    groups = {group.name: group for group in study.groups}
    names = {study.columns[run]["run"]: run for g in study.groups for run in g.runs}
    chunks = []
    for entry in record["chunks"]:
        chosen = tuple(names[described["run"]] for described in entry["runs"])
        chunks.append(Chunk(groups[entry["group"]], entry["index"], chosen))
    return chunks
