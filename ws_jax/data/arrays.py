"""A user's own images: arrays in one `.npz` file."""

import zipfile
from pathlib import Path

import numpy as np

from ws_jax.data.dataset import DataError, Dataset


def read(name: str) -> Dataset:
    """Reads `images` and `labels` from a file that `numpy.savez` has written.

    `images` are uint8 [n, h, w, c], or [n, h, w] of one channel; `labels` are whole
    numbers [n] from 0, or masks [n, h, w]. `num_train` says how many of the first are
    the training part (without it, four fifths), `num_classes` how many classes there
    are (without it, those that occur). Nothing is unpickled.

    Args:
      name: path of the file.

    Raises:
      DataError: if there is no such file, or it holds something else.
    """
    path = Path(name).expanduser()
    if not path.is_file():
        raise DataError(f"there is no file {name}: name one, or another data set")
    try:
        with np.load(path, allow_pickle=False) as file:
            found = {key: file[key] for key in file.files}
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise DataError(
            f"{name} cannot be read ({error}): save arrays of numbers with numpy.savez"
        ) from error
    for key in ("images", "labels"):
        if key not in found:
            raise DataError(
                f"{name} has no array {key!r}: it holds {', '.join(found) or 'none'}"
            )
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
    return Dataset(
        name=name,
        version="npz",
        images=images,
        labels=labels.astype(np.int32),
        num_classes=int(found.get("num_classes", labels.max(initial=0) + 1)),
        num_train=int(found.get("num_train", max(1, len(images) * 4 // 5))),
    )
