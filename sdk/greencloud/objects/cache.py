"""The copies of objects that a machine keeps on disk, and which of them go when they are too many.

The one that was wanted longest ago goes first, and none that is in use: held by a reader of this process, or wanted within the last
minute by any process (the time of access says when, set whenever a file is wanted: file systems do not keep it by themselves). So
the bound may be exceeded by what is in use. A file that is removed while it is mapped or open stays readable.

A copy is read-only: that says, to every process, that the store has it. A file that may be written is on its way there and is left,
until a day has passed: then whoever wrote it died before it put it, and nothing names it.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from stat import S_ISREG
from threading import Lock
from typing import Final

__all__ = ["BOUND", "Cache", "is_copy", "mark"]

BOUND: Final = 10_000_000_000
"""Bytes."""

_IN_USE_S: Final = 60.0
_ABANDONED_S: Final = 3600.0  # a file that was being written, of a process that died
_NEVER_PUT_S: Final = 86400.0
_WRITABLE: Final = 0o222
_LOW: Final = 0.9
_STEP: Final = 0.05  # of the bound: what may be added before the folder is looked at again


class Cache:
    """Copies in these folders, which take ``bound`` bytes at most. ``in_use_s``: how long a file is in use that was wanted."""

    def __init__(self, folders: Sequence[Path], bound: int = BOUND, *, in_use_s: float = _IN_USE_S) -> None:
        self._folders = folders
        self._bound = bound
        self._in_use_s = in_use_s
        self._lock = Lock()
        self._held: Counter[Path] = Counter()
        self._added: int | None = None  # since the folders were looked at; None: never yet
        self._over = False  # when they were looked at and what could go had gone
        self._looked = 0.0

    @contextmanager
    def holding(self, paths: Sequence[Path]) -> Iterator[None]:
        """Keep these from being removed by this process."""
        with self._lock:
            self._held.update(paths)
        try:
            yield
        finally:
            with self._lock:
                self._held.subtract(paths)
                for path in paths:
                    if self._held[path] <= 0:
                        del self._held[path]
                again = self._over and time.monotonic() - self._looked >= self._in_use_s / 4
            if again:
                self._trim()

    def has(self, path: Path) -> bool:
        """Whether there is a copy, which is in use from now on."""
        try:
            state = path.stat()
            now = time.time()
            if now - state.st_atime > self._in_use_s / 4:
                os.utime(path, ns=(int(now * 1e9), state.st_mtime_ns))
        except FileNotFoundError:
            return False
        return True

    def added(self, size: int) -> None:
        """A copy of so many bytes was made."""
        with self._lock:
            if self._added is not None:
                self._added += size
                if self._added < self._bound * _STEP:
                    return
            self._added = 0
        self._trim()

    def _trim(self) -> None:
        self._looked = time.monotonic()
        total, found = self._found()
        if total > self._bound:
            now = time.time()
            for wanted, size, path in sorted(found):
                if total <= self._bound * _LOW or now - wanted < self._in_use_s:
                    break  # all that follow were wanted later
                with self._lock:
                    if path in self._held:
                        continue
                path.unlink(missing_ok=True)
                total -= size
        self._over = total > self._bound

    def _found(self) -> tuple[int, list[tuple[float, int, Path]]]:
        """How many bytes there are, and of each file that may go when it was wanted last, its size and its path."""
        now, total = time.time(), 0
        found: list[tuple[float, int, Path]] = []
        for entry in _files(self._folders):
            with suppress(FileNotFoundError):
                state = entry.stat(follow_symlinks=False)
                if not state.st_size:
                    continue  # it takes nothing, and may be somebody's lock
                if entry.name.startswith("."):
                    if now - state.st_mtime > _ABANDONED_S:
                        Path(entry.path).unlink()
                    continue
                total += state.st_size
                if is_copy(state) or now - state.st_mtime > _NEVER_PUT_S:
                    found.append((state.st_atime, state.st_size, Path(entry.path)))
        return total, found


def is_copy(state: os.stat_result) -> bool:
    """Whether a file is said to be in the store."""
    return S_ISREG(state.st_mode) and not state.st_mode & _WRITABLE


def mark(path: Path) -> None:
    """Say of a file that the store has it. Raises OSError."""
    path.chmod(path.stat().st_mode & 0o777 & ~_WRITABLE)


def _files(folders: Iterable[str | Path]) -> Iterator[os.DirEntry[str]]:
    """The files in these folders and below; a folder that is gone meanwhile has none."""
    for folder in folders:
        with suppress(FileNotFoundError), os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    yield from _files([entry.path])
                else:
                    yield entry
