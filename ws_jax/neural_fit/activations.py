"""What the layers of a trained network make of images."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from flax.core import tracers
from jaxtyping import Array

from ws_jax.config import ConfigError, check_name
from ws_jax.engine.predict import as_evaluated, check_asked
from ws_jax.engine.program import forward, network_program
from ws_jax.keys import make_key
from ws_jax.runs import Run

_BATCH = 64  # images at a time
_STANDARD = "NHWC"
# What may be applied to a layer's output, written NAME:relu; networks apply it between
# modules, where nothing else could be named.
_AFTER: dict[str, Callable[[Array], Array]] = {"relu": nn.relu}


def layer_names(
    run: Run, image_shape: tuple[int, int, int], num_classes: int
) -> dict[str, tuple[int, ...]]:
    """Returns the layers of a network whose outputs can be recorded.

    Args:
      run: whose network it is.
      image_shape: (h, w, c) of a data set's images.
      num_classes: of the data set.
    Returns:
      The shape of each one's output for an image, by its name: the names of the modules
      down to it, joined by slashes, in the order in which the network uses them.
    """
    program = network_program(run, image_shape, num_classes)
    shapes: dict[str, tuple[int, ...]] = {}

    def note(key):
        x = as_evaluated(run, jnp.zeros((2, *image_shape), jnp.uint8))
        with _Recorder() as found:
            program.module(run).init(key, x, False)
        shapes.update({name: a.shape[1:] for name, a in found.outputs.items()})

    jax.eval_shape(note, make_key(0))
    return shapes


def record(
    run: Run,
    variables: Mapping[str, Any],
    images: np.ndarray,
    num_classes: int,
    layers: Sequence[str],
) -> dict[str, np.ndarray]:
    """Returns what layers make of images, as in evaluation.

    Images are changed first by those transforms of the run that act in evaluation, too.

    Args:
      run: with the network, task and transforms of the one that was trained.
      variables: the network's, as `ws_jax.checkpoint.load_run` gives them.
      images: [n, h, w, c], uint8.
      num_classes: of the data set it was trained on.
      layers: names of `layer_names`; NAME:relu is the rectified output of NAME.

    Returns:
      float32, [n, h, w, c] or [n, units], by layer.

    Raises:
      ConfigError: for no layer, an unknown one, images of another type, or a run that
        severs connections, which are kept nowhere.
    """
    images = check_asked(run, images, "layers can be recorded")
    shape = images.shape[1:]
    check_layers(layers, layer_names(run, shape, num_classes))
    program = network_program(run, shape, num_classes)
    held = dict(jax.tree.map(jnp.asarray, dict(variables)))
    params = held.pop("params")

    @jax.jit
    def outputs(batch):
        with _Recorder() as found:
            forward(program, run, params, held, {}, as_evaluated(run, batch))
        return [_take(found.outputs, name) for name in layers]

    parts = [
        [np.asarray(a, np.float32) for a in outputs(images[start : start + _BATCH])]
        for start in range(0, len(images), _BATCH)
    ]
    joined = [np.concatenate(own) for own in zip(*parts, strict=True)]
    return dict(zip(layers, joined, strict=True))


def check_layers(layers: Sequence[str], known: Mapping[str, Any]) -> None:
    """Raises `ConfigError` unless layers are known, and there is one."""
    if not layers:
        raise ConfigError("layers: none is named; known: " + ", ".join(known))
    for name in layers:
        layer, colon, after = name.partition(":")
        check_name("layer", layer, known)
        if colon:
            check_name("change of a layer's output", after, _AFTER)


def _take(outputs: Mapping[str, Array], name: str) -> Array:
    layer, colon, after = name.partition(":")
    return _AFTER[after](outputs[layer]) if colon else outputs[layer]


class _Recorder:
    """Keeps what every named module of a network returns, in NHWC, while it acts.

    What is within a loop of the network (`nn.scan`) is left out: it is a value of each
    step, and none outside of the loop.
    """

    def __init__(self):
        self.outputs: dict[str, Array] = {}

    def __enter__(self):
        self._trace = tracers.current_trace()
        self._context = nn.intercept_methods(self._intercept)
        self._context.__enter__()
        return self

    def __exit__(self, *exception):
        self._context.__exit__(*exception)

    def _intercept(self, call, args, kwargs, context):
        result = call(*args, **kwargs)
        module, path = context.module, context.module.path
        outside = tracers.current_trace() == self._trace
        named = context.method_name == "__call__" and path
        if named and outside and isinstance(result, jax.Array):
            # A module of its own layout says so; all others have the standard one.
            layout = getattr(module, "layout", _STANDARD)
            axes = [layout.index(axis) for axis in _STANDARD]
            kept = jnp.transpose(result, axes) if result.ndim == 4 else result
            self.outputs["/".join(path)] = kept
        return result
