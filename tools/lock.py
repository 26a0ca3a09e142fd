"""Turns pip's report of a resolution into constraints.txt; see `make lock`."""

import json
import re
import sys
from pathlib import Path

HEADER = """\
# Exact versions of everything, for every extra, on Python 3.11 to 3.14.
# Made by `make lock`; the bounds are in pyproject.toml.
"""


def pins(report: str) -> list[str]:
    """Returns `name==version` lines, sorted, without the project itself.

    Args:
      report: what `pip install --dry-run --report` wrote, JSON.
    """
    lines = set()
    for item in json.loads(report)["install"]:
        name = re.sub(r"[-_.]+", "-", item["metadata"]["name"]).lower()
        if name != "ws-jax":
            lines.add(f"{name}=={item['metadata']['version']}")
    return sorted(lines)


if __name__ == "__main__":
    _, source, target = sys.argv
    lines = pins(Path(source).read_text())
    Path(target).write_text(HEADER + "\n".join(lines) + "\n")
