"""From a trained network to its outputs, for images of one's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from ws_jax.config import ConfigError
from ws_jax.engine.fits import check_changes
from ws_jax.engine.program import (
    Program,
    forward,
    init_variables,
    network_program,
    to_float,
)
from ws_jax.keys import make_key
from ws_jax.runs import Run
from ws_jax.storage.integrity import named_leaves
from ws_jax.transforms import fixed_transforms, output_shape, transform_batch

_BATCH = 256  # images at a time


def predict(
    run: Run, variables: Mapping[str, Any], images: np.ndarray, num_classes: int
) -> np.ndarray:
    """Returns what a trained network makes of images.

    They are changed first by those transforms of the run that act in evaluation, too,
    but for what would make other images in their place.

    Args:
      run: a run with the network, task and transforms of the one that was trained; its
        fold, seed and rates do not matter.
      variables: the network's, as `ws_jax.checkpoint.load_run` gives them.
      images: [n, h, w, c], uint8 as in a data set.
      num_classes: of the data set.

    Returns:
      The outputs [n, ...], for classification the logits [n, num_classes].

    Raises:
      ConfigError: if one of them is of another kind, the images are too small for the
        network, or variables have other shapes than it has on images of this size; or
        if the run severs connections: what is severed is drawn anew by a sweep and kept
        nowhere.
    """
    images = check_asked(run, images, "a network can be asked for outputs")
    if not isinstance(num_classes, int | np.integer) or num_classes < 1:
        raise ConfigError(f"num_classes is {num_classes!r}, needs an integer from 1")
    if not isinstance(variables, Mapping):
        raise ConfigError(
            f"variables are a {type(variables).__name__}, need a mapping of "
            "collections such as params, as checkpoint.load_run returns it"
        )
    check_changes(run, images.shape[1:])
    run.network.check_images(output_shape(run.transforms, images.shape[1:]))
    program = network_program(run, images.shape[1:], num_classes)
    check_variables(program, run, variables)
    if not len(images):
        return np.zeros((0, program.num_outputs), np.float32)
    held = dict(jax.tree.map(jnp.asarray, dict(variables)))
    params = held.pop("params")

    @jax.jit
    def outputs(batch):
        return forward(program, run, params, held, {}, as_evaluated(run, batch))[0]

    parts = [
        np.asarray(outputs(images[start : start + _BATCH]))
        for start in range(0, len(images), _BATCH)
    ]
    return np.concatenate(parts)


def check_variables(program: Program, run: Run, variables: Mapping[str, Any]) -> None:
    """Raises `ConfigError` unless variables have the shapes of a run's network."""
    key = make_key(0)
    wanted = jax.eval_shape(lambda: init_variables(program, run, key))
    want, got = (
        {name: tuple(np.shape(leaf)) for name, leaf in named_leaves(dict(tree)).items()}
        for tree in (wanted, variables)
    )
    for name in [*want, *got]:
        if want.get(name) != got.get(name):
            raise ConfigError(
                f"the variables are not those of this run's network on images of "
                f"{'x'.join(map(str, program.image_shape))}: {name} is "
                f"{_shape_text(got.get(name))}, needs {_shape_text(want.get(name))}"
            )


def _shape_text(shape: tuple[int, ...] | None) -> str:
    return "not there" if shape is None else str(list(shape))


def check_asked(run: Run, images: np.ndarray, what: str) -> np.ndarray:
    """Returns images that a trained network can be asked about.

    Args:
      run: of the network.
      images: uint8 [n, h, w, c].
      what: is possible where nothing is severed, for the message.

    Raises:
      ConfigError: for other images, or a run that severs connections.
    """
    if not isinstance(run, Run):
        raise ConfigError(
            f"run is a {type(run).__name__}, needs a Run: of a sweep, one of its runs()"
        )
    try:
        images = np.asarray(images)
    except ValueError as error:  # rows of unequal length
        raise ConfigError(f"images must be uint8 [n, h, w, c]: {error}") from error
    if images.ndim != 4 or images.dtype != np.uint8:
        raise ConfigError(
            f"images must be uint8 [n, h, w, c], got {images.dtype}{list(images.shape)}"
        )
    if run.network.severing_probability():
        raise ConfigError(
            "the run severs connections, and which ones is not kept: "
            f"{what} where network.vcp is 0"
        )
    return images


def as_evaluated(run: Run, images: Array) -> Array:
    """Changes uint8 images as evaluations do, but makes no others in their place."""
    fixed, none = fixed_transforms(run.transforms), jnp.zeros(len(images), jnp.int32)
    return transform_batch(make_key(0), fixed, to_float(images), none)[0]
