"""A labelled image data set as the rest of the package sees it, and its folds."""

import dataclasses
import hashlib
import itertools
import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Int32, UInt8

from ws_jax.host import host_free


class DataError(ValueError):
    """A data set that cannot be had or used; the message is for the user."""


class NotFoundError(DataError):
    """Data that are not at one place where they were looked for."""


def check_fits(name: str, shape: Sequence[int]) -> None:
    """Raises `DataError` if so many bytes are more than the memory that is free.

    Args:
      name: of the data set.
      shape: of an array of bytes.
    """
    if (need := math.prod(shape)) > (most := host_free()):
        raise DataError(
            f"data {name} take {need / 2**30:.3g} GiB, and {most / 2**30:.3g} GiB of "
            "memory are free here: ask for fewer or smaller images"
        )


# How names of data of one's own begin or end: a file of arrays, a folder of images.
ARRAYS, FOLDER = ".npz", "folder"


def is_own(name: str) -> bool:
    """Returns whether a data set's name is a path: of data of one's own.

    Example:
      >>> is_own("mnist"), is_own("mine.npz"), is_own("folder:birds@64")
      (False, True, True)
    """
    return name.endswith(ARRAYS) or name.startswith(f"{FOLDER}:")


@dataclasses.dataclass(frozen=True, eq=False)
class Dataset:
    """A whole data set in memory: the published training part, then its test part.

    Attributes:
      name: as a config spells it.
      version: what the images were read from, such as `tfds:3.0.1` (in the order in
        which TFDS shuffled them) or `original` (in the order of the original files).
        The order decides what a fold holds, so results record it.
      images: uint8 `[n, h, w, c]`.
      labels: int32 `[n]`, class ids in [0, num_classes); or `[n, h, w]`, such an id
        for every pixel.
      num_classes: how many classes there are.
      num_train: how many of the first images are the published training part; the
        rest are its test part.
      fingerprint: SHA-256 of shape, images and labels. Computed if left empty, else
        compared with what is computed.

    Raises:
      DataError: for a wrong type, shape, label or fingerprint.
    """

    name: str
    version: str
    images: np.ndarray  # not annotated more closely: types are checked below
    labels: np.ndarray
    num_classes: int
    num_train: int
    fingerprint: str = ""

    def __post_init__(self) -> None:
        """Checks the arrays and completes the fingerprint."""
        problem = _find_problem(self)
        if problem:
            raise DataError(f"data set {self.name!r} is unusable: {problem}")
        fingerprint = _hash_arrays(self.images, self.labels)
        if self.fingerprint not in ("", fingerprint):
            raise DataError(f"data set {self.name!r} has another fingerprint than told")
        object.__setattr__(self, "fingerprint", fingerprint)

    def __len__(self) -> int:
        """How many images there are, of both parts."""
        return len(self.images)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of one image."""
        height, width, channels = self.images.shape[1:]
        return height, width, channels

    @property
    def identity(self) -> dict[str, str | int]:
        """What results record to say which data they come from."""
        return {
            "name": self.name,
            "version": self.version,
            "count": len(self),
            "fingerprint": self.fingerprint,
        }

    @property
    def contents(self) -> str:
        """What tells these data from others, wherever they lie.

        For data with a published name the images and labels say it; for one's own also
        how many of them are the training part, and how many classes there are.
        """
        if not is_own(self.name):
            return self.fingerprint
        return f"{self.fingerprint}/{self.num_train}/{self.num_classes}"

    def first(self, num_images: int) -> "Dataset":
        """Returns the data set of the first `num_images` images, without copying.

        Raises:
          DataError: if there are fewer images, or none are asked for.
        """
        if not 1 <= num_images <= len(self):
            raise DataError(
                f"cannot take {num_images} images of {self.name!r}: it has {len(self)}"
            )
        return dataclasses.replace(
            self,
            images=self.images[:num_images],
            labels=self.labels[:num_images],
            num_train=min(self.num_train, num_images),
            fingerprint="",
        )


def _find_problem(dataset: Dataset) -> str:
    """Says what is wrong with the arrays of a data set; empty if nothing is."""
    images, labels = dataset.images, dataset.labels
    wanted = (("images", images.dtype, "uint8"), ("labels", labels.dtype, "int32"))
    if wrong := [f"{what} are {d}, not {right}" for what, d, right in wanted
                 if d != np.dtype(right)]:  # fmt: skip
        return ", and ".join(wrong)
    if images.ndim != 4 or 0 in images.shape:
        return f"images have shape {images.shape}, not [n, h, w, c] with n > 0"
    if labels.shape not in (images.shape[:1], images.shape[:3]):
        return (
            f"labels have shape {labels.shape} beside {len(images)} images of "
            f"{images.shape[1:]}, not [n] or [n, h, w]"
        )
    if labels.min() < 0 or labels.max() >= dataset.num_classes:
        bounds = f"{labels.min()} to {labels.max()}"
        return f"labels run from {bounds}, with {dataset.num_classes} classes"
    if not 0 < dataset.num_train <= len(images):
        return f"its training part has {dataset.num_train} of {len(images)} images"
    return ""


def _hash_arrays(
    images: UInt8[np.ndarray, "n h w c"], labels: Int32[np.ndarray, "n ..."]
) -> str:
    digest = hashlib.sha256(repr(images.shape).encode())
    digest.update(np.ascontiguousarray(images).data)
    # Little-endian on every machine, so that a fingerprint travels.
    digest.update(np.ascontiguousarray(labels, "<i4").data)
    return digest.hexdigest()


@dataclasses.dataclass(frozen=True)
class Fold:
    """A contiguous validation window; all other images are for training.

    Attributes:
      start: first image of the window.
      stop: one past its last image.
      num_images: how many images the joined set has.

    Raises:
      DataError: if the window is empty, outside the set, or the whole of it.
    """

    start: int
    stop: int
    num_images: int

    def __post_init__(self) -> None:
        """Checks that the window lies within the set."""
        inside = 0 <= self.start < self.stop <= self.num_images
        if not inside or self.num_validation == self.num_images:
            raise DataError(
                f"images {self.start} to {self.stop} of {self.num_images} cannot be a "
                "validation window: it must hold some of the images, and not all"
            )

    @property
    def num_validation(self) -> int:
        """How many images the window holds."""
        return self.stop - self.start

    @property
    def num_train(self) -> int:
        """How many images are left for training."""
        return self.num_images - self.num_validation

    @property
    def validation_index(self) -> Int32[np.ndarray, " num_validation"]:
        """Indices of the window's images, ascending."""
        return np.arange(self.start, self.stop, dtype=np.int32)

    @property
    def train_index(self) -> Int32[np.ndarray, " num_train"]:
        """Indices of all other images, ascending."""
        index = np.arange(self.num_train, dtype=np.int32)
        return np.where(index < self.start, index, index + self.num_validation)


def folds(n: int, k: int) -> tuple[Fold, ...]:
    """Cuts `n` images into `k` contiguous validation windows, without shuffling.

    The first `n % k` windows are one image larger, so that each image is validated
    exactly once.

    Args:
      n: images in the joined set.
      k: number of folds, from 2 to `n`.

    Returns:
      The folds in order.

    Raises:
      DataError: if there are fewer than two folds, or more folds than images, or they
        are no whole number.

    Source: Ott et al. 2020, section "Data", k = 5.

    Example:
      >>> [(fold.start, fold.stop) for fold in folds(7, 3)]
      [(0, 3), (3, 5), (5, 7)]
    """
    if not isinstance(k, int | np.integer):
        raise DataError(f"folds: {k!r} must be a whole number")
    if not 2 <= k <= n:
        raise DataError(f"cannot cut {n} images into {k} folds: allowed are 2 to {n}")
    size, rest = divmod(n, k)
    edges = [i * size + min(i, rest) for i in range(k + 1)]
    return tuple(Fold(start, stop, n) for start, stop in itertools.pairwise(edges))


def published_split(dataset: Dataset) -> Fold:
    """Returns the fold whose validation window is the published test part.

    Raises:
      DataError: if the data set has no test part.

    Source: Ott et al. 2020, Appendix A.1 (grid search).
    """
    if dataset.num_train == len(dataset):
        raise DataError(f"data set {dataset.name!r} has no published test part")
    return Fold(dataset.num_train, len(dataset), len(dataset))
