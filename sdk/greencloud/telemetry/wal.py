"""The write-ahead log: an export request is acknowledged only after it is here, on stable storage.

Every writer (a process, a restart) makes segments of its own, named by time, process and counter, so that writers never share a
file and no repair is needed after a crash; readers take all segments in name order. Appends of several threads share one
``fdatasync``: the first to come writes for all that wait (group commit), one group at a time. A group is one frame, hence
visible wholly or not at all.

A full disk is an answer, not an accident: below ``min_free_bytes`` of free space, or when the system says that there is none,
the append raises ``StorageFullError``, the segment is cut back to its last whole frame, and the log goes on once there is
room. After any other failed write or sync the segment is left for good, because the kernel drops dirty pages that it could not
write and a second sync would report success for data that is gone.
"""

from __future__ import annotations

import contextlib
import copy
import errno
import fcntl
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from greencloud.durable import sync_directory
from greencloud.errors import StorageFullError, StoreError
from greencloud.telemetry.record import FORMAT, Record, pack
from greencloud.telemetry.segment import HEADER_SIZE, MARKER_SIZE, SUFFIX, frame, header, read_segment

__all__ = ["SEGMENT_BYTES", "LogState", "WriteAheadLog", "move_segment", "read_log", "scan_log", "segment_paths"]

SEGMENT_BYTES: Final = 64 << 20
_MIN_FREE_BYTES: Final = 64 << 20
_GROUP_BYTES: Final = 64 << 20  # bounds what one sync has to carry, and so how long the first of a group waits
_MOST_PIECES: Final = 512  # below IOV_MAX of any system
_NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


@dataclass(slots=True, eq=False)
class _Waiter:
    pieces: list[bytes]
    size: int
    done: bool = False
    failure: StoreError | None = None


@dataclass(slots=True)
class _OpenSegment:
    path: Path
    descriptor: int
    marker: bytes
    size: int
    owner: int = field(default_factory=os.getpid)


class WriteAheadLog:
    """Appends to the log in ``directory``, from any number of threads. Nothing is created before the first append. ``version`` is
    the format of records (``record``). ``syncs``, ``sync_ns`` and ``synced_bytes`` say how many groups were made durable, in what
    time, and how large they were."""

    def __init__(
        self,
        directory: Path,
        *,
        min_free_bytes: int = _MIN_FREE_BYTES,
        clock_ns: Callable[[], int] = time.time_ns,
        segment_bytes: int = SEGMENT_BYTES,
        version: int = FORMAT,
    ) -> None:
        self._directory = Path(directory)
        self._min_free_bytes = min_free_bytes
        self._clock_ns = clock_ns
        self._segment_bytes = segment_bytes
        self._version = version
        self._turn = threading.Condition()
        self._waiting: list[_Waiter] = []
        self._committing = self._closed = False
        self._segment: _OpenSegment | None = None
        self._counter = 0
        self.syncs = self.sync_ns = self.synced_bytes = 0

    def append(self, record: Record) -> None:
        """Keep a record; returns when it is durable. Raises as ``append_packed``."""
        self.append_packed(pack(record))

    def append_packed(self, pieces: Sequence[bytes]) -> None:
        """Keep records that are laid out in the log's format, all or none.

        Raises:
            StorageFullError: no room; nothing was kept of them and nothing else was harmed.
            StoreError: the log is closed, or the storage failed.
        """
        waiter = _Waiter(list(pieces), sum(map(len, pieces)))
        with self._turn:
            if self._closed:
                raise StoreError(f"the log {self._directory} is closed", path=str(self._directory))
            self._waiting.append(waiter)
        while True:
            with self._turn:
                self._await_turn(waiter)
                if waiter.done:
                    break
                group = self._take_group()
                self._committing = True
            self._lead(group)
        if waiter.failure is not None:
            raise copy.copy(waiter.failure)  # each thread raises its own, or their tracebacks would mix

    def close(self) -> None:
        """Wait for appends under way, then close. Closing twice is no error."""
        with self._turn:
            self._closed = True
            self._turn.wait_for(lambda: not self._committing and not self._waiting)
            self._leave_segment()

    def __enter__(self) -> WriteAheadLog:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _await_turn(self, waiter: _Waiter) -> None:
        try:
            while self._committing and not waiter.done:
                self._turn.wait()
        except BaseException:  # an interrupted caller must not leave work behind that nobody waits for
            if waiter in self._waiting:
                self._waiting.remove(waiter)
            raise

    def _take_group(self) -> list[_Waiter]:
        size = count = 0
        for waiter in self._waiting:
            size += waiter.size
            if count and size > _GROUP_BYTES:
                break
            count += 1
        group, self._waiting = self._waiting[:count], self._waiting[count:]
        return group

    def _lead(self, group: list[_Waiter]) -> None:
        failure: StoreError | None = StoreError(f"the log {self._directory} was interrupted", path=str(self._directory))
        try:
            self._commit([piece for waiter in group for piece in waiter.pieces])
            failure = None
        except StoreError as error:
            failure = error
        finally:
            with self._turn:
                for waiter in group:
                    waiter.failure = failure
                    waiter.done = True
                self._committing = False
                self._turn.notify_all()

    def _commit(self, body: list[bytes]) -> None:
        length = sum(map(len, body))
        try:
            segment = self._writable(length)
        except OSError as error:
            raise self._failure(error) from error
        data = frame(segment.marker, body)
        began = time.monotonic_ns()
        written = False
        try:
            _write(segment.descriptor, data)
            written = True
            os.fdatasync(segment.descriptor)
        except OSError as error:
            self._cut_back(segment, keep=error.errno in _NO_ROOM and not written)
            raise self._failure(error) from error
        except BaseException:
            self._cut_back(segment, keep=False)
            raise
        size = sum(map(len, data))
        segment.size += size
        self.syncs += 1
        self.sync_ns += time.monotonic_ns() - began
        self.synced_bytes += size

    def _writable(self, length: int) -> _OpenSegment:
        segment = self._segment
        # A forked child inherits the descriptor; two processes must never write one file.
        foreign = segment is not None and segment.owner != os.getpid()
        full = segment is not None and segment.size > HEADER_SIZE and segment.size + length > self._segment_bytes
        if segment is None or foreign or full:
            self._leave_segment()
            self._check_room(length)
            self._segment = segment = self._new_segment()
        else:
            self._check_room(length)
        return segment

    def _check_room(self, length: int) -> None:
        place = self._directory
        while not place.exists():
            place = place.parent
        state = os.statvfs(place)
        free = state.f_bavail * state.f_frsize
        if free - length < self._min_free_bytes:
            raise self._full(f"{free} bytes are free, {self._min_free_bytes} of them are kept back")

    def _new_segment(self) -> _OpenSegment:
        _make_directory(self._directory)
        while True:
            self._counter += 1
            path = self._directory / f"{self._clock_ns():020d}-{os.getpid():010d}-{self._counter:06d}{SUFFIX}"
            try:
                descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC, 0o640)
                break
            except FileExistsError:
                continue
        marker = os.urandom(MARKER_SIZE)
        fcntl.flock(descriptor, fcntl.LOCK_SH)  # it is in use: see move_segment
        try:
            _write(descriptor, [header(marker, self._version)])
            sync_directory(self._directory)
        except BaseException:
            os.close(descriptor)
            with contextlib.suppress(OSError):
                path.unlink()
            raise
        return _OpenSegment(path, descriptor, marker, HEADER_SIZE)

    def _cut_back(self, segment: _OpenSegment, *, keep: bool) -> None:
        try:
            os.ftruncate(segment.descriptor, segment.size)
        except OSError:
            keep = False  # what is left reads as an unfinished write, as long as nothing follows it
        if not keep:
            self._leave_segment()

    def _leave_segment(self) -> None:
        if self._segment is not None:
            os.close(self._segment.descriptor)
            self._segment = None

    def _full(self, why: str) -> StorageFullError:
        return StorageFullError(
            f"no room for telemetry in {self._directory}: {why}",
            path=str(self._directory),
            advice="free some space, or move the data directory to a larger disk; senders will try again",
        )

    def _failure(self, error: OSError) -> StoreError:
        if error.errno in _NO_ROOM:
            return self._full(str(error.strerror))
        return StoreError(
            f"the log {self._directory} cannot be written: {error.strerror}",
            path=str(self._directory),
            advice="check that the disk is healthy and that the directory is writable",
        )


@dataclass(frozen=True, slots=True)
class LogState:
    """What ``doctor`` tells of a log. ``torn``: segments with an unfinished write at the end (harmless); ``faults``: damage."""

    segments: int = 0
    bytes: int = 0
    records: int = 0
    torn: tuple[str, ...] = ()
    oldest_ns: int = 0
    newest_ns: int = 0
    faults: tuple[str, ...] = ()


def read_log(directory: Path) -> Iterator[Record]:
    """Every durable record of every writer, segments in name order; a log that does not exist yet is empty.

    Raises:
        StoreError: a segment is damaged before its end, is of a newer format, or is no segment.
    """
    for path in segment_paths(directory):
        yield from read_segment(path).records()


def move_segment(path: Path, directory: Path) -> bool:
    """Move a segment away, unless a writer has it open: what that would append would go with it."""
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        path.rename(directory / path.name)
    return True


def scan_log(directory: Path) -> LogState:
    """Examine a log without stopping at what is wrong with it."""
    size = records = oldest = newest = 0
    torn: list[str] = []
    faults: list[str] = []
    paths = segment_paths(directory)
    for path in paths:
        try:
            segment = read_segment(path)
            for record in segment.records():
                records += 1
                oldest = min(oldest or record.received_ns, record.received_ns)
                newest = max(newest, record.received_ns)
        except StoreError as error:
            faults.append(error.message)
            size += path.stat().st_size
            continue
        size += segment.size
        if segment.torn_bytes:
            torn.append(path.name)
    return LogState(len(paths), size, records, tuple(torn), oldest, newest, tuple(faults))


def segment_paths(directory: Path) -> list[Path]:
    """The segments of a log, in name order, which is the order of their beginnings. Raises StoreError."""
    # Not glob, which takes a directory that may not be read for an empty one: all that was logged would seem never sent.
    try:
        found = sorted(Path(directory).iterdir())
    except FileNotFoundError:
        return []
    except OSError as error:
        raise StoreError(
            f"the log {directory} cannot be read: {error.strerror}",
            path=str(directory),
            advice="run as the user that owns the data directory",
        ) from error
    return [path for path in found if path.suffix == SUFFIX]


def _write(descriptor: int, pieces: list[bytes]) -> None:
    """All of the pieces, however many calls that takes: a call takes so many pieces and bytes at most, and may write less."""
    rest = [memoryview(piece) for piece in pieces if piece]
    while rest:
        written = os.writev(descriptor, rest[:_MOST_PIECES])
        while rest and written >= len(rest[0]):
            written -= len(rest.pop(0))
        if rest:
            rest[0] = rest[0][written:]


def _make_directory(directory: Path) -> None:
    made = []
    place = directory
    while not place.exists():
        made.append(place)
        place = place.parent
    directory.mkdir(parents=True, exist_ok=True)
    for new in reversed(made):
        sync_directory(new.parent)
