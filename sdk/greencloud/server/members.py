"""Who pays for whom by the facility book in force, for a server: asked on every call, and read only when another book is applied.

``facility/current.json`` names the book in force and is replaced by rename, so that a look at the file tells whether it is another.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from greencloud.facility import Facility, members_of

__all__ = ["BookMembers"]

_NOBODY: Final = frozenset[str]()
_Mark = tuple[int, int, int]


class BookMembers:
    """``book`` reads the book that is in force; ``current`` is the file that changes when another is."""

    def __init__(self, current: Path, book: Callable[[], Facility]) -> None:
        self._current = current
        self._book = book
        self._lock = threading.Lock()
        self._known: tuple[_Mark, Mapping[str, frozenset[str]]] | None = None

    def __call__(self, account: str) -> frozenset[str]:
        """The accounts that it pays for, through others too. Raises FacilityError or StoreError where the book cannot be read."""
        mark = self._mark()
        known = self._known
        if known is None or known[0] != mark:
            with self._lock:
                known = self._known
                if known is None or known[0] != mark:
                    mark = self._mark()  # before the book is read: a book that comes meanwhile is seen by the next call
                    self._known = known = (mark, members_of(self._book().accounts))
        return known[1].get(account, _NOBODY)

    def _mark(self) -> _Mark:
        try:
            found = self._current.stat()
        except FileNotFoundError:  # the starter is in force
            return (0, 0, 0)
        return (found.st_ino, found.st_mtime_ns, found.st_size)
