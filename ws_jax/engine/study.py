"""A sweep made ready: its data, splits and groups, and the chunks that train."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import jax
import numpy as np

from ws_jax.config import ConfigError
from ws_jax.data import Dataset, Split, load, make_splits
from ws_jax.engine.fits import check_changes, check_run
from ws_jax.engine.mapping import MappedProgram, chunk_sizes, stack_inputs
from ws_jax.engine.memory import epoch_need, fitting_chunk
from ws_jax.engine.program import Examples, Program, make_examples, make_program
from ws_jax.names import group_names, run_columns
from ws_jax.phases import NoPhase
from ws_jax.runs import Run, Sweep


@dataclasses.dataclass(frozen=True)
class Group:
    """The runs of one structure, which one program trains."""

    name: str
    runs: tuple[Run, ...]

    @property
    def run(self) -> Run:
        """Any of them, for what all have in common."""
        return self.runs[0]


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


@dataclasses.dataclass(frozen=True)
class Study:
    """A sweep made ready: its data, splits and groups. Nothing has compiled."""

    sweep: Sweep
    dataset: Dataset
    splits: tuple[Split, ...]
    groups: tuple[Group, ...]

    @property
    def base(self) -> Run:
        """What all runs have in common."""
        return self.sweep.base

    @property
    def num_runs(self) -> int:
        """Trainings in the sweep."""
        return sum(len(group.runs) for group in self.groups)

    @functools.cached_property
    def examples(self) -> Examples:
        """The data set and its splits, as arrays on the host."""
        return make_examples(self.dataset, self.splits)

    @functools.cached_property
    def columns(self) -> dict[Run, dict[str, Any]]:
        """What results say of each run, beside its measurements."""
        runs = [run for group in self.groups for run in group.runs]
        return run_columns(self.sweep, runs, self.dataset.contents)

    def program(self, group: Group) -> Program:
        """Returns the static program of a group."""
        return make_program(group.run, self.dataset, self.splits)


def prepare(sweep: Sweep, data_dir: str | None = None) -> Study:
    """Loads the data and plans the sweep; every error in a config shows here.

    Raises:
      ConfigError: if a value is not allowed or does not suit the data.
      DataError: if the data are not to be had.
    """
    sweep = sweep.checked()
    config = sweep.base.data
    dataset = load(config.name, data_dir)
    if config.num_images:
        dataset = dataset.first(config.num_images)
    study = Study(sweep, dataset, make_splits(dataset, config), make_groups(sweep))
    check_fits(study)
    return study


def make_groups(sweep: Sweep) -> tuple[Group, ...]:
    """Returns the groups of a sweep: its runs, parted by their structure."""
    parts: dict[Any, list[Run]] = {}
    for run in sweep.runs():
        parts.setdefault(jax.tree.structure(run), []).append(run)
    names = group_names(sweep, [runs[0] for runs in parts.values()])
    groups = zip(names, parts.values(), strict=True)
    return tuple(Group(name, tuple(runs)) for name, runs in groups)


def check_fits(study: Study) -> None:
    """Raises `ConfigError` if what is trained or measured does not suit the data."""
    dataset = study.dataset
    for group in study.groups:
        run = group.run
        program = check_run(run, dataset, study.splits)
        for one in group.runs:  # their numbers differ
            one.train.phase.check_layers(program.layers)
            check_changes(one, dataset.image_shape)
        smallest = min(len(split.train) for split in study.splits)
        if run.train.batch_size > smallest:
            raise ConfigError(
                f"train.batch_size is {run.train.batch_size}, with {smallest} images "
                "to train on: take a smaller one"
            )
    asked = study.base.train.phase
    if asked.kind != NoPhase.kind and all(
        group.run.train.phase.kind == NoPhase.kind for group in study.groups
    ):
        raise ConfigError(
            f"train.phase {asked.kind} would do nothing: no network of this sweep has "
            "a kernel of its own at every site; set network.sharing to free, or "
            "train.phase to none"
        )


def map_groups(study: Study) -> dict[str, MappedProgram]:
    """Maps the program of each group, by name, over this machine's devices."""
    return {group.name: map_group(study, group) for group in study.groups}


def map_group(study: Study, group: Group) -> MappedProgram:
    """Maps the program of a group over this machine's devices."""
    limit = study.base.execution.chunk
    most = min(len(group.runs), limit or len(group.runs))
    return MappedProgram(study.program(group), most, jax.local_devices())


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
                limit = fitting_chunk(
                    group.name,
                    mapped[group.name],
                    len(group.runs),
                    study.examples,
                    _any_inputs(group),
                )
        for index, part in enumerate(split_runs(runs, limit), first):
            chunks.append(Chunk(group, index, part))
    return chunks


def split_runs(runs: Sequence[Run], chunk: int) -> list[tuple[Run, ...]]:
    """Cuts the runs of a group into chunks of nearly equal size, at most `chunk`."""
    number = -(-len(runs) // chunk)
    parts = np.array_split(np.arange(len(runs)), number)
    return [tuple(runs[i] for i in part) for part in parts]


def group_need(study: Study, group: Group, mapped: MappedProgram, chunk: int) -> float:
    """Returns the bytes that an epoch of `chunk` runs needs on each device.

    Infinite if the compiler gives up for want of memory.
    """
    size = chunk_sizes(chunk, len(mapped.axis.devices))[0]
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
