"""What happens to kernels between steps: sharing in sleep, and coupling.

A phase is a config; its `apply` is a pure function, called after every optimiser step.
It knows where it is (`Moment`), may draw, may keep a state of its own, and sees the
network's layers as `layers.Layer` describes them, borders and all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, NamedTuple

from jax import lax, vmap
from jaxtyping import Array, Float, Key

from ws_jax.config import MOST, Config, ConfigError, config, data, static
from ws_jax.layers import Layer
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

Params = Any


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
    """A phase that acts on kernel and bias fields every few steps."""

    every: int
    count: str
    sharing: str

    def check(self) -> None:
        """Its groups of sites must be some that are known."""
        parse_map(self.sharing)

    def check_layers(self, layers):
        """Some layer must store a kernel for every site."""
        if not any(layer.sharing.is_free for layer in layers):
            raise ConfigError(
                f"phase {self.kind} would do nothing: no layer of this network has a "
                "kernel of its own at every site; set network.sharing to free, or "
                "train.phase to none"
            )

    def apply(self, moment, layers, params, state):
        """Acts if it is due."""
        number = moment.step if self.count == "training" else moment.step_in_epoch

        def act(params: Params) -> Params:
            return map_fields(
                lambda field, layer: self.change(field, self.sharing_of(layer)),
                layers,
                params,
            )

        return lax.cond(number % self.every == 0, act, lambda p: p, params), state

    def change(self, field: Array, sharing: Sharing) -> Array:
        """Changes one field [oh, ow, ...], whose groups of sites are `sharing`'s."""
        raise NotImplementedError

    def sharing_of(self, layer: Layer) -> Sharing:
        """Returns the sites of a layer that are brought together."""
        return map_sites(self.sharing, layer.sharing.shape)


def _every() -> Any:
    return data(100, "steps from one time to the next", low=1, high=MOST)


def _count() -> Any:
    return static(
        "training", "where steps are counted from: all of training, or each epoch",
        names=("training", "epoch"),
    )  # fmt: skip


def _sites() -> Any:
    return static("full", "sites brought together: full, tiles:2, periodic:2")


@config("group_mean")
class GroupMean(Periodically):
    """Replaces every kernel by the mean of its group, every few steps.

    Source: Pogodin et al. 2021, weight sharing in one step.
    """

    every: int = _every()
    count: str = _count()
    sharing: str = _sites()

    def change(self, field, sharing):
        """Averages."""
        return couple(field, sharing, 1.0)


@config("couple")
class Couple(Periodically):
    """Moves every kernel a part of the way to the mean of its group. Source: ours."""

    every: int = _every()
    count: str = _count()
    sharing: str = _sites()
    strength: float = data(1.0, "part of the way", low=0, high=1)

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
