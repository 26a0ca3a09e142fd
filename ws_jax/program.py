"""What trains one run: the static program, the run's data, and its state."""

from __future__ import annotations

import dataclasses
import enum
from typing import Any

import flax.linen as nn
import flax.struct
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, UInt8

from ws_jax.data import Fold
from ws_jax.layers import MASKS
from ws_jax.models import NETWORKS
from ws_jax.optimizers import make_optimizer
from ws_jax.phases import Phase, make_phase
from ws_jax.plan import Spec

# An Array; but its shape, or a NumPy array, where JAX or Orbax rebuilds a tree.
Leaf = Any


class Status(enum.IntEnum):
    """Where a run stands; only an ALIVE run is changed by training."""

    ALIVE = 0
    STOPPED = 1  # patience ran out
    DIVERGED = 2  # the loss is no longer finite
    IDLE = 3  # a filler, where a chunk has more places than runs


@flax.struct.dataclass
class RunInputs:
    """What differs between runs and is not trained; scalars, or with a run axis."""

    key: Leaf  # of the run's own draws
    evaluation_key: Leaf  # of the perturbed evaluations
    level: Leaf  # augmentation strength, float32 in [0, 1)
    severing: Leaf  # probability that a connection is severed, float32
    learning_rate: Leaf  # float32
    fold_start: Leaf  # first validation image, int32
    fold_stop: Leaf  # one past the last


@flax.struct.dataclass
class RunState:
    """All that training changes."""

    params: Any
    model_state: Any  # the network's other collections, running averages say
    opt_state: optax.OptState
    best_correct: Leaf  # validation images right in the best epoch so far, int32
    epochs_since_best: Leaf  # int32
    status: Leaf  # a `Status`, int32


@dataclasses.dataclass(frozen=True)
class Program:
    """The static program of a group of runs, built from their spec and the data."""

    spec: Spec
    module: nn.Module
    optimizer: optax.GradientTransformation
    phase: Phase
    image_shape: tuple[int, int, int]
    num_images: int  # of the joined set
    num_train: int  # training images of the largest training set
    num_validation: int  # validation images of the largest fold

    @property
    def steps_per_epoch(self) -> int:
        """Steps in an epoch; the last batch may be smaller than the others."""
        return -(-self.num_train // self.spec.config.train.batch_size)

    @property
    def last_batch_may_be_empty(self) -> bool:
        """Whether a smaller training set than the largest fills one batch less."""
        batch = self.spec.config.train.batch_size
        smallest = self.num_images - self.num_validation
        return -(-smallest // batch) < self.steps_per_epoch


def make_program(
    spec: Spec,
    image_shape: tuple[int, int, int],
    num_classes: int,
    folds: tuple[Fold, ...],
) -> Program:
    """Builds the program that trains the runs of `spec` on any of `folds`."""
    train = spec.config.train
    num_train = max(fold.num_train for fold in folds)
    num_steps = train.epochs * -(-num_train // train.batch_size)
    return Program(
        spec=spec,
        module=NETWORKS[spec.config.network.name](spec, num_classes),
        optimizer=make_optimizer(train.optimizer, num_steps),
        phase=make_phase(train.phase),
        image_shape=image_shape,
        num_images=folds[0].num_images,
        num_train=num_train,
        num_validation=max(fold.num_validation for fold in folds),
    )


def to_float(images: UInt8[Array, "n h w c"]) -> Float[Array, "n h w c"]:
    """Scales pixels to [0, 1]."""
    return images.astype(jnp.float32) * jnp.float32(1 / 255)


def forward(
    program: Program, params, model_state, masks, x, *, train: bool
) -> tuple[Any, Any]:
    """Returns the logits of a batch and the network's state after it."""
    variables = {"params": params, MASKS: masks, **model_state}
    if not train:
        return program.module.apply(variables, x, False), model_state
    return program.module.apply(variables, x, True, mutable=list(model_state))


def first_stored_kernel(params) -> Array | None:
    """Returns the stored kernel of a network's first convolutional layer, if any."""
    return params["conv_0"]["kernel"] if "conv_0" in params else None


def init_variables(program: Program, key: Array) -> dict[str, Any]:
    """Draws the network's parameters and makes its other collections."""
    x = jnp.zeros((1, *program.image_shape), jnp.float32)
    return dict(program.module.init(key, x, False))


def draw_masks(program: Program, key: Array, probability: Array):
    """Draws the 0/1 masks of severed connections, each 0 with `probability`.

    They follow from the run's key alone, so they are made anew when needed and kept
    nowhere.
    """
    shapes = jax.eval_shape(lambda k: init_variables(program, k), key)
    leaves, tree = jax.tree.flatten(shapes.get(MASKS, {}))  # most have none
    keys = [jax.random.fold_in(key, i) for i in range(len(leaves))]
    masks = [
        (jax.random.uniform(k, leaf.shape) >= probability).astype(leaf.dtype)
        for k, leaf in zip(keys, leaves, strict=True)
    ]
    return jax.tree.unflatten(tree, masks)
