"""The settings of the third paper's task on grids, from which its configs are cut.

Of the paper's settings no source at hand is sure; docs/design/0013 says which are ours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ws_jax.measure import LayerSimilarity
from ws_jax.models import GridNet
from ws_jax.optimizers import Adam
from ws_jax.runs import Data, Evaluation, Run, Sweep, Train
from ws_jax.tasks import ShortestPaths, SimilarityTerm
from ws_jax.transforms import Transform
from ws_jax.transforms.paths import DrawPaths, Far, Farther, Larger, Largest


def shortest_paths(
    name: str,
    *,
    size: int = 32,
    num_grids: int = 6_250,
    density: float = 0.1,
    connectivity: int = 4,
    label: str = "all",
    distances: Sequence[int] = (2, 8, 24),
    growth: int = 4,
    every: int = 50,
    beyond: Sequence[Sequence[int]] = ((25, 32), (33, 44)),
    sizes: Sequence[int] = (40, 48),
    depth: int = 20,
    width: int = 32,
    templates: Sequence[int] = (0, 4),
    strengths: Sequence[float] = (0.0, 0.01),
    seeds: Sequence[int] = (0, 1, 2, 3, 4),
    epochs: int = 250,
    batch_size: int = 64,
    learning_rate: float = 1e-3,
) -> Sweep:
    """Returns a study of shortest paths: kernels of their own, and shared.

    Every epoch draws new grids for training and for validation; the largest distance
    of the two ends grows. Views ask for larger distances on grids of the same size,
    and for the distances of the end of training on larger grids.

    Args:
      name: of the sweep.
      size: cells a side.
      num_grids: four fifths are those of an epoch, one fifth is validated on.
      density: probability of an obstacle.
      connectivity: neighbours of a cell, 4 or 8.
      label: `all` cells on shortest paths, or those of `one`.
      distances: the least, the largest at the start, and the largest at the end.
      growth: of the largest distance, in steps.
      every: epochs from one growth to the next.
      beyond: bounds of the distances of the views `far` and `farther`.
      sizes: of the grids of the views `larger` and `largest`.
      depth: 3x3 layers.
      width: channels.
      templates: of the bank; 0 is a CNN.
      strengths: of the term that raises similarities; a CNN has none.
      seeds: of the runs.
      epochs: as said.
      batch_size: as said.
      learning_rate: of Adam.
    """
    asked = {"density": density, "connectivity": connectivity, "label": label}
    shared = [count for count in templates if count] or [0]
    views = _views(asked, distances, beyond, sizes)
    adam = Adam(learning_rate=learning_rate)
    train = Train(epochs, patience=epochs, batch_size=batch_size, optimizer=adam)
    base = Run(
        data=Data(f"paths:{num_grids}x{size}", split="published"),
        network=GridNet(depth=depth, width=width, templates=shared[0]),
        task=ShortestPaths(terms=(SimilarityTerm(),)),
        transforms=(_drawing(asked, distances, growth, every),),
        train=train,
        evaluation=Evaluation(views=views, measures=(LayerSimilarity(),)),
    )
    axes = {
        "network.templates": tuple(templates),
        "task.terms.layer_similarity.strength": tuple(strengths),
        "seed": tuple(seeds),
    }
    return Sweep(name, base, axes)


def _drawing(
    asked: Mapping[str, Any], distances: Sequence[int], growth: int, every: int
) -> DrawPaths:
    """Returns what draws grids as asked, whose largest distance grows."""
    shortest, first, last = distances
    return DrawPaths(
        **asked, shortest=shortest, longest=first, growth=growth, every=every,
        limit=last,
    )  # fmt: skip


def _views(
    asked: Mapping[str, Any],
    distances: Sequence[int],
    beyond: Sequence[Sequence[int]],
    sizes: Sequence[int],
) -> tuple[Transform, ...]:
    """Returns views of grids as asked: at larger distances, and of other sizes."""
    within = {**asked, "shortest": distances[0], "longest": distances[-1]}
    far, farther = ({**asked, "shortest": a, "longest": b} for a, b in beyond)
    return (
        Far(**far),
        Farther(**farther),
        Larger(**within, size=sizes[0]),
        Largest(**within, size=sizes[1]),
    )


def reduced(name: str, *, epochs: int = 24) -> Sweep:
    """Returns the study in small: 12 layers of 12 channels, grids of 10x10.

    The largest distance grows from 4 to 10 in 12 epochs of 2,000 new grids.

    Args:
      name: of the sweep.
      epochs: as said.
    """
    return shortest_paths(
        name,
        size=10,
        num_grids=2_500,
        distances=(2, 4, 10),
        growth=2,
        every=4,
        beyond=((11, 13), (14, 18)),
        sizes=(14, 18),
        depth=12,
        width=12,
        templates=(0, 2, 4),
        strengths=(0.0, 0.01),
        seeds=(0, 1, 2, 3),
        epochs=epochs,
        batch_size=32,
        learning_rate=2e-3,
    )
