"""A sweep made ready: its data, folds and plan, and the chunks in which it trains."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import jax

from ws_jax.config import DataConfig, ExperimentConfig
from ws_jax.data import Dataset, Fold, folds, load, published_split
from ws_jax.mapping import MappedProgram, chunk_sizes, stack_inputs
from ws_jax.memory import epoch_need, fitting_chunk
from ws_jax.plan import Group, Run, check_fits, make_plan, num_folds
from ws_jax.program import Program, make_program
from ws_jax.results import training_columns
from ws_jax.sweep import split_runs


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
    """A sweep made ready: its data, folds and plan. Nothing has compiled."""

    config: ExperimentConfig
    dataset: Dataset
    folds: tuple[Fold, ...]
    groups: tuple[Group, ...]

    @property
    def num_runs(self) -> int:
        """Trainings in the sweep."""
        return sum(len(group.runs) for group in self.groups)

    def program(self, group: Group) -> Program:
        """Returns the static program of a group."""
        data = self.dataset
        return make_program(group.spec, data.image_shape, data.num_classes, self.folds)


def prepare(config: ExperimentConfig, data_dir: str | None = None) -> Study:
    """Loads the data and plans the sweep; every error in a config shows here.

    Raises:
      ConfigError: if the config does not suit the data.
      DataError: if the data are not to be had.
    """
    dataset = load(config.data.name, data_dir)
    if config.data.num_images:
        dataset = dataset.first(config.data.num_images)
    check_fits(config, dataset.image_shape)
    return Study(
        config=config,
        dataset=dataset,
        folds=make_folds(config.data, dataset),
        groups=make_plan(config),
    )


def make_folds(config: DataConfig, dataset: Dataset) -> tuple[Fold, ...]:
    """Returns the ways in which the data are cut into training and validation."""
    if config.split == "published":
        return (published_split(dataset),)
    return folds(len(dataset), config.num_folds)


def map_groups(study: Study) -> dict[str, MappedProgram]:
    """Maps the program of each group, by name, over this machine's devices."""
    devices, limit = jax.local_devices(), study.config.execution.chunk

    def mapped(group: Group) -> MappedProgram:
        most = min(len(group.runs), limit or len(group.runs))
        return MappedProgram(study.program(group), most, devices)

    return {group.name: mapped(group) for group in study.groups}


def make_chunks(study: Study, mapped: Mapping[str, MappedProgram]) -> list[Chunk]:
    """Cuts each group of a sweep into chunks of runs that train in step.

    Unless the config says how many runs those are, it compiles the epoch of each
    group, to learn how many fit the memory.

    Args:
      study: the sweep.
      mapped: its groups, mapped; what compiles stays in them.
    Raises:
      ConfigError: if the memory does not suffice for one run a device.
    """
    chunks = []
    for group in study.groups:
        limit = study.config.execution.chunk or fitting_chunk(
            group.name,
            mapped[group.name],
            len(group.runs),
            study.dataset,
            _any_inputs(study, group),
        )
        for index, runs in enumerate(split_runs(group.runs, limit)):
            chunks.append(Chunk(group, index, runs))
    return chunks


def group_need(study: Study, group: Group, mapped: MappedProgram, chunk: int) -> float:
    """Returns the bytes that an epoch of `chunk` runs needs on each device.

    Infinite if the compiler gives up for want of memory.
    """
    size = chunk_sizes(chunk, len(mapped.axis.devices))[0]
    return epoch_need(mapped, size, study.dataset, _any_inputs(study, group))


def _any_inputs(study: Study, group: Group):
    return jax.eval_shape(lambda: stack_inputs(group.runs[:1], study.folds))


def run_columns(study: Study, group: Group, run: Run) -> dict[str, Any]:
    """Returns the columns of the results that tell a run from others."""
    config = study.config
    return {
        "run": run.name,
        "sweep": config.name,
        "data": config.data.name,
        "semantics": config.semantics.bundle,
        "init": run.init,
        "model": run.model,
        "sharing": run.sharing,
        "aug_type": run.augmentation,
        "aug": run.level,
        "severing": group.spec.severing,
        "vcp": run.severing,
        "num_conv_layers": run.num_layers,
        "learning_rate": run.learning_rate,
        "fold": run.fold,
        "num_folds": num_folds(config),
        "seed": run.seed,
        **training_columns(dataclasses.asdict(config.train)),
    }


def describe_chunks(study: Study, chunks: Sequence[Chunk]) -> list[dict[str, Any]]:
    """Returns what the record of a sweep says of its chunks, fit for JSON."""
    described = []
    for chunk in chunks:
        runs = [run_columns(study, chunk.group, run) for run in chunk.runs]
        entry = {"group": chunk.group.name, "index": chunk.index, "runs": runs}
        described.append(entry)
    return described


def recorded_chunks(study: Study, record: Mapping[str, Any]) -> list[Chunk]:
    """Rebuilds the chunks as the sweep was begun, maybe on another machine."""
    groups = {group.name: group for group in study.groups}
    chunks = []
    for entry in record["chunks"]:
        group = groups[entry["group"]]
        runs = {run.name: run for run in group.runs}
        chosen = tuple(runs[described["run"]] for described in entry["runs"])
        chunks.append(Chunk(group, entry["index"], chosen))
    return chunks
