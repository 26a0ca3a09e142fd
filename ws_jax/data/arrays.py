"""A user's own images: arrays in one `.npz` file."""

import lzma
import math
import tokenize
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy

from ws_jax.data.dataset import DataError, Dataset
from ws_jax.host import host_free

_KEYS = ("images", "labels", "num_train", "num_classes")
# Photographs pack by 2 and masks by 50; a file that unpacks to more is no data set.
_MOST_PACKED = 100
_ALWAYS_BYTES = 2**28  # so much may be unpacked however small the file
_HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
# What a damaged or encrypted file can raise.
_DAMAGE = (
    OSError, EOFError, ValueError, MemoryError, NotImplementedError, RuntimeError,
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, tokenize.TokenError,
)  # fmt: skip


def read(name: str) -> Dataset:
    """Reads `images` and `labels` from a file that `numpy.savez` has written.

    `images` are uint8 [n, h, w, c], or [n, h, w] of one channel; `labels` are whole
    numbers [n] from 0, or masks [n, h, w]. `num_train` says how many of the first are
    the training part (without it, four fifths), `num_classes` how many classes there
    are (without it, those that occur). Nothing is unpickled.

    Args:
      name: path of the file.

    Raises:
      DataError: if there is no such file, it holds something else, or its arrays are
        larger than the memory, or than a file of its size has.
    """
    path = Path(name).expanduser()
    if not path.is_file():
        raise DataError(f"there is no file {name}: name one, or another data set")
    found = read_arrays(name, path, _KEYS, ("images", "labels"))
    images, labels = found["images"], found["labels"]
    if images.ndim == 3:
        images = images[..., None]
    if images.ndim == 4 and images.shape[1] in (1, 3) and images.shape[3] > 4:
        raise DataError(
            f"{name}: images of shape {images.shape} have their channels first: save "
            "np.moveaxis(images, 1, -1), [n, h, w, c]"
        )
    if not np.issubdtype(labels.dtype, np.integer):
        raise DataError(f"{name}: labels are {labels.dtype}, need whole numbers from 0")
    most = np.iinfo(np.int32).max
    if labels.size and not 0 <= labels.min() <= labels.max() <= most:
        raise DataError(
            f"{name}: labels run from {labels.min()} to {labels.max()}, need whole "
            f"numbers from 0 to {most}"
        )
    return Dataset(
        name=name,
        version="npz",
        images=images,
        labels=labels.astype(np.int32),
        num_classes=_number(name, found, "num_classes", labels.max(initial=0) + 1),
        num_train=_number(name, found, "num_train", max(1, len(images) * 4 // 5)),
    )


def read_arrays(
    name: str, path: Path, known: Sequence[str], needed: Sequence[str]
) -> dict[str, np.ndarray]:
    """Reads some arrays of a `.npz` file; what else it holds is left alone.

    Nothing is unpickled, nor unpacked before its size is known.

    Args:
      name: of the file, for messages.
      path: of the file, which is there.
      known: names of the arrays that are read if they are there.
      needed: names of those that must be.

    Raises:
      DataError: if it is no such file, lacks an array, or its arrays are larger than
        the memory, or than a file of its size has.
    """
    try:
        with zipfile.ZipFile(path) as file:
            members = [key for key in known if f"{key}.npy" in file.namelist()]
            for key in [key for key in needed if key not in members]:
                raise DataError(
                    f"{name} has no array {key!r}: it holds "
                    f"{', '.join(_names(file)) or 'none'}"
                )
            _check_sizes(name, path, [_member_bytes(file, key) for key in members])
            found = {}
            for key in members:
                with file.open(f"{key}.npy") as member:
                    found[key] = npy.read_array(member, allow_pickle=False)
    except DataError:
        raise
    except _DAMAGE as error:
        raise _unreadable(name, error) from error
    return found


def array_names(name: str, path: Path) -> list[str]:
    """Returns the names of all arrays in a `.npz` file; `DataError` if it is none."""
    try:
        with zipfile.ZipFile(path) as file:
            return _names(file)
    except _DAMAGE as error:
        raise _unreadable(name, error) from error


def _names(file: zipfile.ZipFile) -> list[str]:
    return [member.removesuffix(".npy") for member in file.namelist()]


def _unreadable(name: str, error: Exception) -> DataError:
    return DataError(
        f"{name} cannot be read ({error}): save arrays of numbers with numpy.savez"
    )


def _member_bytes(file: zipfile.ZipFile, key: str) -> int:
    """Returns how much an array takes; `ValueError` if its file has another size."""
    with file.open(f"{key}.npy") as member:
        version = npy.read_magic(member)
        if version not in _HEADERS:
            raise ValueError(f"array {key!r} is of an unknown format {version}")
        shape, _, dtype = _HEADERS[version](member)
        start = member.tell()
    told = math.prod(shape) * dtype.itemsize
    there = file.getinfo(f"{key}.npy").file_size - start
    # Object arrays, which have other sizes, are refused when they are read.
    if told != there and not dtype.hasobject:
        raise ValueError(
            f"array {key!r} of shape {shape} takes {told} bytes, and there are {there}"
        )
    return told


def _check_sizes(name: str, path: Path, sizes: list[int]) -> None:
    total, packed = sum(sizes), path.stat().st_size
    most = min(max(_ALWAYS_BYTES, _MOST_PACKED * packed), host_free())
    if total > most:
        raise DataError(
            f"{name} has {packed / 2**20:.1f} MiB and would unpack to "
            f"{total / 2**20:.0f} MiB, allowed are {most / 2**20:.0f} MiB here "
            f"({_MOST_PACKED} times the file, and no more than the memory): save fewer "
            "images, or with numpy.savez, which does not pack them"
        )


def _number(name: str, found: dict[str, np.ndarray], key: str, other: Any) -> int:
    """Returns a whole number that the file holds, or another one if it does not."""
    value = np.asarray(found.get(key, other))
    if value.ndim or not np.issubdtype(value.dtype, np.integer):
        raise DataError(
            f"{name}: {key} is {value.dtype}{list(value.shape)}, need one whole number"
        )
    return int(value)
