"""Records that follow each other, each an object of its own that is created once: ``000000000001.json`` and so on, without a gap.
What a file that grows, or is replaced, is where nothing is ever changed.

Whoever adds one creates the object of the next number, which only one can. So any number of writers, on any number of machines,
make one sequence, and whoever lost reads on and decides anew. That needs a content unlike that of any other writer: a store that is
asked twice to create the same cannot tell the one that asked again from another one.

To see whether there is more costs one request, for the next number. Of many that are there already copies are kept, for their owner
alone, which are fetched anew where they are damaged. What there is, the store says; and its listing shows which copies are of
before it was restored from a backup, since another record has their number now.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from greencloud.errors import StoreError
from greencloud.objects.objects import LOCAL, Objects

__all__ = ["Records"]

T = TypeVar("T")

_NAME: Final = re.compile(r"([0-9]{12})\.json")
_IN_A_ROW: Final = 8  # found one by one, before the rest is fetched at once
_AT_ONCE: Final = 256


class Records:
    """The records in ``folder``, which the first one makes."""

    __slots__ = ("_objects", "folder")

    def __init__(self, folder: Path, objects: Objects = LOCAL) -> None:
        self.folder = folder.absolute()
        self._objects = objects

    @property
    def where(self) -> str:
        """The place to name in errors."""
        return self._objects.named(self.folder)

    def path(self, number: int) -> Path:
        """Of a record, from 1."""
        return self.folder / f"{number:012d}.json"

    def named(self, number: int) -> str:
        """A record, to name in errors."""
        return self._objects.named(self.path(number))

    def create(self, number: int, content: bytes) -> bool:
        """Add a record, durably. False, with nothing changed: another one has its number.

        Raises:
            OSError: the folder cannot be written.
            StoreUnavailableError: the store does not answer; it may have taken the record.
        """
        created = self._objects.create(self.path(number), content)
        if created:
            self._objects.reach(self.folder, number)
        return created

    def latest(self) -> int:
        """The number of the last; 0 where there is none. The first time a process asks they are listed.

        Raises StoreUnavailableError.
        """
        number = self._objects.reached(self.folder)
        if number is None:
            number = max(map(_number, (each.path.name for each in self._objects.sighted(self.folder))), default=0)
        else:
            while self._objects.exists(self.path(number + 1)):
                number += 1
        self._objects.reach(self.folder, number)
        return number

    def read(self, number: int, parse: Callable[[int, bytes], T]) -> T:
        """One record, as ``parse`` makes it. Raises as ``after``; and StoreError where it is not there."""
        return self._objects.read([self.path(number)], partial(self._copy, number, parse))

    def after(self, number: int, parse: Callable[[int, bytes], T]) -> Iterator[T]:
        """The records that follow this one, up to the first number of which there is none, each by its number and content.

        ``parse`` raises StoreError for a content that cannot be; it is asked again where that was but the copy's.

        Raises:
            StoreError: as ``parse``, for what is in the store.
            StoreUnavailableError: the store does not answer.
            OSError: a file cannot be read.
        """
        if not self._objects.remote:
            yield from self._local(number, parse)
            return
        at, many, listed = number, number + _IN_A_ROW if number else 0, set[int]()
        while True:
            if at == many:
                listed = self._fetched(at)
            path, at = self.path(at + 1), at + 1
            if at in listed:
                yield self._objects.read([path], partial(self._copy, at, parse))
            elif (content := self._objects.content(path)) is not None:  # of the store: it may have lost what there is a copy of
                yield parse(at, content)
            else:
                return

    def numbers(self) -> list[int]:
        """Of the records that are there, whether they follow each other or not, in order."""
        return sorted(number for name in self._objects.names(self.folder) if (number := _number(name)))

    def stored(self) -> Iterator[tuple[int, bytes]]:
        """Every record by its number, from the store itself, whatever copies say. Raises as ``after``."""
        numbers = self.numbers()
        for first in range(0, len(numbers), _AT_ONCE):
            some = {number: self.path(number) for number in numbers[first : first + _AT_ONCE]}
            found: dict[Path, bytes | None] = {}
            self._objects.each(lambda path, found=found: found.update({path: self._objects.content(path)}), some.values())  # type: ignore[misc]
            for number, path in some.items():
                content = found[path]
                if content is not None:
                    yield number, content

    def _local(self, number: int, parse: Callable[[int, bytes], T]) -> Iterator[T]:
        with suppress(FileNotFoundError):
            while True:
                number += 1
                yield parse(number, self.path(number).read_bytes())

    def _fetched(self, number: int) -> set[int]:
        """Make copies of all that follows; which these are."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        names = (each.path.name for each in self._objects.sighted(self.folder))
        listed = sorted(each for each in map(_number, names) if each > number)
        self._objects.gather([self.path(each) for each in listed])
        return set(listed)

    def _copy(self, number: int, parse: Callable[[int, bytes], T]) -> T:
        path = self.path(number)
        try:
            content = path.read_bytes()
        except FileNotFoundError as error:
            raise StoreError(f"{path}: the copy is gone", path=str(path)) from error
        return parse(number, content)


def _number(name: str) -> int:
    """The number of the record of that name; 0 where it is none."""
    found = _NAME.fullmatch(name)
    return int(found[1]) if found else 0
