"""One class an image."""

from __future__ import annotations

from typing import ClassVar

import jax.numpy as jnp
import optax

from ws_jax.config import config, data, part, require, static
from ws_jax.tasks.task import LossTerm, Task


@config("classification")
class Classification(Task):
    """Softmax cross-entropy over classes; accuracy, and accuracy of the top few."""

    watched: ClassVar[str] = "acc"
    label_smoothing: float = data(
        0.0, "part of the target spread over all classes", low=0, high=1
    )
    clip: float = static(
        0.0, "probabilities are kept this far from 0 and 1 in the loss, with no "
        "gradient beyond; 0: they are not", low=0, high=0.5, open_high=True,
    )  # fmt: skip
    top: tuple[int, ...] = static((), "also the right class among the best so many",
                                  low=2)  # fmt: skip
    confusion: bool = static(False, "whether to count classes against classes")
    terms: tuple[LossTerm, ...] = part((), "added to the loss")

    def check_data(self, labels, num_classes):
        """Labels are classes, and there are enough for the top few."""
        require(labels.ndim == 1, f"classification needs one label an image, the data "
                f"have labels of shape {labels.shape[1:]}")  # fmt: skip
        for k in self.top:
            ok = k < num_classes
            require(ok, f"task.top: {k} is not below the {num_classes} classes")

    def check_outputs(self, outputs, targets, num_outputs):
        """One output a class."""
        wanted = (*targets, num_outputs)
        require(outputs == wanted, f"classification needs outputs of shape {wanted} "
                f"for {targets[0]} images, the network gives {outputs}")  # fmt: skip

    def losses(self, outputs, targets):
        """The cross-entropy with smoothed targets."""
        if self.clip:
            return self._clipped(outputs, targets)
        plain = optax.softmax_cross_entropy_with_integer_labels(outputs, targets)
        spread = -jnp.mean(_log_softmax(outputs), axis=-1)
        return (1 - self.label_smoothing) * plain + self.label_smoothing * spread

    def _clipped(self, outputs, targets):
        # As Keras before 2.4 on a softmax: the clip is on probabilities, not logits.
        kept = jnp.clip(jnp.exp(_log_softmax(outputs)), self.clip, 1 - self.clip)
        logs = jnp.log(kept)
        plain = -jnp.take_along_axis(logs, targets[:, None], axis=-1)[:, 0]
        spread = -jnp.mean(logs, axis=-1)
        return (1 - self.label_smoothing) * plain + self.label_smoothing * spread

    def totals(self, outputs, targets, losses):
        """Losses, which are right, and what else is asked for."""
        right = jnp.argmax(outputs, axis=-1) == targets
        found = {"loss": losses, "acc": right.astype(jnp.float32)}
        own = jnp.take_along_axis(outputs, targets[:, None], axis=-1)
        # What is not a number is not among the best.
        better = jnp.sum(~(outputs <= own), axis=-1)
        for k in self.top:
            found[f"top{k}"] = (better < k).astype(jnp.float32)
        if self.confusion:
            classes = jnp.arange(outputs.shape[-1])
            true = (targets[:, None] == classes[None]).astype(jnp.float32)
            best = jnp.argmax(outputs, axis=-1)
            said = (best[:, None] == classes[None]).astype(jnp.float32)
            found["confusion"] = true[:, :, None] * said[:, None, :]
        return found

    def metrics(self, totals):
        """Means; the confusion as counts [true class, class said]."""
        return {
            name: entry.total if name == "confusion" else entry.total / entry.count
            for name, entry in totals.items()
        }


def _log_softmax(outputs):
    shifted = outputs - jnp.max(outputs, axis=-1, keepdims=True)
    return shifted - jnp.log(jnp.sum(jnp.exp(shifted), axis=-1, keepdims=True))
