"""Template banks: kernels of many layers as learned combinations of shared templates.

The kernel of layer i is `sum_j coefficients[i, j] templates[j]`. The templates are in
the bank, a module of its own, once; each layer that draws from it owns its row of
coefficients. Templates have the shape in which a layer stores its kernels, so sharing
over depth and over space combine: under `tiles:2` a template is a bank of tiles, under
`free` a field.

Source: Savarese & Maire 2019, "Learning implicitly recurrent CNNs through parameter
sharing"; authors' code `models/layers.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array

from ws_jax.config import ConfigError
from ws_jax.sharing import Floats, as_floats

COEFFICIENTS = "coefficients"  # the parameter of a layer that draws from a bank
TEMPLATES = "templates"  # that of the bank


def mix(
    coefficients: Floats, templates: Floats, precision: Any = lax.Precision.HIGHEST
) -> Array:
    """Mixes kernels from templates.

    Args:
      coefficients: of one layer, [k], or of several, [layers, k].
      templates: [k, ...].
      precision: of the products.
    Returns:
      [...], or [layers, ...].
    Raises:
      ValueError: if there are not as many coefficients as templates.
    """
    coefficients = as_floats("coefficients", coefficients)
    templates = as_floats("templates", templates, "k ...")
    if coefficients.ndim not in (1, 2) or coefficients.shape[-1] != len(templates):
        raise ValueError(
            f"coefficients of shape {coefficients.shape} do not mix {len(templates)} "
            "templates: they need shape [k] or [layers, k]"
        )
    return jnp.tensordot(coefficients, templates, axes=1, precision=precision)


class TemplateBank(nn.Module):
    """Templates that several layers share; each layer of them is told its row.

    A network makes a bank and hands it to layers of equal kernels:
    `SharedConv(..., bank=bank, row=2)`.

    Parameters: `templates`, [k, ...], each drawn as a layer's own kernel would be. The
    coefficients of all layers are one orthogonal matrix [layers, k]: orthonormal
    columns if there are as many layers as templates or more, else orthonormal rows.

    Attributes:
      num_templates: k.
      num_layers: layers that draw from it.
    """

    num_templates: int
    num_layers: int

    def setup(self):
        """Draws the coefficients of all layers, which the layers own."""
        check_bank(self.num_templates, self.num_layers)
        shape = (self.num_layers, self.num_templates)
        if self.is_initializing():
            init = nn.initializers.orthogonal()
            self._rows = init(self.make_rng("params"), shape, jnp.float32)
        else:
            self._rows = jnp.zeros(shape)

    @nn.compact
    def draw(
        self, layer: Any, kernel_init: Callable[..., Array], shape: tuple[int, ...]
    ) -> Array:
        """Returns the kernels of a layer, in the shape in which it would store them.

        Args:
          layer: its `row`, `param`, `param_dtype` and `precision` serve.
          kernel_init: of kernels.
          shape: of what is returned.
        """

        def init(key):
            keys = jax.random.split(key, self.num_templates)
            one = lambda key: kernel_init(key, shape, layer.param_dtype)  # noqa: E731
            return jax.vmap(one)(keys)

        templates = self.param(TEMPLATES, init)
        row = self._rows[layer.row].astype(layer.param_dtype)
        coefficients = layer.param(COEFFICIENTS, lambda key: row)
        return mix(coefficients, templates, layer.precision)


def check_bank(num_templates: int, num_layers: int) -> None:
    """Raises `ConfigError` unless a bank has templates, and layers that draw."""
    if num_templates < 1:
        raise ConfigError(
            f"a bank of {num_templates} templates: it needs at least 1 (layers with "
            "kernels of their own need no bank)"
        )
    if num_layers < 1:
        raise ConfigError("a bank from which no layer draws: leave it out")
