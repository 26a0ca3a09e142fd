"""Event files that TensorBoard reads, of scalars alone, written without TensorFlow.

A file is a sequence of records, each an `Event` message: its length, a checksum of
that, the message, a checksum of it. Source: TensorFlow's `core/util/event.proto`,
`core/framework/summary.proto` and `core/lib/io/record_writer.h`.
"""

from __future__ import annotations

import functools
import os
import platform
import struct
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

EVENT_FOLDER = "tensorboard"


class EventFiles:
    """A folder with a folder of events for each run."""

    def __init__(self, folder: Path):
        """Names the folder, made with the first events."""
        self._folder = Path(folder)
        self._name = (
            f"events.out.tfevents.{int(time.time())}.{platform.node()}.{os.getpid()}"
        )

    def add(self, run: str, step: int, scalars: Mapping[str, float]) -> None:
        """Appends the scalars of one run at one step.

        Raises:
          OSError: if it cannot be written.
        """
        path = self._folder / run / self._name
        path.parent.mkdir(parents=True, exist_ok=True)
        now = time.time()
        with open(path, "ab") as file:
            if not file.tell():
                file.write(record(_double(1, now) + _bytes(3, b"brain.Event:2")))
                file.write(record(start_event(now, step)))
            file.write(record(scalar_event(now, step, scalars)))


def scalar_event(seconds: float, step: int, scalars: Mapping[str, float]) -> bytes:
    """Returns an `Event` message.

    Args:
      seconds: since 1970.
      step: of the training, 0 or more.
      scalars: by their tags.
    """
    values = (
        _bytes(1, _bytes(1, tag.encode()) + _float(2, value))
        for tag, value in scalars.items()
    )
    return (
        _double(1, seconds) + _varint(2 << 3) + _varint(step) + _bytes(5, _join(values))
    )


def start_event(seconds: float, step: int) -> bytes:
    """Returns an `Event` of a start: TensorBoard drops what came from this step on.

    Args:
      seconds: since 1970.
      step: the first that follows.
    """
    start = _varint(1 << 3) + _varint(1)  # SessionLog.status: START
    return _double(1, seconds) + _varint(2 << 3) + _varint(step) + _bytes(7, start)


def record(message: bytes) -> bytes:
    """Returns a message as it stands in the file."""
    length = struct.pack("<Q", len(message))
    return length + _masked(length) + message + _masked(message)


def crc32c(content: bytes) -> int:
    """Returns the Castagnoli checksum.

    Source: RFC 3720, appendix B.4.
    """
    table, crc = _table(), 0xFFFFFFFF
    for byte in content:
        crc = table[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF


@functools.cache
def _table() -> list[int]:
    table = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
        table.append(crc)
    return table


def _masked(content: bytes) -> bytes:
    crc = crc32c(content)
    rotated = (crc >> 15 | crc << 17) & 0xFFFFFFFF
    return struct.pack("<I", (rotated + 0xA282EAD8) & 0xFFFFFFFF)


def _varint(number: int) -> bytes:
    parts = []
    while number > 0x7F:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*parts, number])


def _bytes(field: int, content: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def _double(field: int, value: float) -> bytes:
    return _varint(field << 3 | 1) + struct.pack("<d", value)


def _float(field: int, value: float) -> bytes:
    return _varint(field << 3 | 5) + struct.pack("<f", value)


def _join(parts: Iterable[bytes]) -> bytes:
    return b"".join(parts)
