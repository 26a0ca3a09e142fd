"""How well one run does on the images that it does not train on, plain and changed."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from ws_jax.engine.program import (
    Examples,
    Program,
    RunInputs,
    RunState,
    forward,
    to_float,
)
from ws_jax.metrics import Total, sum_leading
from ws_jax.runs import Run
from ws_jax.transforms import (
    VIEWS,
    Transform,
    fixed_transforms,
    stream_of,
    transform_batch,
)


def evaluate(
    program: Program,
    examples: Examples,
    inputs: RunInputs,
    state: RunState,
    masks,
    epoch: Array,
    role: str = "validation",
) -> dict[str, Any]:
    """Returns the task's totals on the images of a role, and on each view of them.

    What a view draws it draws once an epoch, from a key that depends on seed and fold
    alone: all runs on a fold are judged on the same images. Test images have draws of
    their own. With `evaluation.whole_batches` views end at the last whole batch.

    Returns:
      `val`, and `view_NAME` for each view; for the role `test` only `test`.
    """
    config = inputs.config
    batch, views = config.train.batch_size, config.evaluation.views
    index = getattr(examples, role)[config.fold]
    size = getattr(examples, f"num_{role}")[config.fold]
    limit = size // batch * batch if config.evaluation.whole_batches else size
    key = jax.random.fold_in(inputs.evaluation_key, epoch)
    if role == "test":
        key = jax.random.fold_in(key, stream_of("test"))
        views, names = (), ["test"]
    else:
        names = ["val", *(f"view_{view.kind}" for view in views)]

    def one_batch(_, number):
        position = number * batch + jnp.arange(batch)
        # Past the end an image is repeated, and not counted.
        where = index[jnp.minimum(position, size - 1)]
        x, targets = to_float(examples.images[where]), examples.labels[where]
        sets = _changed(config, views, key, x, targets, number * batch, epoch)
        totals = _score_all(program, config, state, masks, sets)
        counted = [position < (limit if i else size) for i in range(len(names))]
        return None, {
            name: _totals(totals[i], counted[i]) for i, name in enumerate(names)
        }

    num_batches = -(-max(program.sizes[role]) // batch)
    _, totals = lax.scan(one_batch, None, jnp.arange(num_batches))
    return sum_leading(totals)


def to_targets(config: Run, labels: Array) -> Array:
    """Returns what a task learns of labels: masks as floats, which can be moved."""
    return labels.astype(jnp.float32) if config.task.dense else labels


def task_batch(
    config: Run, key: Array, images: Array, targets: Array, start: Array | int = 0
) -> Any:  # whatever the task gives: it may be a user's own, and is checked elsewhere
    """Returns the images and targets that the task makes, with a key for each image.

    Args:
      config: of the run.
      key: of the set; its images' keys are folded with their places.
      images: [n, h, w, c].
      targets: of the images, [n, ...].
      start: place of the first image in the set.
    """
    places = start + jnp.arange(images.shape[0])
    keys = jax.vmap(jax.random.fold_in, in_axes=(None, 0))(key, places)
    return config.task.batch(keys, images, targets)


def _changed(config, views, key, x, targets, start, epoch) -> list[tuple[Array, Array]]:
    """Returns the plain set and each view of it: images and targets."""
    targets = to_targets(config, targets)
    sets = []
    for view in (None, *views):
        makes = view is None or not view.makes
        fixed = fixed_transforms(config.transforms, makes)
        chain = fixed if view is None else (view, *fixed)
        draw_key = key if view is None else jax.random.fold_in(key, _stream(view))
        changed = transform_batch(
            draw_key,
            chain,
            x,
            targets,
            dense=config.task.dense,
            start=start,
            batch_size=config.train.batch_size,
            epoch=epoch,
        )
        task_key = jax.random.fold_in(draw_key, stream_of("task"))
        sets.append(task_batch(config, task_key, *changed, start=start))
    return sets


def _stream(view: Transform) -> int:
    # The usual views count from 0, whatever others there are.
    known = list(VIEWS)
    return known.index(view.kind) if view.kind in known else stream_of(view.kind)


def _score_all(program, config, state, masks, sets) -> list[dict[str, Array]]:
    """Returns what each example adds to the totals, of each set by itself."""
    # A view may change the size of the images; sets of one size are scored together.
    by_size: dict[tuple[int, ...], list[int]] = {}
    for place, (images, _) in enumerate(sets):
        by_size.setdefault(images.shape, []).append(place)
    found: dict[int, dict[str, Array]] = {}
    for places in by_size.values():
        images, targets = zip(*(sets[place] for place in places), strict=True)
        stacked = jnp.stack(images), jnp.stack(targets)
        totals = _score(program, config, state, masks, stacked)
        for i, place in enumerate(places):
            found[place] = jax.tree.map(lambda a, i=i: a[i], totals)
    return [found[place] for place in range(len(sets))]


def _score(
    program: Program,
    config: Run,
    state: RunState,
    masks,
    sets: tuple[Float[Array, "s n h w c"], Array],
) -> dict[str, Array]:
    """Returns what each example of each set adds to the totals."""

    def score(one):
        x, targets = one
        outputs, _ = forward(program, config, state.params, state.model_state, masks, x)
        losses = config.task.losses(outputs, targets)
        return config.task.totals(outputs, targets, losses)

    # One set after the other: one forward pass to compile, and a small working set.
    return lax.map(score, sets)


def _totals(values: dict[str, Array], counted: Array) -> dict[str, Total]:
    count = counted.sum().astype(jnp.float32)

    def total(value):
        which = counted.reshape((-1,) + (1,) * (value.ndim - 1))
        return Total(jnp.where(which, value, 0.0).sum(axis=0), count)

    return {name: total(value) for name, value in values.items()}
