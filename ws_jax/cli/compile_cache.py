"""Compiled programs that are kept on disk: those that are not whole are removed.

JAX writes an entry in place, passes over one that it cannot read, and never replaces
it: what a kill cut off would be compiled anew at every start.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import json
import zlib
from pathlib import Path

from absl import logging

from ws_jax.storage.integrity import write_atomically

_SUFFIX = "-cache"  # of an entry, as JAX names it
_CHECKED = "checked.json"  # the state of entries that were found whole
_BLOCK = 2**20
_ZSTD = b"\x28\xb5\x2f\xfd"


def remove_damaged(folder: Path) -> list[str]:
    """Removes the entries of a compile cache that are cut off or damaged.

    Each is decompressed once, and again if it has changed. Those that JAX compressed by
    zstd have no checksum of their own: a bit that flips after they were first seen here
    is found by a digest. A cache that cannot be read or written is left as it is.

    Args:
      folder: of the cache; it may be missing.
    Returns:
      The names of what was removed.
    """
    removed: list[str] = []
    with contextlib.suppress(OSError):
        known = _read_checked(folder / _CHECKED)
        checked = {}
        for path in sorted(folder.glob(f"*{_SUFFIX}")):
            seen, before = _state(path), known.get(path.name)
            rotten = before is not None and before[:2] == seen[:2] and before != seen
            if before == seen or (not rotten and is_whole(path)):
                checked[path.name] = seen
            else:
                path.unlink()
                removed.append(path.name)
        if checked != known:
            write_atomically(folder / _CHECKED, json.dumps(checked).encode())
    if removed:
        logging.info("%d damaged compiled programs are compiled anew", len(removed))
    return removed


def _read_checked(path: Path) -> dict[str, list[int | str]]:
    try:
        known = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _state(path: Path) -> list[int | str]:
    """Returns an entry's size and time, and a digest if it is without checksum."""
    stat = path.stat()
    state: list[int | str] = [stat.st_size, stat.st_mtime_ns]
    with open(path, "rb") as file:
        if file.read(len(_ZSTD)) == _ZSTD:
            file.seek(0)
            state.append(hashlib.file_digest(file, "sha256").hexdigest())
    return state


def is_whole(path: Path) -> bool:
    """Decompresses an entry, without looking at what is in it."""
    with open(path, "rb") as file:
        start = file.read(len(_ZSTD))
        file.seek(0)
        make = _zstd_decompressor() if start == _ZSTD else zlib.decompressobj
        if make is None:
            return True  # not ours to judge
        decompressor = make()
        try:
            while block := file.read(_BLOCK):
                decompressor.decompress(block)
        except Exception:  # of zlib or one of two packages for zstd
            return False
    return decompressor.eof


def _zstd_decompressor():
    """Returns what makes a decompressor, from the packages that JAX tries."""
    with contextlib.suppress(ImportError):
        return importlib.import_module("compression.zstd").ZstdDecompressor
    with contextlib.suppress(ImportError):
        module = importlib.import_module("zstandard")
        return lambda: module.ZstdDecompressor().decompressobj()
    return None
