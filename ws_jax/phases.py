"""What happens to kernels between steps: sharing in sleep, and coupling.

A phase is made once from its config, `make_phase(config)`, and is then a pure
function `(step, params) -> params`, called after every optimiser step. It acts on
what layers store per site: kernel fields [oh, ow, kh, kw, c, o] and bias fields
[oh, ow, o].
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
from jax import lax
from jaxtyping import Array, Float

from ws_jax.config import PhaseConfig
from ws_jax.sharing import Sharing, group_mean, layer_sharing, periodic

Params = Any
Phase = Callable[[Array, Params], Params]

FIELD_RANKS = {"kernel": 6, "bias": 3}


def share_instantly(
    kernel: Float[Array, "oh ow *kernel"], period: int
) -> Float[Array, "oh ow *kernel"]:
    """Replaces kernels `period` sites apart by their mean.

    Source: Pogodin et al. 2021, weight sharing in one step.
    """
    return group_mean(kernel, periodic(kernel.shape[:2], period))


def couple(
    kernel: Float[Array, "oh ow *kernel"], sharing: Sharing, strength: float
) -> Float[Array, "oh ow *kernel"]:
    """Moves every kernel a part of the way to the mean of its group.

    Args:
      kernel: a field [oh, ow, ...].
      sharing: the sites that are coupled.
      strength: 0 leaves the kernels, 1 makes them equal. From equal starts, 1 at
        every step of SGD follows a convolution whose learning rate is divided by the
        number of sites in a group.
    Source: ours.
    """
    return (1 - strength) * kernel + strength * group_mean(kernel, sharing)


def make_phase(config: PhaseConfig) -> Phase:
    """Returns the phase that `config` asks for; `none` changes nothing."""
    apply = PHASES[config.name](config)

    def phase(step: Array, params: Params) -> Params:
        due = (step + 1) % config.every == 0
        return lax.cond(due, apply, lambda p: p, params)

    return (lambda step, params: params) if config.name == "none" else phase


def map_fields(function: Callable[[Array], Array], params: Params) -> Params:
    """Applies `function` to every kernel field and bias field of a params tree."""

    def visit(path, leaf):
        name = getattr(path[-1], "key", "")
        return function(leaf) if FIELD_RANKS.get(name) == leaf.ndim else leaf

    return jax.tree_util.tree_map_with_path(visit, params)


def _couple_fields(config: PhaseConfig, strength: float):
    def apply(params: Params) -> Params:
        return map_fields(
            lambda f: couple(
                f, layer_sharing(config.sharing, 0, f.shape[:2]), strength
            ),
            params,
        )

    return apply


PHASES: dict[str, Callable[[PhaseConfig], Callable[[Params], Params]]] = {
    "none": lambda config: lambda params: params,
    "group_mean": lambda config: _couple_fields(config, 1.0),
    "couple": lambda config: _couple_fields(config, config.strength),
}
