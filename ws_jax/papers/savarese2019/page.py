"""What the report shows of Savarese & Maire 2019: its claims and figures."""

from __future__ import annotations

import functools

import pandas as pd

from ws_jax.analysis import labels, varying
from ws_jax.analysis.page.gallery import Item
from ws_jax.analysis.page.paper import Paper
from ws_jax.papers.savarese2019 import (
    claims,
    figures,
    foldings,
    names,
    path_page,
    path_runs,
    runs,
)

_SIZES = """On {} images, in each run’s best validation epoch: small, a run; large, the
mean of a network’s runs ({}). Colours tell depth and width. Empty squares: every layer
has a kernel of its own; other signs: templates, by their number."""
_MAPS = """Absolute cosine of the coefficients of each two layers of a stage that share
templates, in the network’s order; means over runs. Epoch 0 is before training."""
_METHOD = """Accuracy is that of each run’s best validation epoch: of the test images,
where these were scored. Similarities are those of the last epoch. F1 on shortest paths
is the mean over all epochs for how fast networks learn, over the second half for how
far they carry. Differences are of the same seed, and intervals those of the ordinary
t-test over seeds. On images all seeds see one split, so that intervals tell the luck of
a start, and nothing of what other images would give. The paper’s tables were not at
hand: thresholds are ours."""
_IMAGES = {"test_acc": "test", "val_acc": "validation"}


def items(frame: pd.DataFrame) -> list[Item]:
    """Lists the figures that results can fill: accuracy by size, then similarities."""
    rows, found = runs.select(frame), []
    for (data, epochs), own in rows.groupby(["data", "epochs"]) if len(rows) else ():
        where = f"{labels.data(data)}, {labels.epochs(int(epochs))}"
        for scored in runs.best(own)["scored"].iloc[:1]:
            draw = functools.partial(figures.size_and_accuracy, own)
            name = f"Accuracy by parameters. {where}"
            caption = _SIZES.format(_IMAGES[scored], varying.repeats(own))
            found.append(Item("", name, caption, draw))
        for title, net in own[own["templates"] > 1].groupby("title"):
            if any(runs.matrices(net, column) for column in runs.BANKS):
                draw = functools.partial(figures.similarity_maps, net)
                name = f"Similarity of layers. {title}, {where}"
                found.append(Item("", name, _MAPS, draw))
    return found + path_page.items(frame)


def selected(frame: pd.DataFrame) -> pd.DataFrame:
    """Returns the rows of the paper's runs, on images and on grids."""
    return pd.concat([runs.select(frame), path_runs.select(frame)])


def left_out(frame: pd.DataFrame) -> list[str]:
    """Names the runs of the paper's networks that are not its own, and why."""
    return runs.left_out(frame) + path_runs.left_out(frame)


PAPER = Paper(
    name="savarese2019",
    citation=claims.CITATION,
    data=("cifar10", "cifar100"),
    verdicts=lambda rows: claims.judge(rows) + path_page.judge(rows),
    method=_METHOD,
    tables=lambda rows: [],
    figures=items,
    selected=selected,
    left_out=left_out,
    without_figures=left_out,
    pictures=lambda image: [],
    concerns=lambda rows: runs.concerns(rows) or path_runs.concerns(rows),
    asks=path_runs.concerns,
    comparisons=path_page.comparisons,
    beside=foldings.items,
    words_of=names.words,
    named=names.named,
    words=(
        (
            "grid_net",
            "a network of convolutions without pooling, which answers for every cell "
            "of a grid",
        ),
        (
            "templates",
            "kernels that several layers mix, each with coefficients of its own; a "
            "network with 0 has a kernel for each layer",
        ),
    ),
)
