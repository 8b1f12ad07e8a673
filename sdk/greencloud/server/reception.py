"""The message of a call, waited for in bounded time and number.

``grpc.server`` gives a call its thread when the headers are there; the message may come later, or never. A few headers without
messages, from anybody who can reach the port, would then hold every thread. So each message is waited for here: for ``PATIENCE_S``,
or for ``HURRY_S`` while more than half of the threads do nothing but wait, and for at most so many calls of one caller at once.
A call whose message does not come is cancelled, which OTLP clients answer by sending again.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from greencloud.server.errors import BusyError

__all__ = ["HURRY_S", "PATIENCE_S", "Reception"]

PATIENCE_S: Final = 20.0
"""Long enough for the largest message over a slow line."""

HURRY_S: Final = 1.0


@dataclass(eq=False, slots=True)
class _Wait:
    context: Any
    started: float = field(default_factory=time.monotonic)


class Reception:
    """Counts and ends waits. ``expect`` a call when its headers are there, then ``waiting`` while its message is read."""

    def __init__(self, threads: int, *, patience_s: float = PATIENCE_S, hurry_s: float = HURRY_S) -> None:
        self._threads = threads
        self._patience_s = patience_s
        self._hurry_s = hurry_s
        self._lock = threading.Lock()
        self._expected: Counter[Hashable] = Counter()
        self._waits: set[_Wait] = set()
        self._closed = threading.Event()
        self._watch = threading.Thread(target=self._end_long_waits, name="greencloud-reception", daemon=True)
        self._watch.start()

    def expect(self, caller: Hashable, *, most: int) -> None:
        """Note a call of which only the headers are there; ``waiting`` takes it off the list again.

        Raises:
            BusyError: ``most`` calls of that caller have sent no message yet.
        """
        with self._lock:
            if self._expected[caller] >= most:
                raise BusyError("too many calls of one caller have sent no message yet", retry_after_s=2.0)
            self._expected[caller] += 1

    @contextmanager
    def waiting(self, caller: Hashable, context: Any) -> Iterator[None]:
        """While this is open a message is waited for, and ``context`` is cancelled if that takes too long."""
        wait = _Wait(context)
        with self._lock:
            self._waits.add(wait)
        try:
            yield
        finally:
            with self._lock:
                self._waits.discard(wait)
                self._expected[caller] -= 1
                if not self._expected[caller]:
                    del self._expected[caller]

    def close(self) -> None:
        """End the watch."""
        self._closed.set()
        self._watch.join()

    def _end_long_waits(self) -> None:
        while not self._closed.wait(self._hurry_s / 4):
            with self._lock:
                limit = self._hurry_s if len(self._waits) > self._threads // 2 else self._patience_s
                latest = time.monotonic() - limit
                overdue = [wait for wait in self._waits if wait.started < latest]
            for wait in overdue:
                wait.context.cancel()
