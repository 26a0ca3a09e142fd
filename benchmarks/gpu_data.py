"""Data sets as small compressed files, for a machine without a network or TFDS.

A data set travels as parts, each a file by itself: MNIST in one of 10 MB, CIFAR-10 in
ten of 11 MB. A part is one line of JSON, then images and labels compressed by bzip2.
"""

from __future__ import annotations

import bz2
import json
import math
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ws_jax.data import DATASETS, DataError, Dataset
from ws_jax.storage.integrity import write_atomically

PARTS = {"mnist": 1, "cifar10": 10}
_FIELDS = ("name", "version", "num_classes", "num_train", "fingerprint")
_DAMAGE = (OSError, EOFError, ValueError, KeyError, TypeError)
_TRIED = 200  # images on which both forms are compared


def pack(dataset: Dataset, folder: Path, parts: int = 1) -> list[Path]:
    """Writes a data set as compressed parts of nearly equal size.

    Args:
      dataset: its images are kept in their order.
      folder: of the files, made if missing.
      parts: how many.

    Returns:
      The files.
    """
    folder.mkdir(parents=True, exist_ok=True)
    few = dataset.images[:_TRIED]
    sizes = {form: len(bz2.compress(_encoded(few, form))) for form in _FORMS}
    form = min(sizes, key=lambda name: sizes[name])
    about = {name: getattr(dataset, name) for name in _FIELDS} | {"form": form}
    edges = np.linspace(0, len(dataset), parts + 1).astype(int).tolist()
    written = []
    for number, start in enumerate(edges[:-1], 1):
        images = dataset.images[start : edges[number]]
        labels = dataset.labels[start : edges[number]].astype("<i4")
        shapes = {"images": images.shape, "labels": labels.shape}
        header = {**about, "part": number, "parts": parts, **shapes}
        content = bz2.compress(_encoded(images, form) + labels.tobytes())
        path = folder / f"{dataset.name}-{number}-of-{parts}.bz2part"
        write_atomically(path, json.dumps(header).encode() + b"\n" + content)
        written.append(path)
    return written


def unpack(folder: Path, name: str) -> Dataset:
    """Reads a data set from its parts.

    Raises:
      DataError: if parts are missing, damaged, or of different data sets.
    """
    lacking = missing(folder, name)
    if lacking:
        raise DataError(f"{folder} lacks {lacking} of the data set {name!r}")
    found = [_read(path) for path in _files(folder, name)]
    abouts = [{key: header[key] for key in _FIELDS} for header, _, _ in found]
    if any(about != abouts[0] for about in abouts):
        raise DataError(
            f"the parts of {name!r} in {folder} are of different data sets: pack anew"
        )
    images = np.concatenate([images for _, images, _ in found])
    labels = np.concatenate([labels for _, _, labels in found])
    return Dataset(images=images, labels=labels, **abouts[0])


def missing(folder: Path, name: str) -> str:
    """Says which parts of a data set are not in a folder; empty if all are there."""
    files = _files(folder, name)
    if not files:
        return "all parts"
    numbers = [path.stem.split("-") for path in files]
    there = {int(words[-3]) for words in numbers}
    lacking = sorted(set(range(1, int(numbers[0][-1]) + 1)) - there)
    if not lacking:
        return ""
    return f"part{'s' * (len(lacking) > 1)} {', '.join(map(str, lacking))}"


def collect(source: Path, folder: Path) -> None:
    """Copies what parts there are to a folder, where those of earlier calls lie."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in source.glob("*.bz2part"):
        if path.parent.resolve() != folder.resolve():
            shutil.copy2(path, folder / path.name)


def enter(folder: Path, names: Sequence[str]) -> None:
    """Lets `ws_jax.data.load` find data sets in a folder of parts."""
    for name in names:
        DATASETS[name] = lambda name: unpack(folder, name)


def _files(folder: Path, name: str) -> list[Path]:
    files = folder.glob(f"{name}-*-of-*.bz2part")
    return sorted(files, key=lambda path: int(path.stem.split("-")[-3]))


def _read(path: Path) -> tuple[dict[str, Any], np.ndarray, np.ndarray]:
    try:
        head, _, content = path.read_bytes().partition(b"\n")
        header = json.loads(head)
        raw = bz2.decompress(content)
        shape = header["images"]
        edge = math.prod(shape)
        images = _decoded(raw[:edge], shape, header["form"])
        labels = np.frombuffer(raw[edge:], "<i4").astype(np.int32)
        return header, images, labels.reshape(header["labels"])
    except _DAMAGE as error:
        raise DataError(f"{path} is damaged ({error!r}): pack it again") from error


def _plain(images: np.ndarray) -> np.ndarray:
    return images


def _differences(images: np.ndarray) -> np.ndarray:
    """Differences from the first channel and from the neighbours, modulo 256.

    Photographs compress by a quarter better so; the planes of channels lie apart.
    """
    rest = images[..., 1:] - images[..., :1]
    planes = np.concatenate([images[..., :1], rest], axis=-1)
    for axis in (1, 2):
        planes = np.diff(planes, axis=axis, prepend=np.uint8(0))
    return np.moveaxis(planes, -1, 1)


def _sums(planes: np.ndarray) -> np.ndarray:
    """The images of which `_differences` are given."""
    planes = np.moveaxis(planes, 1, -1)
    for axis in (2, 1):
        planes = np.cumsum(planes, axis=axis, dtype=np.uint8)
    rest = planes[..., 1:] + planes[..., :1]
    return np.concatenate([planes[..., :1], rest], axis=-1)


_FORMS = {"plain": _plain, "differences": _differences}


def _encoded(images: np.ndarray, form: str) -> bytes:
    return np.ascontiguousarray(_FORMS[form](images)).tobytes()


def _decoded(raw: bytes, shape: Sequence[int], form: str) -> np.ndarray:
    if form == "plain":
        return np.frombuffer(raw, np.uint8).reshape(shape)
    if form != "differences":
        raise ValueError(f"unknown form {form!r}")
    n, h, w, c = shape
    return _sums(np.frombuffer(raw, np.uint8).reshape(n, c, h, w))
