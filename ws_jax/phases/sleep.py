"""The phase in which kernels move by a local Hebbian rule, as in a sleep."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp

from ws_jax.config import ConfigError, config, data, static
from ws_jax.layers import Layer
from ws_jax.phases.hebbian import (
    BATCH,
    GAMMA,
    ITERATIONS,
    RATE,
    fastest_rate,
    hebbian_sleep,
    largest_rate,
    shrink_factor,
)
from ws_jax.phases.periodic import (
    Periodically,
    check_period,
    count_field,
    every_field,
    first_field,
    free_layers,
)


@config("hebbian")
class Hebbian(Periodically):
    """A pause every few steps, in which kernels move by a local rule.

    Sites whole windows apart come together, but for those whose window reads padding;
    biases are left alone. See `hebbian_sleep`. The published constants converge in
    layers of up to some 1,000 taps, and diverge beyond 2,431.

    Source: Pogodin et al. 2021, released code `utils.py`.
    """

    every: int = every_field()
    count: str = count_field()
    first: int = first_field()
    iterations: int = static(ITERATIONS, "moves of a pause", low=1)
    batch: int = static(BATCH, "patterns of a move", low=1)
    rate: float = data(RATE, "of a move", low=0, open_low=True)
    gamma: float = data(GAMMA, "pull to the kernels before the pause", low=0)
    adapt: bool = static(
        False, "whether layers where `rate` is above the rate that shares fastest "
        "have that one"
    )  # fmt: skip
    diverging: str = static(
        "refused", "a rate beyond the bound of a layer", names=("refused", "allowed")
    )

    def check_layers(self, layers):
        """Every layer must have room for a window, and a rate below its bound."""
        super().check_layers(layers)
        own = [one for one in free_layers(layers) if one.stores_field and not one.bank]
        if not own:
            raise ConfigError(
                f"phase {self.kind} would do nothing: it changes kernels that are "
                "stored for every site, and here every site's are mixed from "
                "templates; set network.sharing to free, without templates, or "
                "train.phase to none"
            )
        for layer in own:
            check_period(self.kind, layer, layer.geometry.window)
            if self.diverging == "refused" and not self.adapt:
                self._check_rate(layer)

    def _check_rate(self, layer: Layer) -> None:
        taps = _taps(layer)
        largest = largest_rate(taps, self.batch, self.gamma)
        if self.rate < largest:
            return
        factor = shrink_factor(taps, self.batch, self.rate, self.gamma)
        raise ConfigError(
            f"train.phase.rate: {self.rate:g} makes kernels of layer {layer.name} "
            f"diverge: with {layer.inputs[2]} channels, a window of "
            f"{'x'.join(map(str, layer.geometry.window))} and batches of {self.batch} "
            f"their squared deviation grows {factor:.3g} times a move, which must be "
            f"below 1, so the rate below {largest:.4g}; set it, or train.phase.adapt, "
            "or train.phase.diverging=allowed"
        )

    def act(self, moment, layers, params):
        """Lets every layer sleep."""
        for number, layer in enumerate(layers):
            field = layer.field(params)
            if field is None:
                continue
            new = hebbian_sleep(
                jax.random.fold_in(moment.key, number),
                field,
                strides=layer.geometry.strides,
                padding=layer.geometry.pads,
                inputs=layer.inputs[:2],
                iterations=self.iterations,
                batch=self.batch,
                rate=self.rate_of(layer),
                gamma=self.gamma,
            )
            params = layer.replace(params, new)
        return params

    def rate_of(self, layer: Layer) -> Any:
        """Returns the rate of a layer."""
        if not self.adapt:
            return self.rate
        fastest = fastest_rate(_taps(layer), self.batch, self.gamma)
        return jnp.minimum(self.rate, fastest)


def _taps(layer: Layer) -> int:
    return math.prod(layer.geometry.window) * layer.inputs[2]
