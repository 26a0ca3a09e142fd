"""What is measured on parameters while they train."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

from ws_jax.config import Config, ConfigError, check_name, config, rules, static
from ws_jax.layers import Layer, bank_coefficients
from ws_jax.sharing import Floats, as_floats

# How the signal-to-noise ratio of weights is averaged, see `weight_snr`.
SNR_FORMS = ("ratio", "inverse", "deviation")


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
        found: dict[str, Array] = {}
        if not layers or not layers[0].sites_differ:
            return found
        field = layers[0].field(params)
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
        if not layers or not layers[0].sites_differ:
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


@config("weight_snr")
class WeightSNR(Measure):
    """How far each layer's kernels are shared, `snr_LAYER`; see `weight_snr`.

    Layers whose sites share kernels have none. Source: Pogodin et al. 2021.
    """

    form: str = static("deviation", "how it is averaged", names=SNR_FORMS)
    border: bool = static(False, "whether sites whose window reads padding count")

    def measure(self, layers, params):
        """Returns the ratio of every layer whose sites have kernels of their own."""
        found: dict[str, Array] = {}
        for layer in filter(lambda layer: layer.sites_differ, layers):
            field = layer.field(params)
            if field is not None:
                own = field[self._sites(layer)]
                found[f"snr_{layer.name}"] = weight_snr(own, self.form)
        return found

    def _sites(self, layer: Layer) -> tuple[slice, slice]:
        return (slice(None), slice(None)) if self.border else layer.inner

    def check_layers(self, layers):
        """Every layer that is measured needs two sites."""
        for layer in filter(lambda layer: layer.sites_differ, layers):
            count = layer.sharing.sites[self._sites(layer)].size
            if count < 2:
                down, across = layer.sharing.shape
                raise ConfigError(
                    f"evaluation.measures.weight_snr: layer {layer.name} has "
                    f"{down}x{across} sites, of which {count} read no padding, and a "
                    "deviation needs 2: measure with border=True, or take larger images"
                )


def weight_snr(kernel: Floats, form: str = "ratio") -> Float[Array, ""]:
    """Measures how little kernels differ between sites: mean over deviation.

    With m and s^2 the mean and the variance of a weight over all sites:

    - `ratio`: the mean of m^2 / s^2 over all weights of a kernel, as in the paper,
      which plots minus its logarithm;
    - `inverse`: the mean of s^2 / m^2, as in the released code for single layers. Its
      logarithm is never below minus that of `ratio`;
    - `deviation`: the mean of |m| / s, s with n - 1 for n sites, as in the released
      code for networks, which leaves out the border.

    Equal kernels have an infinite ratio and an inverse of 0, up to rounding.

    Args:
      kernel: a field [oh, ow, ...], or the part of it that counts.
      form: as said.
    Raises:
      ValueError: if `kernel` has fewer than two sites.
      ConfigError: for an unknown form.
    Source: Pogodin et al. 2021, Section 3 and released code
      (`dynamic_weight_sharing.py`, `networks/locally_connected_utils.py`).
    """
    kernel = as_floats("a kernel field", kernel, "oh ow ...")
    check_name("form of the SNR", form, SNR_FORMS)
    count = kernel.shape[0] * kernel.shape[1]
    if count < 2:
        raise ValueError(f"a deviation needs two sites, got {count}")
    flat = kernel.reshape(count, -1).astype(jnp.float32)
    mean = jnp.mean(flat, axis=0)
    variance = jnp.mean((flat - mean[None]) ** 2, axis=0)
    if form == "ratio":
        return jnp.mean(mean**2 / variance)
    if form == "inverse":
        return jnp.mean(variance / mean**2)
    return jnp.mean(jnp.abs(mean) / jnp.sqrt(variance * (count / (count - 1))))


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


def _check(shape: tuple[int, ...], radius: Any) -> None:
    if len(shape) != 6:
        raise ValueError(
            f"needs a kernel field [oh, ow, kh, kw, c, o], got shape {shape}"
        )
    if not isinstance(radius, int | np.integer) or radius < 1:
        raise ValueError(
            f"the radius is {radius!r}, must be a whole number of at least 1"
        )
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
