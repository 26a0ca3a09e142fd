"""What the third paper's runs are: its presets, and in what they may differ."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from ws_jax.analysis.claims.departures import Presets

if TYPE_CHECKING:  # a report does not wait for what trains
    from ws_jax.models import Network
    from ws_jax.runs import Run

DATA = ("cifar10", "cifar100")
_VIEWS = ("far", "farther", "larger", "largest")
STRENGTH = "task.terms.layer_similarity.strength"


@functools.cache
def _images(data: str, epochs: int) -> tuple[Run, ...]:
    from ws_jax.papers.savarese2019.presets import cifar

    if data not in DATA:
        return ()
    choices = itertools.product((False, True), (True, False), ((), (0.01,)))
    return tuple(
        cifar("own", data, all_images=whole, cutout=cutout, strengths=strengths,
              epochs=epochs).base
        for whole, cutout, strengths in choices
    )  # fmt: skip


@functools.cache
def _paths(data: str, epochs: int) -> tuple[Run, ...]:
    from ws_jax.papers.savarese2019.path_presets import shortest_paths

    return _with_and_without(shortest_paths("own", epochs=epochs), data)


@functools.cache
def _reduced_paths(data: str, epochs: int) -> tuple[Run, ...]:
    from ws_jax.papers.savarese2019.path_presets import reduced

    return _with_and_without(reduced("own", epochs=epochs), data)


def _with_and_without(sweep, data: str) -> tuple[Run, ...]:
    """Returns a run with the term of the loss and one without; none on other data."""
    from ws_jax.config import replace_field

    if not data.startswith("paths:"):
        return ()
    return (sweep.base, replace_field(sweep.base, "task.terms", ()))


IMAGES = Presets(
    data="cifar10",
    paper=_images,
    free=("network.templates", STRENGTH),
    scale=("network.depth", "network.width", "data.num_images"),
)
# Distances and views are those that the grids have room for. What views ask for beside
# distances and sizes is what training asks for.
PATHS = Presets(
    data="paths:6250x32",
    paper=_paths,
    reduced=_reduced_paths,
    free=("network.templates", STRENGTH),
    scale=(
        "network.depth",
        "network.width",
        "transforms.draw_paths.shortest",
        "transforms.draw_paths.longest",
        "transforms.draw_paths.limit",
        "transforms.draw_paths.growth",
        "transforms.draw_paths.every",
    ),
    sections=("evaluation.views.",),
    kept=tuple(
        f"evaluation.views.{view}.{field}"
        for view in _VIEWS
        for field in ("density", "connectivity", "label")
    ),
)


def with_parameters(
    rows: pd.DataFrame, kind: str, shape: tuple[int, int, int], classes: int = 2
) -> pd.DataFrame:
    """Adds how many numbers the parameters of each row's network are.

    Args:
      rows: tidy, of networks of one kind.
      kind: of the networks.
      shape: of the images, (h, w, c).
      classes: of the data.
    """
    from ws_jax.models import Network

    default, found = Network.kinds[kind](), {}
    for training, own in rows.groupby("training"):
        net = network_of(own.iloc[0].to_dict(), default)
        found[training] = parameters(net, shape, classes)
    return rows.assign(parameters=rows["training"].map(found).astype("int64"))


def network_of(row: Mapping[str, Any], default: Network) -> Network:
    """Returns the network of a run from its row, as far as its size goes."""
    columns, fields = {"sharing": "sharing"}, dict[str, Any]()
    for field in dataclasses.fields(default):
        usual = getattr(default, field.name)
        value = row.get(columns.get(field.name, f"network.{field.name}"))
        if value is not None and value == value and isinstance(usual, int | str):
            fields[field.name] = type(usual)(value)
    return dataclasses.replace(default, **fields)


@functools.cache
def parameters(net: Network, shape: tuple[int, int, int], classes: int) -> int:
    """Returns how many numbers a network's parameters are; shapes are traced for it.

    Args:
      net: as said.
      shape: of the images, (h, w, c).
      classes: of the data; a network that answers for every site needs none.
    """
    import jax

    from ws_jax.engine.program import init_variables, network_program
    from ws_jax.keys import make_key
    from ws_jax.runs import Run

    run = Run(network=net)
    program = network_program(run, shape, classes)
    made = jax.eval_shape(lambda key: init_variables(program, run, key),
                          make_key(0))  # fmt: skip
    return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(made["params"]))
