"""Phases that bring kernels to the mean of a group of sites: at once, or a part."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from jax import vmap
from jaxtyping import Array, Float

from ws_jax.config import config, data, static
from ws_jax.layers import Layer
from ws_jax.phases.periodic import (
    Periodically,
    check_period,
    count_field,
    every_field,
    first_field,
    free_layers,
)
from ws_jax.phases.phase import Params
from ws_jax.sharing import (
    Floats,
    Sharing,
    as_floats,
    check_sharing,
    group_mean,
    map_sites,
    parse_map,
    periodic,
)

WINDOW = "periodic:window"  # the period of each layer is the size of its window


def share_instantly(kernel: Floats, period: int) -> Floats:
    """Replaces kernels `period` sites apart by their mean.

    Args:
      kernel: a field [oh, ow, ...].
      period: in sites, from 1 to as many as there are down and across.
    Raises:
      ValueError: for another period, or what is no field.
    Source: Pogodin et al. 2021, weight sharing in one step.
    """
    kernel = as_floats("a kernel field", kernel, "oh ow ...")
    down, across = kernel.shape[:2]
    groups = periodic((down, across), period)
    if period > min(down, across):
        raise ValueError(
            f"the period is {period}, larger than the {down}x{across} sites, where "
            f"some would share nothing: periods up to {min(down, across)} are possible"
        )
    return group_mean(kernel, groups)


def couple(
    kernel: Floats,
    sharing: Sharing,
    strength: float | Float[Array, ""],
) -> Floats:
    """Moves every kernel a part of the way to the mean of its group.

    Args:
      kernel: a field [oh, ow, ...].
      sharing: the sites that are coupled.
      strength: 0 leaves the kernels, 1 makes them equal. From equal starts, 1 at
        every step of SGD follows a convolution whose learning rate is divided by the
        number of sites in a group.
    Source: ours.
    """
    check_sharing(sharing)
    kernel = as_floats("a kernel field", kernel, "oh ow ...")
    return (1 - strength) * kernel + strength * group_mean(kernel, sharing)


class Grouped(Periodically):
    """Such a phase, on the kernels and biases of groups of sites."""

    sharing: str
    border: bool

    def check(self) -> None:
        """Its groups of sites must be some that are known."""
        if self.sharing != WINDOW:
            parse_map(self.sharing)

    def check_layers(self, layers):
        """No period may be larger than a layer's sites."""
        super().check_layers(layers)
        name, _, size = self.sharing.partition(":")
        if name != "periodic":
            return
        for layer in free_layers(layers):
            window = layer.geometry.window
            periods = window if self.sharing == WINDOW else (int(size),) * 2
            check_period(self.kind, layer, periods)

    def act(self, moment, layers, params):
        """Changes every field."""
        del moment
        return map_fields(
            lambda field, layer: self.change(field, self.sharing_of(layer)),
            layers,
            params,
        )

    def change(self, field: Array, sharing: Sharing) -> Array:
        """Changes one field [oh, ow, ...], whose groups of sites are `sharing`'s."""
        raise NotImplementedError

    def sharing_of(self, layer: Layer) -> Sharing:
        """Returns the sites of a layer that are brought together."""
        sites = layer.sharing.shape
        if self.sharing == WINDOW:
            found = periodic(sites, layer.geometry.window)
        else:
            found = map_sites(self.sharing, sites)
        return found if self.border else _without_border(found, layer.inner)

    def count_distinct(self, layers: Sequence[Layer]) -> int:
        """Returns how many different kernel weights it leaves at full strength."""
        total = 0
        for layer in layers:
            own = layer.sharing.is_free
            sharing = self.sharing_of(layer) if own else layer.sharing
            taps = math.prod(layer.geometry.window) * layer.inputs[2]
            total += sharing.num_kernels * taps * layer.features
        return total


def _without_border(sharing: Sharing, inner: tuple[slice, slice]) -> Sharing:
    """Gives sites outside `inner` a kernel of their own."""
    sites = np.arange(sharing.sites.size).reshape(sharing.shape) + sharing.num_kernels
    sites[inner] = sharing.sites[inner]
    return Sharing(np.unique(sites, return_inverse=True)[1].reshape(sharing.shape))


def sites_field() -> Any:
    """Declares which sites it brings together."""
    return static("full", "sites brought together: full, tiles:2, periodic:2, or "
                  "periodic:window, as far apart as each layer's window is large",
                  )  # fmt: skip


def border_field() -> Any:
    """Declares whether the border takes part."""
    return static(True, "whether sites whose window reads padding take part")


@config("group_mean")
class GroupMean(Grouped):
    """Replaces every kernel by the mean of its group, every few steps.

    Source: Pogodin et al. 2021, weight sharing in one step. Their released code has
    `sharing` periodic:window, `count` epoch and `first` 1.
    """

    every: int = every_field()
    count: str = count_field()
    sharing: str = sites_field()
    first: int = first_field()
    border: bool = border_field()

    @property
    def coupling(self):
        """All of it."""
        return 1.0

    def change(self, field, sharing):
        """Averages."""
        return couple(field, sharing, 1.0)


@config("couple")
class Couple(Grouped):
    """Moves every kernel a part of the way to the mean of its group. Source: ours."""

    every: int = every_field()
    count: str = count_field()
    sharing: str = sites_field()
    strength: float = data(1.0, "part of the way", low=0, high=1)
    first: int = first_field()
    border: bool = border_field()

    @property
    def coupling(self):
        """The strength."""
        return self.strength

    def change(self, field, sharing):
        """Moves it."""
        return couple(field, sharing, self.strength)


def map_fields(
    function: Callable[[Array, Layer], Array], layers: Sequence[Layer], params: Params
) -> Params:
    """Applies `function` to every kernel and bias field, with the layer it is of.

    Of layers that mix their kernels from a bank it takes the templates, each as a field
    and once for all these layers, and where every site mixes its own from the layer's
    templates, the mixing [oh, ow, k]: what is linear does the same to the kernels.
    """
    for layer in {layer.bank: layer for layer in layers if layer.bank}.values():
        templates = layer.template_fields(params)
        if templates is not None:
            new = vmap(lambda field, layer=layer: function(field, layer))(templates)
            params = layer.replace_templates(params, new)
    for layer in layers:
        for name in ("kernel", "mixing", "bias"):
            field = layer.field(params, name)
            if field is not None and field.shape[:2] == layer.sharing.shape:
                params = layer.replace(params, function(field, layer), name)
    return params
