"""How much of noisy responses could be predicted at all."""

from __future__ import annotations

import numpy as np

from ws_jax.config import ConfigError
from ws_jax.neural_fit.similarity import real


def reliability(repeats: np.ndarray) -> np.ndarray:
    """Returns which part of the variance of a neuron's mean response is of the images.

    From an analysis of variance: with s^2 the variance between images and e^2 that
    between R repetitions of one, it estimates s^2 / (s^2 + e^2 / R), as (B - W) / B of
    the mean squares between and within images. It can be below 0 by chance; a neuron
    that never changes has 0.

    Args:
      repeats: [repeats, images, neurons], at least two of each of the first two.
    Returns:
      [neurons], at most 1.
    Raises:
      ConfigError: for other shapes, or responses that are no finite numbers.
    Source: the intraclass correlation ICC(1, k) of Shrout & Fleiss 1979.
    """
    repeats = real(repeats, "responses")
    if repeats.ndim != 3 or repeats.shape[0] < 2 or repeats.shape[1] < 2:
        raise ConfigError(
            "a ceiling needs responses [repeats, images, neurons] with two repetitions "
            f"and two images or more, got {repeats.shape}"
        )
    if bad := int((~np.isfinite(repeats)).sum()):
        raise ConfigError(f"{bad} of {repeats.size} responses are no finite numbers")
    count, images, _ = repeats.shape
    means = repeats.mean(axis=0)
    between = count * ((means - means.mean(axis=0)) ** 2).sum(axis=0) / (images - 1)
    within = ((repeats - means) ** 2).sum(axis=(0, 1)) / (images * (count - 1))
    return np.where(
        between > 0, (between - within) / np.where(between > 0, between, 1), 0
    )


def noise_ceiling(repeats: np.ndarray) -> np.ndarray:
    """Returns the correlation that a perfect prediction of mean responses would have.

    It is the root of the reliability; 0 for neurons without any.

    Args:
      repeats: [repeats, images, neurons].
    Returns:
      [neurons], in [0, 1].
    """
    return np.sqrt(np.clip(reliability(repeats), 0, 1))
