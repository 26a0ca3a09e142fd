"""Data sets by name: where each is looked for, in which order."""

import functools
import os
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ws_jax.config import nearest
from ws_jax.data import (
    arrays,
    cache,
    download,
    embedded,
    folders,
    path_grids,
    prepared,
    raw,
    synthetic,
)
from ws_jax.data.dataset import ARRAYS, FOLDER, DataError, Dataset, NotFoundError

_NAME = re.compile(r"\w+(/[\w.+-]+)?")
_NEEDS_NOTHING = (embedded.NAME, synthetic.NAME)

# Data sets that are made, by the part of their name before a colon: from the whole
# name to the data. One of your own is entered here.
DATASETS: dict[str, Callable[[str], Dataset]] = {
    synthetic.NAME: synthetic.from_name,
    path_grids.NAME: path_grids.from_name,
}


def load(
    name: str,
    data_dir: str | os.PathLike[str] | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
) -> Dataset:
    """Loads a labelled image data set, whole, as uint8.

    `mnist_5k` and `synthetic` (`synthetic:1000x16x16x3` for another size) need no
    directory and no network; so does what is entered in `DATASETS`. A name that ends in
    `.npz` is a file of arrays of your own, `folder:PATH` a folder of images, see
    `arrays.read` and `folders.find`. Any other name is looked for as a directory
    prepared by TFDS in its `array_record` format; `mnist`, `cifar10` and `cifar100`
    then as original files in the same directory, and at last they are downloaded.
    Decoded images are cached.

    Args:
      name: of the data set; a TFDS data set with configs is `name/config`.
      data_dir: where to look; else `TFDS_DATA_DIR`, else `~/tensorflow_datasets`.
      cache_dir: of decoded images; else `WS_JAX_CACHE`, else `~/.cache/ws_jax`. If it
        cannot be written, nothing is cached.

    Returns:
      The training part followed by the test part. Their order depends on the source
      (TFDS shuffles when it prepares), which `version` names.

    Raises:
      DataError: for an unknown name; data that are nowhere, incomplete or damaged.
    """
    if not isinstance(name, str):
        raise DataError(f"a data set is named by a text, as mnist, got {name!r}")
    if make := DATASETS.get(name.partition(":")[0]):
        return make(name)
    if name.endswith(ARRAYS):
        return arrays.read(name)
    cache_path = Path(cache_dir).expanduser() if cache_dir else cache.default_dir()
    if name == embedded.NAME:
        return cache.load(embedded.find(), cache_path)
    data_path = _resolve_data_dir(data_dir)
    if name.startswith(f"{FOLDER}:"):
        return cache.load(
            folders.find(name, data_path if data_dir else None), cache_path
        )
    if not _NAME.fullmatch(name):
        raise _unknown(name, data_path)
    reasons = []
    for find in _finders(name, data_path):
        try:
            return cache.load(find(), cache_path)
        except NotFoundError as reason:
            reasons.append(str(reason))
    if name not in raw.ORIGINALS and not (data_path / name).is_dir():
        raise _unknown(name, data_path)
    raise _nowhere(name, reasons)


def example(name: str, label: int) -> np.ndarray:
    """Returns the first image [h, w, c] of a class, in [0, 1]."""
    found = load(name)
    return found.images[int((found.labels == label).argmax())] / 255


def _finders(name: str, data_dir: Path) -> list[Callable[[], cache.Source]]:
    finders = [functools.partial(prepared.find, name, data_dir)]
    if name in raw.ORIGINALS:
        finders.append(functools.partial(raw.find, name, data_dir))
        finders.append(functools.partial(download.find, name))
    return finders


def _resolve_data_dir(data_dir: str | os.PathLike[str] | None) -> Path:
    """Returns where to look; a directory that was asked for must exist."""
    if not data_dir:
        return prepared.default_dir()
    path = Path(data_dir).expanduser()
    if not path.is_dir():
        raise DataError(f"the data directory {path} does not exist")
    return path


def _unknown(name: str, data_dir: Path) -> DataError:
    here = prepared.list_names(data_dir)
    known = {*raw.ORIGINALS, *_NEEDS_NOTHING, *DATASETS, *here}
    return DataError(
        f"unknown data set {name!r}: {nearest(name, known)}; others are "
        f"known once TFDS has prepared them in {data_dir}"
    )


def _nowhere(name: str, reasons: list[str]) -> DataError:
    return DataError(
        f"data set {name!r} was not found: {'; '.join(reasons)}; name a directory that "
        "holds it with --data_dir or TFDS_DATA_DIR, or use "
        f"{' or '.join(_NEEDS_NOTHING)}, which need neither files nor network"
    )
