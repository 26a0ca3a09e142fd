"""How each claim of the paper is measured: the checks behind `claims.py`.

Thresholds are the numbers of the claims' texts. Where such a number is the paper's own
median, rounded, a reproduction that is exactly right would lie on the threshold, and
the spread between folds would decide; there the check leaves a stated tolerance.

Numbers of the paper beside a check come from its tables (medians over all epochs); ours
are means over the second half of the epochs, and over folds.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from ws_jax.analysis import labels, published
from ws_jax.analysis.evidence import Check, Evidence, Sample, average

# Epochs that show what is there from the start; the others wait until training has
# settled (`Evidence.settled`).
EARLY = 5
MODELS = ("cnn", "fcn")
NON_TRANSLATIONS = ("edge_noise", "noise", "rotation")


def _gap(runs: Evidence, model: str, level: float, metric: str) -> Sample:
    """Accuracy on training images, or on plain ones, above that on others."""
    first, second = {"fit": ("acc", "val_acc"), "shift": ("val_acc", "translation")}[
        metric
    ]
    return runs.sample(model, first, level=level) - runs.sample(
        model, second, level=level
    )


def _published_gap(runs: Evidence, model: str, level: float, metric: str) -> float:
    first, second = {"fit": ("acc", "val_acc"), "shift": ("val_acc", "translation")}[
        metric
    ]
    return runs.published(model, first, level) - runs.published(model, second, level)


def overfitting(runs: Evidence) -> Iterable[Check]:
    """Claim 1: training accuracy near 1, validation accuracy far below."""
    # MNIST is learnt by heart within a few epochs, CIFAR-10 is not.
    wait = {"mnist": EARLY}.get(runs.data, runs.settled)
    gap = {"mnist": 0.0, "cifar10": 0.30}[runs.data]
    for model in MODELS:
        name = labels.model(model)
        yield runs.check(
            f"{name} training accuracy at level 0",
            runs.sample(model, "acc"),
            "above",
            0.99,
            unit="percent",
            paper=runs.published(model, "acc", 0.0),
            min_epochs=wait,
        )
        yield runs.check(
            f"{name} gap between training and validation accuracy at level 0",
            _gap(runs, model, 0.0, "fit"),
            "above",
            gap,
            paper=_published_gap(runs, model, 0.0, "fit"),
            min_epochs=wait,
        )


def generalisation(runs: Evidence) -> Iterable[Check]:
    """Claim 2: the FCN's validation accuracy rises, its gap more than halves."""
    before, after = (runs.published("fcn", "val_acc", level) for level in (0.0, 0.2))
    yield runs.check(
        "Rise of the FCN's validation accuracy from level 0 to .2",
        runs.sample("fcn", "val_acc", level=0.2) - runs.sample("fcn", "val_acc"),
        "above",
        0.0,
        paper=after - before,
        min_epochs=runs.settled,
    )
    # Closing: less than half of the gap is left.
    left = _published_gap(runs, "fcn", 0.2, "fit")
    yield runs.check(
        "FCN gap between training and validation at level .2, less half that at 0",
        _gap(runs, "fcn", 0.2, "fit") - _gap(runs, "fcn", 0.0, "fit") * 0.5,
        "below",
        0.0,
        paper=left - 0.5 * _published_gap(runs, "fcn", 0.0, "fit"),
        min_epochs=runs.settled,
    )


def _best(runs: Evidence, model: str) -> Sample:
    """The level among .1 to .3 with the highest mean over folds."""
    samples = [runs.sample(model, "val_acc", level=level) for level in (0.1, 0.2, 0.3)]
    missing = tuple(text for sample in samples for text in sample.missing)
    if missing:
        return dataclasses.replace(samples[0], missing=missing)
    return max(samples, key=lambda sample: sample.mean)


def best_accuracy(runs: Evidence) -> Iterable[Check]:
    """Claim 3: the CNN's best validation accuracy less the FCN's."""
    # "About 4.3" is what the paper measured on CIFAR-10: 0.7 points of tolerance.
    distance = {"mnist": 0.002, "cifar10": 0.05}[runs.data]
    best = {
        model: max(runs.published(model, "val_acc", x) for x in published.LEVELS)
        for model in MODELS
    }
    yield runs.check(
        "CNN above FCN in validation accuracy, each at its best level of .1 to .3",
        _best(runs, "cnn") - _best(runs, "fcn"),
        "below",
        distance,
        paper=best["cnn"] - best["fcn"],
        min_epochs=runs.settled,
    )


def translation(runs: Evidence) -> Iterable[Check]:
    """Claim 4: translated images fail at level 0, and do not at .3."""
    # "Over 60 points" on MNIST is what the paper measured: 5 points of tolerance. For
    # CIFAR-10 the text gives no number; the tables have 22.7 and 21.4 points.
    fails = {"mnist": 0.55, "cifar10": 0.15}[runs.data]
    closes = {"mnist": 0.01, "cifar10": 0.05}[runs.data]
    for level, sense, threshold, wait in (
        (0.0, "above", fails, EARLY),
        (0.3, "below", closes, runs.settled),
    ):
        for model in MODELS:
            yield runs.check(
                f"{labels.model(model)} gap between plain and translated validation "
                f"at level {labels.level(level)}",
                _gap(runs, model, level, "shift"),
                sense,
                threshold,
                paper=_published_gap(runs, model, level, "shift"),
                min_epochs=wait,
            )


def only_translation(runs: Evidence) -> Iterable[Check]:
    """Claim 5: accuracy on translated images by training augmentation."""
    # "Under .39" is the highest number of the tables: .03 of tolerance.
    limit = 0.42
    for model in MODELS:
        for kind in NON_TRANSLATIONS:
            levels = runs.levels(kind, model) or [0.1]
            samples = {
                level: runs.sample(model, "translation", kind=kind, level=level)
                for level in levels
            }
            worst = max(samples, key=lambda level: samples[level].mean)
            among = f", highest of {labels.listed(levels)}" if len(levels) > 1 else ""
            yield runs.check(
                f"{labels.model(model)} accuracy on translated images, trained with "
                f"{labels.kind(kind)} {labels.level(worst)}{among}",
                samples[worst],
                "below",
                limit,
                unit="percent",
                paper=runs.published(model, "translation", worst, kind),
                min_epochs=EARLY,
            )
        yield runs.check(
            f"{labels.model(model)} accuracy on translated images, trained with "
            "translation .2",
            runs.sample(model, "translation", level=0.2),
            "above",
            limit,
            unit="percent",
            paper=runs.published(model, "translation", 0.2),
            min_epochs=EARLY,
        )


def distances(runs: Evidence) -> Iterable[Check]:
    """Claim 6: where distances between kernels go."""
    # The highest level that was trained, from .2 on: at .1 the paper's curve hardly
    # leaves its start.
    top = max([x for x in runs.levels("translation", "fcn") if x >= 0.2], default=0.6)

    def distance(level: float, radius: int, reading: str = "last_epoch") -> Sample:
        return runs.sample("fcn", f"dist_{radius}", level=level, reading=reading)

    yield runs.check(
        f"Change of the distance at r = 1 in training with level {labels.level(top)}",
        distance(top, 1) - distance(top, 1, "start"),
        "below",
        0.0,
        unit="distance",
        min_epochs=EARLY,
    )
    yield runs.check(
        f"Last distance at r = 1, level {labels.level(top)} less level 0",
        distance(top, 1) - distance(0.0, 1),
        "below",
        0.0,
        unit="distance",
        min_epochs=EARLY,
    )
    yield runs.check(
        f"Last distance at r = 4 less that at r = 1, levels 0 and {labels.level(top)}",
        average(distance(x, 4) - distance(x, 1) for x in (0.0, top)),
        "above",
        0.0,
        unit="distance",
        min_epochs=EARLY,
    )
    yield runs.check(
        "Change of the distance at r = 1 in training with level 0",
        distance(0.0, 1) - distance(0.0, 1, "start"),
        "above",
        0.0,
        unit="distance",
        # The paper's curve dips first and is back at its start after about 30 epochs.
        min_epochs=runs.settled,
    )


def swap(runs: Evidence) -> Iterable[Check]:
    """Claim 7: quadrant-swapped images, over the second half of training."""
    yield runs.check(
        "CNN above FCN in accuracy on quadrant-swapped images at level 0",
        runs.sample("cnn", "swap") - runs.sample("fcn", "swap"),
        "above",
        0.0,
        paper=0.13,
        min_epochs=EARLY,
    )


def severing(runs: Evidence) -> Iterable[Check]:
    """Claim 8: accuracy lost up to p = .5, and from there on."""
    severed = runs.rows[runs.rows["vcp"] > 0]
    levels = sorted(severed[severed["aug"] <= 0.4]["aug"].unique()) or [0.0]

    def accuracy(p: float) -> Sample:
        return average(
            runs.sample("fcn", "val_acc", level=level, vcp=p) for level in levels
        )

    where = f"mean over levels {labels.listed(levels)}"
    # The text gives no numbers; read off Figures C.1 and C.2: at p = .5 nothing is lost
    # that the eye can see, at .99 almost everything.
    small = {"mnist": 0.02, "cifar10": 0.05}[runs.data]
    yield runs.check(
        f"Validation accuracy lost from p = 0 to .5 ({where})",
        accuracy(0.0) - accuracy(0.5),
        "below",
        small,
        min_epochs=runs.settled,
    )
    yield runs.check(
        f"Validation accuracy lost from p = .5 to .99 ({where})",
        accuracy(0.5) - accuracy(0.99),
        "above",
        0.20,
        min_epochs=EARLY,
    )
    if runs.semantics == "released":
        yield runs.check(
            f"Validation accuracy at p = .99 ({where}), chance being about 10 %",
            accuracy(0.99),
            "below",
            0.15,
            unit="percent",
            paper={"mnist": 0.11}.get(runs.data, float("nan")),
            min_epochs=EARLY,
        )
