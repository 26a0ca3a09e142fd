"""Versions, devices and flags that a sweep was trained with, as its record has them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_KEYS = ("versions", "device", "flags")


def environments(record: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Returns all that a sweep was started with, each once.

    Returns:
      `versions`, `device` and, if there were any, `flags` of each: first those of its
      first start, or of when it was extended last; then of later starts that differed,
      and of before it was extended.
    """
    found: list[dict[str, Any]] = []
    for part in (record, *record.get("extended_from", [])):
        own = {key: part[key] for key in _KEYS if key in part}
        for one in (own, *part.get("environments", [])):
            if one and one not in found:
                found.append(one)
    return found or [{}]


def changes(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """Lists in what an environment differs from another, each as `one -> other`."""
    (device, versions), (new_device, new_versions) = (
        (e.get("device", {}), e.get("versions", {})) for e in (one, other)
    )
    told = []
    if device != new_device:
        told.append(f"{device_text(device)} -> {device_text(new_device)}")
    flags, new_flags = (" ".join(e.get("flags", [])) or "none" for e in (one, other))
    if flags != new_flags:
        told.append(f"XLA_FLAGS {flags} -> {new_flags}")
    for name in dict.fromkeys([*versions, *new_versions]):
        before, now = (v.get(name, "none") for v in (versions, new_versions))
        if before != now:
            told.append(f"{name} {before} -> {now}")
    return told


def device_text(device: Mapping[str, Any]) -> str:
    """Returns a record's devices for a person.

    Example:
      >>> device_text({"platform": "gpu", "kind": "NVIDIA H100", "count": 8})
      '8 x NVIDIA H100 (gpu)'
    """
    if not device:
        return "unknown devices"
    return f"{device['count']} x {device['kind']} ({device['platform']})"
