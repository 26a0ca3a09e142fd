"""Sharing schemes: which kernels a layer has, and what of them is learned.

A kernel field is a mixing of a bank, `field[h, w] = sum_j mixing[h, w, j] bank[j]`. A
scheme is a choice of the mixing: given a layer's sites it says which of them share a
kernel, and makes the layer's parameters into a bank for the one op. Schemes whose
mixing is one-hot (`full`, `free`, `tiles:2`, `periodic:3`) have no parameters but the
bank; `mixed:4` mixes the kernel of every site from four templates, and learns both;
`noisy:10` draws, at every step of training, how every site's kernel strays from one.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array

from ws_jax.own_files import makers
from ws_jax.sharing import MAPS, Sharing, Size, free, full, parse_sized

# The stream of random numbers of schemes that draw. A layer has it while it trains, and
# only then: `layer.has_rng(SCHEME_STREAM)` says whether it does.
SCHEME_STREAM = "scheme"


class Scheme:
    """The base of schemes; a small value, equal by its text.

    Attributes:
      sized: whether its text has a size, as `tiles:2` does.
      name: the text before the size.
      size: the size, 0 if it has none.
      made_by: modules in whose functions its class was made, see `own_files.makers`.
    """

    sized: ClassVar[bool] = False
    made_by: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls, **options: Any) -> None:
        """Notes which functions of a user's own make a class, if any do."""
        super().__init_subclass__(**options)
        cls.made_by = makers()

    def __init__(self, name: str, size: int = 0):
        """Takes the parts of its text."""
        self.name, self.size = name, size

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Scheme) and repr(self) == repr(other)

    def __hash__(self) -> int:
        return hash(repr(self))

    def __repr__(self) -> str:
        return f"{self.name}:{self.size}" if self.sized else self.name

    @property
    def is_full(self) -> bool:
        """Whether all sites share the one kernel that is stored."""
        return self.name == "full"

    def sharing(self, sites: Size) -> Sharing:
        """Returns which of a layer's sites (oh, ow) share a kernel of its bank."""
        raise NotImplementedError

    def kernels(
        self, layer: Any, sharing: Sharing, one: tuple[int, ...], kernel_init: Callable
    ) -> tuple[Array, Sharing]:
        """Returns the bank that acts now, and which site uses which kernel of it.

        That is `bank` and `sharing`, unless what acts differs from what is stored.
        Arguments are those of `bank`.
        """
        return self.bank(layer, sharing, one, kernel_init), sharing

    def bank(
        self, layer: Any, sharing: Sharing, one: tuple[int, ...], kernel_init: Callable
    ) -> Array:
        """Makes the layer's parameters, and of them the bank [k, kh, kw, c, o].

        Args:
          layer: the linen module: `stored_kernel` gives the kernels that it stores, or
            mixes them from the templates of its bank; its `param`, `variable` and
            `make_rng` serve for all else.
          sharing: of the layer.
          one: the shape of one kernel, (kh, kw, c, o).
          kernel_init: of kernels.
        """
        shape = self.stored_shape(sharing, one)
        kernel = layer.stored_kernel(kernel_init, shape)
        return kernel.reshape(sharing.num_kernels, *one)

    def stored_shape(self, sharing: Sharing, one: tuple[int, ...]) -> tuple[int, ...]:
        """Returns the shape in which a layer stores kernels of shape `one`."""
        return (*stored_axes(sharing), *one)


class OneHot(Scheme):
    """A scheme that gives every site one kernel of the bank."""

    def sharing(self, sites: Size) -> Sharing:
        """As its map says."""
        return MAPS[self.name].make(sites, self.size)


class SizedOneHot(OneHot):
    """The same, with a size."""

    sized = True


class Mixed(Scheme):
    """Low-rank local: every site mixes its kernel from `size` templates.

    Parameters: `kernel`, the templates [size, kh, kw, c, o], and `mixing`, [oh, ow,
    size], drawn so that mixed kernels have the variance of the templates.

    Source: Elsayed et al. 2020, "Revisiting spatial invariance with low-rank local
    connectivity", without their normalisation of the mixing.
    """

    sized = True

    def sharing(self, sites: Size) -> Sharing:
        """Every site has a kernel of its own, once mixed."""
        return free(sites)

    def bank(self, layer, sharing, one, kernel_init):
        """Mixes."""
        dtype = layer.param_dtype
        templates = layer.stored_kernel(kernel_init, self.stored_shape(sharing, one))

        def init(key, shape, dtype):
            return jax.random.normal(key, shape, dtype) * self.size**-0.5

        mixing = layer.param("mixing", init, (*sharing.shape, self.size), dtype)
        field = jnp.tensordot(mixing, templates, axes=1, precision=layer.precision)
        return field.reshape(sharing.num_kernels, *one)

    def stored_shape(self, sharing, one):
        """As many as it mixes."""
        return (self.size, *one)


class Noisy(Scheme):
    """One kernel, shared up to noise of `size` percent, drawn anew at every step.

    While training, every weight of every site's kernel is the shared one times 1 + s
    N(0, 1), s = size / 100; in evaluation all sites have the shared kernel itself.
    Parameters are those of a convolution. Source: ours.
    """

    sized = True

    @property
    def is_full(self):
        """One kernel is stored."""
        return True

    def sharing(self, sites):
        """All sites share what is stored."""
        return full(sites)

    def kernels(self, layer, sharing, one, kernel_init):
        """Draws a kernel for every site, if the layer trains."""
        bank = self.bank(layer, sharing, one, kernel_init)
        if not layer.has_rng(SCHEME_STREAM):
            return bank, sharing
        own, key = free(sharing.shape), layer.make_rng(SCHEME_STREAM)
        noise = jax.random.normal(key, (own.num_kernels, *one), bank.dtype)
        return bank * (1 + self.size / 100 * noise), own


# From a name to the class of the scheme; a scheme of one's own is entered here.
SCHEMES: dict[str, type[Scheme]] = {
    "full": OneHot,
    "free": OneHot,
    "tiles": SizedOneHot,
    "periodic": SizedOneHot,
    "mixed": Mixed,
    "noisy": Noisy,
}


@functools.cache
def parse_scheme(text: str) -> tuple[Scheme, ...]:
    """Returns the schemes of a network's layers, of which the last serves the rest.

    Args:
      text: `full`, `free`, `tiles:SIZE`, `periodic:PERIOD`, `mixed:TEMPLATES`,
        `noisy:PERCENT`, or one of your own; several joined by `/`, one a layer.

    Raises:
      ConfigError: for an unknown name, or a size that is missing, spare or not
        positive.

    Example:
      >>> parse_scheme("full/tiles:2")
      (full, tiles:2)
    """
    sized = {name: cls.sized for name, cls in SCHEMES.items()}
    parts = (parse_sized(part, sized) for part in text.split("/"))
    return tuple(SCHEMES[name](name, size) for name, size in parts)


def layer_scheme(text: str, layer: int) -> Scheme:
    """Returns the scheme of layer number `layer`, from 0."""
    parts = parse_scheme(text)
    return parts[min(layer, len(parts) - 1)]


def shortest_text(text: str) -> str:
    """Returns the shortest text of a scheme, whose last part serves all further layers.

    Example:
      >>> shortest_text("full/free/free")
      'full/free'
    """
    parts = text.split("/")
    while parts[-1:] == parts[-2:-1]:
        parts.pop()
    return "/".join(parts)


def is_full(text: str) -> bool:
    """Whether every layer stores one kernel, as a convolution does."""
    return all(scheme.is_full for scheme in parse_scheme(text))


def stored_axes(sharing: Sharing) -> tuple[int, ...]:
    """Returns the leading axes with which a layer stores its kernels and biases.

    Example:
      >>> from ws_jax import sharing
      >>> stored_axes(sharing.full((4, 4))), stored_axes(sharing.free((4, 4)))
      ((), (4, 4))
      >>> stored_axes(sharing.tiles((4, 4), 2))
      (4,)
    """
    if sharing.is_full:
        return ()
    return sharing.shape if sharing.is_free else (sharing.num_kernels,)
