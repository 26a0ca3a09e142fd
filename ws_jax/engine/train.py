"""Training of one run, as pure functions of its program, data, inputs and state.

Nothing here knows of other runs: `mapping` adds the run axis. An epoch is one scan on
the device, evaluations and measures included; only totals come back.
"""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Int

from ws_jax.engine.evaluate import evaluate, task_batch, to_targets
from ws_jax.engine.program import (
    Examples,
    Program,
    RunInputs,
    RunState,
    Status,
    draw_masks,
    forward,
    init_variables,
    to_float,
)
from ws_jax.layers import MASKS
from ws_jax.metrics import Metrics, Total, measured, sum_leading
from ws_jax.phases import Moment, NoPhase
from ws_jax.runs import Run
from ws_jax.transforms import num_copies, transform_batch

# What a run's key is folded with, by purpose; epochs count from 0 within EPOCH, steps
# from 0 within TRANSFORM, PHASE, NETWORK and TASK.
INIT, SEVERING, EPOCH, ORDER, TRANSFORM, PHASE, NETWORK, TASK = range(8)


class Batch(NamedTuple):
    """A training batch: images in [0, 1], targets, and which of them count."""

    x: Array
    targets: Array
    counted: Array


def init_run(program: Program, inputs: RunInputs) -> tuple[RunState, Metrics]:
    """Returns a run's state before training, and what is measured on it."""
    config = inputs.config
    key = jax.random.fold_in(inputs.key, INIT)
    variables = init_variables(program, config, key)
    masks = run_masks(program, inputs)
    variables.pop(MASKS, None)
    params = _sever(variables.pop("params"), masks)
    state = begin(program, config, params, variables)
    return state, measure(program, config, params)


def begin(program: Program, config: Run, params: Any, model_state: Any) -> RunState:
    """Returns the state before training of a run whose parameters are given."""
    return RunState(
        params=params,
        model_state=model_state,
        opt_state=program.optimizer(config).init(params),
        phase_state=config.train.phase.init(program.layers, params),
        best=jnp.full((), -jnp.inf, jnp.float32),
        epochs_since_best=jnp.zeros((), jnp.int32),
        status=jnp.full((), Status.ALIVE, jnp.int32),
    )


def run_masks(program: Program, inputs: RunInputs):
    """Returns the run's 0/1 masks of severed connections (empty if it has none)."""
    key = jax.random.fold_in(inputs.key, SEVERING)
    return draw_masks(program, inputs.config, key)


def _sever(params, masks):
    """Sets severed connections to zero, where their zero gradient keeps them."""
    if not isinstance(masks, dict):
        return params * masks if params.shape == masks.shape else params
    known = {name: mask for name, mask in masks.items() if name in params}
    return {**params, **{name: _sever(params[name], m) for name, m in known.items()}}


def train_epoch(
    program: Program,
    examples: Examples,
    inputs: RunInputs,
    state: RunState,
    epoch: Array,
) -> tuple[RunState, Metrics]:
    """Trains a run for one epoch, then evaluates and measures it.

    Args:
      program: static.
      examples: the data set and its splits.
      inputs: what differs between runs.
      state: of the run; unless ALIVE it comes back as it is.
      epoch: epochs done before this one, int32.
    Returns:
      The new state and the epoch's totals: `train`, running over the augmented
      batches; `val` and those of each view, see `evaluate`; and what is measured.
    """
    key = jax.random.fold_in(jax.random.fold_in(inputs.key, EPOCH), epoch)
    masks = run_masks(program, inputs)
    steps = program.steps_per_epoch
    order_key = jax.random.fold_in(key, ORDER)
    where, counted = epoch_order(program, order_key, examples, inputs.config)

    def step(state, xs):
        index, where, counted = xs
        keys = _step_key(key, TRANSFORM, index), _step_key(key, TASK, index)
        batch = make_batch(
            program, keys, examples, inputs.config, where, counted, epoch
        )
        moment = Moment(
            key=_step_key(key, PHASE, index),
            step=epoch * steps + index + 1,
            step_in_epoch=index + 1,
            epoch=epoch,
        )
        network_key = _step_key(key, NETWORK, index)
        return train_step(program, inputs, masks, state, batch, moment, network_key)

    xs = (jnp.arange(steps), where.reshape(steps, -1), counted.reshape(steps, -1))
    trained, totals = lax.scan(step, state, xs)
    metrics = {
        "train": sum_leading(totals),
        **evaluate(program, examples, inputs, trained, masks, epoch),
        "measured": measure(program, inputs.config, trained.params),
    }
    return judge(inputs.config, state, trained, metrics), metrics


def _step_key(key: Array, purpose: int, index: Array) -> Array:
    return jax.random.fold_in(jax.random.fold_in(key, purpose), index)


def epoch_order(
    program: Program, key: Array, examples: Examples, config: Run
) -> tuple[Int[Array, " m"], Array]:
    """Returns the epoch's images in order, whole batches long, and which count."""
    train, num_train = examples.train[config.fold], examples.num_train[config.fold]
    position = jnp.arange(program.steps_per_epoch * config.train.batch_size)
    # Random bits sort the training images; what lies past their end stays there.
    bits = jax.random.bits(key, position.shape, jnp.uint32)
    counted = position < num_train
    order = jnp.argsort(jnp.where(counted, bits >> 1, jnp.uint32(2**32 - 1)))
    for transform in config.transforms:
        kept = transform.keeps_order()
        if kept is not False:
            order = jnp.where(kept, position, order)
    # The last batch is filled up from the start of the order; that does not count.
    return train[order[position % num_train]], counted


def make_batch(
    program: Program,
    keys: tuple[Array, Array],
    examples: Examples,
    config: Run,
    where: Array,
    counted: Array,
    epoch: Array | int = 0,
) -> Batch:
    """Takes images by index, changes them, and makes what the task learns of them.

    Args:
      program: static.
      keys: one for the transforms, one for the task.
      examples: the data set and its splits.
      config: of the run.
      where: the images, by their place in the data set.
      counted: which of them count.
      epoch: epochs done before this one.
    """
    key, task_key = keys
    targets = to_targets(config, examples.labels[where])
    x, targets = transform_batch(
        key,
        config.transforms,
        to_float(examples.images[where]),
        targets,
        dense=config.task.dense,
        epoch=epoch,
    )
    x, targets = task_batch(config, task_key, x, targets)
    return Batch(x, targets, jnp.repeat(counted, num_copies(config.transforms)))


def train_step(
    program: Program,
    inputs: RunInputs,
    masks,
    state: RunState,
    batch: Batch,
    moment: Moment,
    network_key: Array,
) -> tuple[RunState, Metrics]:
    """Takes one optimiser step, then the phase; a run not ALIVE keeps its network.

    Args:
      program: static.
      inputs: what differs between runs.
      masks: of severed connections.
      state: of the run.
      batch: images, targets, and which of them count.
      moment: for the phase; its step is the same for all runs of a sweep.
      network_key: of what the network draws.
    Returns:
      The new state, and the task's totals of the batch before the step. The state of
      the optimiser goes on changing in a run that is no longer ALIVE, where nothing
      reads it.
    """
    config, task = inputs.config, inputs.config.task
    weights = batch.counted.astype(jnp.float32)
    count = weights.sum()

    def mean_loss(params):
        outputs, model_state = forward(
            program, config, params, state.model_state, masks, batch.x, key=network_key
        )
        losses = task.losses(outputs, batch.targets)
        mean = (losses * weights).sum() / jnp.maximum(count, 1)
        for term in task.terms:
            mean = mean + term.strength * term.value(program.layers, params)
        return mean, (outputs, losses, model_state)

    grads, (outputs, losses, model_state) = jax.grad(mean_loss, has_aux=True)(
        state.params
    )
    moves = (state.status == Status.ALIVE) & (count > 0)
    optimizer = program.optimizer(config)
    updates, opt_state = optimizer.update(grads, state.opt_state, state.params)
    if program.last_batch_may_be_empty:
        opt_state = select(count > 0, opt_state, state.opt_state)
    params, phase_state = _move(program, config, moves, moment, state, updates)
    new = dataclasses.replace(
        state,
        params=params,
        model_state=select(moves, model_state, state.model_state),
        opt_state=opt_state,
        phase_state=phase_state,
    )
    totals = task.totals(outputs, batch.targets, losses)
    return new, {name: _weighted(v, weights, count) for name, v in totals.items()}


def _weighted(values: Array, weights: Array, count: Array) -> Total:
    shape = (-1,) + (1,) * (values.ndim - 1)
    return Total((values * weights.reshape(shape)).sum(axis=0), count)


def _move(program, config, moves, moment, state, updates):
    """Returns the parameters after a step and the phase, or as they are."""
    # The update is masked, not the result: where a new value and the old one are both
    # read, XLA copies the whole state at every step (docs/design/0007).
    rate = config.train.optimizer.learning_rate
    moved = jax.tree.map(
        lambda p, u: p - jnp.where(moves, rate * u, 0), state.params, updates
    )
    phase = config.train.phase
    if isinstance(phase, NoPhase):
        return moved, state.phase_state
    return phase.apply_where(moves, moment, program.layers, moved, state.phase_state)


def judge(
    config: Run, before: RunState, trained: RunState, metrics: dict[str, Any]
) -> RunState:
    """Updates patience and status after an epoch, as Keras's early stopping does."""
    task = config.task
    score = task.metrics(metrics["val"])[task.watched].astype(jnp.float32)
    score = score if task.maximized else -score
    better = score > before.best
    since = jnp.where(better, 0, before.epochs_since_best + 1)
    losses = metrics["train"]["loss"].total, metrics["val"]["loss"].total
    finite = jnp.isfinite(losses[0]) & ~jnp.isnan(losses[1])
    spent = since >= config.train.patience
    status = jnp.where(
        finite,
        jnp.where(spent, jnp.int32(Status.STOPPED), before.status),
        jnp.int32(Status.DIVERGED),
    )
    alive = before.status == Status.ALIVE
    # The parameters of a run that is not alive were not changed by its steps.
    return dataclasses.replace(
        trained,
        best=jnp.where(alive & better, score, before.best),
        epochs_since_best=jnp.where(alive, since, before.epochs_since_best),
        status=jnp.where(alive, status, before.status),
    )


def measure(program: Program, config: Run, params) -> Metrics:
    """Returns what is asked to be measured on the parameters, by name."""
    found: Metrics = {}
    for one in config.evaluation.measures:
        values = one.measure(program.layers, params)
        found |= {name: measured(value) for name, value in values.items()}
    return found


def select(condition: Array, new: Any, old: Any) -> Any:
    """Returns the tree `new` where the condition holds, else `old`."""
    return jax.tree.map(lambda a, b: jnp.where(condition, a, b), new, old)
