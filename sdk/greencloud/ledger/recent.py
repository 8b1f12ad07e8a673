"""Values that were wanted last, up to a size: for what was read of files that never change."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Hashable
from threading import Lock
from typing import Generic, TypeVar

__all__ = ["Recent"]

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Recent(Generic[K, V]):
    """At most ``most`` of size together, in whatever unit ``keep`` is told; for any number of threads."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = Lock()
        self._kept: OrderedDict[K, tuple[V, int]] = OrderedDict()
        self._size = 0
        os.register_at_fork(after_in_child=self._forked)

    def get(self, key: K) -> V | None:
        with self._lock:
            if (found := self._kept.get(key)) is None:
                return None
            self._kept.move_to_end(key)
            return found[0]

    def keep(self, key: K, value: V, size: int) -> None:
        """One that is larger than all of the room is not kept."""
        with self._lock:
            self._size -= self._kept.pop(key, (None, 0))[1]
            self._kept[key] = value, size
            self._size += size
            while self._size > self._most:
                self._size -= self._kept.popitem(last=False)[1][1]

    def _forked(self) -> None:
        self._lock = Lock()  # another thread may have held it, in the midst of a change
        self._kept, self._size = OrderedDict(), 0
