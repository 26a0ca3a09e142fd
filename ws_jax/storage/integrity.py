"""Files that are whole or not there, and sums that tell whether they still are.

What a sweep keeps carries a checksum of its own content, in the same file: one rename
then replaces both, and a crash cannot leave a good file beside the checksum of another.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np

# Of errors: the disk has no room for bytes or for files, or one's own share is used up.
NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
_SEAL = "sha256"
# Parquet is read from its end: the footer, its length, and these four letters. What
# lies between the data and the footer is skipped by every reader.
_PARQUET = b"PAR1"
_MARK = b"ws_jax sha256 of all other bytes "
_SEALED_BYTES = len(_MARK) + hashlib.sha256().digest_size


class WorkdirError(Exception):
    """A folder that a sweep cannot or must not write to."""


class Damage(Exception):  # noqa: N818  said of a file, and always caught
    """Content that is not what was written."""


def advice(error: OSError, otherwise: str) -> str:
    """Returns what helps where something could not be written.

    Args:
      error: that said so.
      otherwise: what helps unless the disk is full.
    """
    if error.errno in NO_ROOM:
        return "make room, and start the same command again to go on"
    return otherwise


def write_atomically(path: Path, content: bytes) -> None:
    """Replaces a file, on the disk before it is seen; whole or not at all.

    Only one process may write a file at a time: the temporary one has a fixed name, so
    that what a kill leaves is replaced by the next write.

    Raises:
      OSError: if it cannot be written; the file that was there stays.
    """
    temporary = path.with_name(f"{path.name}.tmp")
    try:
        temporary.unlink(missing_ok=True)
        with open(temporary, "xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        sync_folder(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        help_ = advice(error, "mend that and start the same command again")
        raise OSError(
            f"{path} could not be written ({error.strerror}): what was there before "
            f"stays; {help_}"
        ) from error


def sync_folder(folder: Path) -> None:
    """Waits until the names in a folder are on the disk, where that can be asked."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        # Some network file systems cannot.
        with contextlib.suppress(OSError):
            os.fsync(handle)
    finally:
        os.close(handle)


def digest_of(value: Any) -> str:
    """Returns a hash of a value fit for JSON; tuples count as lists.

    Example:
      >>> digest_of({"a": 1, "b": (2,)}) == digest_of({"b": [2], "a": 1})
      True
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def seal(record: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a record with its checksum."""
    return {**record, _SEAL: digest_of(record)}


def unseal(text: str | bytes) -> dict[str, Any]:
    """Reads a record from JSON and checks its checksum; older ones have none.

    Raises:
      Damage: if it is no record, or not the one that was written.
    """
    try:
        record = json.loads(text)
    except ValueError as error:  # cut off, or no UTF-8
        raise Damage("it is not whole") from error
    if not isinstance(record, dict):
        raise Damage("it is no record")
    found = record.pop(_SEAL, None)
    if found is not None and found != digest_of(record):
        raise Damage("it is not what was written")
    return record


def array_sums(tree: Any) -> dict[str, list[Any]]:
    """Returns type, shape and checksum of each array in a tree, fit for JSON."""
    return {name: _sum(np.asarray(a)) for name, a in named_leaves(tree).items()}


def _sum(array: np.ndarray) -> list[Any]:
    content = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
    return [array.dtype.name, list(array.shape), zlib.crc32(content.data)]


def named_leaves(tree: Any) -> dict[str, Any]:
    """Returns the leaves of a tree by their paths, alike for dicts and dataclasses.

    Example:
      >>> named_leaves({"a": [1, {"b": 2}]})
      {'a/0': 1, 'a/1/b': 2}
    """
    leaves, _ = jax.tree_util.tree_flatten_with_path(tree)
    return {leaf_name(path): leaf for path, leaf in leaves}


def leaf_name(path: Any) -> str:
    """Returns the readable form of a leaf's path."""
    return jax.tree_util.keystr(path, simple=True, separator="/")


def check_layout(tree: Any, sums: Mapping[str, list[Any]]) -> None:
    """Checks types and shapes, before memory is taken for arrays.

    Raises:
      Damage: if they are not those of the arrays that were written.
    """
    leaves = named_leaves(tree).items()
    layout = {name: [np.dtype(a.dtype).name, list(a.shape)] for name, a in leaves}
    if layout != {name: entry[:2] for name, entry in sums.items()}:
        raise Damage("it says other arrays than were written")


def check_arrays(tree: Any, sums: Mapping[str, list[Any]]) -> None:
    """Checks arrays by what `array_sums` said of them.

    Raises:
      Damage: if an array is not the one that was written.
    """
    found = array_sums(tree)
    wrong = [name for name in sums if found.get(name) != sums[name]]
    if wrong or len(found) != len(sums):
        raise Damage(f"its arrays are not what was written: {', '.join(wrong[:3])}")


def seal_parquet(content: bytes) -> bytes:
    """Returns a Parquet file with a checksum of its bytes before its footer."""
    footer = _footer(content)
    checksum = hashlib.sha256(content).digest()
    return content[:footer] + _MARK + checksum + content[footer:]


def check_parquet(content: bytes) -> None:
    """Checks the bytes of a Parquet file, before anything is read from them.

    Files without a checksum, from other writers or former versions, pass.

    Raises:
      Damage: if it is cut off, or not what was written.
    """
    footer = _footer(content)
    start = footer - _SEALED_BYTES
    if start < 0 or not content[start:footer].startswith(_MARK):
        return
    checksum = content[start + len(_MARK) : footer]
    if hashlib.sha256(content[:start] + content[footer:]).digest() != checksum:
        raise Damage("it is not what was written")


def _footer(content: bytes) -> int:
    """Returns where the footer of a Parquet file starts."""
    start = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
    if content[:4] != _PARQUET or content[-4:] != _PARQUET or start < 4:
        raise Damage("it is not whole")
    return start


def check_own(folder: Path, below: Path) -> None:
    """Checks that no link leads from a folder's parts to places outside it.

    Args:
      folder: a folder somewhere under `below`.
      below: where links may lead is asked from here on; it may be one itself.
    Raises:
      WorkdirError: if one of the folders between is a link.
    """
    parts = [folder, *folder.parents]
    for part in parts[: parts.index(below)]:
        if part.is_symlink():
            raise WorkdirError(
                f"{part} is a link: {below} may be one as a whole, but no folder in "
                "it; put the folder that it leads to in its place"
            )


def make_folder(folder: Path, flag: str) -> None:
    """Makes a folder that is to be written to, before the work whose end that is.

    Args:
      folder: may be there already.
      flag: that names another one.
    Raises:
      WorkdirError: if it cannot be made or written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(0, "no right to write")
    except OSError as error:
        help_ = advice(error, f"name another folder with --{flag}")
        raise WorkdirError(
            f"cannot write to {folder} ({error.strerror}): {help_}"
        ) from error


def remove_folder(folder: Path) -> None:
    """Removes a folder and all in it; links in it go, what they lead to stays.

    Raises:
      WorkdirError: if something of it cannot be removed.
    """
    try:
        if folder.is_dir():
            shutil.rmtree(folder)
    except OSError as error:
        raise WorkdirError(
            f"{folder} could not be removed ({error.strerror or error}): remove it by "
            "hand, or name another folder with --workdir"
        ) from error
