"""The eight claims of "To share or not to share?" as data."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable

from ws_jax.analysis import checks
from ws_jax.analysis.evidence import Check, Evidence


@dataclasses.dataclass(frozen=True)
class Claim:
    """A statement of the paper.

    Attributes:
      number: in the list of claims.
      title: in a few words.
      statement: in full.
      section: of the paper.
      data: data sets on which the paper makes it.
      needs: the runs that it takes, in words.
      checks: measures it.
    """

    number: int
    title: str
    statement: str
    section: str
    data: tuple[str, ...]
    needs: str
    checks: Callable[[Evidence], Iterable[Check]]


BOTH = ("mnist", "cifar10")
CLAIMS = (
    Claim(
        1,
        "Both overfit without augmentation",
        "With level 0 training accuracy goes to 1 while validation stays far lower "
        "(CIFAR-10: a gap over 30 points for both).",
        "5.1",
        BOTH,
        "CNN and FCN at level 0",
        checks.overfitting,
    ),
    Claim(
        2,
        "Translation helps the FCN generalise",
        "With 10–30 % translation the FCN's validation accuracy rises and the gap to "
        "training closes (CIFAR-10: .647 to .732 at 20 %).",
        "5.1",
        BOTH,
        "FCN at levels 0 and .2",
        checks.generalisation,
    ),
    Claim(
        3,
        "The FCN comes close to the CNN",
        "The FCN's best validation accuracy is within 0.2 points of the CNN's on MNIST "
        "and within about 4.3 on CIFAR-10.",
        "5.3",
        BOTH,
        "CNN and FCN at levels .1, .2 and .3",
        checks.best_accuracy,
    ),
    Claim(
        4,
        "Translated data close the translation gap",
        "Level-0 networks fail on translated validation images (MNIST: .37, a gap over "
        "60 points); with 20–30 % translation the gap closes to under 1 point (MNIST) "
        "and 4–5 points (CIFAR-10).",
        "5.2",
        BOTH,
        "CNN and FCN at levels 0 and .3",
        checks.translation,
    ),
    Claim(
        5,
        "Only translation brings invariance",
        "Networks trained with noise, edge noise or rotation stay under .39 on "
        "translated MNIST images.",
        "5.7",
        ("mnist",),
        "CNN and FCN with noise, edge noise and rotation (any level above 0) and with "
        "translation .2",
        checks.only_translation,
    ),
    Claim(
        6,
        "Approximate sharing emerges",
        "Distances between kernels fall with translation, more so for more of it; "
        "those at r = 4 lie above those at r = 1; without translation they rise.",
        "5.4",
        ("mnist",),
        "FCN at level 0 and at a level from .2 on, with distances",
        checks.distances,
    ),
    Claim(
        7,
        "The CNN withstands a quadrant swap better",
        "On images with two quadrants swapped the CNN keeps more accuracy than the FCN "
        "(about 13 points on MNIST at level 0).",
        "5.5",
        ("mnist",),
        "CNN and FCN at level 0, with swapped validation",
        checks.swap,
    ),
    Claim(
        8,
        "Free networks stand severed connections",
        "FCNs stand a large probability of severing, then fail rapidly.",
        "Appendix C",
        BOTH,
        "FCN at p = 0, .5 and .99 at the same level or levels from 0 to .4",
        checks.severing,
    ),
)
