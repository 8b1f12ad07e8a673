"""Who pays for whom by the facility book in force, for a server: asked on every call, and read only when another book is applied.

A mark that is cheap to ask for tells whether it is another: a look at a file, or at the next number of a sequence in a store.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Final

from greencloud.facility import Facility, members_of

__all__ = ["BookMembers"]

_NOBODY: Final = frozenset[str]()
_Mark = tuple[int, ...]


class BookMembers:
    """``book`` reads the book that is in force; ``mark`` gives another mark when another is (``AppliedBooks.mark``)."""

    def __init__(self, mark: Callable[[], tuple[int, ...]], book: Callable[[], Facility]) -> None:
        self._mark = mark
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
