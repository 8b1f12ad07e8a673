"""How far a data directory has followed shared logs: what its write-ahead log holds of them, found there again after a crash.

Each record that came by a shared log lies in the write-ahead log with its place there (format 3 of ``record``), in one frame with
what came before it or after it; so the highest place in whole frames is where following goes on, and nothing is ever there twice
or left out. Segments that are settled are moved away, and may be deleted; so the places are noted beside, too::

    telemetry/shared-log.json   {"logs": {NAME: [POSITION, SEAL]}, "segments": {SEGMENT: up to which byte it was looked through}}
    telemetry/follow.lock       held by the one process that follows for this directory

What is noted is never ahead of the write-ahead log, but for messages that hold no record. Should the note be lost, all segments
are looked through again.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from greencloud.durable import replace_file
from greencloud.errors import StoreError
from greencloud.telemetry.record import PLACED_FORMAT
from greencloud.telemetry.segment import read_segment, version_of
from greencloud.telemetry.wal import segment_paths

__all__ = ["Followed", "Places"]

_NOTE: Final = "shared-log.json"


@dataclass(slots=True)
class Places:
    """``logs``: of each shared log, by its name, the position up to which it was followed, and the seal of the message there (0
    where that is not known). ``segments``: how far each segment of the write-ahead log was looked through for that."""

    logs: dict[str, tuple[int, int]] = field(default_factory=dict)
    segments: dict[str, int] = field(default_factory=dict)

    def reach(self, log: str, position: int, seal: int = 0) -> None:
        """It was followed to there, if not further."""
        if position > self.logs.get(log, (0, 0))[0] or log not in self.logs:
            self.logs[log] = position, seal


class Followed:
    """The places of the data directory whose write-ahead log is ``wal``, and whose telemetry is in ``folder``."""

    def __init__(self, wal: Path, folder: Path) -> None:
        self.wal = wal
        self.folder = folder

    @property
    def path(self) -> Path:
        return self.folder / _NOTE

    def noted(self) -> Places:
        """What was noted; nothing where this directory follows no shared log. Raises StoreError."""
        try:
            told = json.loads(self.path.read_text())
            logs = {str(name): (int(position), int(seal)) for name, (position, seal) in told["logs"].items()}
            return Places(logs, {str(name): int(end) for name, end in told["segments"].items()})
        except FileNotFoundError:
            return Places()
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise StoreError(
                f"{self.path} cannot be read",
                path=str(self.path),
                advice="delete it if telemetry/archive is whole: it is worked out again from there; else restore it from a backup",
            ) from error

    def find(self) -> Places:
        """What was noted, and what the write-ahead log holds beyond it, which is on stable storage when this returns.

        Raises:
            StoreError: the log is damaged, or cannot be read.
        """
        found = self.noted()
        paths = [path for folder in (self.folder / "archive", self.wal) for path in segment_paths(folder)]
        found.segments = {path.name: found.segments.get(path.name, 0) for path in paths}
        for path in paths:
            known, size = found.segments[path.name], path.stat().st_size
            if size < known:
                raise StoreError(
                    f"{path} has {size:,} bytes, and had {known:,}: what it held of a shared log would not be followed again",
                    path=str(path),
                    advice=f"restore it from a backup; or restore {self.wal} and {self.folder} together",
                )
            if size == known or version_of(path) != PLACED_FORMAT:
                continue
            _sync(path)  # a writer that was killed wrote what it had no time to sync
            segment = read_segment(path, known)
            for _, head in segment.heads():
                found.reach(head.log, head.position)
            found.segments[path.name] = segment.end
        return found

    def note(self, places: Places) -> None:
        """Keep what is known, and what others have noted beyond it. Raises StoreError."""
        try:
            with self._lock("shared-log.lock", wait=True):
                kept = self.noted()
                for name, (position, seal) in kept.logs.items():
                    places.reach(name, position, seal)
                ends = {name: max(end, kept.segments.get(name, 0)) for name, end in places.segments.items()}
                content = {"logs": {name: list(place) for name, place in places.logs.items()}, "segments": ends}
                replace_file(self.path, json.dumps(content, sort_keys=True) + "\n")
        except OSError as error:
            raise StoreError(
                f"{self.path}: {error.strerror}", path=str(self.path), advice="make room, and see that the folder may be written"
            ) from error

    def note_found(self) -> None:
        """Find and keep, where this directory follows a shared log: before segments are moved away."""
        found = self.find()
        if found.logs:
            self.note(found)

    @contextmanager
    def turn(self) -> Iterator[bool]:
        """Be the one that follows for this directory; False where another process or thread does."""
        with self._lock("follow.lock", wait=False) as mine:
            yield mine

    @contextmanager
    def _lock(self, name: str, *, wait: bool) -> Iterator[bool]:
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / name).open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            except BlockingIOError:
                yield False
                return
            yield True


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
