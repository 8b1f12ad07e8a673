"""One file of the write-ahead log: its format, and how damage is told from an unfinished write.

A segment starts with a magic word, a format version and a random ``marker``. Then come frames: marker, length of the body, CRC-32
of length and body, body. A frame holds everything that one sync made durable, and the writer starts the next frame only
after that sync. Hence the rule: **bytes that are no whole frame, with a whole frame somewhere after them, were durable once
and are damaged; with none after them they are a write that never finished** (the writer died, or is still alive in another
process) and nobody was told that they were kept.

The marker lets a reader find the next frame after a damaged one. It is random so that no payload can pose as a frame.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from greencloud.errors import DecodeError, StoreError
from greencloud.telemetry.record import Record, unpack

__all__ = ["HEADER_SIZE", "MARKER_SIZE", "SUFFIX", "Segment", "frame", "header", "read_segment"]

SUFFIX: Final = ".wal"
MARKER_SIZE: Final = 8

_MAGIC: Final = b"GCWAL\x00"
_VERSION: Final = 1
_HEADER: Final = struct.Struct(f"<6sH{MARKER_SIZE}s")
_FRAME: Final = struct.Struct(f"<{MARKER_SIZE}sII")
HEADER_SIZE: Final = _HEADER.size


@dataclass(frozen=True, slots=True)
class Segment:
    """What was found in one file: its whole frames' bodies, and how many bytes at its end are an unfinished write."""

    path: Path
    size: int
    torn_bytes: int
    bodies: tuple[memoryview, ...]

    def records(self) -> Iterator[Record]:
        for body in self.bodies:
            try:
                yield from unpack(body)
            except DecodeError as error:
                raise StoreError(
                    f"{self.path}: a frame whose checksum holds has no records in it: {error.message}",
                    path=str(self.path),
                    advice="it was written by a faulty program; move the file away and send its telemetry again",
                ) from error


def header(marker: bytes) -> bytes:
    return _HEADER.pack(_MAGIC, _VERSION, marker)


def frame(marker: bytes, body: bytes) -> bytes:
    return _FRAME.pack(marker, len(body), _checksum(len(body), body)) + body


def read_segment(path: Path) -> Segment:
    """Everything durable in a segment.

    Raises:
        StoreError: not a segment, written by a newer version, or damaged before its end (names file and byte).
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise StoreError(
            f"{path} cannot be read: {error.strerror}", path=str(path), advice="run as the user that owns the data directory"
        ) from error
    if len(data) < _HEADER.size or not any(data):
        return Segment(path, len(data), len(data), ())
    magic, version, marker = _HEADER.unpack_from(data)
    if magic != _MAGIC:
        raise StoreError(
            f"{path} is not a telemetry log (byte 0)",
            path=str(path),
            advice="move the file out of the log's directory, or restore it from a backup",
        )
    if version > _VERSION:
        raise StoreError(
            f"{path} is a telemetry log of format {version}; this greencloud reads up to {_VERSION}",
            path=str(path),
            advice="upgrade greencloud to the version that wrote it",
        )
    view = memoryview(data)
    bodies: list[memoryview] = []
    at = _HEADER.size
    while at < len(data):
        body = _body_at(view, at, marker)
        if body is None:
            if _frame_after(data, view, at, marker):
                raise StoreError(
                    f"{path} is damaged at byte {at}",
                    path=str(path),
                    advice="restore the file from a backup; or move it away, and send its telemetry again",
                )
            break
        bodies.append(body)
        at += _FRAME.size + len(body)
    return Segment(path, len(data), len(data) - at, tuple(bodies))


def _checksum(length: int, body: bytes | memoryview) -> int:
    return zlib.crc32(body, zlib.crc32(length.to_bytes(4, "little")))


def _body_at(view: memoryview, at: int, marker: bytes) -> memoryview | None:
    if at + _FRAME.size > len(view):
        return None
    found, length, checksum = _FRAME.unpack_from(view, at)
    start = at + _FRAME.size
    if found != marker or start + length > len(view):
        return None
    body = view[start : start + length]
    return body if _checksum(length, body) == checksum else None


def _frame_after(data: bytes, view: memoryview, at: int, marker: bytes) -> bool:
    at = data.find(marker, at + 1)
    while at >= 0:
        if _body_at(view, at, marker) is not None:
            return True
        at = data.find(marker, at + 1)
    return False
