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
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

from isal import isal_zlib  # zlib's CRC-32, four times as fast: it is as much of an append as the decoding is

from greencloud.errors import DecodeError, StoreError
from greencloud.telemetry.record import FORMAT, PLACED_FORMAT, Head, Record, heads, record_at

__all__ = ["HEADER_SIZE", "MARKER_SIZE", "SUFFIX", "Frame", "Segment", "frame", "header", "read_segment", "version_of"]

_T = TypeVar("_T")

SUFFIX: Final = ".wal"
MARKER_SIZE: Final = 8

_MAGIC: Final = b"GCWAL\x00"
_NEWEST: Final = PLACED_FORMAT  # of the records in it: 1 had no times, 3 has places in a shared log
_HEADER: Final = struct.Struct(f"<6sH{MARKER_SIZE}s")
_FRAME: Final = struct.Struct(f"<{MARKER_SIZE}sII")
HEADER_SIZE: Final = _HEADER.size


class Frame(NamedTuple):
    """A whole frame: where it begins in the file, and its body."""

    at: int
    body: memoryview

    @property
    def end(self) -> int:
        return self.at + _FRAME.size + len(self.body)


@dataclass(frozen=True, slots=True)
class Segment:
    """What was found in one file: its whole frames, and how many bytes at its end are an unfinished write."""

    path: Path
    version: int
    size: int
    torn_bytes: int
    frames: tuple[Frame, ...]

    @property
    def end(self) -> int:
        """Where the last whole frame ends."""
        return self.size - self.torn_bytes

    def heads(self) -> Iterator[tuple[Frame, Head]]:
        """The head of every record, with the frame that it is in."""
        for found in self.frames:
            yield from ((found, head) for head in self._whole(heads(found.body, self.version)))

    def records(self) -> Iterator[Record]:
        for found, head in self.heads():
            yield from self._whole(record_at(found.body, head) for _ in range(1))

    def _whole(self, items: Iterable[_T]) -> Iterator[_T]:
        try:
            yield from items
        except DecodeError as error:
            raise StoreError(
                f"{self.path}: a frame whose checksum holds has no records in it: {error.message}",
                path=str(self.path),
                advice="it was written by a faulty program; move the file away and send its telemetry again",
            ) from error


def header(marker: bytes, version: int = FORMAT) -> bytes:
    return _HEADER.pack(_MAGIC, version, marker)


def frame(marker: bytes, pieces: Iterable[bytes]) -> list[bytes]:
    """A frame whose body is the pieces, to be written one after the other."""
    body = list(pieces)
    length = sum(map(len, body))
    return [_FRAME.pack(marker, length, _checksum(length, body)), *body]


def read_segment(path: Path, start: int = 0, keep: Callable[[Head], bool] | None = None) -> Segment:
    """Everything durable in a segment; with ``start``, the end of a frame, what was written after it.

    With ``keep`` the frames are left out in which no record is wanted: they are passed over by their lengths, and not checked.

    Raises:
        StoreError: not a segment, written by a newer version, or damaged before its end (names file and byte).
    """
    try:
        data = path.read_bytes()  # not mapped: a writer that cuts its last write back would end whoever has the map
    except OSError as error:
        raise StoreError(
            f"{path} cannot be read: {error.strerror}", path=str(path), advice="run as the user that owns the data directory"
        ) from error
    view = memoryview(data)
    size = len(view)
    if size < _HEADER.size or not any(view[: _HEADER.size]):
        return Segment(path, FORMAT, size, size, ())
    version, marker = _opened(path, view)
    frames: list[Frame] = []
    at = max(start, _HEADER.size)
    while at < size:
        length = _length_at(view, at, marker)
        body = None if length < 0 else view[at + _FRAME.size : at + _FRAME.size + length]
        if body is not None and keep is not None and not _wanted(body, version, keep):
            at += _FRAME.size + length
            continue
        if body is None or not _holds(view, at, body):
            if _frame_after(data, view, at, marker):
                raise _damaged(path, at)
            break
        frames.append(Frame(at, body))
        at = frames[-1].end
    return Segment(path, version, size, size - at, tuple(frames))


def version_of(path: Path) -> int:
    """The format of the records in a segment; 0 where it has no whole header. Raises StoreError."""
    with path.open("rb") as file:
        data = file.read(_HEADER.size)
    return _opened(path, memoryview(data))[0] if len(data) == _HEADER.size and any(data) else 0


def _opened(path: Path, view: memoryview) -> tuple[int, bytes]:
    """Version and marker."""
    magic, version, marker = _HEADER.unpack_from(view)
    if magic != _MAGIC:
        raise StoreError(
            f"{path} is not a telemetry log (byte 0)",
            path=str(path),
            advice="move the file out of the log's directory, or restore it from a backup",
        )
    if version > _NEWEST:
        raise StoreError(
            f"{path} is a telemetry log of format {version}; this greencloud reads up to {_NEWEST}",
            path=str(path),
            advice="upgrade greencloud to the version that wrote it",
        )
    return version, marker


def _damaged(path: Path, at: int) -> StoreError:
    return StoreError(
        f"{path} is damaged at byte {at}",
        path=str(path),
        advice="restore the file from a backup; or move it away, and send its telemetry again",
    )


def _wanted(body: memoryview, version: int, keep: Callable[[Head], bool]) -> bool:
    """Whether a record of the frame is wanted, or cannot be told."""
    try:
        return any(keep(head) for head in heads(body, version))
    except DecodeError:
        return True


def _checksum(length: int, body: Iterable[bytes | memoryview]) -> int:
    found = isal_zlib.crc32(length.to_bytes(4, "little"))
    for piece in body:
        found = isal_zlib.crc32(piece, found)
    return found


def _length_at(view: memoryview, at: int, marker: bytes) -> int:
    """The length of the body of the frame that begins there; -1 where none does that ends within the file."""
    if at + _FRAME.size > len(view):
        return -1
    found, length, _ = _FRAME.unpack_from(view, at)
    return length if found == marker and at + _FRAME.size + length <= len(view) else -1


def _holds(view: memoryview, at: int, body: memoryview) -> bool:
    _, length, checksum = _FRAME.unpack_from(view, at)
    return bool(_checksum(length, (body,)) == checksum)


def _frame_after(data: bytes, view: memoryview, at: int, marker: bytes) -> bool:
    at = data.find(marker, at + 1)
    while at >= 0:
        length = _length_at(view, at, marker)
        if length >= 0 and _holds(view, at, view[at + _FRAME.size : at + _FRAME.size + length]):
            return True
        at = data.find(marker, at + 1)
    return False
