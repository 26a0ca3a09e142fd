"""Directories that TensorFlow Datasets has prepared in its `array_record` format.

What a directory holds is read from its JSON, without importing TFDS, so that a
decoded cache can be found first; only decoding imports it. TensorFlow is not needed.
"""

import contextlib
import dataclasses
import functools
import hashlib
import json
import os
import re
from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np
from absl import logging

from ws_jax.data.cache import Source
from ws_jax.data.dataset import DataError, Dataset, NotFoundError

_FORMAT = "array_record"
_VERSION = re.compile(r"\d+\.\d+\.\d+")
_CHUNK = 1000  # examples decoded at a time


def default_dir() -> Path:
    """Returns `TFDS_DATA_DIR`, or else TFDS's default `~/tensorflow_datasets`."""
    directory = os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets"
    return Path(directory).expanduser()


def list_names(data_dir: Path) -> list[str]:
    """Returns the data sets that are prepared in `data_dir`, as `load` takes them."""
    parents = {path.parent for path in _version_dirs(data_dir, ("*", "*/*"))}
    return sorted(str(parent.relative_to(data_dir)) for parent in parents)


def find(name: str, data_dir: Path) -> Source:
    """Finds the newest prepared version of a data set, without reading images.

    Args:
      name: of the TFDS data set; with a config, `name/config`.
      data_dir: what TFDS calls so: it holds `name/version/`.

    Returns:
      A source that reads the training part, then the test part (the validation part
      if there is no test part).

    Raises:
      NotFoundError: if the directory has no such data set, or in another file format.
      DataError: if it is there with files missing or unreadable.
    """
    versions = _version_dirs(data_dir / name, (".",))
    if not versions:
        below = _version_dirs(data_dir / name, ("*",))
        configs = sorted({f"{name}/{path.parent.name}" for path in below})
        hint = f" (but there is {', '.join(configs)})" if configs else ""
        raise NotFoundError(f"there is no prepared {data_dir / name}/VERSION{hint}")
    directory = max(versions, key=lambda path: [int(x) for x in path.name.split(".")])
    info = _read_json(directory, "dataset_info.json")
    _read_json(directory, "features.json")
    file_format = info.get("fileFormat", "tfrecord")  # the default goes unsaid
    if file_format != _FORMAT:
        raise NotFoundError(
            f"{directory} is prepared as {file_format}, which only TensorFlow reads "
            f"(prepare it with file_format='{_FORMAT}')"
        )
    shards = _find_shards(directory, info)
    read = functools.partial(_decode, name, directory, tuple(shards))
    return Source(name, f"tfds:{directory.name}", _hash_files(directory, shards), read)


def _version_dirs(directory: Path, patterns: tuple[str, ...]) -> list[Path]:
    """Lists `directory/pattern/VERSION`; unfinished preparations have other names."""
    found = [
        path for pattern in patterns for path in directory.glob(f"{pattern}/*.*.*")
    ]
    return [path for path in found if _VERSION.fullmatch(path.name) and path.is_dir()]


def _incomplete(directory: Path, what: str) -> DataError:
    return DataError(
        f"{directory} is incomplete or damaged: {what}; copy or prepare it again"
    )


def _read_json(directory: Path, file_name: str) -> dict[str, Any]:
    try:
        return json.loads((directory / file_name).read_text())
    except (OSError, ValueError) as error:
        raise _incomplete(directory, f"{file_name} cannot be read ({error})") from error


def _find_shards(directory: Path, info: dict[str, Any]) -> dict[str, list[Path]]:
    """Returns the files of each part to read, training first."""
    try:
        splits = {split["name"]: len(split["shardLengths"]) for split in info["splits"]}
    except (KeyError, TypeError) as error:
        raise _incomplete(directory, "dataset_info.json names no splits") from error
    if "train" not in splits:
        raise DataError(f"{directory} has no part 'train', only {sorted(splits)}")
    held_out = [part for part in ("test", "validation") if part in splits]
    shards = {}
    for part in ["train", *held_out[:1]]:
        shards[part] = sorted(directory.glob(f"*-{part}.{_FORMAT}-*-of-*"))
        if len(shards[part]) != splits[part]:
            what = f"of its {splits[part]} '{part}' files {len(shards[part])} are there"
            raise _incomplete(directory, what)
    return shards


def _hash_files(directory: Path, shards: dict[str, list[Path]]) -> str:
    """Tells prepared files apart by description, names and sizes, not by content."""
    digest = hashlib.sha256((directory / "dataset_info.json").read_bytes())
    for path in sum(shards.values(), []):
        digest.update(f"{path.name} {path.stat().st_size}\n".encode())
    return digest.hexdigest()[:16]


@dataclasses.dataclass(frozen=True)
class _Layout:
    """Which features of an example are its image and its label."""

    image: str
    label: str
    shape: tuple[int, int, int]
    num_classes: int


def _decode(name: str, directory: Path, parts: tuple[str, ...]) -> Dataset:
    import tensorflow_datasets as tfds  # slow to import, and often not needed

    logging.info("Decoding %s", directory)
    with _blaming(directory):
        builder = tfds.builder_from_directory(directory)
        sources = [builder.as_data_source(part) for part in parts]
    layout = _find_layout(builder.info, directory)
    with _blaming(directory):
        arrays = [_decode_part(source, layout) for source in sources]
    return Dataset(
        name=name,
        version=f"tfds:{directory.name}",
        images=np.concatenate([images for images, _ in arrays]),
        labels=np.concatenate([labels for _, labels in arrays]),
        num_classes=layout.num_classes,
        num_train=len(arrays[0][0]),
    )


@contextlib.contextmanager
def _blaming(directory: Path) -> Generator[None, None, None]:
    """Turns what the readers raise into one error; they have no common type for it."""
    try:
        yield
    except ImportError:  # an image decoder is missing: nothing is wrong with the data
        raise
    except Exception as error:
        raise _incomplete(directory, f"{error}") from error


def _find_layout(info: Any, directory: Path) -> _Layout:
    """Reads the layout off TFDS's description; refuses other than labelled images."""
    from tensorflow_datasets import features

    keys = [key for key in info.supervised_keys or () if isinstance(key, str)]
    kinds = [info.features[key] for key in keys]
    match kinds:
        case [
            features.Image(shape=(int(), int(), int()) as shape, np_dtype=np.uint8),
            features.ClassLabel(num_classes=num_classes),
        ]:
            return _Layout(keys[0], keys[1], shape, num_classes)
    raise DataError(
        f"{directory} does not hold uint8 images of one size with a class label"
    )


def _decode_part(source: Any, layout: _Layout) -> tuple[np.ndarray, np.ndarray]:
    images = np.empty((len(source), *layout.shape), np.uint8)
    labels = np.empty(len(source), np.int32)
    for start in range(0, len(source), _CHUNK):
        stop = min(start + _CHUNK, len(source))
        examples = source.__getitems__(range(start, stop))
        images[start:stop] = [example[layout.image] for example in examples]
        labels[start:stop] = [example[layout.label] for example in examples]
    return images, labels
