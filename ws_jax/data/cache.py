"""Decoded data sets kept on disk, since decoding 60,000 images takes seconds.

One file holds one data set: a line of JSON with the checksum of its fields, then the
images and the labels as two NumPy blocks, uncompressed. A cache can only save time:
whatever is wrong with it is logged, and the data set is decoded again.
"""

import contextlib
import dataclasses
import hashlib
import json
import os
import re
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from absl import logging

from ws_jax.data.dataset import Dataset

# Raise it with the layout of the file, so that older files are not even opened.
_SUFFIX = ".ws2"
_HEADER_FIELDS = ("name", "version", "num_classes", "num_train", "fingerprint")


@dataclasses.dataclass(frozen=True)
class Source:
    """Where a data set can be decoded from.

    Attributes:
      name: of the data set.
      version: of the data set, see `Dataset`.
      digest: tells stored files of the same name and version apart; empty where the
        version pins the content.
      read: decodes the data set, slowly.
    """

    name: str
    version: str
    digest: str
    read: Callable[[], Dataset]


def default_dir() -> Path:
    """Returns `WS_JAX_CACHE`, or else `~/.cache/ws_jax`."""
    return Path(os.environ.get("WS_JAX_CACHE") or "~/.cache/ws_jax").expanduser()


def load(source: Source, directory: Path) -> Dataset:
    """Returns the data set of `source`, from the cache if it is there and whole."""
    path = cache_path(source, directory)
    dataset = _read(path, source)
    if dataset is None:
        dataset = source.read()
        _write(path, dataset)
    return dataset


def cache_path(source: Source, directory: Path) -> Path:
    """Returns the file that keeps the data set of `source`."""
    key = "-".join(filter(None, (source.name, source.version, source.digest)))
    return directory / (re.sub(r"[^\w.-]", "_", key) + _SUFFIX)


def _read(path: Path, source: Source) -> Dataset | None:
    try:
        with path.open("rb") as file:
            header = json.loads(file.readline())
            if header.pop("sha256") != _checksum(header):
                raise ValueError("the checksum of its first line is another")
            images = np.load(file, allow_pickle=False)
            labels = np.load(file, allow_pickle=False)
        # Compares the fingerprint in the header with the arrays.
        dataset = Dataset(images=images, labels=labels, **header)
    except FileNotFoundError:
        return None
    except Exception as error:  # of whatever a flipped bit makes of JSON and NumPy
        logging.warning("Ignoring the unreadable cache %s: %r", path, error)
        return None
    # Two keys can become one file name; both names are inside.
    same = (dataset.name, dataset.version) == (source.name, source.version)
    return dataset if same else None


def _checksum(header: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(header).encode()).hexdigest()


def _write(path: Path, dataset: Dataset) -> None:
    """Writes beside the target and renames: a reader sees all of it or nothing.

    Each writer has a file of its own, so the last of several processes wins.
    """
    header = {field: getattr(dataset, field) for field in _HEADER_FIELDS}
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("xb") as file:
            told = {**header, "sha256": _checksum(header)}
            file.write(json.dumps(told).encode() + b"\n")
            np.save(file, dataset.images, allow_pickle=False)
            np.save(file, dataset.labels, allow_pickle=False)
        os.replace(temporary, path)
    except OSError as error:
        logging.warning("Going on without a data cache in %s: %s", path.parent, error)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
