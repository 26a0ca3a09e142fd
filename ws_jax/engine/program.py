"""What trains one run: the static program, the run's data, and its state."""

from __future__ import annotations

import dataclasses
import enum
import functools
import traceback
from collections.abc import Sequence
from typing import Any

import flax.linen as nn
import flax.struct
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax
from jaxtyping import Array, Float, UInt8

from ws_jax.config import ConfigError
from ws_jax.data import Dataset, Split
from ws_jax.layers import MASKS, Layer, describe_network
from ws_jax.models import Arithmetic
from ws_jax.optimizers import make_optimizer
from ws_jax.own_files import own_path
from ws_jax.runs import Run
from ws_jax.schemes import SCHEME_STREAM
from ws_jax.transforms import output_shape

_DROPOUT = 1  # with which a network's key is folded for what its units draw

# An Array; but its shape, or a NumPy array, where JAX or Orbax rebuilds a tree.
Leaf = Any


class Status(enum.IntEnum):
    """Where a run stands; only an ALIVE run is changed by training."""

    ALIVE = 0
    STOPPED = 1  # patience ran out
    DIVERGED = 2  # the loss is no longer finite
    IDLE = 3  # a filler, where a chunk has more places than runs


@flax.struct.dataclass
class Examples:
    """A data set and its splits, which all runs share.

    Splits that are smaller than the largest are filled up; their sizes tell.
    """

    images: Leaf  # uint8 [n, h, w, c]
    labels: Leaf  # int32 [n, ...]
    train: Leaf  # int32 [splits, images], indices
    validation: Leaf
    test: Leaf
    num_train: Leaf  # int32 [splits]
    num_validation: Leaf
    num_test: Leaf

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays."""
        return sum(leaf.nbytes for leaf in jax.tree.leaves(self))


@flax.struct.dataclass
class RunInputs:
    """What differs between runs and is not trained; scalars, or with a run axis."""

    key: Leaf  # of the run's own draws
    evaluation_key: Leaf  # of the views
    config: Run  # its data fields are arrays


@flax.struct.dataclass
class RunState:
    """All that training changes."""

    params: Any
    model_state: Any  # the network's other collections, running averages say
    opt_state: optax.OptState
    phase_state: Any  # what the phase keeps
    best: Leaf  # the watched metric in the best epoch so far, float32, more is better
    epochs_since_best: Leaf  # int32
    status: Leaf  # a `Status`, int32


@dataclasses.dataclass(frozen=True)
class Program:
    """The static program of a group of runs, built from one of them and the data.

    Attributes:
      run: any run of the group; only what all share is read.
      image_shape: (h, w, c) of what the network sees.
      num_outputs: of the network.
      sizes: of the splits, by role.
      layers: of the network.
      variables: shapes and dtypes of what the network keeps, by collection.
    """

    run: Run
    image_shape: tuple[int, int, int]
    num_outputs: int
    sizes: dict[str, tuple[int, ...]]
    layers: tuple[Layer, ...] = ()
    variables: dict[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def steps_per_epoch(self) -> int:
        """Steps in an epoch; the last batch may be smaller than the others."""
        return -(-max(self.sizes["train"]) // self.run.train.batch_size)

    @property
    def num_steps(self) -> int:
        """Steps of the longest training."""
        return self.run.train.epochs * self.steps_per_epoch

    @property
    def last_batch_may_be_empty(self) -> bool:
        """Whether a smaller training set than the largest fills one batch less."""
        smallest = min(self.sizes["train"])
        return -(-smallest // self.run.train.batch_size) < self.steps_per_epoch

    def module(self, config: Run) -> nn.Module:
        """Returns the network of a run, whose data fields may be traced."""
        how = config.execution
        arithmetic = Arithmetic(
            lowering=None if how.lowering == "auto" else how.lowering,
            precision=lax.Precision[how.precision.upper()],
        )
        return config.network.make(self.num_outputs, arithmetic)

    def optimizer(self, config: Run) -> optax.GradientTransformation:
        """Returns the optimiser of a run at unit learning rate."""
        return make_optimizer(
            config.train.optimizer, self.num_steps, self.steps_per_epoch
        )


def make_program(run: Run, dataset: Dataset, splits: Sequence[Split]) -> Program:
    """Builds the program that trains runs like `run` on any of the splits."""
    sizes = {
        role: tuple(len(getattr(split, role)) for split in splits)
        for role in ("train", "validation", "test")
    }
    bare = network_program(run, dataset.image_shape, dataset.num_classes)
    layers, variables = _describe(run, bare.image_shape, bare.num_outputs)
    return dataclasses.replace(bare, sizes=sizes, layers=layers, variables=variables)


def network_program(
    run: Run, image_shape: tuple[int, int, int], num_classes: int
) -> Program:
    """Returns what is enough of a program to apply a run's network, not to train it.

    Args:
      run: whose network, task and transforms count.
      image_shape: (h, w, c) of the data set's images, before the transforms.
      num_classes: of the data set.
    """
    shape = output_shape(run.transforms, image_shape)
    return Program(run, shape, run.task.num_outputs(num_classes, shape), {})


@functools.lru_cache(maxsize=64)  # a run is made ready several times; a trace is slow
def _describe(
    run: Run, image_shape: tuple[int, int, int], num_outputs: int
) -> tuple[tuple[Layer, ...], dict[str, Any]]:
    """Returns the layers of a run's network, and the shapes of its variables."""
    program = Program(run, image_shape, num_outputs, {})
    try:
        return describe_network(lambda key: init_variables(program, run, key))
    except ConfigError:
        raise
    except Exception as error:
        if place := own_line(error):
            said = f"{type(error).__name__}: {' '.join(str(error).split())}"
            raise ConfigError(f"network {run.network.kind}: {place}: {said}") from error
        raise


def own_line(error: Exception) -> str:
    """Says where in a user's own files an error rose last; nothing if in none."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if own_path(frame.filename)]
    return f"{own[-1].filename}, line {own[-1].lineno}" if own else ""


def make_examples(dataset: Dataset, splits: Sequence[Split]) -> Examples:
    """Returns the data set and its splits as arrays on the host."""
    stacked: dict[str, np.ndarray] = {}
    for role in ("train", "validation", "test"):
        parts = [getattr(split, role) for split in splits]
        length = max(map(len, parts))
        stacked[role] = np.stack([np.resize(part, length) for part in parts])
        stacked[f"num_{role}"] = np.array([len(part) for part in parts], np.int32)
    return Examples(images=dataset.images, labels=dataset.labels, **stacked)


def to_float(images: UInt8[Array, "n h w c"]) -> Float[Array, "n h w c"]:
    """Scales pixels to [0, 1]."""
    return images.astype(jnp.float32) * jnp.float32(1 / 255)


def forward(
    program: Program,
    config: Run,
    params,
    model_state,
    masks,
    x,
    *,
    key: Array | None = None,
) -> tuple[Any, Any]:
    """Returns the outputs for a batch and the network's state after it.

    Args:
      program: static.
      config: of the run.
      params: of the network.
      model_state: its other collections.
      masks: of severed connections.
      x: images.
      key: of what the network draws while training; None does not train. Its schemes
        draw from the key itself, `nn.Dropout` from one folded off it.
    """
    variables = {"params": params, MASKS: masks, **model_state}
    module = program.module(config)
    if key is None:
        return module.apply(variables, x, False), model_state
    rngs = {SCHEME_STREAM: key, "dropout": jax.random.fold_in(key, _DROPOUT)}
    return module.apply(variables, x, True, mutable=list(model_state), rngs=rngs)


def init_variables(program: Program, config: Run, key: Array) -> dict[str, Any]:
    """Draws the network's parameters and makes its other collections."""
    x = jnp.zeros((1, *program.image_shape), jnp.float32)
    return dict(program.module(config).init(key, x, False))


def draw_masks(program: Program, config: Run, key: Array):
    """Draws the 0/1 masks of severed connections.

    They follow from the run's key alone, so they are made anew when needed and kept
    nowhere.
    """
    leaves, tree = jax.tree.flatten(program.variables.get(MASKS, {}))  # most have none
    probability = config.network.severing_probability()
    keys = [jax.random.fold_in(key, i) for i in range(len(leaves))]
    masks = [
        (jax.random.uniform(k, leaf.shape) >= probability).astype(leaf.dtype)
        for k, leaf in zip(keys, leaves, strict=True)
    ]
    return jax.tree.unflatten(tree, masks)
