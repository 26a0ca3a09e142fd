"""Which figures the results at hand can fill, with their names and captions."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterator

import pandas as pd
from matplotlib.figure import Figure

from ws_jax.analysis import aggregate, curves, figures, labels

_ACCURACY = {"mnist": "Figure 3", "cifar10": "Figure 4"}
_DISTANCE = {
    ("mnist", "translation"): "Figure 5",
    ("mnist", "rotation"): "Figure B.6",
    ("mnist", "noise"): "Figure B.7",
}
_SEVERING = {"mnist": "Figure C.1", "cifar10": "Figure C.2"}
_LINES = (
    "Lines are medians over folds, bands their whole range; a line is dotted where "
)
_LINES += "some folds have stopped."
_BANDS = f"{_LINES} In long trainings the first tenth of the epochs may be out of view."


@dataclasses.dataclass(frozen=True)
class Item:
    """A figure that some results can fill.

    Attributes:
      name: as in the paper, or empty where the paper has none like it.
      title: what it is about.
      caption: how to read it.
      draw: makes it.
    """

    name: str
    title: str
    caption: str
    draw: Callable[[], Figure]


def items(frame: pd.DataFrame) -> list[Item]:
    """Returns the figures of the paper for which there are results, in its order."""
    rows = aggregate.tidy(frame)
    found: list[Item] = []
    for find in (_accuracies, _distances, _swaps, _severed):
        found += find(rows)
    return found


def _studies(rows: pd.DataFrame) -> list[tuple[str, str]]:
    pairs = rows[["data", "semantics"]].drop_duplicates()
    order = {"mnist": 0, "cifar10": 1}
    return sorted(
        pairs.itertuples(index=False, name=None),
        key=lambda pair: (order.get(pair[0], 2), *pair),
    )


def _accuracies(rows: pd.DataFrame) -> Iterator[Item]:
    for data, semantics in _studies(rows):
        chosen = aggregate.select(rows, data).rows
        chosen = chosen[(chosen["semantics"] == semantics) & (chosen["vcp"] == 0)]
        kinds = [k for k in labels.KINDS if (chosen["aug_type"] == k).any()]
        kinds = [k for k in kinds if k != "none"] or kinds
        for kind in kinds:
            name = _ACCURACY.get(data, "") if kind in ("translation", "none") else ""
            own = [kind] if kind not in ("translation", "none") else []
            wanted = ["acc", "val_acc", "translation", *own]
            metrics = [m for m in wanted if chosen[m].notna().any()]
            arguments = (rows, data, semantics, kind, metrics)
            title = f"{labels.data(data)}, {labels.kind(kind)}, {semantics} semantics"
            yield Item(
                name,
                f"Learning curves. {title}",
                f"Accuracy in percent over epochs, by level. {_BANDS}",
                functools.partial(figures.accuracy_curves, *arguments),
            )
            if chosen.loc[chosen["aug_type"] == kind, "aug"].nunique() and metrics:
                yield Item(
                    f"{name}, summary" if name else "",
                    f"Against the level. {title}",
                    "Accuracy in percent, medians over all epochs and folds. Crosses: "
                    "the published medians. Hollow markers lack folds.",
                    functools.partial(figures.accuracy_levels, *arguments),
                )


def _distances(rows: pd.DataFrame) -> Iterator[Item]:
    for data, semantics in _studies(rows):
        chosen = aggregate.select(rows, data).rows
        free = aggregate.matching(chosen, semantics=semantics, model="fcn", vcp=0)
        free = free[free[list(figures.DISTANCES)].notna().any(axis=1)]
        for init in sorted(free["init"].unique()):
            # One reading may have been run under fewer kinds than the other.
            own = set(free.loc[free["init"] == init, "aug_type"])
            kinds = [k for k in labels.KINDS if k in own]
            for kind in [k for k in kinds if k != "none"] or kinds:
                yield Item(
                    _DISTANCE.get((data, kind), ""),
                    f"Distances between kernels. {labels.data(data)}, "
                    f"{labels.kind(kind)}, {semantics} semantics, FCN, {init} init",
                    "Mean distance of kernels at Chebyshev radius r in the first "
                    f"layer. Dashed: before training. {_LINES}",
                    functools.partial(
                        figures.distances, rows, data, semantics, init, kind
                    ),
                )


def _swaps(rows: pd.DataFrame) -> Iterator[Item]:
    swapped = rows[rows["swap"].notna() & (rows["aug"] == 0)]
    for semantics in sorted(swapped["semantics"].unique()):
        yield Item(
            "Figure 6",
            f"Quadrant swap. Level 0, {semantics} semantics",
            "Accuracy in percent on images whose upper right and lower left quadrants "
            f"are exchanged. {_LINES}",
            functools.partial(figures.swap, rows, semantics),
        )


def _severed(rows: pd.DataFrame) -> Iterator[Item]:
    keys = ["data", "semantics", "init", "severing"]
    severed = rows[(rows["vcp"] > 0) & (rows["model"] == "fcn")]
    for case in severed[keys].drop_duplicates().itertuples(index=False, name=None):
        data, semantics, init, severing = case
        where = {"paper": "connections", "released": "input units"}.get(severing)
        title = f"{labels.data(data)}, {where} severed, {semantics} semantics, "
        title += f"FCN, {init} init"
        name = _SEVERING.get(data, "")
        yield Item(
            name,
            f"Severed connections. {title}",
            f"Accuracy in percent over epochs, by probability, all levels. {_BANDS}",
            functools.partial(figures.severing_curves, rows, *case),
        )
        yield Item(
            f"{name}, summary" if name else "",
            f"Against the probability. {title}",
            "Accuracy in percent, medians over all epochs and folds, by level.",
            functools.partial(figures.severing_levels, rows, *case),
        )


def sweep_curves(frame: pd.DataFrame) -> list[Item]:
    """Returns learning curves of every sweep, with all that was evaluated in it.

    They show the sweep as it was run: nothing is left out for standing elsewhere too.
    """
    found = []
    for sweep, part in frame.groupby("sweep") if len(frame) else ():
        rows = aggregate.tidy(part)
        measured = ("loss", "val_loss", *curves.ACCURACIES)
        metrics = [m for m in measured if rows[m].notna().any()]
        by = max(
            ("aug", "vcp", "learning_rate"), key=lambda column: rows[column].nunique()
        )
        for data, own in rows.groupby("data"):
            kinds = sorted(set(own["aug_type"]) - {"none"}) or ["none"]
            for kind in kinds:
                chosen = aggregate.of_kind(own, kind)
                found.append(
                    Item(
                        "",
                        f"{sweep}: {labels.data(data)}, {labels.kind(kind)}",
                        f"All that was evaluated, over epochs. {_BANDS}",
                        functools.partial(curves.learning_curves, chosen, metrics, by),
                    )
                )
    return found
