"""Responses predicted from activations, for images that were not fitted.

Images are cut into folds; those of a fold are predicted by what was fitted to all
others. Whatever is chosen, how strong the penalty is, say, is chosen among the others.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from ws_jax.config import ConfigError, require
from ws_jax.neural_fit.similarity import centred, flat

# Penalties, in units of the mean square of the centred images that are fitted.
PENALTIES = tuple(float(10.0**e) for e in range(-5, 4))


@dataclasses.dataclass(frozen=True)
class Prediction:
    """Responses as predicted, each by a fit that has not seen its image.

    Attributes:
      responses: [images, neurons].
      fold: of each image, [images].
      r: correlation with the responses, mean over folds, [neurons]; 0 in a fold where
        either is constant.
      r2: part of the variance around the fitted mean that is predicted, [neurons].
      penalty: chosen in each fold for each neuron, [folds, neurons]; NaN for PLS.
    """

    responses: np.ndarray
    fold: np.ndarray
    r: np.ndarray
    r2: np.ndarray
    penalty: np.ndarray


def cut(images: int, folds: int, seed: int = 0) -> np.ndarray:
    """Returns the fold of each image, drawn; folds differ by at most one image.

    Raises:
      ConfigError: if there are fewer than two folds, or than two images in one; for a
        seed that is none.
    """
    whole = isinstance(folds, int | np.integer)
    require(whole, f"folds: {folds!r} must be a whole number")
    known = isinstance(seed, int | np.integer) and seed >= 0
    require(known, f"seed: {seed!r} must be a whole number of at least 0")
    require(folds >= 2, f"folds: {folds} must be at least 2")
    require(
        images >= 2 * folds,
        f"folds: {folds} need {2 * folds} images, there are {images}",
    )
    return np.random.default_rng(seed).permutation(np.arange(images) % folds)


def ridge(
    x: np.ndarray,
    y: np.ndarray,
    folds: int = 5,
    seed: int = 0,
    penalties: Sequence[float] = PENALTIES,
    inner: int = 5,
) -> Prediction:
    """Predicts responses by ridge regression, the penalty chosen for each neuron.

    In each fold the other images are cut again, and the penalty is that whose squared
    error over those `inner` folds is the smallest. It is fitted in the space of images:
    units cost nothing but their products.

    Args:
      x: activations [images, …].
      y: responses [images, neurons].
      folds: of images.
      seed: of the folds.
      penalties: to choose from, in units of the mean square of centred images.
      inner: folds of the images that are fitted, where there is a choice.
    Raises:
      ConfigError: if images differ or are too few, or a penalty is not above 0.
    """
    x, y = _paired(x, y)
    grid = np.asarray(penalties, np.float64)
    require(
        grid.ndim == 1 and grid.size > 0 and bool((grid > 0).all()),
        f"penalties: {list(penalties)} must be numbers above 0, at least one",
    )
    x = centred(x)
    gram = x @ x.T
    fold = cut(len(x), folds, seed)
    predicted = np.empty_like(y)
    chosen = np.empty((folds, y.shape[1]))
    for number in range(folds):
        train, test = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
        best = _choose(gram, y, train, grid, inner, seed) if grid.size > 1 else None
        paths = ridge_paths(gram, y, train, test, grid)
        index = np.zeros(y.shape[1], int) if best is None else best
        predicted[test] = paths[index, :, np.arange(y.shape[1])].T
        chosen[number] = grid[index]
    return _scored(y, predicted, fold, chosen)


def _choose(gram, y, train, grid, inner, seed) -> np.ndarray:
    """Returns the index of the best penalty of each neuron, from `train` alone."""
    part = cut(len(train), inner, seed + 1)
    errors = np.zeros((grid.size, y.shape[1]))
    for number in range(inner):
        fitted, held = train[part != number], train[part == number]
        paths = ridge_paths(gram, y, fitted, held, grid)
        errors += ((paths - y[held]) ** 2).sum(axis=1)
    return errors.argmin(axis=0)


def ridge_paths(gram, y, train, test, grid) -> np.ndarray:
    """Predicts `test` from `train` with every penalty, [penalties, test, neurons]."""
    own, across = gram[np.ix_(train, train)], gram[np.ix_(test, train)]
    column, whole, size = own.mean(axis=0), own.mean(), np.diag(own).mean()
    across = across - across.mean(axis=1, keepdims=True) - column + whole
    own = own - column - column[:, None] + whole
    values, vectors = np.linalg.eigh(own)
    values = values.clip(0)
    scale, mean = values.mean(), y[train].mean(axis=0)
    if scale <= 1e-13 * size:  # what rounding leaves of constant activations
        return np.tile(mean, (len(grid), len(test), 1))
    inside, outside = vectors.T @ (y[train] - mean), across @ vectors
    weights = inside / (values + grid[:, None] * scale)[..., None]
    return mean + outside @ weights


def pls(
    x: np.ndarray, y: np.ndarray, folds: int = 5, seed: int = 0, components: int = 25
) -> Prediction:
    """Predicts responses by partial least squares, with fewer components if need be.

    Args:
      x: activations [images, …].
      y: responses [images, neurons].
      folds: of images.
      seed: of the folds.
      components: at most; a fit has no more than its images, less one, and units.
    Raises:
      ConfigError: if images differ or are too few, or components are none.
    """
    x, y = _paired(x, y)
    require(components >= 1, f"components: {components} must be at least 1")
    fold = cut(len(x), folds, seed)
    predicted = np.empty_like(y)
    for number in range(folds):
        test = fold == number
        predicted[test] = _pls(x[~test], y[~test], x[test], components)
    none = np.full((folds, y.shape[1]), np.nan)
    return _scored(y, predicted, fold, none)


def _pls(x, y, new, components) -> np.ndarray:
    """Predicts the responses to new activations by partial least squares."""
    means = x.mean(axis=0), y.mean(axis=0)
    x, rest = x - means[0], y - means[1]
    least = 1e-12 * np.linalg.norm(x)
    directions, loadings, weights = [], [], []
    for _ in range(min(components, len(x) - 1, x.shape[1])):
        direction = _first_direction(x, rest)
        scores = x @ direction
        if not np.linalg.norm(scores) > least:
            break
        loading = x.T @ scores / (scores @ scores)
        weight = rest.T @ scores / (scores @ scores)
        x, rest = x - np.outer(scores, loading), rest - np.outer(scores, weight)
        directions.append(direction)
        loadings.append(loading)
        weights.append(weight)
    if not directions:
        return np.tile(means[1], (len(new), 1))
    d, p, q = (np.stack(own, axis=1) for own in (directions, loadings, weights))
    return means[1] + (new - means[0]) @ d @ np.linalg.solve(p.T @ d, q.T)


def _first_direction(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Returns the unit direction in x along which x and y share most."""
    product = x.T @ y
    # Of whichever of the two squares is smaller.
    if product.shape[0] <= product.shape[1]:
        return np.linalg.eigh(product @ product.T)[1][:, -1]
    direction = product @ np.linalg.eigh(product.T @ product)[1][:, -1]
    norm = np.linalg.norm(direction)
    return direction / norm if norm > 0 else direction


def _scored(y, predicted, fold, penalty) -> Prediction:
    """Scores predictions fold by fold, against the mean of what was fitted."""
    numbers = np.unique(fold)
    r, errors, spread = [], np.zeros(y.shape[1]), np.zeros(y.shape[1])
    for number in numbers:
        test = fold == number
        r.append(correlations(y[test], predicted[test]))
        errors += ((y[test] - predicted[test]) ** 2).sum(axis=0)
        spread += ((y[test] - y[~test].mean(axis=0)) ** 2).sum(axis=0)
    r2 = 1 - errors / np.where(spread > 0, spread, 1)
    return Prediction(predicted, fold, np.mean(r, axis=0), r2, penalty)


def correlations(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Returns the correlation of each column of `a` with that of `b`; 0 if constant."""
    a, b = centred(a), centred(b)
    norms = np.linalg.norm(a, axis=0) * np.linalg.norm(b, axis=0)
    return (a * b).sum(axis=0) / np.where(norms > 0, norms, 1)


def _paired(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    x, y = flat(x, "activations"), flat(y, "responses")
    if len(x) != len(y):
        raise ConfigError(
            f"activations of {len(x)} images and responses to {len(y)}: they must be "
            "of the same"
        )
    return x, y
