"""A study of minutes in which sharing must help: small patterns anywhere in noise.

An image holds three copies of its class's 3x3 pattern at places drawn anew, so that
what is learned at one place serves at all others, and a network without sharing sees
few examples for each. Made for notebooks and tests; the paper has no such data. That
sharing helps here is built in, so the study shows how sharing works, and is no evidence
for the paper's order of conditions: on images whose places matter it may be another.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ws_jax.models import ResNet
from ws_jax.papers.pogodin2021.presets import make_sweep, recipe
from ws_jax.runs import Data, Sweep

_SIDE, _CLASSES, _COPIES = 16, 6, 3
_NOISE, _STRENGTH, _GREY = 30, 90, 128  # in values of a pixel


def draw_patterns(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Draws images, uint8 [count, 16, 16, 1], and their classes, int32 [count].

    Args:
      count: of images; classes are as frequent as can be.
      seed: of everything random.
    """
    rng = np.random.default_rng(seed)
    shapes = rng.integers(0, 2, (_CLASSES, 3, 3)) * 2 - 1
    labels = rng.permutation(np.arange(count) % _CLASSES).astype(np.int32)
    images = _GREY + _NOISE * rng.normal(size=(count, _SIDE, _SIDE))
    places = rng.integers(0, _SIDE - 2, (count, _COPIES, 2))
    for image, label, own in zip(images, labels, places, strict=True):
        for row, column in own:
            image[row : row + 3, column : column + 3] = (
                _GREY + _STRENGTH * shapes[label]
            )
    return images.clip(0, 255).astype(np.uint8)[..., None], labels


def patterns(
    folder: str | Path, *, epochs: int = 8, num_images: int = 900, **axes: Sequence
) -> Sweep:
    """Returns the study: ResNet-8 of four channels, two seeds, batches of 10.

    Five ninths of the images are for validation. It takes about a minute of two idle
    CPU cores.

    Args:
      folder: where the images are written, made if missing.
      epochs: of 40 batches.
      num_images: as said.
      **axes: by the words of `presets.AXES`.
    """
    path = Path(folder) / "patterns.npz"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        images, labels = draw_patterns(num_images)
        np.savez(path, images=images, labels=labels)
    return make_sweep(
        "patterns",
        Data(str(path), split="holdout", holdout=5 / 9),
        ResNet(depth=8, width=4),
        (),
        recipe(1e-2, 1e-4, 10, epochs),
        **{"seeds": (0, 1), **axes},
    )
