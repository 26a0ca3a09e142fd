"""The abstract's claims that networks on images can show, and how they are measured.

The paper's tables were not at hand, so no number of it is asked for: thresholds are
ours, and said in the checks. Seeds take the place of folds: all runs see one split, and
intervals are of the plain t-test over seeds.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import pandas as pd

from ws_jax.analysis import departures, seeds, statistics
from ws_jax.analysis.checks import Check
from ws_jax.analysis.verdicts import Claim, Verdict
from ws_jax.folding.grouping import group_layers
from ws_jax.papers.savarese2019 import runs

MIN_EPOCHS = 30  # below, training has not come near its end
EQUAL = 0.01  # accuracies this near count as equal
ALIKE = 0.9  # layers this similar count as one
CITATION = (
    "P. Savarese and M. Maire, Learning Implicitly Recurrent CNNs Through Parameter "
    "Sharing, ICLR 2019"
)


def _check(
    what: str,
    values: pd.Series,
    sense: str,
    threshold: float,
    rows: pd.DataFrame,
    chosen: str,
    unit: str = "points",
) -> Check:
    """Makes a check of one value a seed."""
    ends = rows.groupby("training")["epoch"].max()
    return Check(
        what=what,
        unit=unit,
        sense=sense,
        threshold=threshold,
        found=statistics.corrected_t_test(values, 0.0),
        published=math.nan,
        epochs=int(ends.min()) if len(ends) else 0,
        min_epochs=MIN_EPOCHS,
        missing=(),
        over="seed",
        chosen=chosen,
        **seeds.of_networks(rows, "title"),
    )


def _missing(what: str, lacking: str) -> Check:
    nothing = statistics.corrected_t_test(pd.Series(dtype=float), 0.0)
    return Check(
        what, "points", "above", 0.0, nothing, math.nan, 0, MIN_EPOCHS, (lacking,)
    )


def fewer_parameters(rows: pd.DataFrame) -> Iterator[Check]:
    """A network with fewer templates than layers is as good as its unshared twin."""
    ends = runs.best(_untold(rows))
    shared = ends[ends["templates"] > 0]
    found = False
    for (depth, width, templates), own in shared.groupby(
        ["depth", "width", "templates"]
    ):
        twin = ends[
            (ends["templates"] == 0)
            & (ends["depth"] == depth)
            & (ends["width"] == width)
        ]
        if templates >= 2 * ((depth - 4) // 6 - 1) or twin.empty:
            continue
        found = True
        if own["cell"].nunique() > 1 or twin["cell"].nunique() > 1:
            # Seeds of one training are pooled, two trainings never.
            lacking = f"one training each of {own['title'].iloc[0]} and its WRN"
            yield _missing("A shared network above its twin in accuracy", lacking)
            continue
        difference = _by_seed(own) - _by_seed(twin)
        both = rows[rows["training"].isin([*own["training"], *twin["training"]])]
        names = (runs.title(depth, width, templates), twin["title"].iloc[0])
        less = 1 - own["parameters"].iloc[0] / twin["parameters"].iloc[0]
        yield _check(
            f"{names[0]}, with {100 * less:.0f} % fewer parameters, above {names[1]} "
            "in accuracy",
            difference.dropna(),
            "above",
            -EQUAL,
            both,
            "for “no accuracy lost”",
        )
    if not found:
        yield _missing(
            "A shared network above its twin in accuracy",
            "runs of a network with fewer templates than layers, and of its WRN",
        )


def loops(rows: pd.DataFrame) -> Iterator[Check]:
    """Layers of a bank become alike without being asked to.

    The largest similarity of two layers would say little: of six vectors in a plane two
    are alike by 0.87 wherever they point. So it is counted how many kernels folding
    would leave; below the number of templates, folding saves something.
    """
    plain = _untold(rows[rows["templates"] > 1])
    found = False
    for (title, templates), own in plain.groupby(["title", "templates"]):
        if own["cell"].nunique() > 1:
            found = True
            lacking = f"one training of {title}, not several"
            yield _missing("Kernels that folding would leave", lacking)
            continue
        left = kernels_left(own) / templates
        if left.empty:
            continue
        found = True
        yield _check(
            f"{title}: kernels by templates, of the stage that folds best, if layers "
            f"alike by {ALIKE:g} are tied",
            left,
            "below",
            1.0,
            own,
            "fewer kernels than templates",
            unit="distance",
        )
    if not found:
        yield _missing(
            "Kernels that folding would leave",
            "runs with two templates or more whose similarity was measured",
        )


def _untold(rows: pd.DataFrame) -> pd.DataFrame:
    """Leaves out runs that a term of the loss asked to make layers alike."""
    if "task.terms.layer_similarity.strength" not in rows.columns:
        return rows
    asked = rows["task.terms.layer_similarity.strength"].fillna(0)
    return rows[asked == 0]


def kernels_left(rows: pd.DataFrame) -> pd.Series:
    """Returns, by seed, the fewest kernels that folding would leave in a stage.

    Args:
      rows: of one network; its similarities after the last epoch count, and layers are
        tied if all pairs of a group are alike by `ALIKE`.
    """
    found = {}
    for seed, own in rows.groupby("seed"):
        last = own[own["epoch"] == own["epoch"].max()]
        counts = [
            max(group_layers(matrix, ALIKE, "complete")) + 1
            for column in runs.BANKS
            for _, matrix in runs.matrices(last, column)
        ]
        if counts:
            found[seed] = float(min(counts))
    return pd.Series(found, dtype=float)


def _by_seed(ends: pd.DataFrame) -> pd.Series:
    return ends.groupby("seed")["score"].mean()


CLAIMS = (
    Claim(
        1,
        "Fewer parameters at equal accuracy",
        "Sharing templates between layers saves a large part of the parameters and "
        "costs no accuracy.",
        "Abstract",
        ("cifar10", "cifar100"),
        "a WRN and the same with fewer templates than layers, several seeds",
        fewer_parameters,
    ),
    Claim(
        2,
        "Loops emerge",
        "Layers that share templates learn to be the same, so that the network can be "
        "folded into one that loops.",
        "Abstract",
        ("cifar10", "cifar100"),
        "a network of two templates or more, its similarities measured, several seeds",
        loops,
    ),
)


def judge(frame: pd.DataFrame) -> list[Verdict]:
    """Judges the claims on each data set and length of training by itself."""
    return judged(CLAIMS, runs.select(frame))


def judged(claims: Sequence[Claim], rows: pd.DataFrame) -> list[Verdict]:
    """The same of any claims, on rows that were selected for them."""
    found = []
    groups = rows.groupby(["data", "epochs"]) if len(rows) else ()
    for claim in claims:
        for (data, epochs), own in groups:
            checks = tuple(claim.checks(own))
            scale = departures.said(own)
            found.append(
                Verdict(claim, data, "paper", "paper", checks, int(epochs), scale=scale)
            )
    return found
