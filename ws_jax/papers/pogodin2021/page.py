"""What the report shows of Pogodin et al. 2021: its claims and figures."""

from __future__ import annotations

import functools
import os
from collections.abc import Sequence

import pandas as pd
from matplotlib.figure import Figure

from ws_jax.analysis.page.gallery import Item
from ws_jax.analysis.page.paper import Paper
from ws_jax.papers.pogodin2021 import claims, figures, runs
from ws_jax.storage.below import walk

_TABLE = "single_layer.parquet"  # of `ws_jax.single_layer.study`
_SINGLE = """No networks, and no part of the tables above: a pool of neurons under the
rule that shares weights, and in the circuit that is to carry it out
(launch.single_layer). Minus the logarithm of the signal-to-noise ratio of their kernels
over inputs; lines are means over trials, bands their whole range, dashed is the limit
in theory."""

_METHOD = """Each seed counts with the mean over the last quarter of its epochs.
Differences are of the same seed. Intervals are those of the ordinary t-test over seeds:
all of them see one split of the images, so that they tell the luck of a start, and
nothing of what other images would give."""


def _concerns(rows: pd.DataFrame) -> bool:
    return len(runs.own(rows)) > 0


def _kernels(folders: Sequence[str | os.PathLike]) -> list[Item]:
    # Only here, since checkpoints take JAX's seconds.
    from ws_jax.papers.pogodin2021 import kernels

    return kernels.items(folders)


def _single_layers(folders: Sequence[str | os.PathLike]) -> list[Item]:
    """Lists a figure for each study of single layers at or below folders."""
    places = {
        os.path.abspath(at): None
        for folder in folders
        for at, _, files in sorted(walk(folder))
        if _TABLE in files
    }
    return [
        Item(
            "",
            f"Single layers that learn to share, {os.path.basename(place)}",
            _SINGLE,
            functools.partial(_draw_single_layers, place),
        )
        for place in places
    ]


def _draw_single_layers(place: str) -> Figure:
    # Only here, since the rules take JAX's seconds.
    from ws_jax.single_layer import study

    return study.draw(study.read(place))


PAPER = Paper(
    name="pogodin2021",
    citation='Pogodin, Mehta, Lillicrap, Latham, "Towards biologically plausible '
    'convolutional networks", NeurIPS 2021',
    data=(),
    verdicts=claims.judge,
    method=_METHOD,
    tables=lambda rows: [],
    figures=figures.items,
    selected=runs.select,
    left_out=runs.left_out,
    without_figures=runs.left_out,
    pictures=lambda image: [],
    words=(
        (
            "Sharing in sleep",
            "kernels of a locally connected network are brought together between "
            "training steps, as by a local rule while it sees no images",
        ),
    ),
    concerns=_concerns,
    called=claims.known_data,
    kernels=_kernels,
    beside=_single_layers,
)
