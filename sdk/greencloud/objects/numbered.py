"""A sequence of objects in an object store, each under the number after the last: what a file that grows, or is replaced, is in a
folder.

::

    FOLDER/000000000001.json, FOLDER/000000000002.json, ...

Nothing is changed and no number is left out: who adds one puts it under the next number, if nobody else did (``Objects.create``),
having seen the last; so of two at once one is told, and looks again at what it wants to add. The latest is found by one listing the
first time a process asks, and from then on by asking for the next number: one request where nothing was added. The listing shows,
too, which copies here are of before the store was restored from a backup: another object has their number now.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from greencloud.errors import StoreError
from greencloud.objects.objects import Objects

__all__ = ["Numbered"]

T = TypeVar("T")

_NAME: Final = re.compile(r"(\d{12})\.json")


@dataclass(frozen=True, slots=True)
class Numbered:
    """The sequence in ``folder``, an absolute path. Numbers begin at 1. Everything raises StoreUnavailableError."""

    objects: Objects
    folder: Path

    def latest(self) -> int:
        """The number of the last; 0 where there is none."""
        number = self.objects.reached(self.folder)
        if number is None:
            matched = (_NAME.fullmatch(each.path.name) for each in self.objects.sighted(self.folder))
            number = max((int(each[1]) for each in matched if each), default=0)
        else:
            while self.objects.exists(self._path(number + 1)):
                number += 1
        self.objects.reach(self.folder, number)
        return number

    def read(self, number: int, parse: Callable[[bytes], T]) -> T:
        """What ``parse`` makes of one; a ValueError, KeyError or TypeError of it says that the content is not what was put.

        Raises:
            StoreError: it is not there, or damaged in the store.
        """
        path = self._path(number)

        def action() -> T:
            try:
                return parse(path.read_bytes())
            except (OSError, ValueError, KeyError, TypeError) as error:
                raise StoreError(
                    f"{path}: it cannot be read: {error}", path=str(path), advice="restore it from a backup"
                ) from error

        return self.objects.read([path], action)

    def all(self, parse: Callable[[bytes], T]) -> Iterator[T]:
        """Each in order. Raises as ``read``."""
        last = self.latest()
        self.objects.gather([self._path(number) for number in range(1, last + 1)])
        for number in range(1, last + 1):
            yield self.read(number, parse)

    def add(self, number: int, content: bytes) -> bool:
        """Put one under a number, which follows the latest. False: there is another one by now."""
        added = self.objects.create(self._path(number), content)
        if added:
            self.objects.reach(self.folder, number)
        return added

    def _path(self, number: int) -> Path:
        return self.folder / f"{number:012}.json"
