"""A sweep made ready: its data, splits and groups."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import jax

from ws_jax.config import ConfigError, leaves
from ws_jax.data import Dataset, Split, load, make_splits
from ws_jax.engine.fits import check_changes, check_run
from ws_jax.engine.idle import warn_of_cadences, warn_of_terms
from ws_jax.engine.mapping import MappedProgram
from ws_jax.engine.own_code import digests, run_codes
from ws_jax.engine.program import Examples, Program, make_examples, make_program
from ws_jax.keys import check_draws
from ws_jax.names import OWN_CODE, group_names, run_columns
from ws_jax.phases import NoPhase, Phase
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
class Study:
    """A sweep made ready: its data, splits and groups. Nothing has compiled.

    Attributes:
      recorded: of runs that were planned before, the digest of their own code then.
    """

    sweep: Sweep
    dataset: Dataset
    splits: tuple[Split, ...]
    groups: tuple[Group, ...]
    recorded: Mapping[Run, str] = dataclasses.field(default_factory=dict)

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
    def codes(self) -> Mapping[Run, str]:
        """Digests of a user's own code, of the runs that have any."""
        return {**run_codes(self.sweep), **self.recorded}

    @functools.cached_property
    def columns(self) -> dict[Run, dict[str, Any]]:
        """What results say of each run, beside its measurements."""
        runs = [run for group in self.groups for run in group.runs]
        return run_columns(self.sweep, runs, self.dataset.contents, self.codes)

    def program(self, group: Group) -> Program:
        """Returns the static program of a group."""
        return make_program(group.run, self.dataset, self.splits)

    def as_recorded(self, record: Mapping[str, Any]) -> Study:
        """Returns the same with the identity that runs of a record have in it.

        They keep it when a person goes on with changed code.
        """
        runs = {columns["run"]: run for run, columns in self.columns.items()}
        told = [run for entry in record["chunks"] for run in entry["runs"]]
        codes = {runs[t["run"]]: t.get(OWN_CODE, "") for t in told if t["run"] in runs}
        if all(self.codes.get(run, "") == code for run, code in codes.items()):
            return self
        return dataclasses.replace(self, recorded=codes)


def prepare(sweep: Sweep, data_dir: str | None = None) -> Study:
    """Loads the data and plans the sweep; every error in a config shows here.

    Raises:
      ConfigError: if a value is not allowed or does not suit the data.
      DataError: if the data are not to be had.
    """
    study = make_study(sweep, data_dir)
    check_fits(study)
    return study


def make_study(sweep: Sweep, data_dir: str | None = None) -> Study:
    """Loads the data and plans the sweep, without a look at how they go together.

    Raises:
      ConfigError: if a value is not allowed.
      DataError: if the data are not to be had.
    """
    sweep = sweep.checked()
    config = sweep.base.data
    dataset = load(config.name, data_dir)
    if config.num_images:
        dataset = dataset.first(config.num_images)
    return Study(sweep, dataset, make_splits(dataset, config), make_groups(sweep))


def make_groups(sweep: Sweep) -> tuple[Group, ...]:
    """Returns the groups of a sweep: its runs, parted by their structure."""
    parts: dict[Any, list[Run]] = {}
    for run in sweep.runs():
        parts.setdefault(jax.tree.structure(run), []).append(run)
    names = group_names(sweep, [runs[0] for runs in parts.values()])
    groups = zip(names, parts.values(), strict=True)
    return tuple(Group(name, tuple(runs)) for name, runs in groups)


def check_fits(study: Study) -> None:
    """Raises `ConfigError` if what is trained or measured does not suit the data.

    It traces a network of each group, for which the devices start. JAX must draw the
    random numbers that a run's digest stands for, too. What is allowed and does
    nothing, or not as often as it says, is warned of.
    """
    check_draws()
    dataset = study.dataset
    for group in study.groups:
        for one in group.runs:  # before any network is traced
            check_changes(one, dataset.image_shape)
    cadences: dict[int, dict[Phase, None]] = {}
    for group in study.groups:
        run = group.run
        with naming_fields(run):
            program = check_run(run, dataset, study.splits)
        phases = dict.fromkeys(one.train.phase for one in group.runs)
        cadences.setdefault(program.steps_per_epoch, {}).update(phases)
        for phase in phases:
            phase.check_layers(program.layers)  # their numbers differ
            phase.check_steps(program.steps_per_epoch, run.train.epochs)
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
    warn_of_terms(study.sweep, [run for group in study.groups for run in group.runs])
    for per_epoch, phases in cadences.items():
        warn_of_cadences(phases, per_epoch)


@contextlib.contextmanager
def naming_fields(run: Run) -> Iterator[None]:
    """Says in a message about a word, as a network has it, which field it stands in.

    Words that JAX quotes are none of a field's: `float32` of an array, not of a kernel.
    """
    try:
        yield
    except ConfigError as error:
        if error.__cause__ is not None:
            raise
        words = set(re.findall(r"'([^']*)'", str(error)))
        fields = {path: v for path, v, _ in leaves(run) if isinstance(v, str)}
        named = [p for p, v in fields.items() if words & {v, *re.split("[/:]", v)}]
        if not named or any(path in str(error) for path in named):
            raise
        said = " or ".join(f"{path} {fields[path]}" for path in named)
        raise ConfigError(f"{said}: {error}") from error


class MappedGroups(dict[str, MappedProgram]):
    """The programs of groups by name, each mapped when it is first asked for.

    The first starts the devices, which takes seconds and most of a GPU's memory: a
    sweep that is finished never asks.
    """

    def __init__(self, study: Study):
        """Takes the sweep; nothing is mapped yet."""
        super().__init__()
        self._study = study

    def __missing__(self, name: str) -> MappedProgram:
        """Maps the program of a group that was not asked for before."""
        group = next(group for group in self._study.groups if group.name == name)
        self[name] = map_group(self._study, group)
        return self[name]


def map_groups(study: Study) -> MappedGroups:
    """Maps the program of each group, by name, over this machine's devices."""
    return MappedGroups(study)


def map_group(study: Study, group: Group) -> MappedProgram:
    """Maps the program of a group over this machine's devices."""
    limit = study.base.execution.chunk
    most = min(len(group.runs), limit or len(group.runs))
    return MappedProgram(study.program(group), most, jax.local_devices())


def make_record(sweep: Sweep, dataset: Dataset) -> dict[str, Any]:
    """Returns what a sweep says of itself, fit for JSON.

    Its chunks come later, and where it began, which `Workdir.begin` adds.
    """
    return {
        # As JSON has it, so that it equals what is read back: tuples are lists.
        "config": json.loads(json.dumps(sweep.values())),
        "data": dataset.identity,
        "code": digests(sweep),
    }
