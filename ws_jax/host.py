"""What this machine, or the part of it that a container gives, has of memory."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

# Of control groups: where a hierarchy is mounted, its name there, and the files that
# hold limits, what is used, and how much of that is cached files. The second version
# has no name, and may be mounted beside the first; above `memory.high` it throttles a
# process until it stands still.
_CGROUPS = (
    ("", "", ("memory.max", "memory.high"), "memory.current", "inactive_file"),
    ("unified", "", ("memory.max", "memory.high"), "memory.current", "inactive_file"),
    (
        "memory",
        "memory",
        ("memory.limit_in_bytes",),
        "memory.usage_in_bytes",
        "total_inactive_file",
    ),
)


def host_free(root: Path = Path("/")) -> int:
    """Returns the bytes that this process may still take on its machine.

    Args:
      root: of the file system; another one in tests.
    """
    try:
        lines = (root / "proc/meminfo").read_text().splitlines()
        table = dict(line.split(":") for line in lines)
        free = 1024 * int(table["MemAvailable"].split()[0])
    except (OSError, KeyError, ValueError):  # not Linux
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return max(0, min([free, *_cgroup_free(root)]))


def _cgroup_free(root: Path) -> Iterator[int]:
    """Yields what each limit on the process's control groups leaves, if readable."""
    try:
        text = (root / "proc/self/cgroup").read_text(errors="replace")
    except OSError:  # the mount's own limit is all that can be known
        text = ""
    # Hierarchies can share a mount, as `cpu,memory`.
    entries = [line.split(":", 2) for line in text.splitlines() if line.count(":") > 1]
    paths = {name: path for _, names, path in entries for name in names.split(",")}
    for place, name, limits, used, cached in _CGROUPS:
        mount = root / "sys/fs/cgroup" / place
        own = mount / paths.get(name, "").lstrip("/")
        # In a container the own path may be that outside, with only the mount here.
        folders = [own, *own.parents]
        for folder in (f for f in folders if f.is_relative_to(mount)):
            try:
                held = int((folder / used).read_text()) - _cached(folder, cached)
            except (OSError, ValueError):
                continue
            for limit in limits:
                with contextlib.suppress(OSError, ValueError):  # "max": no limit
                    yield int((folder / limit).read_text()) - held


def _cached(folder: Path, name: str) -> int:
    """Returns the bytes of a group that are given back at need; 0 if not known."""
    try:
        lines = (folder / "memory.stat").read_text().splitlines()
        return int(dict(line.split() for line in lines)[name])
    except (OSError, KeyError, ValueError):
        return 0
