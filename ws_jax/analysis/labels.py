"""Words for people: how models, data sets, measures and levels are called."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePath

import numpy as np

READINGS = {"all_epochs": "all epochs", "best_epoch": "best", "last_epoch": "last"}
METRICS = {
    "acc": "Training accuracy",
    "val_acc": "Validation accuracy",
    "translation": "Translated validation",
    "rotation": "Rotated validation",
    "noise": "Noisy validation",
    "edge_noise": "Edge-noise validation",
    "swap": "Quadrant-swapped validation",
    "loss": "Training loss",
    "val_loss": "Validation loss",
    "dist_1": "Euclidean distance, r = 1",
    "dist_4": "Euclidean distance, r = 4",
    "cos_1": "Cosine distance, r = 1",
    "cos_4": "Cosine distance, r = 4",
}
_PARTS = {"val": "Validation", "test": "Test"}
# Over a narrow panel.
SHORT_METRICS = {
    "acc": "Training",
    "val_acc": "Validation",
    "translation": "Translated",
    "rotation": "Rotated",
    "noise": "Noise",
    "edge_noise": "Edge noise",
    "swap": "Swapped",
}
KINDS = {
    "none": "no augmentation",
    "translation": "translation",
    "rotation": "rotation",
    "noise": "noise",
    "edge_noise": "edge noise",
}
DATA = {"mnist": "MNIST", "cifar10": "CIFAR-10", "mnist_5k": "MNIST, 5,000 digits"}
MODELS = {"cnn": "CNN", "fcn": "FCN"}


def metric(name: str) -> str:
    """Returns what a measure is called, a column of ours or any other.

    Example:
      >>> metric("val_acc"), metric("val_top5"), metric("test_f1"), metric("snr_stem")
      ('Validation accuracy', 'Validation top-5 accuracy', 'Test F1', 'snr stem')
    """
    if name in METRICS:
        return METRICS[name]
    part, _, rest = name.partition("_")
    if part in _PARTS and rest:
        return f"{_PARTS[part]} {_score(rest)}"
    return _score(name)


def _score(name: str) -> str:
    if top := re.fullmatch(r"top(\d+)", name):
        return f"top-{top[1]} accuracy"
    return {"acc": "accuracy", "f1": "F1"}.get(name, name.replace("_", " "))


def short_metric(name: str) -> str:
    """Returns what a measure is called where there is little room."""
    return SHORT_METRICS.get(name, metric(name))


def kind(name: str) -> str:
    """Returns what an augmentation is called; several, joined by a plus.

    Example:
      >>> kind("edge_noise+flip")
      'edge noise + flip'
    """
    parts = [KINDS.get(part, part.replace("_", " ")) for part in name.split("+")]
    return " + ".join(parts)


def data(name: str) -> str:
    """Returns what a data set is called; one that is a file, by the file's name.

    A folder of images keeps its path, and how images are cut: both tell it from others.

    Example:
      >>> data("mine/leaves.npz"), data("folder:mine/imagenet@256/256")
      ('leaves', 'mine/imagenet@256/256')
    """
    if name.startswith("folder:"):
        return name.removeprefix("folder:")
    return DATA.get(name, PurePath(name).stem if "/" in name else name)


def model(name: str) -> str:
    """Returns what a model is called: `CNN`, `FCN` or its sharing scheme."""
    return MODELS.get(name, name.replace(":", " "))


def variant(model_name: str, init: str, inits: Iterable[str] = ()) -> str:
    """Returns a model's name, with its initialisation where several were trained."""
    several = len(set(inits) | {init}) > 1
    return f"{model(model_name)}, {init} init" if several else model(model_name)


def level(value: float, digits: int = 3) -> str:
    """Returns a level, probability or rate in short: `0`, `.2`, `.99`, `1e-3`.

    Args:
      value: the number.
      digits: that are kept; beside others as many as `digits_apart` tells.
    """
    if 0 < value < 0.01:
        power = re.fullmatch(r"1(\.0*)?e-0*(\d+)", f"{value:.{digits - 1}e}")
        return f"1e-{power[2]}" if power else f"{value:.{digits}g}"
    return re.sub(r"^(-?)0\.", r"\1.", f"{value:.{digits}g}")


MOST_DIGITS = 15  # of a float64; numbers that differ beyond are equal but for rounding


def digits_apart(values: Iterable[float], least: int = 3) -> int:
    """Returns how many digits tell different numbers apart.

    Example:
      >>> digits_apart([0.1, 0.2]), digits_apart([0.1, 0.1004])
      (3, 4)
    """
    numbers = set(values)
    different = {f"{number:.{MOST_DIGITS}g}" for number in numbers}
    for digits in range(least, MOST_DIGITS):
        if len({f"{number:.{digits}g}" for number in numbers}) == len(different):
            return digits
    return MOST_DIGITS


def levels(values: Iterable[float]) -> list[str]:
    """Returns levels, probabilities or rates in short, different ones told apart."""
    numbers = list(values)
    digits = digits_apart(numbers)
    return [level(number, digits) for number in numbers]


def count(number: float | np.integer, word: str) -> str:
    """Returns a number of things in words, `1 layer` or `2 layers`."""
    return f"{number:,.0f} {word}{'' if number == 1 else 's'}"


def epochs(value: int) -> str:
    """Returns how long runs may train, `8 epochs`; nothing where lengths are joined."""
    return f"{value} epoch{'' if value == 1 else 's'}" if value else ""


def listed(values: Iterable[float]) -> str:
    """Returns levels in order, runs of equal steps of .1 drawn together.

    Example:
      >>> listed([0.1, 0.2, 0.3, 0.99])
      '.1 to .3, .99'
    """
    numbers = sorted(set(values))
    words = dict(zip(numbers, levels(numbers), strict=True))
    groups: list[list[float]] = []
    for number in numbers:
        if groups and np.isclose(number - groups[-1][-1], 0.1):
            groups[-1].append(number)
        else:
            groups.append([number])
    parts = []
    for group in groups:
        long = len(group) > 2
        ends = [f"{words[group[0]]} to {words[group[-1]]}"]
        parts += ends if long else [words[number] for number in group]
    return ", ".join(parts)
