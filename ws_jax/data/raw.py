"""MNIST, CIFAR-10 and CIFAR-100 from their original files, verified by checksum."""

import dataclasses
import functools
import gzip
import hashlib
import io
import tarfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ws_jax.data import formats
from ws_jax.data.cache import Source
from ws_jax.data.dataset import DataError, Dataset, NotFoundError

VERSION = "original"
_GZIP_MAGIC = b"\x1f\x8b"
_HEADERS = 2**20  # bytes; ten times what an archive's names and the like may need

# Decodes the content of all files, by name, to images, labels and `num_train`.
_Decoder = Callable[[Mapping[str, bytes]], tuple[np.ndarray, np.ndarray, int]]


@dataclasses.dataclass(frozen=True)
class _Original:
    """The original files of a data set.

    Attributes:
      sha256: of the content of each file, uncompressed, in the order of reading.
      archive: tar file which holds them all, if they were published in one.
      folder: their folder in the archive.
      decode: what makes arrays of them.
      largest: bytes of the largest file, uncompressed; nothing larger is unpacked.
      num_classes: how many classes there are.
    """

    sha256: Mapping[str, str]
    archive: str
    folder: str
    decode: _Decoder
    largest: int
    num_classes: int = 10


def _decode_mnist(
    contents: Mapping[str, bytes],
) -> tuple[np.ndarray, np.ndarray, int]:
    arrays = [formats.decode_idx(content) for content in contents.values()]
    train_images, train_labels, test_images, test_labels = arrays
    images = np.concatenate([train_images, test_images])[..., None]
    labels = np.concatenate([train_labels, test_labels]).astype(np.int32)
    return images, labels, len(train_images)


def _decode_cifar(
    contents: Mapping[str, bytes], num_labels: int = 1
) -> tuple[np.ndarray, np.ndarray, int]:
    files = [formats.decode_cifar(content, num_labels) for content in contents.values()]
    images = np.concatenate([images for images, _ in files])
    labels = np.concatenate([labels for _, labels in files])
    return images, labels, len(images) - len(files[-1][0])


# The checksums are of what is inside the .gz and .tar.gz files, so that repacked or
# unpacked copies are as good as the published ones.
ORIGINALS: dict[str, _Original] = {
    "mnist": _Original(
        sha256={
            "train-images-idx3-ubyte": (
                "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"
            ),
            "train-labels-idx1-ubyte": (
                "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"
            ),
            "t10k-images-idx3-ubyte": (
                "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"
            ),
            "t10k-labels-idx1-ubyte": (
                "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"
            ),
        },
        archive="",
        folder="",
        decode=_decode_mnist,
        largest=47_040_016,
    ),
    "cifar10": _Original(
        sha256={
            "data_batch_1.bin": (
                "cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5"
            ),
            "data_batch_2.bin": (
                "a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed"
            ),
            "data_batch_3.bin": (
                "bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67"
            ),
            "data_batch_4.bin": (
                "014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48"
            ),
            "data_batch_5.bin": (
                "755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add"
            ),
            "test_batch.bin": (
                "8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b"
            ),
        },
        archive="cifar-10-binary.tar.gz",
        folder="cifar-10-batches-bin",
        decode=_decode_cifar,
        largest=30_730_000,
    ),
    "cifar100": _Original(
        sha256={
            "train.bin": (
                "f31298fc616915fa142368359df1c4ca2ae984d6915ca468b998a5ec6aeebf29"
            ),
            "test.bin": (
                "d8b1e6b7b3bee4020055f0699b111f60b1af1e262aeb93a0b659061746f8224a"
            ),
        },
        archive="cifar-100-binary.tar.gz",
        folder="cifar-100-binary",
        decode=functools.partial(_decode_cifar, num_labels=2),
        largest=153_700_000,
        num_classes=100,
    ),
}


def find(name: str, data_dir: Path) -> Source:
    """Finds a data set's original files in `data_dir` or `data_dir/name`.

    Each file may be gzipped or not; CIFAR may be its archive, or what the archive
    unpacks to.

    Raises:
      NotFoundError: if none of the files is there.
      DataError: if some are missing.
    """
    original = ORIGINALS[name]
    for directory in _places(name, data_dir):
        found = _list_files(directory, original)
        if found:
            read = functools.partial(decode_files, name, found)
            return Source(name, VERSION, "", read)
    first = original.archive or f"{next(iter(original.sha256))}.gz"
    raise NotFoundError(f"neither {data_dir} nor {data_dir / name} holds {first}")


def _places(name: str, data_dir: Path) -> list[Path]:
    roots = [data_dir, data_dir / name]
    folder = ORIGINALS[name].folder
    return [*roots, *(root / folder for root in roots if folder)]


def _list_files(directory: Path, original: _Original) -> list[Path]:
    """Returns the files to read, the archive only if nothing else is there."""
    found = {}
    for name in original.sha256:
        for path in (directory / name, directory / f"{name}.gz"):
            if path.is_file():
                found.setdefault(name, path)
    missing = sorted(set(original.sha256) - set(found))
    if found and missing:
        raise DataError(f"{directory} is incomplete: it lacks {', '.join(missing)}")
    archive = directory / original.archive
    return list(found.values()) or ([archive] if archive.is_file() else [])


def decode_files(name: str, paths: list[Path]) -> Dataset:
    """Decodes a data set from its original files or its archive.

    Args:
      name: one of `ORIGINALS`.
      paths: all of the files, named as published (with or without `.gz`), in any
        order; or the archive alone.

    Raises:
      DataError: if a file cannot be unpacked, is missing, or has another checksum.
    """
    original = ORIGINALS[name]
    contents: dict[str, bytes] = {}
    for path in paths:
        contents |= _unpack(path, original)
    for file_name, expected in original.sha256.items():
        content = contents.get(file_name, b"")
        if hashlib.sha256(content).hexdigest() != expected:
            raise DataError(
                f"{file_name} in {paths[0].parent} is not the original file of {name}: "
                "its checksum differs (damaged, or not fully copied); fetch it again"
            )
    ordered = {file_name: contents[file_name] for file_name in original.sha256}
    images, labels, num_train = original.decode(ordered)
    return Dataset(name, VERSION, images, labels, original.num_classes, num_train)


def _unpack(path: Path, original: _Original) -> dict[str, bytes]:
    """Returns the wanted files of `path`, uncompressed, by published name."""
    try:
        with path.open("rb") as file:
            packed = file.read(len(_GZIP_MAGIC)) == _GZIP_MAGIC
        opened: Any = gzip.open if packed else open
        with opened(path, "rb") as file:
            if path.name == original.archive:
                return _unpack_archive(file, path, original)
            content = _read_all(file.read, path, original)
    except DataError:
        raise
    # `tarfile` lets errors of odd numbers in headers pass.
    except (OSError, EOFError, ValueError, zlib.error, tarfile.TarError) as error:
        raise DataError(
            f"{path} cannot be unpacked ({error}): it is damaged, or not fully copied"
        ) from error
    return {path.name.removesuffix(".gz"): content}


def _unpack_archive(
    file: io.BufferedIOBase, path: Path, original: _Original
) -> dict[str, bytes]:
    contents = {}
    headers: Any = _Headers(file, path, original)
    with tarfile.TarFile(fileobj=headers) as archive:
        for member in archive:
            name = Path(member.name).name
            if name not in original.sha256 or not member.isreg() or member.issparse():
                continue  # links, too: what they name is not unpacked
            headers.seek(member.offset_data)
            most = functools.partial(_read_most, file, member.size)
            contents[name] = _read_all(most, path, original)
    return contents


def _read_most(file: io.BufferedIOBase, size: int, count: int) -> bytes:
    return file.read(min(max(size, 0), count))


class _Headers:
    """An archive for `tarfile`, which reads names of any length into memory.

    It may read the headers alone, no more than `_HEADERS` in all, and go no further
    than the original files reach.
    """

    def __init__(self, file: io.BufferedIOBase, path: Path, original: _Original):
        self._file, self._path = file, path
        self._left = _HEADERS
        self._end = original.largest * len(original.sha256) + _HEADERS
        self.tell = file.tell

    def read(self, size: int) -> bytes:
        self._left -= size
        if size < 0 or self._left < 0:
            raise self._other(_HEADERS, "names and the like of the original archive")
        return self._file.read(size)

    def seek(self, offset: int) -> int:
        if offset < self.tell():
            raise tarfile.ReadError("a header leads back")
        if offset > self._end:
            raise self._other(self._end, "original archive")
        return self._file.seek(offset)

    def _other(self, most: int, what: str) -> DataError:
        return _another_file(self._path, most, what)


def _read_all(read: Callable[[int], bytes], path: Path, original: _Original) -> bytes:
    """Reads a file, but no more than an original file can hold."""
    content = read(original.largest + 1)
    if len(content) > original.largest:
        raise _another_file(path, original.largest, "largest original file")
    return content


def _another_file(path: Path, most: int, what: str) -> DataError:
    return DataError(
        f"{path} holds more than the {most:,} bytes of the {what}: it is another file; "
        "fetch it again"
    )
