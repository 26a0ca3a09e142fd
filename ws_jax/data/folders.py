"""A user's own images: a folder with one folder of images a class."""

import collections
import dataclasses
import functools
import hashlib
import itertools
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from absl import logging

from ws_jax.config import nearest
from ws_jax.data.cache import Source
from ws_jax.data.dataset import FOLDER, DataError, Dataset, check_fits
from ws_jax.storage.below import walk

SUFFIXES = (".jpeg", ".jpg", ".png", ".bmp", ".webp")
# Of what such files may hold; Pillow would start a program for PostScript, whatever the
# file is called. (GIF and TIFF under one of these names were read before.)
_FORMATS = ("JPEG", "PNG", "BMP", "WEBP", "GIF", "TIFF", "PPM")
_TEST_PARTS = ("val", "validation", "test")
_ANNOTATIONS = "val_annotations.txt"  # TinyImageNet's test images lie in one folder
_SIZE = re.compile(r"(?P<path>.+?)(@((?P<resize>\d+)/)?(?P<crop>\d+))?")


@dataclasses.dataclass(frozen=True)
class _Item:
    """An image file, and the number of its class."""

    path: Path
    label: int


def find(name: str, data_dir: Path | None = None) -> Source:
    """Finds a folder of images, without reading them.

    `train/CLASS/` holds the training images of a class, at any depth and through links
    to folders, `val/CLASS/` (or `validation`, `test`) its test images. What is hidden
    (`.ipynb_checkpoints`, `._1.png`) is no class and no image. Classes are numbered in
    the order of their names. Training images are shuffled, always alike: folders come
    class by class, and a split takes what is last.

    Args:
      name: `folder:PATH` takes images as they are, all of one size. `folder:PATH@48`
        cuts their middle 48x48 pixels out, `folder:PATH@256/224` resizes them first, so
        that the shorter side has 256 pixels.
      data_dir: where a relative path is looked for, besides where the process runs.

    Raises:
      DataError: if there is no such folder, it has a single class, or the classes of
        its parts differ.
    """
    path, resize, crop = _parse(name)
    root = path.expanduser()
    if not root.is_dir() and data_dir is not None and (data_dir / root).is_dir():
        root = data_dir / root
    train = root / "train"
    if not train.is_dir():
        raise DataError(
            f"{name}: there is no folder {train}; a data set is a folder with train/ "
            "and val/, each with one folder of images a class"
        )
    classes = _classes(train)
    if len(classes) < 2:
        raise DataError(
            f"{train} has {len(classes)} folders of classes, at least two are needed"
        )
    others: collections.Counter[str] = collections.Counter()
    items = [
        _Item(file, label)
        for label, word in enumerate(classes)
        for file in _images(train / word, others)
    ]
    parts = [root / part for part in _TEST_PARTS if (root / part).is_dir()]
    tests = _test_items(parts[0], classes, others) if parts else []
    if others:
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(others.items()))
        logging.info("%s: files that are no images are left out: %s", name, kinds)
    shuffled = np.random.RandomState(0).permutation(len(items))
    ordered = [items[i] for i in shuffled]
    read = functools.partial(
        _read, name, (*ordered, *tests), len(items), len(classes), resize, crop
    )
    return Source(name, FOLDER, _digest(root, [*ordered, *tests]), read)


def _parse(name: str) -> tuple[Path, int, int]:
    match = _SIZE.fullmatch(name.partition(":")[2])
    if match is None:
        raise DataError(
            f"{name!r} names no folder: write {FOLDER}:PATH, {FOLDER}:PATH@CROP or "
            f"{FOLDER}:PATH@RESIZE/CROP, as {FOLDER}:tiny-imagenet-200@64"
        )
    resize, crop = (int(match[key] or 0) for key in ("resize", "crop"))
    if match["crop"] and crop < 1:
        raise DataError(
            f"{name!r}: a square of 0 pixels has no image; @CROP needs 1 or more, and "
            f"images as they are need none: {FOLDER}:{match['path']}"
        )
    if match["resize"] and resize < crop:
        raise DataError(
            f"{name!r}: from sides of {resize} pixels no square of {crop} can be cut"
        )
    return Path(match["path"]), resize, crop


def _is_hidden(name: str) -> bool:
    return name.startswith(".")


def _classes(part: Path) -> list[str]:
    folders = (path.name for path in part.iterdir() if path.is_dir())
    return sorted(itertools.filterfalse(_is_hidden, folders))


def _images(folder: Path, others: collections.Counter[str]) -> list[Path]:
    """Returns the images at or below a folder; counts other files by their ending."""
    found = []
    for at, below, files in walk(folder):
        below[:] = itertools.filterfalse(_is_hidden, below)
        for path in (Path(at, n) for n in itertools.filterfalse(_is_hidden, files)):
            if path.suffix.lower() in SUFFIXES and not _is_pipe(path):
                found.append(path)
            else:
                others[path.suffix.lower() or path.name] += 1
    found.sort()
    if not found:
        raise DataError(
            f"{folder} holds no image: needs files that end in {', '.join(SUFFIXES)}"
        )
    return found


def _is_pipe(path: Path) -> bool:
    """Returns whether it is there and no file: to read a pipe may take for ever."""
    return path.exists() and not path.is_file()


def _test_items(
    part: Path, classes: list[str], others: collections.Counter[str]
) -> list[_Item]:
    number = {word: label for label, word in enumerate(classes)}
    if (part / _ANNOTATIONS).is_file():
        return _annotated(part, number)
    own = _classes(part)
    if own != classes:
        extra, missing = set(own) - set(classes), set(classes) - set(own)
        only = ", ".join(sorted(extra)[:3]) or "no class of its own"
        raise DataError(
            f"the classes of {part} are not those of {part.parent / 'train'}: it has "
            f"{only}, and lacks {', '.join(sorted(missing)[:3]) or 'none'}"
        )
    return [
        _Item(file, number[word])
        for word in own
        for file in _images(part / word, others)
    ]


def _annotated(part: Path, number: dict[str, int]) -> list[_Item]:
    """Reads the file that says of which class each image is (TinyImageNet)."""
    path, items = part / _ANNOTATIONS, []
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"{path} cannot be read ({error}): needs lines of text, FILE, a tab, CLASS"
        ) from error
    for line in lines:
        file, _, rest = line.partition("\t")
        if file in ("", ".", "..") or set(file) & set("/\\\0"):
            raise DataError(
                f"{path}: {file!r} is no name of a file in {part / 'images'}: allowed "
                "are names alone, without a folder"
            )
        word = rest.partition("\t")[0]
        if word not in number:
            raise DataError(
                f"{path}: class {word!r} is not among those to train "
                f"on: {nearest(word, number, most=3)}"
            )
        items.append(_Item(part / "images" / file, number[word]))
    return items


# Raise it with what images are refused or how they are decoded: what was kept of them
# before is then read anew. At first images of 16 bits became white.
READING = b"2"


def _digest(root: Path, items: Sequence[_Item]) -> str:
    """Tells folders apart by their files and when these were changed, not by content.

    Copies keep names, sizes and times of files; which file it is, and when the disk
    last changed it, they do not.
    """
    digest = hashlib.sha256(READING)
    for item in items:
        try:
            stat = item.path.stat()
        except OSError as error:
            raise DataError(f"{item.path} cannot be read ({error.strerror})") from error
        name = item.path.relative_to(root)
        # Images that are edited often keep their size, as all of a bitmap format do.
        told = f"{stat.st_size} {stat.st_mtime_ns} {stat.st_ino} {stat.st_ctime_ns}"
        digest.update(f"{name} {told} {item.label}\n".encode())
    return digest.hexdigest()[:16]


def _read(
    name: str,
    items: tuple[_Item, ...],
    num_train: int,
    num_classes: int,
    resize: int,
    crop: int,
) -> Dataset:
    """Decodes all images, several at a time: decoders work without Python's lock."""
    decode = functools.partial(decode_image, resize=resize, crop=crop)
    first = decode(items[0].path)
    shape = (len(items), *first.shape)
    check_fits(name, shape)  # not after hours of decoding
    stacked = np.empty(shape, np.uint8)
    stacked[0] = first
    with ThreadPoolExecutor() as pool:
        images = pool.map(lambda item: decode(item.path), items[1:])
        for i, image in enumerate(images, start=1):
            if image.shape != first.shape:
                sizes = ["x".join(map(str, x.shape[:2])) for x in (image, first)]
                raise DataError(
                    f"{items[i].path} has {sizes[0]} pixels, {items[0].path} has "
                    f"{sizes[1]}: images of several sizes need one, as by "
                    f"{name}@64/64, which resizes and cuts"
                )
            stacked[i] = image
    labels = np.array([item.label for item in items], np.int32)
    return Dataset(name, FOLDER, stacked, labels, num_classes, num_train)


# Pillow's modes whose channels have eight bits or fewer.
_EIGHT_BITS = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr")


def decode_image(path: Path, resize: int, crop: int) -> np.ndarray:
    """Returns the image [h, w, 3] of a file."""
    from PIL import Image, UnidentifiedImageError  # slow to import

    damage = (OSError, ValueError, SyntaxError, UnidentifiedImageError)
    damage += (Image.DecompressionBombError,)
    try:
        with Image.open(path, formats=_FORMATS) as file:
            mode = file.mode
            image = file.convert("RGB")
    except damage as error:
        raise DataError(
            f"{path} cannot be read as an image ({error}): it is damaged, or no image"
        ) from error
    if mode not in _EIGHT_BITS:  # of which Pillow would keep the lowest 255 values
        raise DataError(
            f"{path} has pixels of mode {mode}, not of eight bits a channel: save it "
            "with values from 0 to 255, as by PIL.Image.fromarray((a >> 8)"
            ".astype('uint8')) for 16 bits"
        )
    if resize:
        scale = resize / min(image.size)
        sides = [max(resize, round(scale * side)) for side in image.size]
        image = image.resize((sides[0], sides[1]), Image.Resampling.BILINEAR)
    if crop:
        across, down = image.size
        if min(across, down) < crop:
            raise DataError(
                f"{path} has {down}x{across} pixels, from which no {crop}x{crop} can "
                f"be cut: resize first, as by @{crop}/{crop}"
            )
        left, top = (across - crop) // 2, (down - crop) // 2
        image = image.crop((left, top, left + crop, top + crop))
    return np.asarray(image, np.uint8)
