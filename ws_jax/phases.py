"""What happens to kernels between steps: sharing in sleep, and coupling.

A phase is a config; its `apply` is a pure function, called after every optimiser step.
It knows where it is (`Moment`), may draw, may keep a state of its own, and sees the
network's layers as `layers.Layer` describes them, borders and all.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax, vmap
from jax.custom_batching import custom_vmap
from jaxtyping import Array, Float, Key

from ws_jax.config import MOST, Config, ConfigError, config, data, static
from ws_jax.hebbian import hebbian_sleep
from ws_jax.layers import Layer
from ws_jax.sharing import (
    Floats,
    Sharing,
    Size,
    as_floats,
    check_sharing,
    group_mean,
    map_sites,
    parse_map,
    periodic,
)

__all__ = [
    "Couple",
    "GroupMean",
    "Grouped",
    "Moment",
    "NoPhase",
    "Periodically",
    "Phase",
    "couple",
    "hebbian_sleep",
    "map_fields",
    "share_instantly",
]

Params = Any
WINDOW = "periodic:window"  # the period of each layer is the size of its window


class Moment(NamedTuple):
    """When a phase is called.

    Attributes:
      key: of its draws, another one after every step.
      step: steps taken since training began, the last one included.
      step_in_epoch: the same since the epoch began.
      epoch: epochs done before this one.
    """

    key: Key[Array, ""]
    step: Array
    step_in_epoch: Array
    epoch: Array


class Phase(Config):
    """The base of phases."""

    kinds: ClassVar[dict] = {}
    default_kind: ClassVar[str] = "none"

    def init(self, layers: Sequence[Layer], params: Params) -> Any:
        """Returns the phase's own state before training: a tree of arrays, or None."""
        del layers, params
        return None

    def apply(
        self, moment: Moment, layers: Sequence[Layer], params: Params, state: Any
    ) -> tuple[Params, Any]:
        """Returns the parameters and the phase's state after a step.

        Args:
          moment: when it is.
          layers: of the network.
          params: after the optimiser's step.
          state: of the phase.
        """
        raise NotImplementedError

    def check_layers(self, layers: Sequence[Layer]) -> None:
        """Raises `ConfigError` if the phase can do nothing to these layers."""


def share_instantly(kernel: Floats, period: int) -> Floats:
    """Replaces kernels `period` sites apart by their mean.

    Source: Pogodin et al. 2021, weight sharing in one step.
    """
    kernel = as_floats("a kernel field", kernel, "oh ow ...")
    return group_mean(kernel, periodic(kernel.shape[:2], period))


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


@config("none")
class NoPhase(Phase):
    """Nothing happens between steps."""

    def apply(self, moment, layers, params, state):
        """Leaves all as it is."""
        del moment, layers
        return params, state


class Periodically(Phase):
    """A phase that acts every few steps, on layers whose sites have own kernels."""

    every: int
    count: str
    first: int

    def essence(self):
        """What never acts is no phase."""
        return NoPhase() if self.every == MOST else self

    def check_layers(self, layers):
        """Some layer must store a kernel for every site."""
        if not any(layer.sharing.is_free for layer in layers):
            raise ConfigError(
                f"phase {self.kind} would do nothing: no layer of this network has a "
                "kernel of its own at every site; set network.sharing to free, or "
                "train.phase to none"
            )

    def due(self, moment: Moment) -> Array:
        """Returns whether it acts now, a truth value."""
        number = moment.step if self.count == "training" else moment.step_in_epoch
        due = (number >= self.first) & ((number - self.first) % self.every == 0)
        return due & (jnp.asarray(self.every) < MOST)

    def apply(self, moment, layers, params, state):
        """Acts if it is due."""

        def step(due, phase, moment, params):
            act = lambda: phase.act(moment, layers, params)  # noqa: E731
            return lax.cond(due, act, lambda: params)

        mapped = custom_vmap(step)

        @mapped.def_vmap
        def each(size, batched, *args):
            # A mapped condition would be computed for all runs at every step.
            full = jax.tree.map(
                lambda a, b: a if b else jnp.broadcast_to(a, (size, *a.shape)),
                args, tuple(batched),
            )  # fmt: skip
            some = lambda: lax.map(lambda one: step(*one), full)  # noqa: E731
            params = lax.cond(jnp.any(full[0]), some, lambda: full[3])
            return params, jax.tree.map(lambda _: True, params)

        phase = jax.tree.map(jnp.asarray, self)
        return mapped(self.due(moment), phase, moment, params), state

    def act(self, moment: Moment, layers: Sequence[Layer], params: Params) -> Params:
        """Returns the parameters after it has acted."""
        raise NotImplementedError


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


def free_layers(layers: Sequence[Layer]) -> list[Layer]:
    """Returns the layers whose sites have kernels of their own."""
    return [layer for layer in layers if layer.sharing.is_free]


def check_period(kind: str, layer: Layer, periods: Size) -> None:
    """Raises `ConfigError` if a layer has fewer sites than a period, down or across."""
    down, across = layer.sharing.shape
    if periods[0] > down or periods[1] > across:
        raise ConfigError(
            f"phase {kind}: a period of {periods[0]}x{periods[1]} is larger than the "
            f"{down}x{across} sites of layer {layer.name}, where nothing would be "
            f"shared; periods up to {min(down, across)} or larger images are possible"
        )


def every_field() -> Any:
    """Declares how often a phase acts."""
    return data(
        100, f"steps from one time to the next; {MOST}: never", low=1, high=MOST
    )


def count_field() -> Any:
    """Declares where its steps are counted from."""
    return static(
        "training", "where steps are counted from: all of training, or each epoch",
        names=("training", "epoch"),
    )  # fmt: skip


def sites_field() -> Any:
    """Declares which sites it brings together."""
    return static("full", "sites brought together: full, tiles:2, periodic:2, or "
                  "periodic:window, as far apart as each layer's window is large",
                  )  # fmt: skip


def first_field() -> Any:
    """Declares when it acts first."""
    return data(
        0, "step after which it acts first, from 1; 0: after `every` steps", low=0,
        high=MOST,
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

    def change(self, field, sharing):
        """Moves it."""
        return couple(field, sharing, self.strength)


def map_fields(
    function: Callable[[Array, Layer], Array], layers: Sequence[Layer], params: Params
) -> Params:
    """Applies `function` to every kernel and bias field, with the layer it is of.

    Of layers that mix their kernels from a bank it takes the templates, each as a field
    and once for all these layers: what is linear does the same to the kernels.
    """
    for layer in {layer.bank: layer for layer in layers if layer.bank}.values():
        templates = layer.template_fields(params)
        if templates is not None:
            new = vmap(lambda field, layer=layer: function(field, layer))(templates)
            params = layer.replace_templates(params, new)
    for layer in layers:
        for name in ("kernel", "bias"):
            field = layer.field(params, name)
            if field is not None and field.shape[:2] == layer.sharing.shape:
                params = layer.replace(params, function(field, layer), name)
    return params
