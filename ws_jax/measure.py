"""What is measured on parameters while they train."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

from ws_jax.config import Config, ConfigError, config, rules, static
from ws_jax.layers import Layer, bank_coefficients
from ws_jax.sharing import Floats, as_floats


class Measure(Config):
    """The base of measures: configs that turn parameters into numbers."""

    kinds: ClassVar[dict] = {}

    def measure(self, layers: Sequence[Layer], params: Any) -> dict[str, Array]:
        """Returns what is measured, by the name of its column; arrays are kept whole.

        Args:
          layers: of the network.
          params: its parameters.
        """
        raise NotImplementedError

    def essence(self) -> Config | None:
        """Without fields its columns are the same whenever it is asked for."""
        return self if rules(self) else None

    def check_layers(self, layers: Sequence[Layer]) -> None:
        """Raises `ConfigError` if there is something to measure, and it cannot be."""


@config("distances")
class Distances(Measure):
    """Distances of the first layer's kernels, `dist_RADIUS` and `cos_RADIUS`.

    A first layer with one kernel for all sites, or a bank, has none. Source: Ott et
    al. 2020, Section 5.4.
    """

    radii: tuple[int, ...] = static((1, 4), "in sites", low=1)

    def measure(self, layers, params):
        """Returns the distances at each radius."""
        field = layers[0].field(params) if layers else None
        found: dict[str, Array] = {}
        if field is None or field.ndim != 6:
            return found
        for radius in self.radii:
            euclidean, cosine = kernel_distance(field, radius)
            found |= {f"dist_{radius}": euclidean, f"cos_{radius}": cosine}
        return found

    def essence(self):
        """Its columns are called by its radii."""
        return None

    def check_layers(self, layers):
        """Every radius needs a site with a whole ring around it."""
        if not layers or not layers[0].sharing.is_free:
            return
        down, across = layers[0].sharing.shape
        for radius in self.radii:
            if min(down, across) <= 2 * radius:
                raise ConfigError(
                    f"evaluation.measures.distances.radii: {radius} needs more than "
                    f"{2 * radius} sites a side, the first layer has {down}x{across}"
                )


@config("layer_similarity")
class LayerSimilarity(Measure):
    """How alike the layers of each template bank are, `layer_similarity_BANK`.

    A column for every bank, each entry a matrix [layers, layers]; networks without
    banks have none. See `layer_similarity`.
    """

    def measure(self, layers, params):
        """Returns the matrix of each bank."""
        found = bank_coefficients(layers, params).items()
        return {
            f"{self.kind}_{name.replace('/', '_')}": layer_similarity(coefficients)
            for name, coefficients in found
        }


def layer_similarity(coefficients: Floats) -> Float[Array, "layers layers"]:
    """Measures how alike the kernels are that layers mix from one bank.

    Entries are absolute cosines of two layers' coefficients: 1 if their kernels are
    the same up to scale and sign, 0 for coefficients at right angles. With a single
    template all are 1, which says nothing of the layers. A layer whose coefficients are
    all 0 is like none, itself neither.

    Args:
      coefficients: of each layer, [layers, k].
    Returns:
      Symmetric, in [0, 1].
    Raises:
      ValueError: if `coefficients` are no matrix of floats.
    Source: Savarese & Maire 2019, Section 3.2, as told by others.
    """
    coefficients = as_floats("coefficients", coefficients, "layers k")
    squares = jnp.sum(coefficients**2, axis=1, keepdims=True)
    # Not the root of 0, whose gradient is infinite.
    unit = coefficients / jnp.sqrt(jnp.where(squares > 0, squares, 1))
    cosines = jnp.matmul(unit, unit.T, precision=lax.Precision.HIGHEST)
    return jnp.minimum(jnp.abs(cosines), 1)


def kernel_distance(
    kernel: Floats, radius: int
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """Measures how much kernels `radius` sites apart differ.

    The field is divided by its Frobenius norm first. Both figures are means over
    all sites that have a whole ring of neighbours, and over the 8 * radius sites of
    that square ring (Chebyshev distance `radius`). They are 0 if all kernels are
    equal. A kernel of zeros, which has no direction, counts as one at right angles
    to all that are not zero; a field of nothing but zeros gives NaN.

    Args:
      kernel: a kernel field [oh, ow, kh, kw, c, o].
      radius: in sites, at least 1.
    Returns:
      (euclidean, cosine): the mean norm of the difference, and the mean of one minus
      the cosine of the angle.
    Raises:
      ValueError: if `kernel` is no kernel field, or no site has a whole ring.
    Source: Ott et al. 2020, Section 5.4.
    """
    kernel = as_floats("a kernel field", kernel)
    _check(kernel.shape, radius)
    field = kernel.reshape(*kernel.shape[:2], -1).astype(jnp.float32)
    field = field / jnp.sqrt(jnp.sum(field**2))
    norm = jnp.sqrt(jnp.sum(field**2, axis=-1, keepdims=True))
    empty = (norm == 0).astype(jnp.float32)
    unit = jnp.concatenate([field / (norm + empty), empty], axis=-1)

    def one_shift(offset):
        # From differences, not from products of kernels, which cancel where kernels
        # are nearly equal; 1 - cos is half the squared distance of unit vectors.
        euclidean = jnp.mean(jnp.sqrt(_squared_distance(field, offset, radius)))
        cosine = jnp.mean(_squared_distance(unit, offset, radius)) / 2
        return euclidean, cosine

    euclidean, cosine = lax.map(one_shift, _ring(radius))
    return jnp.mean(euclidean), jnp.mean(cosine)


def _squared_distance(field, offset, radius):
    """From each site with a whole ring to the one `offset` away, [oh - 2r, ow - 2r]."""
    oh, ow, size = field.shape
    inner = (oh - 2 * radius, ow - 2 * radius, size)
    centre = jnp.array([radius, radius], offset.dtype)
    here, there = (
        lax.dynamic_slice(field, (*start, 0), inner)
        for start in (centre, centre + offset)
    )
    return jnp.sum((there - here) ** 2, axis=-1)


def _check(shape: tuple[int, ...], radius: int) -> None:
    if len(shape) != 6:
        raise ValueError(
            f"needs a kernel field [oh, ow, kh, kw, c, o], got shape {shape}"
        )
    if radius < 1:
        raise ValueError(f"the radius is {radius}, must be at least 1")
    if min(shape[:2]) <= 2 * radius:
        raise ValueError(
            f"a field of {shape[0]}x{shape[1]} sites is too small for radius {radius}: "
            f"it needs at least {2 * radius + 1} sites a side"
        )


def _ring(radius: int) -> np.ndarray:
    """The offsets at Chebyshev distance `radius`, int32 [8 * radius, 2]."""
    side = np.arange(-radius, radius + 1, dtype=np.int32)
    offsets = np.stack(np.meshgrid(side, side, indexing="ij"), axis=-1).reshape(-1, 2)
    return offsets[np.abs(offsets).max(axis=1) == radius]
