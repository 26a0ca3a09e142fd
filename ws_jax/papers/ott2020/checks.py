"""How the claims on accuracy are measured; those on kernels: `kernel_checks.py`.

Thresholds are the numbers of the paper's text. Where its tables show another number,
or where the text's is its own median, rounded, so that an exact reproduction would lie
on the threshold and the spread between folds would decide, the tables' number with a
stated tolerance decides, and what the text's own gives is said beside it (`text`).
Every threshold that is not the text's is ours, and says how it was come by (`chosen`).

Numbers of the paper beside a check come from its tables (medians over all epochs); ours
are means over the second half of the epochs, and over folds.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

from ws_jax.analysis import labels
from ws_jax.analysis.claims.checks import Check, hardest
from ws_jax.analysis.claims.samples import Sample
from ws_jax.papers.ott2020 import published
from ws_jax.papers.ott2020.evidence import Evidence

MODELS = ("cnn", "fcn")
NON_TRANSLATIONS = ("edge_noise", "noise", "rotation")
SOME = (0.1, 0.2, 0.3)  # "10 to 30 %"
_PAIRS = {"fit": ("acc", "val_acc"), "shift": ("val_acc", "translation")}


def _gap(runs: Evidence, model: str, level: float, metric: str) -> Sample:
    """Accuracy on training images, or on plain ones, above that on others."""
    first, second = (runs.sample(model, m, level=level) for m in _PAIRS[metric])
    return first - second


def _published_gap(runs: Evidence, model: str, level: float, metric: str) -> float:
    first, second = (runs.published(model, m, level) for m in _PAIRS[metric])
    return first - second


def overfitting(runs: Evidence) -> Iterator[Check]:
    """Claim 1: training accuracy near 1, validation lower and not rising any more."""
    # For MNIST the text has no number: half of what the tables show (.94 and 1.11).
    gap = {"mnist": 0.005, "cifar10": 0.30}[runs.data]
    half = {"mnist": "half of the smaller gap in the tables"}.get(runs.data, "")
    rise = {"mnist": 0.002, "cifar10": 0.01}[runs.data]
    for model in MODELS:
        name = labels.model(model)
        yield runs.check(
            f"{name} training accuracy at level 0",
            runs.sample(model, "acc"),
            "above",
            0.99,
            unit="percent",
            paper=runs.published(model, "acc", 0.0),
            chosen="for “towards 1”",
        )
        yield runs.check(
            f"{name} gap between training and validation accuracy at level 0",
            _gap(runs, model, 0.0, "fit"),
            "above",
            gap,
            paper=_published_gap(runs, model, 0.0, "fit"),
            chosen=half,
        )
        yield runs.check(
            f"{name} validation accuracy at level 0 in the last quarter of training "
            "less that in the second",
            runs.sample(model, "val_acc", reading="last_quarter")
            - runs.sample(model, "val_acc", reading="second_quarter"),
            "below",
            rise,
            chosen="for “declines or stays”",
        )


def generalisation(runs: Evidence) -> Iterator[Check]:
    """Claim 2: the FCN nears the CNN, its validation rises, its gap shrinks."""
    near, text = {"mnist": (0.0025, math.nan), "cifar10": (0.03, 0.02)}[runs.data]
    best = {model: runs.published(model, "val_acc", 0.1) for model in MODELS}
    yield runs.check(
        "CNN above FCN in validation accuracy at level .1",
        runs.sample("cnn", "val_acc", level=0.1)
        - runs.sample("fcn", "val_acc", level=0.1),
        "below",
        near,
        paper=best["cnn"] - best["fcn"],
        text=text,
        chosen={
            "mnist": "about twice the difference in text and tables",
            "cifar10": "the tables’ difference and half a point",
        }[runs.data],
    )
    if runs.data == "mnist":
        # In CIFAR-10's tables the CNN is as far ahead with translation as without.
        plain = {model: runs.published(model, "val_acc", 0.0) for model in MODELS}
        ahead = [
            runs.sample("cnn", "val_acc", level=x)
            - runs.sample("fcn", "val_acc", level=x)
            for x in (0.1, 0.0)
        ]
        yield runs.check(
            "CNN above FCN in validation accuracy at level .1, less that at 0",
            ahead[0] - ahead[1],
            "below",
            0.0,
            paper=best["cnn"] - best["fcn"] - (plain["cnn"] - plain["fcn"]),
        )
    # On MNIST the text speaks of 10 %, and the tables have no rise at 30 %.
    for level in {"mnist": SOME[:2], "cifar10": SOME}[runs.data]:
        before, after = (runs.published("fcn", "val_acc", x) for x in (0.0, level))
        yield runs.check(
            "Rise of the FCN's validation accuracy from level 0 to "
            + labels.level(level),
            runs.sample("fcn", "val_acc", level=level) - runs.sample("fcn", "val_acc"),
            "above",
            0.0,
            paper=after - before,
        )
    for level in SOME:
        # In the tables 71 % of CIFAR-10's gap are left at .1, at most 36 % elsewhere.
        left = 0.8 if (runs.data, level) == ("cifar10", 0.1) else 0.5
        paper = [_published_gap(runs, "fcn", x, "fit") for x in (level, 0.0)]
        yield runs.check(
            "FCN gap between training and validation accuracy at level "
            f"{labels.level(level)}, less {100 * left:g} % of that at 0",
            _gap(runs, "fcn", level, "fit") - _gap(runs, "fcn", 0.0, "fit") * left,
            "below",
            0.0,
            paper=paper[0] - left * paper[1],
            chosen=f"“shrinks” being to less than {100 * left:g} %",
        )


def accuracy(runs: Evidence) -> Iterator[Check]:
    """Claim 3: the CNN is ahead without augmentation, the FCN good with it."""
    # Text and tables: .25 and 2.38 points; at least half of that.
    ahead = {"mnist": 0.0012, "cifar10": 0.012}[runs.data]
    names = {model: runs.published(model, "val_acc", 0.0) for model in MODELS}
    yield runs.check(
        "CNN above FCN in validation accuracy at level 0 (which five folds can leave "
        "open even where all is as in the paper)",
        runs.sample("cnn", "val_acc") - runs.sample("fcn", "val_acc"),
        "above",
        ahead,
        paper=names["cnn"] - names["fcn"],
        chosen="half of the difference in the tables",
    )
    # The text's numbers are the tables' medians: .2 and 1.2 points of tolerance.
    level, reached, text = {
        "mnist": (0.1, 0.990, 0.9919),
        "cifar10": (0.2, 0.72, 0.7315),
    }[runs.data]
    yield runs.check(
        f"FCN validation accuracy at level {labels.level(level)}",
        runs.sample("fcn", "val_acc", level=level),
        "above",
        reached,
        unit="percent",
        paper=runs.published("fcn", "val_acc", level),
        text=text,
        chosen="the tables’ number less a tolerance",
    )


def translation(runs: Evidence) -> Iterator[Check]:
    """Claim 4: translated images fail at level 0, ever less so with translation."""
    # The text's 60 and 20 points at level 0 are rounded from 61.6 and 21.4, its .2 at
    # level .3 and its "within 2 %" at .4 from .26 and 2.45.
    fails, text = {"mnist": (0.57, 0.60), "cifar10": (0.18, 0.20)}[runs.data]
    top, closes, told = {"mnist": (0.3, 0.005, 0.002), "cifar10": (0.4, 0.03, 0.02)}[
        runs.data
    ]
    what = "FCN gap between plain and translated validation at level "
    yield runs.check(
        f"{what}0",
        _gap(runs, "fcn", 0.0, "shift"),
        "above",
        fails,
        paper=_published_gap(runs, "fcn", 0.0, "shift"),
        text=text,
        chosen="the tables’ number less a tolerance",
    )
    # Beyond that level it is no larger; MNIST's is small enough to hold against the
    # tables, level by level.
    for levels in ([top], [x for x in published.LEVELS if x > top]):
        yield from hardest(
            runs.check(
                f"{what}{labels.level(level)}",
                _gap(runs, "fcn", level, "shift"),
                "below",
                _most_left(runs, level) if level > top else closes,
                paper=_published_gap(runs, "fcn", level, "shift"),
                text=told if level == top else math.nan,
                chosen="the tables’ number and a tolerance",
            )
            for level in levels
        )
    # A gap closes from above, too: plain images are got wrong like translated ones.
    ends = [runs.published("fcn", "translation", x) for x in (top, 0.0)]
    yield runs.check(
        f"FCN accuracy on translated images at level {labels.level(top)} less that at "
        "level 0",
        runs.sample("fcn", "translation", level=top)
        - runs.sample("fcn", "translation"),
        "above",
        0.0,
        paper=ends[0] - ends[1],
    )
    levels = [x for x in published.LEVELS if x <= top]
    for lower, upper in zip(levels, levels[1:], strict=False):
        yield runs.check(
            f"{what}{labels.level(upper)} less that at {labels.level(lower)}",
            _gap(runs, "fcn", upper, "shift") - _gap(runs, "fcn", lower, "shift"),
            "below",
            0.0,
            paper=_published_gap(runs, "fcn", upper, "shift")
            - _published_gap(runs, "fcn", lower, "shift"),
        )


def _most_left(runs: Evidence, level: float) -> float:
    """The largest gap between plain and translated validation at a high level."""
    if runs.data == "mnist":
        return _published_gap(runs, "fcn", level, "shift") + 0.0015
    return 0.03


def only_translation(runs: Evidence) -> Iterator[Check]:
    """Claim 5: accuracy on translated images, at every level of other augmentations."""
    # The tables' number of each cell and .03. The text's "under .39" is the highest of
    # MNIST's, rounded up; for CIFAR-10 it has none.
    text = {"mnist": 0.39, "cifar10": math.nan}[runs.data]
    # What translation .2 brings: .98 on MNIST, .65 and .71 on CIFAR-10.
    brought = {"mnist": 0.90, "cifar10": 0.60}[runs.data]
    for model in MODELS:
        name = f"{labels.model(model)} accuracy on translated images, trained with "
        for kind in NON_TRANSLATIONS:
            yield from hardest(
                runs.check(
                    f"{name}{labels.kind(kind)} {labels.level(level)}",
                    runs.sample(model, "translation", kind=kind, level=level),
                    "below",
                    runs.published(model, "translation", level, kind) + 0.03,
                    unit="percent",
                    paper=runs.published(model, "translation", level, kind),
                    text=text,
                    chosen="the tables’ number there and .03",
                )
                for level in published.LEVELS[1:]
            )
        yield runs.check(
            f"{name}translation .2",
            runs.sample(model, "translation", level=0.2),
            "above",
            brought,
            unit="percent",
            paper=runs.published(model, "translation", 0.2),
            chosen="below what the tables have there",
        )


def swap(runs: Evidence) -> Iterable[Check]:
    """Claim 7: quadrant-swapped images, over the second half of training."""
    # The text: CNN at nearly 50 %, FCN nearly 20 points lower. The released results
    # have 45 % and about 13 points at level 0, with a spread between folds of 3 to 4.
    yield runs.check(
        "CNN accuracy on quadrant-swapped images at level 0",
        runs.sample("cnn", "swap"),
        "above",
        0.38,
        unit="percent",
        paper=0.4537,
        text=0.48,
        chosen="the released results’ number less twice their spread over folds",
    )
    yield runs.check(
        "CNN above FCN in accuracy on quadrant-swapped images at level 0 (the text: "
        "nearly 20 points; the released results: about 13)",
        runs.sample("cnn", "swap") - runs.sample("fcn", "swap"),
        "above",
        0.065,
        paper=0.13,
        text=0.18,
        chosen="half of the released results’ gap",
    )
    yield runs.check(
        "CNN accuracy on quadrant-swapped images at level 0, which is no more than "
        "“nearly 50 %”",
        runs.sample("cnn", "swap"),
        "below",
        0.60,
        unit="percent",
        paper=0.4537,
        chosen="for “nearly 50 %”",
    )
