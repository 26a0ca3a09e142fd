"""What lies at or below a folder, where sweeps may have been moved and linked back."""

from __future__ import annotations

import os
from collections.abc import Iterator


def walk(folder: str | os.PathLike) -> Iterator[tuple[str, list[str], list[str]]]:
    """Walks as `os.walk` does, and through links to folders, last.

    Each folder is seen once, by whichever way; so links in a circle end. A link to a
    folder that holds the first is not followed: what is above is not below.

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
        for at, below, files in os.walk(start):
            # Without links between them: many calls of `realpath` would take long.
            place = os.path.normpath(os.path.join(real, os.path.relpath(at, start)))
            if place in seen:
                below.clear()
                continue
            seen.add(place)
            yield at, below, files
            links = (os.path.join(at, name) for name in sorted(below))
            starts += [p for p in links if os.path.islink(p) and not _holds(p, first)]


def _holds(link: str, folder: str) -> bool:
    real = os.path.realpath(link)
    return os.path.commonpath([real, folder]) == real
