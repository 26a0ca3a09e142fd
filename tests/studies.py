"""Tiny studies that the tests of the engine share."""

import contextlib
import dataclasses
import threading

import jax
import pytest

from ws_jax.config import replace_field
from ws_jax.engine import study as study_module
from ws_jax.engine import sweep as engine
from ws_jax.engine import training
from ws_jax.engine.living import LivingRuns
from ws_jax.engine.mapping import MappedProgram
from ws_jax.engine.study import prepare
from ws_jax.measure import Distances
from ws_jax.models import ConvNet
from ws_jax.papers.ott2020.presets import axis_values
from ws_jax.papers.ott2020.semantics import with_semantics
from ws_jax.runs import Data, Evaluation, Execution, Run, Sweep, Train
from ws_jax.storage.locks import Interrupted
from ws_jax.transforms import VIEWS

TINY_NETWORK = ConvNet(features=(4, 6), kernel_sizes=(3, 3), strides=(2, 1), hidden=16)
TINY = Run(
    data=Data("synthetic:60x10x10x1", num_folds=3),
    network=TINY_NETWORK,
    train=Train(epochs=2, patience=10, batch_size=16),
    evaluation=Evaluation(
        views=(VIEWS["translation"],), measures=(Distances(radii=(1,)),)
    ),
    execution=Execution(chunk=4, checkpoint_every=1),
)


def tiny(axes=(), semantics="paper", **parts) -> Sweep:
    """A study of seconds: 60 synthetic images of 10x10, two layers, 2 epochs.

    Args:
      axes: more of them, by their fields' whole names.
      semantics: whose readings hold.
      **parts: a field of the base run, `train__epochs=3`; an axis by the word of the
        first paper's presets, `sweep__levels=(0.0, 0.3)`; or whose reading of a point
        holds, `semantics__severing="released"`.
    """
    base, points = TINY, {}
    words = {"sharing": ("full", "free"), "folds": (0, 1), "levels": (0.0, 0.3)}
    for name, value in parts.items():
        kind, _, word = name.partition("__")
        if kind == "sweep":
            words[word] = value
        elif kind == "semantics":
            points[word] = value
        else:
            base = replace_field(base, name.replace("__", "."), value)
    sweep = with_semantics(Sweep("tiny", base, axis_values(words)), semantics, **points)
    return dataclasses.replace(sweep, axes={**sweep.axes, **dict(axes)})


def one_scheme(axes=(), sharing="free", **parts) -> Sweep:
    """A tiny study of one scheme at level 0 on one fold, and what `axes` ask for."""
    base = replace_field(TINY, "network.sharing", sharing)
    for name, value in parts.items():
        base = replace_field(base, name.replace("__", "."), value)
    return Sweep("tiny", base, dict(axes))


def make_mapped(sweep, which=1):
    """A study, one of its groups, its program mapped on one device, and the images."""
    study = prepare(sweep)
    group = study.groups[which]
    return study, group, *_mapped(study, group, len(group.runs))


def _mapped(study, group, chunk):
    mapped = MappedProgram(study.program(group), chunk, jax.local_devices()[:1])
    return mapped, mapped.axis.replicate(study.examples)


_shared = {}


def mapped_group(sweep, which=1):
    """The same for four runs at most, of a program that all tests of a process share.

    Groups of one structure have one program, whatever sweep they are of. What it has
    traced and compiled stays; so it is changed by `monkeypatch` only.
    """
    study = prepare(sweep)
    group = study.groups[which]
    structure = jax.tree.structure(group.run)
    if structure not in _shared:
        _shared[structure] = _mapped(study, group, chunk=4)
    return study, group, *_shared[structure]


programs = {}


def keep_programs(monkeypatch):
    """Lets all sweeps of a process share compiled programs, where these are the same.

    For tests that ask how runs train and are kept, not how they are compiled. Programs
    are the same if they have one structure, and data and numbers of runs of one shape.
    """
    map_group = study_module.map_group

    def kept(study, group):
        program = study.program(group)
        arrays = jax.tree.leaves(study.examples)
        key = (
            jax.tree.structure(group.run),
            program.num_outputs,
            tuple(program.sizes.items()),
            tuple((array.shape, array.dtype) for array in arrays),
            min(len(group.runs), study.base.execution.chunk or len(group.runs)),
        )
        if key not in programs:
            programs[key] = map_group(study, group)
        return programs[key]

    monkeypatch.setattr(study_module, "map_group", kept)
    monkeypatch.setattr(training, "map_group", kept)


def started(sweep, which=0):
    """A study, the living runs of one of its groups, their program, and the images."""
    study, group, mapped, examples = mapped_group(sweep, which)
    living = LivingRuns(mapped, group.runs)
    living.start()
    return study, living, mapped.program, examples


def stop_at_once(sweep, workdir, monkeypatch):
    """Runs a sweep that is asked to stop before its first epoch has ended."""

    @contextlib.contextmanager
    def asked_at_once():
        stop = threading.Event()
        stop.set()
        yield stop

    with monkeypatch.context() as patch, pytest.raises(Interrupted):
        patch.setattr(engine, "stop_requests", asked_at_once)
        engine.run_sweep(sweep, workdir)
