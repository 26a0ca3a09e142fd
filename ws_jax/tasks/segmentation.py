"""Yes or no for every pixel."""

from __future__ import annotations

from typing import ClassVar

import jax.numpy as jnp
import optax

from ws_jax.config import config, part, require
from ws_jax.tasks.task import LossTerm, Task


@config("segmentation")
class Segmentation(Task):
    """Which pixels belong to it: binary cross-entropy a pixel, and F1 over all pixels.

    Outputs and targets are [n, h, w] or [n, h * w]; targets are 0 or 1.
    """

    watched: ClassVar[str] = "f1"
    dense: ClassVar[bool] = True
    terms: tuple[LossTerm, ...] = part((), "added to the loss")

    def num_outputs(self, num_classes, shape):
        """One a pixel."""
        return shape[0] * shape[1]

    def check_data(self, labels, num_classes):
        """Labels are masks."""
        require(
            labels.ndim == 3,
            "segmentation needs a mask [h, w] an image, the data have labels of shape "
            f"{labels.shape[1:]}",
        )
        require(
            bool(labels.max() <= 1),
            f"segmentation needs masks of 0 and 1, the data have labels up to "
            f"{labels.max()}",
        )

    def check_outputs(self, outputs, targets, num_outputs):
        """One output a pixel."""
        require(
            outputs in (targets, (targets[0], num_outputs)),
            f"segmentation needs outputs of shape {targets} or "
            f"{(targets[0], num_outputs)} for {targets[0]} images, the network gives "
            f"{outputs}",
        )

    def losses(self, outputs, targets):
        """The mean over the pixels of an image."""
        outputs, targets = _flat(outputs), _flat(targets).astype(jnp.float32)
        return jnp.mean(optax.sigmoid_binary_cross_entropy(outputs, targets), axis=-1)

    def totals(self, outputs, targets, losses):
        """Losses; pixels that are right; hits, false alarms and misses."""
        said, true = _flat(outputs) > 0, _flat(targets) > 0.5
        return {
            "loss": losses,
            "acc": jnp.mean((said == true).astype(jnp.float32), axis=-1),
            "hits": _count(said & true),
            "false_alarms": _count(said & ~true),
            "misses": _count(~said & true),
        }

    def metrics(self, totals):
        """Loss, accuracy, and F1 = 2 hits / (2 hits + false alarms + misses)."""
        means = {n: totals[n].total / totals[n].count for n in ("loss", "acc")}
        hits = 2 * totals["hits"].total
        wrong = totals["false_alarms"].total + totals["misses"].total
        return {**means, "f1": hits / (hits + wrong)}


def _flat(x):
    return x.reshape(x.shape[0], -1)


def _count(which):
    return jnp.sum(which.astype(jnp.float32), axis=-1)
