"""Turns at work that takes the server long, as a comparison or an explanation: few at a time, and of an account one.

Nobody waits here: who comes while there is no turn is told to come again, and an account that asks without end takes no more of
them than its one.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from greencloud.server.credentials import Principal
from greencloud.server.errors import BusyError

__all__ = ["Turns"]

_AT_ONCE = 2


class Turns:
    """``message`` tells why there is none just now, ``cause`` the metrics."""

    def __init__(self, message: str, *, retry_after_s: float, cause: str) -> None:
        self._message = message
        self._retry_after_s = retry_after_s
        self._cause = cause
        self._lock = threading.Lock()
        self._running: set[tuple[str, str]] = set()

    @contextmanager
    def one_of(self, principal: Principal) -> Iterator[None]:
        """A turn of the principal's account, or of the provider. Raises BusyError."""
        whose = (principal.side, principal.account)
        with self._lock:
            if whose in self._running or len(self._running) >= _AT_ONCE:
                raise BusyError(self._message, retry_after_s=self._retry_after_s, cause=self._cause)
            self._running.add(whose)
        try:
            yield
        finally:
            with self._lock:
                self._running.discard(whose)
