"""The abstract's claims that networks on images can show, and how they are measured.

The paper's tables were not at hand, so no number of it is asked for: thresholds are
ours, and said in the checks. Seeds take the place of folds: all runs see one split, and
intervals are of the plain t-test over seeds.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence

import pandas as pd

from ws_jax.analysis import planned, statistics
from ws_jax.analysis.claims import chance, comparable, departures, lengths, seeds
from ws_jax.analysis.claims.checks import Check
from ws_jax.analysis.claims.verdicts import Claim, Verdict
from ws_jax.papers.savarese2019 import kernels, runs
from ws_jax.papers.savarese2019.own import IMAGES

BATCHES = 352  # the paper's training steps in an epoch, 45,000 images in batches of 128
# Of its epochs, ours: below, training has not come near its end. Steps count, whatever
# an epoch is.
SETTLED = 30
EQUAL = 0.01  # accuracies this near count as equal
LARGE = 1 / 3  # of a network's parameters: a bank that saves less saves no large part
FEWER = 0.5  # kernels by which a bank must fall short of chance; less is luck of draws
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
    measured: Mapping[str, Collection[int]],
    unit: str = "points",
    unsettled: str = "",
    leader: str = "",
) -> Check:
    """Makes a check of one value a seed.

    Args:
      what: is measured.
      values: by seed.
      sense: `above` or `below`.
      threshold: as said.
      rows: of all runs of the networks that it hangs on.
      chosen: how the threshold was come by.
      measured: the seeds of each network that have a value.
      unit: of `Check`.
      unsettled: why it is not judged, if so.
      leader: as `seeds.of_networks` takes it.
    """
    # A run that diverged ends there, and one that has not begun has no length.
    trained = planned.begun(rows[rows["status"] != "diverged"])
    ends = trained.groupby("training")["epoch"].max()
    steps = lengths.steps(rows, IMAGES)
    unknown = "" if steps else "the steps of an epoch are not known"
    known = _accuracies(rows)
    classes = 100 if rows["data"].iloc[0] == "cifar100" else 10
    why = filter(None, [unsettled, unknown, chance.unlearned(known, classes)])
    # It hangs on accuracies, too: by them networks are shown to have learned.
    valued = {name: set(known[name].index) & set(measured[name]) for name in known}
    values = values[values.index.isin(set.intersection(*valued.values()))]
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
        otherwise=departures.said(planned.begun(rows)),
        **seeds.of_networks(rows, "title", valued, leader),
    )


def _missing(what: str, lacking: str) -> Check:
    nothing = statistics.corrected_t_test(pd.Series(dtype=float), 0.0)
    return Check(what, "points", "above", 0.0, nothing, math.nan, 0, 0, (lacking,))


def _accuracies(rows: pd.DataFrame) -> dict[str, pd.Series]:
    """Returns the score of each network by seed; empty of one that has none."""
    ends = runs.best(rows)
    return {
        str(title): _by_seed(ends[ends["title"] == title])
        for title in rows["title"].unique()
    }


def fewer_parameters(rows: pd.DataFrame) -> Iterator[Check]:
    """A network with a third fewer parameters is as good as its unshared twin.

    One that has a template for each layer shares nothing, and one that saves less than
    `LARGE` no large part; both are left out.
    """
    rows = _untold(rows)
    found = False
    for (depth, width, templates), own in rows[rows["templates"] > 0].groupby(
        ["depth", "width", "templates"]
    ):
        twin = rows[
            (rows["templates"] == 0)
            & (rows["depth"] == depth)
            & (rows["width"] == width)
        ]
        if templates >= _layers(own) or twin.empty:
            continue
        less = 1 - own["parameters"].iloc[0] / twin["parameters"].iloc[0]
        if less < LARGE:
            continue
        found = True
        yield _against_its_twin(own, twin, rows, less)
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
    asked = {
        str(title): own
        for title, own in plain.groupby("title")
        if _layers(own) > max(2, own["templates"].iloc[0])
    }
    left = {title: kernels.left(own) for title, own in asked.items()}
    if not any(map(len, left.values())):
        yield _missing(
            "Kernels that folding would leave",
            "runs with two templates or more, and more layers than templates in a "
            "stage, whose similarity was measured",
        )
        return
    for title, own in asked.items():
        if own["cell"].nunique() > 1:
            lacking = f"one training of {title}, not several"
            yield _missing("Kernels that folding would leave", lacking)
            continue
        yield _fewer_kernels(title, own, left[title])


def _fewer_kernels(title: str, own: pd.DataFrame, left: pd.Series) -> Check:
    """Checks that folding would leave fewer kernels of a network than by chance."""
    layers, templates = _layers(own), int(own["templates"].iloc[0])
    luck = kernels.by_chance(layers, templates)
    less, threshold = (left - luck) / layers, -FEWER / layers
    return _check(
        f"{title}: kernels by layers ({left.mean() / layers:.4f}), the mean over "
        f"stages if layers alike by {kernels.ALIKE:g} are tied, less those of random "
        f"coefficients ({luck / layers:.4f})",
        less,
        "below",
        threshold,
        own,
        "half a kernel a stage fewer than by chance",
        {title: set(left.index)},
        unit="distance",
        unsettled=kernels.unmoved(own) if less.mean() >= threshold else "",
    )


def _against_its_twin(
    own: pd.DataFrame, twin: pd.DataFrame, rows: pd.DataFrame, less: float
) -> Check:
    """Checks that a shared network is as good as one that shares nothing.

    Args:
      own: its rows.
      twin: those of the other.
      rows: of all networks.
      less: the part of the parameters that it saves.
    """
    what = "A shared network above its twin in accuracy"
    names = own["title"].iloc[0], twin["title"].iloc[0]
    if own["cell"].nunique() > 1 or twin["cell"].nunique() > 1:
        # Seeds of one training are pooled, two trainings never.
        return _missing(what, f"one training each of {names[0]} and its WRN")
    both = rows[rows["title"].isin(names)]
    other = comparable.apart(both, "title", NAMED)
    if other:
        return _missing(what, f"{names[0]} and its WRN in one setting ({other})")
    scores = _accuracies(both)
    return _check(
        f"{names[0]}, with {100 * less:.0f} % fewer parameters, above {names[1]} in "
        "accuracy",
        (scores[names[0]] - scores[names[1]]).dropna(),
        "above",
        -EQUAL,
        both,
        "for “no accuracy lost”; a third fewer being the least “large part”",
        {name: set(values.index) for name, values in scores.items()},
        leader=names[0],
    )


def _layers(own: pd.DataFrame) -> int:
    """Returns how many layers of a network's stages could share a template."""
    return 2 * ((int(own["depth"].iloc[0]) - 4) // 6 - 1)


def _untold(rows: pd.DataFrame) -> pd.DataFrame:
    """Leaves out runs that a term of the loss asked to make layers alike."""
    if "task.terms.layer_similarity.strength" not in rows.columns:
        return rows
    asked = rows["task.terms.layer_similarity.strength"].fillna(0)
    return rows[asked == 0]


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
    rows = planned.joined(runs.select(frame), runs.select)
    if rows.empty:
        return []
    setting = runs.scored(rows)
    if "test_acc" in rows.columns:
        # Where some runs lack it, it is the score of none.
        known = rows["test_acc"].where(setting != runs.VALIDATED)
        rows = rows.assign(test_acc=known)
    return judged(CLAIMS, rows, setting)


def judged(
    claims: Sequence[Claim], rows: pd.DataFrame, setting: pd.Series | None = None
) -> list[Verdict]:
    """The same of any claims, on rows that were selected for them.

    Args:
      claims: as said.
      rows: as said, those of runs that have not begun among them.
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
        )
        for claim in claims
        for (data, epochs, words), own in groups
        if len(planned.begun(own))
    ]
