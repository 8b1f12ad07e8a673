"""A few answers that are being paged through, so that each page need not ask the ledger anew."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

__all__ = ["Answers"]

Q = TypeVar("Q", bound=Hashable)
A = TypeVar("A")


class Answers(Generic[Q, A]):
    """Answers by version of the ledger and question.

    They are right for ever, because a version of the ledger never changes; the question names the accounts, so that no answer
    serves a caller who could not have asked it.
    """

    MOST = 4
    MOST_ROWS = 200_000

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[int, Q], list[A]] = OrderedDict()

    def get(self, version: int | None, query: Q) -> tuple[int, list[A] | None]:
        if version is None:
            return -1, None
        with self._lock:
            return version, self._kept.get((version, query))

    def keep(self, version: int, query: Q, answer: list[A], rows: int) -> None:
        """Keep it, unless it is of very many rows."""
        if rows > self.MOST_ROWS:
            return
        with self._lock:
            self._kept[version, query] = answer
            self._kept.move_to_end((version, query))
            while len(self._kept) > self.MOST:
                self._kept.popitem(last=False)
