"""Training of one run, as pure functions of its program, data, inputs and state.

Nothing here knows of other runs: `sweep` adds the run axis. An epoch is one scan on
the device, evaluations and measures included; only totals come back.
"""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax import lax
from jaxtyping import Array, Int, UInt8

from ws_jax.augment import augment_batch
from ws_jax.evaluate import evaluate
from ws_jax.layers import MASKS
from ws_jax.measure import kernel_distance
from ws_jax.metrics import Metrics, Total, measured, sum_leading
from ws_jax.program import (
    Program,
    RunInputs,
    RunState,
    Status,
    draw_masks,
    first_stored_kernel,
    forward,
    init_variables,
    to_float,
)

# What a run's key is folded with, by purpose; epochs count from 0 within EPOCH.
INIT, SEVERING, EPOCH, ORDER, AUGMENT = range(5)


def init_run(program: Program, inputs: RunInputs) -> tuple[RunState, Metrics]:
    """Returns a run's state before training, and what is measured on it."""
    variables = init_variables(program, jax.random.fold_in(inputs.key, INIT))
    masks = run_masks(program, inputs)
    variables.pop(MASKS, None)
    params = _sever(variables.pop("params"), masks)
    state = RunState(
        params=params,
        model_state=variables,
        opt_state=program.optimizer.init(params),
        best_correct=jnp.full((), -1, jnp.int32),
        epochs_since_best=jnp.zeros((), jnp.int32),
        status=jnp.full((), Status.ALIVE, jnp.int32),
    )
    return state, measure(program, params)


def run_masks(program: Program, inputs: RunInputs):
    """Returns the run's 0/1 masks of severed connections (empty if it has none)."""
    key = jax.random.fold_in(inputs.key, SEVERING)
    return draw_masks(program, key, inputs.severing)


def _sever(params, masks):
    """Sets severed connections to zero, where their zero gradient keeps them."""
    severed = {
        layer: {**params[layer], "kernel": params[layer]["kernel"] * mask["kernel"]}
        for layer, mask in masks.items()
        if "kernel" in mask
    }
    return {**params, **severed}


def train_epoch(
    program: Program,
    images: UInt8[Array, "n h w c"],
    labels: Int[Array, " n"],
    inputs: RunInputs,
    state: RunState,
    epoch: Array,
) -> tuple[RunState, Metrics]:
    """Trains a run for one epoch, then evaluates and measures it.

    Args:
      program: static.
      images: the joined set; the run's fold says which are for validation.
      labels: class of each image.
      inputs: what differs between runs.
      state: of the run; unless ALIVE it comes back as it is.
      epoch: epochs done before this one, int32.
    Returns:
      The new state and the epoch's metrics: `loss` and `acc` as running means over
      the augmented batches, those of `evaluate`, and kernel distances.
    """
    key = jax.random.fold_in(jax.random.fold_in(inputs.key, EPOCH), epoch)
    masks = run_masks(program, inputs)
    steps, batch = program.steps_per_epoch, program.spec.config.train.batch_size
    where, counted = epoch_order(program, jax.random.fold_in(key, ORDER), inputs)

    def step(state, xs):
        index, where, counted = xs
        step_key = jax.random.fold_in(jax.random.fold_in(key, AUGMENT), index)
        x = augment(program, step_key, to_float(images[where]), inputs.level)
        number = epoch * steps + index
        return train_step(
            program, inputs, masks, state, (x, labels[where], counted), number
        )

    xs = (
        jnp.arange(steps),
        where.reshape(steps, batch),
        counted.reshape(steps, batch),
    )
    trained, totals = lax.scan(step, state, xs)
    metrics = {
        **sum_leading(totals),
        **evaluate(program, images, labels, inputs, trained, masks, epoch),
        **measure(program, trained.params),
    }
    return judge(program, state, trained, metrics), metrics


def epoch_order(
    program: Program, key: Array, inputs: RunInputs
) -> tuple[Int[Array, " m"], Array]:
    """Returns the epoch's images in order, whole batches long, and which count.

    The released code does not shuffle under noise and edge noise; its level 0 is the
    run that all kinds share, which is shuffled.
    """
    config = program.spec.config
    size = inputs.fold_stop - inputs.fold_start
    position = jnp.arange(program.steps_per_epoch * config.train.batch_size)
    num_train = jnp.int32(program.num_images) - size
    # Random bits sort the training images; what lies past their end stays there.
    bits = jax.random.bits(key, position.shape, jnp.uint32)
    counted = position < num_train
    order = jnp.argsort(jnp.where(counted, bits >> 1, jnp.uint32(2**32 - 1)))
    if config.semantics.resolve().shuffling == "released" and (
        program.spec.augmentation in ("noise", "edge_noise")
    ):
        order = jnp.where(inputs.level > 0, position, order)
    # The last batch is filled up from the start of the order; that does not count.
    order = order[position % num_train]
    return order + jnp.where(order >= inputs.fold_start, size, 0), counted


def augment(program: Program, key: Array, x: Array, level: Array) -> Array:
    """Augments a batch of float images [n, h, w, c] as the program's kind says."""
    semantics = program.spec.config.semantics.resolve()
    return augment_batch(
        key,
        x,
        level,
        kind=program.spec.augmentation,
        rotation_centre=semantics.rotation_centre,
        edge_noise=semantics.edge_noise,
    )


def train_step(
    program: Program,
    inputs: RunInputs,
    masks,
    state: RunState,
    batch: tuple[Array, Array, Array],
    number: Array,
) -> tuple[RunState, Metrics]:
    """Takes one optimiser step, then the phase; a run not ALIVE keeps its network.

    Args:
      program: static.
      inputs: what differs between runs.
      masks: of severed connections.
      state: of the run.
      batch: images in [0, 1] [n, h, w, c], labels [n], and which of them count [n].
      number: steps taken before, the same for all runs of a sweep.
    Returns:
      The new state, and `loss` and `acc` of the batch before the step. The optimiser's
      state goes on changing in a run that is no longer ALIVE, where nothing reads it.
    """
    x, labels, counted = batch
    weights = counted.astype(jnp.float32)
    count = weights.sum()

    def mean_loss(params):
        logits, model_state = forward(
            program, params, state.model_state, masks, x, train=True
        )
        losses = optax.softmax_cross_entropy_with_integer_labels(logits, labels)
        total = (losses * weights).sum()
        return total / jnp.maximum(count, 1), (total, logits, model_state)

    grads, (total, logits, model_state) = jax.grad(mean_loss, has_aux=True)(
        state.params
    )
    moves = (state.status == Status.ALIVE) & (count > 0)
    updates, opt_state = program.optimizer.update(grads, state.opt_state, state.params)
    if program.last_batch_may_be_empty:
        opt_state = select(count > 0, opt_state, state.opt_state)
    params = _move(program, inputs, moves, number, state.params, updates)
    new = dataclasses.replace(
        state,
        params=params,
        model_state=select(moves, model_state, state.model_state),
        opt_state=opt_state,
    )
    right = ((jnp.argmax(logits, axis=-1) == labels) & counted).sum()
    metrics = {
        "loss": Total(total, count),
        "acc": Total(right.astype(jnp.float32), count),
    }
    return new, metrics


def _move(program, inputs, moves, number, params, updates):
    """Returns the parameters after a step and the phase, or as they are."""
    # The update is masked, not the result: where a new value and the old one are both
    # read, XLA copies the whole state at every step (docs/design/0007).
    moved = jax.tree.map(
        lambda p, u: p - jnp.where(moves, inputs.learning_rate * u, 0), params, updates
    )
    shared = program.phase(number, moved)
    return moved if shared is moved else select(moves, shared, params)


def judge(
    program: Program, before: RunState, trained: RunState, metrics: Metrics
) -> RunState:
    """Updates patience and status after an epoch, as Keras's early stopping does."""
    correct = metrics["val_acc"].total.astype(jnp.int32)
    better = correct > before.best_correct
    since = jnp.where(better, 0, before.epochs_since_best + 1)
    finite = jnp.isfinite(metrics["loss"].total) & ~jnp.isnan(metrics["val_loss"].total)
    spent = since >= program.spec.config.train.patience
    status = jnp.where(
        finite,
        jnp.where(spent, jnp.int32(Status.STOPPED), before.status),
        jnp.int32(Status.DIVERGED),
    )
    judged = dataclasses.replace(
        trained,
        best_correct=jnp.maximum(correct, before.best_correct),
        epochs_since_best=since,
        status=status,
    )
    alive = before.status == Status.ALIVE
    keep = partial(jnp.where, alive)
    # The parameters of a run that is not alive were not changed by its steps.
    return dataclasses.replace(
        judged,
        best_correct=keep(judged.best_correct, before.best_correct),
        epochs_since_best=keep(judged.epochs_since_best, before.epochs_since_best),
        status=keep(judged.status, before.status),
    )


def measure(program: Program, params) -> Metrics:
    """Measures the first layer's kernel field: its distances at the asked radii.

    A layer with one kernel for all sites has no field to measure.
    """
    radii = program.spec.config.evaluation.radii
    kernel = first_stored_kernel(params)
    if not radii or kernel is None or kernel.ndim != 6:
        return {}
    metrics = {}
    for radius in radii:
        euclidean, cosine = kernel_distance(kernel, radius)
        metrics[f"dist_{radius}"] = measured(euclidean)
        metrics[f"cos_{radius}"] = measured(cosine)
    return metrics


def select(condition: Array, new: Any, old: Any) -> Any:
    """Returns the tree `new` where the condition holds, else `old`."""
    return jax.tree.map(lambda a, b: jnp.where(condition, a, b), new, old)
