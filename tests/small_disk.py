"""A real file system of a few megabytes that a test may fill to the last page, and what must hold when it is full."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

import pytest

from greencloud.errors import StorageFullError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class SmallDisk:
    path: Path

    def leave(self, pages: int) -> None:
        """Fill it, but for so many pages. tmpfs gives whole pages, so each number of them ends the work at another write."""
        self.free()
        state = os.statvfs(self.path)
        if (size := (state.f_bavail - pages) * state.f_bsize) > 0:
            with self._ballast.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, size)

    def free(self) -> None:
        self._ballast.unlink(missing_ok=True)

    def files(self) -> dict[str, str]:
        """The digest of every file by its path; locks, which hold nothing, are left out."""
        found = (path for path in self.path.rglob("*") if path.is_file() and path != self._ballast and path.suffix != ".lock")
        return {str(path.relative_to(self.path)): sha256(path.read_bytes()).hexdigest() for path in found}

    def until_it_fits(self, work: Callable[[], T], after_refusal: Callable[[], None]) -> tuple[T, int]:
        """Do the work with no page free, then with one more each time, until it is done: what it returned, and how often it was
        refused. What must hold after each refusal is asked while the disk is full.
        """
        for pages in range(1000):
            self.leave(pages)
            try:
                done = work()
            except StorageFullError as error:
                refusal = error
            else:
                return done, pages
            finally:
                self.free()
            assert refusal.path
            assert "free s" in refusal.advice
            self.leave(pages)
            after_refusal()
        raise AssertionError("a thousand pages were not enough")

    @property
    def _ballast(self) -> Path:
        return self.path / "ballast"


@contextmanager
def small_disk(where: Path, *, megabytes: int = 8) -> Iterator[SmallDisk]:
    """Mounted for a test, which is skipped where that is not permitted."""
    where.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(where)]
    try:
        done = subprocess.run(mount, capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no mount here")
    if done.returncode:
        pytest.skip("mounting a small file system is not permitted here: only root may")
    try:
        yield SmallDisk(where)
    finally:
        subprocess.run(["umount", "-l", str(where)], check=True)
