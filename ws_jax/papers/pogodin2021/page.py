"""What the report shows of Pogodin et al. 2021: its claims and figures."""

from __future__ import annotations

import os
from collections.abc import Sequence

import pandas as pd

from ws_jax.analysis.gallery import Item
from ws_jax.analysis.paper import Paper
from ws_jax.papers.pogodin2021 import claims, figures, runs


def _concerns(rows: pd.DataFrame) -> bool:
    return len(runs.own(rows)) > 0


def _kernels(folders: Sequence[str | os.PathLike]) -> list[Item]:
    # Only here, since checkpoints take JAX's seconds.
    from ws_jax.papers.pogodin2021 import kernels

    return kernels.items(folders)


PAPER = Paper(
    name="pogodin2021",
    citation='Pogodin, Mehta, Lillicrap, Latham, "Towards biologically plausible '
    'convolutional networks", NeurIPS 2021',
    data=(),
    verdicts=claims.judge,
    tables=lambda rows: [],
    figures=figures.items,
    left_out=lambda rows: [],
    without_figures=lambda rows: [],
    pictures=lambda image: [],
    words=(
        (
            "Sharing in sleep",
            "kernels of a locally connected network are brought together between "
            "training steps, as by a local rule while it sees no images",
        ),
    ),
    concerns=_concerns,
    kernels=_kernels,
)
