"""The trees behind the closes: every account's lines, and the secret of their salts, in a folder by the root of each.

In an object store a tree is put whole before the entry of the log that names it, and its folder is a cache. Whoever reads the
bucket can open every account's lines: it must be as private as the folder is, which is its owner's alone.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Container, Iterator
from datetime import datetime
from pathlib import Path
from typing import Final, TypeVar

from greencloud.durable import sync_directory
from greencloud.errors import StoreError
from greencloud.objects.objects import LOCAL, Objects
from greencloud.proof import SumTree, damaged
from greencloud.proof.folder import HEAD
from greencloud.proof.tree import PIECES

__all__ = ["Trees"]

T = TypeVar("T")

_TREE: Final = re.compile(r"[0-9a-f]{64}|\.[0-9a-f]{64}\.\d+")  # and one that is being written, by a process of that number
_FILES: Final = (*PIECES, HEAD)


class Trees:
    """The trees in ``folder``, which the first one makes."""

    def __init__(self, folder: Path, objects: Objects = LOCAL) -> None:
        self._folder = folder.absolute()
        self._objects = objects

    def folder(self, root: str) -> Path:
        """Of a tree, by its root in hex."""
        return self._folder / root

    def keep(self, tree: SumTree) -> None:
        """Write a tree, durably.

        Raises:
            StoreError: it is there already.
            OSError: no room, no permission.
            StoreUnavailableError: the store does not answer; parts may be there, which nothing names.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        folder = self.folder(tree.root.hex())
        tree.write(folder)
        folder.chmod(0o700)
        sync_directory(self._folder)
        self._objects.put(self._paths(folder))

    def remove(self, root: str) -> None:
        """Remove a tree that no entry of the log names."""
        folder = self.folder(root)
        if self._objects.remote:
            for path in self._paths(folder):
                self._objects.remove(path)
        if folder.exists():  # of another machine's tree there need be no copy
            shutil.rmtree(folder)

    def left_over(self, named: Container[str], before: datetime) -> list[str]:
        """Trees, whole or in part, by their names in the folder, that are none of ``named`` and were last written before then."""
        written: dict[str, datetime] = {}
        places = (self._objects, LOCAL) if self._objects.remote else (LOCAL,)  # one that was killed had not put all, or nothing yet
        for each in (found for objects in places for found in objects.stored(self._folder, below=True)):
            name = each.path.relative_to(self._folder).parts[0]
            if _TREE.fullmatch(name):
                written[name] = max(each.modified, written.get(name, each.modified))
        return [name for name, at in written.items() if name not in named and at < before]

    def read(self, root: str, action: Callable[[SumTree], T]) -> T:
        """Do it with a tree, again where a copy of it was damaged.

        Raises:
            StoreError: it is missing or damaged; and what ``action`` raises.
            StoreUnavailableError: the store does not answer.
        """
        folder = self.folder(root)
        return self._with(folder, lambda: action(SumTree.open(folder)))

    def faults(self, root: str) -> Iterator[StoreError]:
        """Every file of a tree that is not what was written. Raises as ``read``, and OSError."""
        folder = self.folder(root)
        for path in sorted(self._objects.missing(self._paths(folder))) if self._objects.remote else ():
            where = self._objects.named(path)
            yield StoreError(f"{where}: the object is missing", path=where, advice="restore it from a backup")
            return
        yield from self._with(folder, lambda: list(self._whole(folder)))

    def _whole(self, folder: Path) -> Iterator[StoreError]:
        for error in damaged(folder):
            if self._objects.remote:
                raise error  # which asks whether it is the copy's
            yield error

    def _with(self, folder: Path, action: Callable[[], T]) -> T:
        if self._objects.remote:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return self._objects.read(self._paths(folder), action)

    def _paths(self, folder: Path) -> list[Path]:
        return [folder / name for name in _FILES]
