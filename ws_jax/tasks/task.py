"""What a task is: targets, a loss, totals, and metrics made of totals.

A task is a config. On the device it makes a batch of images and their labels, and turns
a network's outputs and the targets into
totals for each example; the engine adds them up over those that count. On the host the
sums become metrics: an accuracy is a sum over a count, an F1 needs three sums. Nothing
else knows what is learned.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Float

from ws_jax.config import Config, config, data
from ws_jax.layers import Layer

# A sum over examples and how many there were; arrays of JAX or NumPy.
Totals = Mapping[str, Any]


class LossTerm(Config):
    """The base of terms that are added to the loss and see the parameters."""

    kinds: ClassVar[dict] = {}
    strength: Any

    def value(self, layers: Sequence[Layer], params: Any) -> Float[Array, ""]:
        """Returns the term; the engine multiplies it with `strength`."""
        raise NotImplementedError

    def suits(self, network: Any) -> bool:
        """Returns whether the term can do something to a network of this config."""
        del network
        return True

    def check_layers(self, layers: Sequence[Layer]) -> None:
        """Raises `ConfigError` if the term can do nothing with these layers."""


@config("weight_norm")
class WeightNorm(LossTerm):
    """Half the sum of all squared kernels of the convolutional layers."""

    strength: float = data(0.0, "factor of the term", low=0)

    def value(self, layers, params):
        """Returns half the squared norm."""
        kernels = [layer.kernel(params) for layer in layers]
        total = jnp.float32(0)
        for kernel in kernels:
            total += jnp.float32(0) if kernel is None else jnp.sum(kernel**2)
        return total / 2


class Task(Config):
    """The base of tasks.

    Attributes:
      watched: the metric that early stopping and "best epoch" follow, and the one that
        is kept of each view.
      beside: other metrics that are kept of each view, as what the watched one must be
        compared with there.
      maximized: whether more of it is better.
      dense: whether targets are images [n, h, w], which move as the images do.
      terms: of the loss, besides that of the examples; a task that can have some
        declares them as a part.
    """

    kinds: ClassVar[dict] = {}
    default_kind: ClassVar[str] = "classification"
    watched: ClassVar[str]
    beside: ClassVar[tuple[str, ...]] = ()
    maximized: ClassVar[bool] = True
    dense: ClassVar[bool] = False
    terms: tuple[LossTerm, ...] = ()

    def suited(self, network: Any) -> Task:
        """Returns the task without the terms that do nothing to such a network.

        So one sweep can have networks with template banks and without any.
        """
        kept = tuple(term for term in self.terms if term.suits(network))
        same = len(kept) == len(self.terms)
        return self if same else dataclasses.replace(self, terms=kept)

    def num_outputs(self, num_classes: int, shape: tuple[int, int, int]) -> int:
        """Returns how many outputs a network needs for images of shape [h, w, c]."""
        return num_classes

    def batch(self, keys: Array, images: Array, targets: Array) -> tuple[Array, Array]:
        """Makes a batch of what is learned; here it is the images and their labels.

        It comes after all transforms, at every step of training and in evaluation,
        where all runs of one seed and fold get the same keys, whatever their batches.

        Args:
          keys: [n], one an image, for what it draws.
          images: [n, h, w, c], as the transforms left them.
          targets: labels [n, ...]; of a `dense` task as floats, moved as the images.
        Returns:
          Images for the network, and targets [n, ...] that its outputs are scored by.
        """
        del keys
        return images, targets

    def check_data(self, labels: Any, num_classes: int) -> None:
        """Raises `ConfigError` if the task cannot learn these labels [n, ...]."""

    def check_outputs(
        self, outputs: tuple[int, ...], targets: tuple[int, ...], num_outputs: int
    ) -> None:
        """Raises `ConfigError` if a network's outputs do not suit the targets.

        Args:
          outputs: their shape, [n, ...].
          targets: their shape, [n, ...].
          num_outputs: what the task asked for.
        """

    def losses(self, outputs: Array, targets: Array) -> Float[Array, " n"]:
        """Returns the loss of each example, which training minimises."""
        raise NotImplementedError

    def totals(
        self, outputs: Array, targets: Array, losses: Array
    ) -> dict[str, Float[Array, "n ..."]]:
        """Returns what each example adds to the totals, by name.

        One of them is `loss`: a run diverges when that is no longer finite.

        Args:
          outputs: of the network.
          targets: of the examples.
          losses: of the examples, as `losses` gave them.
        """
        raise NotImplementedError

    def metrics(self, totals: Totals) -> dict[str, Any]:
        """Makes metrics of totals, each with `total` and `count`.

        It serves the host and, of the watched metric, the device; so it uses no more
        than operators. Vectors and matrices are kept as they are.
        """
        raise NotImplementedError
