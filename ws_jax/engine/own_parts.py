"""What fails in a user's own parts, found by tracing each by itself before training.

A whole epoch would tell as much, but takes seconds to trace for a large network; and
what comes with this package need not be traced to be known to work.
"""

from __future__ import annotations

import contextlib
import inspect
import traceback
from collections.abc import Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import optax

from ws_jax.config import Config, ConfigError
from ws_jax.engine.program import Program, own_line
from ws_jax.keys import make_key
from ws_jax.metrics import Total
from ws_jax.optimizers import make_optimizer
from ws_jax.phases import Moment
from ws_jax.runs import Run
from ws_jax.tasks import LossTerm, Task
from ws_jax.transforms import Place, Transform

Shape = tuple[int, int, int]
_NUMBER: Any = jax.ShapeDtypeStruct((), jnp.int32)


class _UnfitError(ValueError):
    """What a part gives that nothing here can take."""


def check_own_parts(program: Program, params: Any, image: Shape) -> None:
    """Raises `ConfigError` if a part of a user's own fails or gives what it must not.

    The task's metrics and the measures are left to `check_metrics` and
    `measured_shapes`, which know what is made of them.

    Args:
      program: of a run.
      params: their shapes.
      image: (h, w, c) of the data set's images.
    """
    run = program.run
    for term in filter(is_own, run.task.terms):
        _check_term(program, term, params)
    optimizer = run.train.optimizer
    if is_own(optimizer) or is_own(optimizer.schedule):
        _check_optimizer(program, params)
    if is_own(run.train.phase):
        _check_phase(program, params)
    for view in filter(is_own, run.evaluation.views):
        _check_transform(program, view, image)
    for transform in run.transforms:
        if is_own(transform):
            _check_transform(program, transform, image)
        image = transform.shape(image)


def check_own_sizes(run: Run, image: Shape, num_classes: int) -> None:
    """Raises `ConfigError` if a user's own transform or task cannot tell its sizes.

    Args:
      run: whose parts are asked.
      image: (h, w, c) of the data set's images.
      num_classes: of the data set.
    """
    for transform in run.transforms:
        with told(transform, f"transform {transform.kind}"):
            image = transform.shape(image)
            whole = isinstance(image, tuple) and all(isinstance(n, int) for n in image)
            need(
                whole and len(image) == 3,
                f"shape() gives {image!r}, and must give (height, width, channels)",
            )
    with told(run.task, f"task {run.task.kind}"):
        count = run.task.num_outputs(num_classes, image)
        need(
            isinstance(count, int) and count > 0,
            f"num_outputs() gives {count!r}, and must give a whole number above 0",
        )


def is_own(part: Config) -> bool:
    """Returns whether a part's class was written outside of this package."""
    return type(part).__module__.partition(".")[0] != __name__.partition(".")[0]


@contextlib.contextmanager
def told(part: Config, name: str) -> Iterator[None]:
    """Says in one sentence what fails in a part of a user's own, and in which line.

    Args:
      part: whose code runs.
      name: what it is called.
    """
    try:
        yield
    except ConfigError:
        raise
    except Exception as error:
        if not is_own(part):
            raise
        place = own_line(error) or _line_of(type(part))
        said = ": ".join(filter(None, [name, place, _reason(error)]))
        raise ConfigError(said) from error


def _line_of(cls: type) -> str:
    try:
        number = inspect.getsourcelines(cls)[1]
    except (OSError, TypeError):  # a notebook's cell, say
        return ""
    return f"{inspect.getsourcefile(cls)}, line {number}"


def _reason(error: Exception) -> str:
    """Returns the first line of an error, after its kind."""
    first = next(iter(str(error).splitlines()), "")
    if isinstance(error, _UnfitError):
        return first
    if isinstance(error, NotImplementedError) and not first:
        return f"it has no {traceback.extract_tb(error.__traceback__)[-1].name}()"
    return f"{type(error).__name__}: {first}"


def as_arguments(config: Any) -> Any:
    """Returns a config with shapes in its data fields, as a program takes them."""
    return jax.tree.map(_as_argument, config)


def _as_argument(value: float) -> jax.ShapeDtypeStruct:
    return (
        jax.ShapeDtypeStruct((), jnp.float32) if isinstance(value, float) else _NUMBER
    )


def need(condition: bool, message: str) -> None:
    """Says within `told` what a part gives that nothing can take, unless it is so."""
    if not condition:
        raise _UnfitError(message)


def _need_field(part: Config, name: str) -> None:
    said = f'declare {name}: float = data(0.1, "{name.replace("_", " ")}", low=0)'
    need(hasattr(part, name), f"it has no {name}, which is needed: {said}")


def _like(tree: Any, other: Any) -> bool:
    """Returns whether two trees have equal structure, shapes and dtypes."""
    a, b = (jax.tree.map(lambda x: (x.shape, str(x.dtype)), t) for t in (tree, other))
    return a == b


def _check_term(program: Program, term: LossTerm, params: Any) -> None:
    def value(term, params):
        return jnp.asarray(term.strength * term.value(program.layers, params))

    with told(term, f"loss term {term.kind}"):
        _need_field(term, "strength")
        shape = jax.eval_shape(value, as_arguments(term), params).shape
        need(shape == (), f"value() gives shape {shape}, and must give one number")


def _check_optimizer(program: Program, params: Any) -> None:
    optimizer = program.run.train.optimizer
    part, what = optimizer, "optimizer"
    if not is_own(optimizer):
        part, what = optimizer.schedule, "schedule"

    def step(config, params):
        _check_direction(config.direction())
        chain = make_optimizer(config, program.num_steps, program.steps_per_epoch)
        updates, _ = chain.update(params, chain.init(params), params)
        return jax.tree.map(lambda u: config.learning_rate * u, updates)

    with told(part, f"{what} {part.kind}"):
        _need_field(optimizer, "learning_rate")
        updates = jax.eval_shape(step, as_arguments(optimizer), params)
        same = _like(updates, params)
        need(same, "its steps have not the shapes and dtypes of the parameters")


def _check_direction(found: Any) -> None:
    one = isinstance(found, optax.GradientTransformation)
    many = isinstance(found, list | tuple) and not one
    need(
        many and all(isinstance(p, optax.GradientTransformation) for p in found),
        f"direction() gives {'a single one' if one else type(found).__name__}, and "
        "must give a list of optax's transformations",
    )


def _check_phase(program: Program, params: Any) -> None:
    phase = program.run.train.phase

    def after(phase, key, number, params):
        moment = Moment(key, number, number, number)
        phase.is_due(moment)
        state = phase.init(program.layers, params)
        return state, phase.apply(moment, program.layers, params, state)

    with told(phase, f"phase {phase.kind}"):
        asked = as_arguments(phase), key_shape(), _NUMBER, params
        state, found = jax.eval_shape(after, *asked)
        need(
            isinstance(found, tuple) and _like(found, (params, state)),
            "apply() must give the parameters and the phase's state, each with the "
            "shapes and dtypes that it had",
        )


def _check_transform(program: Program, transform: Transform, shape: Shape) -> None:
    size = program.run.train.batch_size
    image = jax.ShapeDtypeStruct(shape, jnp.float32)

    def changed(transform, key, number, image):
        return transform.apply(key, image, Place(number, size, number))

    with told(transform, f"transform {transform.kind}"):
        asked = as_arguments(transform), key_shape(), _NUMBER, image
        found, needed = jax.eval_shape(changed, *asked), transform.shape(shape)
        need(
            (found.shape, found.dtype) == (needed, jnp.float32),
            f"apply() makes {found.dtype} images of shape {found.shape} of those of "
            f"shape {shape}, and must make float32 ones of shape {needed}",
        )


def check_metrics(task: Task, totals: Mapping[str, Any]) -> None:
    """Raises `ConfigError` if a user's own metrics cannot be made on the device.

    Args:
      task: of a run; what it watches is one of its metrics.
      totals: of two images, their shapes.
    """
    if not is_own(task):
        return
    shape: Any = jax.ShapeDtypeStruct
    count = shape((), jnp.float32)
    asked = {n: Total(shape(t.shape[1:], t.dtype), count) for n, t in totals.items()}
    with told(task, f"task {task.kind}"):
        jax.eval_shape(
            lambda task, totals: task.metrics(totals)[task.watched].astype(jnp.float32),
            *(as_arguments(task), asked),
        )


def measured_shapes(program: Program, measure: Any, params: Any) -> dict[str, Any]:
    """Returns the shapes of what is measured, by name.

    Raises:
      ConfigError: if a measure of a user's own fails or gives no mapping of arrays.
    """
    with told(measure, f"measure {measure.kind}"):
        found = jax.eval_shape(
            lambda m, p: m.measure(program.layers, p), as_arguments(measure), params
        )
        need(
            isinstance(found, dict),
            f"measure() gives a {type(found).__name__}, and must give a dict: what is "
            "measured by the name of its column",
        )
    return found


def key_shape() -> Any:
    """Returns the shape of a key, as a program takes it."""
    return jax.eval_shape(lambda: make_key(0))
