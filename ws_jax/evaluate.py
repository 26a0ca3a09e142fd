"""How well one run does on its validation fold, plain and perturbed."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import optax
from jax import lax
from jaxtyping import Array, Float, Int, UInt8

from ws_jax.augment import PERTURBATIONS
from ws_jax.config import PERTURBATION_NAMES
from ws_jax.metrics import Metrics, Total, sum_leading
from ws_jax.program import Program, RunInputs, RunState, forward, to_float


def evaluate(
    program: Program,
    images: UInt8[Array, "n h w c"],
    labels: Int[Array, " n"],
    inputs: RunInputs,
    state: RunState,
    masks,
    epoch: Array,
) -> Metrics:
    """Returns loss and accuracy on the fold, and accuracy under each perturbation.

    Perturbations are drawn once an epoch, from a key that depends on seed and fold
    alone: all runs on a fold are judged on the same images. With the released
    reading of `batches`, perturbed sets end at the last whole batch.

    Returns:
      `val_loss`, `val_acc`, and one entry a perturbation, by its name.
    """
    config = program.spec.config
    batch = config.train.batch_size
    names = config.evaluation.perturbations
    size = inputs.fold_stop - inputs.fold_start
    limit = size
    if config.semantics.resolve().batches == "released":
        limit = size // batch * batch
    key = jax.random.fold_in(inputs.evaluation_key, epoch)

    def one_batch(_, index):
        position = index * batch + jnp.arange(batch)
        # Past the end of the fold an image is repeated, and not counted.
        where = inputs.fold_start + jnp.minimum(position, size - 1)
        plain = to_float(images[where])
        sets = [plain, *_perturb(program, key, plain, index * batch)]
        correct, losses = _score(program, state, masks, jnp.stack(sets), labels[where])
        counted = jnp.stack(
            [position < (limit if i else size) for i in range(len(sets))]
        )
        return None, _totals(names, correct, losses[0], counted)

    num_batches = -(-program.num_validation // batch)
    _, totals = lax.scan(one_batch, None, jnp.arange(num_batches))
    return sum_leading(totals)


def _perturb(program: Program, key: Array, plain: Array, start: Array) -> list[Array]:
    """Returns each perturbation of a batch that begins at image `start` of the fold."""
    config = program.spec.config
    semantics = config.semantics.resolve()
    return [
        PERTURBATIONS[name](
            jax.random.fold_in(key, PERTURBATION_NAMES.index(name)),
            plain,
            rotation_centre=semantics.rotation_centre,
            edge_noise=semantics.edge_noise,
            start=start,
            batch_size=config.train.batch_size,
        )
        for name in config.evaluation.perturbations
    ]


def _score(
    program: Program,
    state: RunState,
    masks,
    sets: Float[Array, "s n h w c"],
    labels: Int[Array, " n"],
) -> tuple[Array, Array]:
    """Returns which images of each set are classified right, and their losses."""

    def score(x):
        logits, _ = forward(
            program, state.params, state.model_state, masks, x, train=False
        )
        losses = optax.softmax_cross_entropy_with_integer_labels(logits, labels)
        return jnp.argmax(logits, axis=-1) == labels, losses

    # One set after the other: one forward pass to compile, and a small working set.
    return lax.map(score, sets)


def _totals(names, correct, losses, counted) -> Metrics:
    right = (correct & counted).sum(axis=1).astype(jnp.float32)
    count = counted.sum(axis=1).astype(jnp.float32)
    totals = {"val_loss": Total(jnp.where(counted[0], losses, 0.0).sum(), count[0])}
    for i, name in enumerate(("val_acc", *names)):
        totals[name] = Total(right[i], count[i])
    return totals
