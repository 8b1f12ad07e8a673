"""Mistakes in a book, collected: one look should show a person most of what there is to correct."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from greencloud.errors import FacilityError

__all__ = ["Problems"]

_MOST: Final = 20


class Problems:
    """Up to ``most`` mistakes of each section; a wrong column would otherwise be told once for every hour of a year."""

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._counts: dict[str, int] = {}
        self.errors: list[FacilityError] = []

    def add(self, error: FacilityError) -> None:
        section = error.key.partition(".")[0]
        self._counts[section] = self._counts.get(section, 0) + 1
        if self._counts[section] <= self._most:
            self.errors.append(error)

    @contextmanager
    def caught(self) -> Iterator[None]:
        """Go on after a mistake in this block."""
        try:
            yield
        except FacilityError as error:
            self.add(error)

    def in_section(self, section: str) -> bool:
        return section in self._counts

    @property
    def untold(self) -> int:
        """How many mistakes were counted and not kept."""
        return sum(max(count - self._most, 0) for count in self._counts.values())
