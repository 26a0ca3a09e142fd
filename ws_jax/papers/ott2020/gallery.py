"""Which figures the results at hand can fill, with their names and captions."""

from __future__ import annotations

import functools
from collections.abc import Iterator

import pandas as pd

from ws_jax.analysis import aggregate, labels, tables
from ws_jax.analysis.page import gallery
from ws_jax.papers.ott2020 import figures, runs

_ACCURACY = {"mnist": "Figure 3", "cifar10": "Figure 4"}
_DISTANCE = {
    ("mnist", "translation"): "Figure 5",
    ("mnist", "rotation"): "Figure B.6",
    ("mnist", "noise"): "Figure B.7",
}
_SEVERING = {"mnist": "Figure C.1", "cifar10": "Figure C.2"}


# Data, semantics, what tells the runs from others on the data, and their rows.
Place = tuple[str, str, str, pd.DataFrame]


def items(frame: pd.DataFrame) -> list[gallery.Item]:
    """Returns the figures of the paper for which there are results, in its order.

    Runs in different settings, or of different length, have figures of their own.
    """
    places = list(_places(aggregate.tidy(frame)))
    found: list[gallery.Item] = []
    for find in (_accuracies, _distances, _swaps, _severed):
        for place in places:
            found += find(*place)
    return found


def _places(rows: pd.DataFrame) -> Iterator[Place]:
    order = {"mnist": 0, "cifar10": 1}
    names = sorted(rows["data"].unique(), key=lambda name: (order.get(name, 2), name))
    for data in names:
        chosen = runs.select(rows, data).rows
        for words, part in runs.parts(chosen):
            for semantics, own in part.groupby("semantics"):
                yield data, str(semantics), words, own


def _title(data: str, semantics: str, words: str, *more: str) -> str:
    parts = [labels.data(data), *more, f"{semantics} semantics"]
    return ", ".join([*parts, words] if words else parts)


def _accuracies(
    data: str, semantics: str, words: str, rows: pd.DataFrame
) -> Iterator[gallery.Item]:
    chosen = rows[rows["vcp"] == 0]
    kinds = [k for k in labels.KINDS if (chosen["aug_type"] == k).any()]
    for kind in [k for k in kinds if k != "none"] or kinds:
        name = _ACCURACY.get(data, "") if kind in ("translation", "none") else ""
        own = [kind] if kind not in ("translation", "none") else []
        wanted = ["acc", "val_acc", "translation", *own]
        metrics = [m for m in wanted if chosen[m].notna().any()]
        arguments = (chosen, data, semantics, kind, metrics)
        title = _title(data, semantics, words, labels.kind(kind))
        length = tables.trained(aggregate.of_kind(chosen, kind))
        yield gallery.Item(
            name,
            f"Learning curves. {title}",
            f"Accuracy in percent over epochs, by level. {gallery.BANDS}",
            functools.partial(figures.accuracy_curves, *arguments),
        )
        if chosen.loc[chosen["aug_type"] == kind, "aug"].nunique() and metrics:
            yield gallery.Item(
                f"{name}, summary" if name else "",
                f"Against the level. {title}",
                "Accuracy in percent, medians over all epochs and runs. "
                + "Crosses: the published medians. " * (data in _ACCURACY)
                + f"Hollow markers lack folds. {length}",
                functools.partial(figures.accuracy_levels, *arguments),
            )


def _distances(
    data: str, semantics: str, words: str, rows: pd.DataFrame
) -> Iterator[gallery.Item]:
    free = aggregate.matching(rows, model="fcn", vcp=0)
    free = free[free[list(figures.DISTANCES)].notna().any(axis=1)]
    for init in sorted(free["init"].unique()):
        # One reading may have been run under fewer kinds than the other.
        own = set(free.loc[free["init"] == init, "aug_type"])
        kinds = [k for k in labels.KINDS if k in own]
        for kind in [k for k in kinds if k != "none"] or kinds:
            title = _title(data, semantics, words, labels.kind(kind))
            yield gallery.Item(
                _DISTANCE.get((data, kind), ""),
                f"Distances between kernels. {title}, FCN, {init} init",
                "Mean distance of kernels at Chebyshev radius r in the first "
                f"layer. Dashed: before training. {gallery.LINES}",
                functools.partial(figures.distances, free, data, semantics, init, kind),
            )


def _swaps(
    data: str, semantics: str, words: str, rows: pd.DataFrame
) -> Iterator[gallery.Item]:
    swapped = rows[rows["swap"].notna() & (rows["aug"] == 0) & (rows["vcp"] == 0)]
    if len(swapped):
        yield gallery.Item(
            "Figure 6" if data == "mnist" else "",
            f"Quadrant swap. Level 0, {_title(data, semantics, words)}",
            "Accuracy in percent on images whose upper right and lower left quadrants "
            f"are exchanged. {gallery.LINES}",
            functools.partial(figures.swap, swapped, semantics, [data]),
        )


def _severed(
    data: str, semantics: str, words: str, rows: pd.DataFrame
) -> Iterator[gallery.Item]:
    severed = rows[(rows["vcp"] > 0) & (rows["model"] == "fcn")]
    cases = severed[["init", "severing"]].drop_duplicates()
    for init, severing in cases.itertuples(index=False, name=None):
        where = {"paper": "connections", "released": "input units"}.get(severing)
        title = _title(data, semantics, words, f"{where} severed")
        title += f", FCN, {init} init"
        name = _SEVERING.get(data, "")
        case = (rows, data, semantics, init, severing)
        yield gallery.Item(
            name,
            f"Severed connections. {title}",
            "Accuracy in percent over epochs, by probability, all levels. "
            + gallery.BANDS,
            functools.partial(figures.severing_curves, *case),
        )
        yield gallery.Item(
            f"{name}, summary" if name else "",
            f"Against the probability. {title}",
            "Accuracy in percent, medians over all epochs and folds, by level. "
            + tables.trained(rows),
            functools.partial(figures.severing_levels, *case),
        )
