"""Neural data as arrays in one file: the images that were shown, and the responses."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path

import numpy as np

from ws_jax.config import ConfigError, nearest
from ws_jax.data import DataError
from ws_jax.data.arrays import array_names, read_arrays

_KNOWN = ("images", "responses", "neurons")


@dataclasses.dataclass(frozen=True)
class NeuralData:
    """Images and the responses of neurons to them.

    Attributes:
      images: uint8 [images, h, w, c], as the network is to see them.
      responses: float64 [repeats, images, neurons]; one repetition if only means are
        known; none if there are images alone.
      neurons: names, in the order of the responses.
      checksum: of the file.
    """

    images: np.ndarray
    responses: np.ndarray
    neurons: tuple[str, ...]
    checksum: str = ""

    @property
    def mean(self) -> np.ndarray:
        """Responses averaged over repetitions, [images, neurons]."""
        return self.responses.mean(axis=0)

    @property
    def repeated(self) -> bool:
        """Whether there are repetitions to estimate noise from."""
        return len(self.responses) > 1


def read_neural(path: str | Path) -> NeuralData:
    """Reads a file of neural data.

    It is an npz file of `images`, uint8 [images, h, w, c] or [images, h, w];
    `responses`, floats [images, neurons] or [repeats, images, neurons]; and, if you
    like, `neurons`, their names. Without `responses` it holds images alone.

    Raises:
      ConfigError: if there is no such file, it holds something else, or it would
        unpack to more than the memory, or than a file of its size has.
    """
    path = Path(path)
    if not path.is_file():
        raise ConfigError(f"neural data {path}: there is no such file")
    try:
        names = array_names(f"neural data {path}", path)
        for name in names:
            if name not in _KNOWN:
                raise ConfigError(
                    f"neural data {path}: unknown array {name!r}: "
                    f"{nearest(name, _KNOWN)}"
                )
        arrays = read_arrays(f"neural data {path}", path, _KNOWN, ("images",))
    except DataError as error:
        raise ConfigError(str(error)) from error
    images = _images(path, arrays["images"])
    responses = _responses(path, arrays.get("responses"), len(images))
    neurons = _names(path, arrays.get("neurons"), responses.shape[2])
    checksum = hashlib.sha256(path.read_bytes()).hexdigest()
    return NeuralData(images, responses, neurons, checksum)


def _images(path: Path, images: np.ndarray) -> np.ndarray:
    if images.ndim == 3:
        images = images[..., None]
    if images.ndim != 4 or images.dtype != np.uint8 or images.size == 0:
        raise ConfigError(
            f"neural data {path}: images are {images.dtype}{list(images.shape)}, must "
            "be uint8 [images, h, w, c] or [images, h, w]"
        )
    return images


def _responses(path: Path, responses: np.ndarray | None, images: int) -> np.ndarray:
    if responses is None:
        return np.zeros((1, images, 0))
    shape = list(responses.shape)
    if responses.dtype.kind not in "fiu" or responses.ndim not in (2, 3):
        raise ConfigError(
            f"neural data {path}: responses are {responses.dtype}{shape}, must be "
            "floats [images, neurons] or [repeats, images, neurons]"
        )
    responses = responses.astype(np.float64)
    responses = responses if responses.ndim == 3 else responses[None]
    if responses.shape[1] != images:
        raise ConfigError(
            f"neural data {path}: responses {shape} are not to the {images} images: "
            f"they are [images, neurons] or [repeats, images, neurons]"
        )
    if 0 in responses.shape:
        raise ConfigError(f"neural data {path}: responses {shape} are empty")
    bad = int((~np.isfinite(responses)).sum())
    if bad:
        raise ConfigError(
            f"neural data {path}: {bad} responses are not finite: leave out neurons or "
            "repetitions that were not recorded for all images"
        )
    return responses


def _names(path: Path, names: np.ndarray | None, count: int) -> tuple[str, ...]:
    if names is None:
        return tuple(f"neuron_{i}" for i in range(count))
    if names.ndim != 1 or len(names) != count or names.dtype.kind != "U":
        raise ConfigError(
            f"neural data {path}: neurons are {names.dtype}{list(names.shape)}, must "
            f"be {count} names, one for each neuron of the responses"
        )
    return tuple(map(str, names))
