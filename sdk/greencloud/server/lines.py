"""How many lines of one kind a second go into the log: a flood of refusals must not become a flood of writing."""

from __future__ import annotations

import logging
import threading
from typing import Final

__all__ = ["Lines"]

_LOG: Final = logging.getLogger("greencloud.server")


class Lines:
    """So many lines a second. Time is seconds of any monotonic clock."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._second = -1
        self._written = 0
        self._left_out = 0

    def spare(self, now: float) -> bool:
        """Whether there is room for one more. What was left out is told when there is again."""
        with self._lock:
            left_out = 0
            if int(now) != self._second:
                self._second, self._written = int(now), 0
                left_out, self._left_out = self._left_out, 0
            self._written += 1
            spare = self._written <= self._limit
            self._left_out += not spare
        if left_out:
            _LOG.info("%d refused calls before this one have no line", left_out)
        return spare
