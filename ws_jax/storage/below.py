"""What lies at or below a folder, where sweeps may have been moved and linked back."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator

from absl import logging


def walk(folder: str | os.PathLike) -> Iterator[tuple[str, list[str], list[str]]]:
    """Walks as `os.walk` does, and through links to folders, last.

    Each folder is seen once, by whichever way; so links in a circle end. A link to a
    folder that holds the first, or the one that the link lies in, is not followed: what
    is above is not below. What cannot be looked into is warned of: a link that leads
    nowhere, to a disk that is not mounted say, and a folder that may not be read.

    `Path.rglob` fails if a folder goes while it looks, as a running sweep's do.

    Args:
      folder: where to begin; there may be none.
    Yields:
      A folder, and the names of the folders and files in it. As with `os.walk`, a name
      that is taken out of the folders is not gone into.
    """
    first, seen = os.path.realpath(folder), set()
    starts = [os.fspath(folder)]
    for start in starts:  # grows
        real = os.path.realpath(start)
        for at, below, files in os.walk(start, onerror=_unreadable):
            # Without links between them: many calls of `realpath` would take long.
            place = os.path.normpath(os.path.join(real, os.path.relpath(at, start)))
            if place in seen:
                below.clear()
                continue
            seen.add(place)
            _look_for_lost(at, files)
            yield at, below, files
            links = filter(os.path.islink, (os.path.join(at, n) for n in sorted(below)))
            starts += [p for p in links if not _is_above(p, first, place)]


def _is_above(link: str, *folders: str) -> bool:
    real = os.path.realpath(link)
    return any(os.path.commonpath([real, folder]) == real for folder in folders)


def _look_for_lost(folder: str, names: list[str]) -> None:
    for name in names:  # hidden ones may be marks of an editor
        path = os.path.join(folder, name)
        if name[0] != "." and os.path.islink(path) and not os.path.exists(path):
            _warn(f"{path} leads to {os.readlink(path)}, which is not there")


def _unreadable(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        _warn(f"{error.filename}: {error.strerror}")


@functools.cache  # once, however often it is looked there
def _warn(what: str) -> None:
    logging.warning("%s: what lies there is left out", what)
