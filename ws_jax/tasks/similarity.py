"""A term of the loss that draws the layers of a template bank to each other."""

from __future__ import annotations

import jax.numpy as jnp

from ws_jax.config import ConfigError, config, data, static
from ws_jax.layers import bank_coefficients
from ws_jax.measure import layer_similarity
from ws_jax.tasks.task import LossTerm


@config("layer_similarity")
class SimilarityTerm(LossTerm):
    """Minus the similarity of the layers of each template bank, summed over banks.

    Of a bank it is the sum, or the mean, over all ordered pairs of two different
    layers, so a bank of L layers counts L (L - 1) pairs, each twice. Its gradient
    raises the similarities; it moves no templates.

    Source: Savarese & Maire 2019, as told by others: sum or mean, and over which
    pairs, no source at hand says.
    """

    strength: float = data(0.0, "factor of the term", low=0)
    over: str = static("sum", "pairs of a bank: sum or mean", names=("sum", "mean"))

    def value(self, layers, params):
        """Returns the term."""
        total = jnp.float32(0)
        for coefficients in bank_coefficients(layers, params).values():
            count = coefficients.shape[0]
            others = 1 - jnp.eye(count)
            pairs = jnp.sum(others * layer_similarity(coefficients))
            total -= pairs / (max(count * (count - 1), 1) if self.over == "mean" else 1)
        return total

    def suits(self, network):
        """Not a network that could have template banks and has none."""
        return getattr(network, "templates", 1) > 0

    def check_layers(self, layers):
        """Some layers must have something to be alike in."""
        if not any(layer.bank for layer in layers):
            raise ConfigError(
                "task.terms layer_similarity would do nothing: no layer of this "
                "network draws from a template bank; set network.templates, or leave "
                "it out"
            )
