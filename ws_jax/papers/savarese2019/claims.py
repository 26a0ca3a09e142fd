"""The abstract's claims that networks on images can show, and how they are measured.

The paper's tables were not at hand, so no number of it is asked for: thresholds are
ours, and said in the checks. Seeds take the place of folds: all runs see one split, and
intervals are of the plain t-test over seeds.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from ws_jax.analysis import statistics
from ws_jax.analysis.claims import chance, comparable, departures, lengths, seeds
from ws_jax.analysis.claims.checks import Check
from ws_jax.analysis.claims.verdicts import Claim, Verdict
from ws_jax.folding.grouping import group_layers, similarity
from ws_jax.papers.savarese2019 import runs
from ws_jax.papers.savarese2019.own import IMAGES

BATCHES = 352  # the paper's training steps in an epoch, 45,000 images in batches of 128
# Of its epochs, ours: below, training has not come near its end. Steps count, whatever
# an epoch is.
SETTLED = 30
EQUAL = 0.01  # accuracies this near count as equal
LARGE = 1 / 3  # of a network's parameters: a bank that saves less saves no large part
ALIKE = 0.9  # layers this similar count as one
FEWER = 0.5  # kernels by which a bank must fall short of chance; less is luck of draws
DRAWS = 1000  # of random coefficients
NAMED = ("network.templates", "task.terms", "task.terms.")  # what titles tell
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
    unsettled: str = "",
    leader: str = "",
) -> Check:
    """Makes a check of one value a seed; `leader` as `seeds.of_networks` takes it."""
    ends = rows.groupby("training")["epoch"].max()
    steps = lengths.steps(rows, IMAGES)
    unknown = "" if steps else "the steps of an epoch are not known"
    why = filter(None, [unsettled, unknown, _at_chance(rows)])
    return Check(
        what=what,
        unit=unit,
        sense=sense,
        threshold=threshold,
        found=statistics.corrected_t_test(values, 0.0),
        published=math.nan,
        epochs=int(ends.min()) if len(ends) else 0,
        min_epochs=lengths.epochs(SETTLED * BATCHES, steps),
        missing=(),
        over="seed",
        chosen=chosen,
        unsettled="; ".join(why),
        steps=steps,
        **seeds.of_networks(rows, "title", leader),
    )


def _missing(what: str, lacking: str) -> Check:
    nothing = statistics.corrected_t_test(pd.Series(dtype=float), 0.0)
    return Check(what, "points", "above", 0.0, nothing, math.nan, 0, 0, (lacking,))


def _at_chance(rows: pd.DataFrame) -> str:
    """Says which of the networks are not shown to have learned; empty if all are."""
    ends = runs.best(rows)
    known = {str(title): _by_seed(own) for title, own in ends.groupby("title")}
    return chance.unlearned(known, 100 if rows["data"].iloc[0] == "cifar100" else 10)


def fewer_parameters(rows: pd.DataFrame) -> Iterator[Check]:
    """A network with a third fewer parameters is as good as its unshared twin.

    One that has a template for each layer shares nothing, and one that saves less than
    `LARGE` no large part; both are left out.
    """
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
        less = 1 - own["parameters"].iloc[0] / twin["parameters"].iloc[0]
        if less < LARGE:
            continue
        found = True
        if own["cell"].nunique() > 1 or twin["cell"].nunique() > 1:
            # Seeds of one training are pooled, two trainings never.
            lacking = f"one training each of {own['title'].iloc[0]} and its WRN"
            yield _missing("A shared network above its twin in accuracy", lacking)
            continue
        difference = _by_seed(own) - _by_seed(twin)
        both = rows[rows["training"].isin([*own["training"], *twin["training"]])]
        other = comparable.apart(both, "title", NAMED)
        if other:
            lacking = f"{own['title'].iloc[0]} and its WRN in one setting ({other})"
            yield _missing("A shared network above its twin in accuracy", lacking)
            continue
        names = (runs.title(depth, width, templates), twin["title"].iloc[0])
        yield _check(
            f"{names[0]}, with {100 * less:.0f} % fewer parameters, above {names[1]} "
            "in accuracy",
            difference.dropna(),
            "above",
            -EQUAL,
            both,
            "for “no accuracy lost”; a third fewer being the least “large part”",
            leader=names[0],
        )
    if not found:
        yield _missing(
            "A shared network above its twin in accuracy",
            "runs of a network with fewer templates than layers and at least a third "
            "fewer parameters, and of its WRN",
        )


def loops(rows: pd.DataFrame) -> Iterator[Check]:
    """Layers of a bank become alike without being asked to, so that they repeat.

    The largest similarity of two layers would say little: of six vectors in a plane two
    are alike by 0.87 wherever they point. So it is counted how many kernels folding
    would leave, by the layers of the bank: 1/3 for six layers that are two in turn. It
    is compared with the same of random orthogonal coefficients, which is what a bank
    starts with; it must lie below by half a kernel. Groups are those in which all pairs
    are alike (`complete` links), the stricter way; folding ties chains by default.

    Banks say nothing here that have one template (all layers are alike), two layers, or
    a template for each layer. A bank whose similarities are still those of its start
    has not learned anything that could be judged as no loop.
    """
    plain = _untold(rows[rows["templates"] > 1])
    found = False
    for (title, templates), own in plain.groupby(["title", "templates"]):
        left = kernels_left(own)
        if left.empty:
            continue
        found = True
        if own["cell"].nunique() > 1:
            lacking = f"one training of {title}, not several"
            yield _missing("Kernels that folding would leave", lacking)
            continue
        layers = 2 * ((int(own["depth"].iloc[0]) - 4) // 6 - 1)
        chance = kernels_by_chance(layers, templates)
        less, threshold = (left - chance) / layers, -FEWER / layers
        same = still_as_drawn(own) and less.mean() >= threshold
        yield _check(
            f"{title}: kernels by layers ({left.mean() / layers:.4f}), the mean over "
            f"stages if layers alike by {ALIKE:g} are tied, less those of random "
            f"coefficients ({chance / layers:.4f})",
            less,
            "below",
            threshold,
            own,
            "half a kernel a stage fewer than by chance",
            unit="distance",
            unsettled="similarities are those of before training" if same else "",
        )
    if not found:
        yield _missing(
            "Kernels that folding would leave",
            "runs with two templates or more, and more layers than templates in a "
            "stage, whose similarity was measured",
        )


@functools.cache
def kernels_by_chance(layers: int, templates: int) -> float:
    """Returns the mean number of kernels left of random orthogonal coefficients.

    Example:
      >>> round(kernels_by_chance(6, 2), 1)
      3.6
    """
    rng = np.random.default_rng(0)
    drawn = np.linalg.qr(rng.normal(size=(DRAWS, layers, templates)))[0]
    return float(np.mean([_kernels(similarity(one)) for one in drawn]))


def _kernels(matrix: np.ndarray) -> int:
    return max(group_layers(matrix, ALIKE, "complete")) + 1


def _untold(rows: pd.DataFrame) -> pd.DataFrame:
    """Leaves out runs that a term of the loss asked to make layers alike."""
    if "task.terms.layer_similarity.strength" not in rows.columns:
        return rows
    asked = rows["task.terms.layer_similarity.strength"].fillna(0)
    return rows[asked == 0]


def kernels_left(rows: pd.DataFrame) -> pd.Series:
    """Returns, by seed, the kernels that folding would leave in a stage: their mean.

    Args:
      rows: of one network; its similarities after the last epoch count, and layers are
        tied if all pairs of a group are alike by `ALIKE`. Only stages count that have
        more layers than templates, and more than two.
    """
    found = {}
    for seed, own in rows.groupby("seed"):
        counts = [_kernels(m) for m in _banks(own, int(own["epoch"].max()))]
        if counts:
            found[seed] = float(np.mean(counts))
    return pd.Series(found, dtype=float)


def still_as_drawn(rows: pd.DataFrame) -> bool:
    """Whether all similarities after the last epoch are those of before training."""
    for _, own in rows.groupby("seed"):
        first, last = (_banks(own, int(e)) for e in (0, own["epoch"].max()))
        if len(first) != len(last):
            return False
        if any(np.abs(a - b).max() > 0.01 for a, b in zip(first, last, strict=True)):
            return False
    return True


def _banks(rows: pd.DataFrame, epoch: int) -> list[np.ndarray]:
    """Returns the similarities of a run's stages that count, after an epoch."""
    at, templates = rows[rows["epoch"] == epoch], rows["templates"].iloc[0]
    found = [m for name in runs.BANKS for _, m in runs.matrices(at, name)]
    return [m for m in found if len(m) > max(2, templates)]


def _by_seed(ends: pd.DataFrame) -> pd.Series:
    return ends.groupby("seed")["score"].mean()


CLAIMS = (
    Claim(
        1,
        "Fewer parameters at equal accuracy",
        "Sharing templates between layers saves a large part of the parameters and "
        "costs no accuracy. (At least a third: ours.)",
        "Abstract",
        ("cifar10", "cifar100"),
        "a WRN and the same with fewer templates than layers and at least a third "
        "fewer parameters, several seeds",
        fewer_parameters,
    ),
    Claim(
        2,
        "Loops emerge",
        "Layers that share templates learn to be the same, so that the network can be "
        "folded into one that loops.",
        "Abstract",
        ("cifar10", "cifar100"),
        "a network of two templates or more and more layers than templates in a stage, "
        "its similarities measured, several seeds",
        loops,
    ),
)


def judge(frame: pd.DataFrame) -> list[Verdict]:
    """Judges the claims on each data set and length of training by itself.

    Runs are judged apart by which of their images are scored; a verdict's setting says
    which.
    """
    rows = runs.select(frame)
    return judged(CLAIMS, rows, runs.scored(rows) if len(rows) else None)


def judged(
    claims: Sequence[Claim], rows: pd.DataFrame, setting: pd.Series | None = None
) -> list[Verdict]:
    """The same of any claims, on rows that were selected for them.

    Args:
      claims: as said.
      rows: as said.
      setting: words for each row, by which runs are judged apart; none if not given.
    """
    if setting is None:
        setting = pd.Series("", rows.index, dtype="str")
    parts = ["data", "epochs", setting]
    groups = list(rows.groupby(parts)) if len(rows) else []
    return [
        Verdict(
            claim,
            data,
            "paper",
            "paper",
            tuple(claim.checks(own)),
            int(epochs),
            words,
            scale=departures.said(own),
        )
        for claim in claims
        for (data, epochs, words), own in groups
    ]
