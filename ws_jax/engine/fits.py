"""Whether what is trained suits the data, seen from shapes alone: nothing compiles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ws_jax.config import ConfigError, require
from ws_jax.data import Dataset, Split
from ws_jax.engine.evaluate import task_batch, to_targets
from ws_jax.engine.own_parts import (
    as_arguments,
    check_metrics,
    check_own_parts,
    check_own_sizes,
    key_shape,
    measured_shapes,
    need,
    told,
)
from ws_jax.engine.program import Program, forward, make_program, own_line
from ws_jax.layers import MASKS, Layer
from ws_jax.metrics import Total, epoch_metrics
from ws_jax.runs import Run
from ws_jax.schemes import is_full
from ws_jax.storage.results import RUN_COLUMNS
from ws_jax.storage.standins import IDENTITY_COLUMNS
from ws_jax.tasks import Task
from ws_jax.transforms import check_transforms, num_copies, output_shape

# Columns that the loop itself fills in, and that reading and a page add.
_OWN = ("epoch", "seconds", "status", *IDENTITY_COLUMNS)
_OWN += ("folder", "training", "setting")


def check_run(run: Run, dataset: Dataset, splits: Sequence[Split]) -> Program:
    """Raises `ConfigError` if a run's parts do not suit the data or each other.

    Args:
      run: any of its group.
      dataset: its images.
      splits: of the images.
    Returns:
      Its program.
    """
    shape = dataset.image_shape
    check_own_sizes(run, shape, dataset.num_classes)
    check_changes(run, shape)
    with told(run.network, f"network {run.network.kind}"):
        run.network.check_images(output_shape(run.transforms, shape))
    with told(run.task, f"task {run.task.kind}"):
        run.task.check_data(dataset.labels, dataset.num_classes)
    program = make_program(run, dataset, splits)
    run.train.phase.check_layers(program.layers)
    for seen in (*run.evaluation.measures, *run.task.terms):
        seen.check_layers(program.layers)
    _check_sharing(run, program.layers)
    params, totals = _check_outputs(program, dataset.labels)
    _check_names(program, params, totals)
    check_own_parts(program, params, shape)
    return program


def check_changes(run: Run, shape: tuple[int, int, int]) -> None:
    """Raises `ConfigError` if what changes a run's images cannot serve [h, w, c]."""
    check_transforms(run.transforms, shape)
    for view in run.evaluation.views:
        kept = tuple(t for t in run.transforms if not (view.makes and t.makes))
        check_transforms((view, *kept), shape)


def _check_sharing(run: Run, layers: Sequence[Layer]) -> None:
    """Raises `ConfigError` if a scheme that is not full shares as if it were."""
    text = getattr(run.network, "sharing", "full")
    if is_full(text) or not layers or not all(x.sharing.is_full for x in layers):
        return
    sites = ", ".join("x".join(map(str, layer.sharing.shape)) for layer in layers)
    raise ConfigError(
        f"network.sharing {text} gives every layer one kernel for all its sites "
        f"({sites}), which is full sharing: take smaller tiles, a period above 1, or "
        "full"
    )


def _check_outputs(program: Program, labels: np.ndarray) -> tuple[Any, dict[str, Any]]:
    """Checks the way from images to totals; returns shapes of parameters and totals."""
    run, task = program.run, program.run.task
    config = as_arguments(run)
    images, targets = _batch_shapes(program, config, labels)
    count = images.shape[0]
    state = dict(program.variables)
    masks, params = state.pop(MASKS, {}), state.pop("params")

    def outputs(config, params, state, masks, x):
        return forward(program, config, params, state, masks, x)[0]

    out = jax.eval_shape(outputs, config, params, state, masks, images)
    said = (
        f"for {count} images network {run.network.kind} gives outputs of shape "
        f"{out.shape}, {out.dtype}, and task {task.kind} has targets of shape "
        f"{targets.shape}, {targets.dtype}"
    )
    task.check_outputs(out.shape, targets.shape, program.num_outputs)

    def score(config, outputs, targets):
        losses = config.task.losses(outputs, targets)
        return losses, config.task.totals(outputs, targets, losses)

    with told(task, f"task {task.kind}"):
        try:
            losses, totals = jax.eval_shape(score, config, out, targets)
        except (jax.errors.JAXTypeError, jax.errors.JAXIndexError):
            raise  # of what cannot be traced, whatever its shape
        except (TypeError, ValueError, IndexError) as error:
            reason = next(iter(str(error).splitlines()), type(error).__name__)
            why = filter(None, [own_line(error), reason])
            raise ConfigError(f"{said}: they do not fit: {': '.join(why)}") from error
        for name, one in {"its losses": losses, **totals}.items():
            ok = one.shape[:1] == (count,) and (one is not losses or one.ndim == 1)
            shape = one.shape
            require(ok, f"{said}: {name} of shape {shape} is not one entry an image")
    require(
        "loss" in totals and totals["loss"].ndim == 1,
        f"task {task.kind} has no total 'loss' of one number an image, by which a run "
        f"that diverges is told: its totals are {', '.join(totals)}",
    )
    return params, totals


def _batch_shapes(
    program: Program, config: Run, labels: np.ndarray
) -> tuple[jax.ShapeDtypeStruct, jax.ShapeDtypeStruct]:
    """Checks what the task makes of batches; returns shapes of images and targets.

    They are those of two images, but where a task makes them: as many as a batch has.
    """
    run = program.run
    if type(run.task).batch is Task.batch:
        return _made(program, config, labels, 2)
    size = run.train.batch_size
    _made(program, config, labels, size * num_copies(run.transforms))
    return _made(program, config, labels, size)


def _made(
    program: Program, config: Run, labels: np.ndarray, count: int
) -> tuple[jax.ShapeDtypeStruct, jax.ShapeDtypeStruct]:
    """Checks what the task makes of so many images; returns the shapes."""
    shape = (count, *program.image_shape)
    images = jax.ShapeDtypeStruct(shape, jnp.float32)
    some = jax.ShapeDtypeStruct((count, *labels.shape[1:]), jnp.int32)
    targets = jax.eval_shape(lambda labels: to_targets(program.run, labels), some)

    with told(program.run.task, f"task {program.run.task.kind}"):
        made = jax.eval_shape(task_batch, config, key_shape(), images, targets)
        fits = isinstance(made, tuple) and len(made) == 2
        fits = fits and (made[0].shape, made[0].dtype) == (shape, images.dtype)
        need(
            fits and made[1].shape[:1] == (count,),
            f"batch() makes of images {shape}, float32, and their labels {made}: it "
            "must return images of that shape and type, and targets "
            f"[{count}, ...], one an image",
        )
    return made


def _check_names(program: Program, params: Any, totals: dict[str, Any]) -> None:
    """Raises `ConfigError` if two things would fill one column of the results."""
    run, task = program.run, program.run.task
    ones: Any = np.ones  # on the host, as those of an epoch
    one = {n: Total(ones(t.shape[1:]), ones(())) for n, t in totals.items()}
    with told(task, f"task {task.kind}"):
        made = epoch_metrics(task, [], {"train": one, "val": one, "test": one})
    require(
        task.watched in made,
        f"task {task.kind} watches {task.watched!r}, which is none of its metrics: "
        f"{', '.join(name for name in made if f'val_{name}' in made)}",
    )
    shapes = ", ".join(f"{name} {t.shape}" for name, t in totals.items())
    require(
        not np.ndim(made[task.watched]),
        f"task {task.kind} watches {task.watched!r}, which is of shape "
        f"{np.shape(made[task.watched])}, not one number: its totals for two images "
        f"are of shapes {shapes}; that of one number is (2,)",
    )
    check_metrics(task, totals)
    taken = dict.fromkeys((*RUN_COLUMNS, *_OWN), "a column that tells of the run")
    filled = [(f"task {task.kind}", name) for name in made]
    filled += [(f"evaluation.views.{v.kind}", v.kind) for v in run.evaluation.views]
    for measure in run.evaluation.measures:
        found = measured_shapes(program, measure, params)
        filled += [(f"evaluation.measures.{measure.kind}", name) for name in found]
    for source, name in filled:
        require(
            name not in taken,
            f"{source} would fill the column {name!r}, which is "
            f"{taken.get(name)}: give it another name",
        )
        taken[name] = f"filled by {source}"
