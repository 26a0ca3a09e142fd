"""Two representations of the same images, compared as they are: CKA and RSA."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import stats

from ws_jax.config import ConfigError, check_name

DISTANCES = ("correlation", "euclidean")
COMPARISONS = ("spearman", "pearson")


def real(values: Any, what: str) -> np.ndarray:
    """Returns numbers as float64.

    Raises:
      ConfigError: for text, objects, dates, complex numbers, and lists that make no
        array.
    """
    try:
        array = np.asarray(values)
    except ValueError as error:  # rows of several lengths
        raise ConfigError(f"{what} must be one array of numbers: {error}") from error
    if not np.can_cast(array.dtype, np.float64):
        raise ConfigError(f"{what} must be real numbers, got {array.dtype}")
    return array.astype(np.float64)


def flat(representation: np.ndarray, what: str = "a representation") -> np.ndarray:
    """Returns a representation as float64 [images, units].

    Raises:
      ConfigError: if it has no images or units, or numbers that are not real and
        finite.
    """
    array = real(representation, what)
    if array.ndim < 2 or array.size == 0:
        raise ConfigError(f"{what} must be [images, units, …], got {array.shape}")
    if not np.isfinite(array).all():
        raise ConfigError(f"{what} holds numbers that are not finite")
    return array.reshape(len(array), -1)


def centred(x: np.ndarray, axis: int = 0) -> np.ndarray:
    """Returns an array less its mean along an axis, 0 where it is constant.

    What rounding leaves of constants is 0 too: less than 1e-12 of their own norm.
    """
    rest = x - x.mean(axis=axis, keepdims=True)
    least = 1e-12 * np.linalg.norm(x, axis=axis, keepdims=True)
    return np.where(np.linalg.norm(rest, axis=axis, keepdims=True) > least, rest, 0.0)


def linear_cka(x: np.ndarray, y: np.ndarray, debiased: bool = False) -> float:
    """Measures how alike two representations are: linear centred kernel alignment.

    |Y^T X|^2 / (|X^T X| |Y^T Y|), in Frobenius norms, of centred units: 1 if one is the
    other turned, shifted and scaled as a whole, and the same for units in any order.
    With few images and many units it is high for any two; the debiased form is around 0
    for independent ones, and may be below.

    Args:
      x: [images, …].
      y: [images, …], of the same images; with any units.
      debiased: whether the unbiased estimate of each product is taken, which needs four
        images.
    Raises:
      ConfigError: if images differ or are too few, or a representation is constant (for
        the debiased form, also if its images are all equally unlike).
    Source: Kornblith et al. 2019, Section 3; the debiased form from Song et al. 2012.
    """
    x, y = _paired(x, y, least=4 if debiased else 2)
    product = _debiased if debiased else _centred_product
    x, y = centred(x), centred(y)
    a, b = x @ x.T, y @ y.T
    squares = [product(m, m) for m in (a, b)]
    # Also what rounding leaves of nothing.
    sizes = [_centred_product(m, m) for m in (a, b)]
    if any(not own > 1e-12 * size for own, size in zip(squares, sizes, strict=True)):
        raise ConfigError(
            "debiased CKA of a representation whose images are all the same, or all "
            "equally unlike"
            if debiased
            else "CKA of a representation that is the same for all images"
        )
    return float(product(a, b) / np.sqrt(np.prod(squares)))


def _centred_product(a: np.ndarray, b: np.ndarray) -> float:
    return float((a * b).sum())


def _debiased(a: np.ndarray, b: np.ndarray) -> float:
    """Returns the unbiased estimate of the product of two Gram matrices."""
    n = len(a)
    a, b = (m - np.diag(np.diag(m)) for m in (a, b))
    total = (a * b).sum() + a.sum() * b.sum() / ((n - 1) * (n - 2))
    return float(total - 2 / (n - 2) * a.sum(axis=0) @ b.sum(axis=0)) / (n * (n - 3))


def dissimilarities(x: np.ndarray, distance: str = "correlation") -> np.ndarray:
    """Returns how unlike each two images are in a representation.

    Args:
      x: [images, …].
      distance: `correlation`, 1 minus the correlation over units, or `euclidean`.
    Returns:
      [images (images - 1) / 2], pairs in the order (0, 1), (0, 2), …, (1, 2), ….
    Raises:
      ConfigError: for an unknown distance, or an image that is the same in all units,
        which has no correlation.
    """
    check_name("distance", distance, DISTANCES)
    x = flat(x)
    if distance == "correlation":
        x = centred(x, axis=1)
        norms = np.linalg.norm(x, axis=1, keepdims=True)
        if not (norms > 0).all():
            raise ConfigError(
                f"image {int(np.argmin(norms))} is the same in all units, and has no "
                "correlation with others: take the euclidean distance"
            )
        x = x / norms
    upper = np.triu_indices(len(x), 1)
    if distance == "correlation":
        return 1 - (x @ x.T)[upper]
    # From differences, row by row: products would cancel where images are alike.
    rows = [np.linalg.norm(x[i + 1 :] - x[i], axis=1) for i in range(len(x) - 1)]
    return np.concatenate(rows)


def rsa(
    x: np.ndarray,
    y: np.ndarray,
    distance: str = "correlation",
    comparison: str = "spearman",
) -> float:
    """Correlates the dissimilarities of two representations of the same images.

    Args:
      x: [images, …].
      y: [images, …].
      distance: see `dissimilarities`.
      comparison: `spearman`, of ranks, or `pearson`.
    Raises:
      ConfigError: for other images, fewer than three, or dissimilarities that are all
        the same.
    Source: Kriegeskorte et al. 2008.
    """
    x, y = _paired(x, y, least=3)
    return _correlate(
        dissimilarities(x, distance), dissimilarities(y, distance), comparison
    )


def rsa_of_repeats(
    x: np.ndarray,
    repeats: np.ndarray,
    distance: str = "correlation",
    comparison: str = "spearman",
) -> float:
    """Returns the mean RSA with each repetition: what `rsa_ceiling` is the bound of.

    The RSA with mean responses is larger, since these have less noise, and has no such
    bound.

    Args:
      x: [images, …].
      repeats: responses [repeats, images, neurons].
      distance: see `dissimilarities`.
      comparison: see `rsa`.
    Raises:
      ConfigError: as `rsa`.
    """
    repeats = real(repeats, "responses")
    return float(np.mean([rsa(x, own, distance, comparison) for own in repeats]))


def rsa_ceiling(
    repeats: np.ndarray, distance: str = "correlation", comparison: str = "spearman"
) -> tuple[float, float]:
    """Bounds the RSA with single repetitions that a perfect model could reach.

    What is averaged are ranks or, for `pearson`, dissimilarities of mean 0 and
    deviation 1: nothing has a larger mean correlation than their mean.

    Args:
      repeats: responses [repeats, images, neurons], at least two.
      distance: see `dissimilarities`.
      comparison: see `rsa`.
    Returns:
      (lower, upper): the mean correlation of each repetition's dissimilarities with the
      mean of the others', and of all.
    Source: Nili et al. 2014.
    """
    repeats = real(repeats, "responses")
    if (count := len(repeats) if repeats.ndim else 0) < 2:
        raise ConfigError(f"a ceiling needs two repetitions, got {count}")
    tables = np.stack([dissimilarities(own, distance) for own in repeats])
    units = np.stack([_standard(table, comparison) for table in tables])
    mean = units.mean(axis=0)
    others = (count * mean - units) / (count - 1)
    low = [_correlate(t, o, comparison) for t, o in zip(tables, others, strict=True)]
    high = [_correlate(t, mean, comparison) for t in tables]
    return float(np.mean(low)), float(np.mean(high))


def _standard(table: np.ndarray, comparison: str) -> np.ndarray:
    """Returns the ranks of a table, or it with mean 0 and deviation 1."""
    check_name("comparison", comparison, COMPARISONS)
    if comparison == "spearman":
        return stats.rankdata(table)
    rest = centred(table)
    return rest / (rest.std() or 1.0)


def _correlate(a: np.ndarray, b: np.ndarray, comparison: str) -> float:
    check_name("comparison", comparison, COMPARISONS)
    if comparison == "spearman":
        a, b = stats.rankdata(a), stats.rankdata(b)
    a, b = centred(a), centred(b)
    norms = np.linalg.norm(a) * np.linalg.norm(b)
    if not norms > 0:
        raise ConfigError(
            "all pairs of images are equally unlike: nothing to correlate"
        )
    return float(a @ b / norms)


def _paired(x: np.ndarray, y: np.ndarray, least: int) -> tuple[np.ndarray, np.ndarray]:
    x, y = flat(x), flat(y)
    if len(x) != len(y):
        raise ConfigError(
            f"representations of {len(x)} and {len(y)} images: they must be of the same"
        )
    if len(x) < least:
        raise ConfigError(f"{len(x)} images are too few: {least} are needed")
    return x, y
