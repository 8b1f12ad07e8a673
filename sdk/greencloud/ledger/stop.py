"""How a query is told that nobody waits for its answer any more: its caller went away, or the time for it is over.

The one who asks hands over a ``Stop`` and sets it from any thread. Whoever works looks at it between steps, and what works outside
Python lends its own ``interrupt`` while it does. An interruption that comes before the work has begun is lost to it (DuckDB forgets
it when a statement starts), so it is repeated until the work is over.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from greencloud.errors import StoppedError

__all__ = ["Stop"]

_AGAIN_S: Final = 0.02


class Stop:
    """Set at most once, by ``set``."""

    __slots__ = ("_lock", "_set", "_working")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._set = False
        self._working: dict[Callable[[], None], threading.Event] = {}

    def set(self) -> None:
        """Stop what goes on, and let nothing begin. Returns at once."""
        with self._lock:
            self._set = True
            working = list(self._working.items())
        for interrupt, over in working:
            interrupt()
            threading.Thread(target=_repeat, args=(interrupt, over), name="greencloud-stop", daemon=True).start()

    def check(self) -> None:
        """Raises StoppedError once it is set."""
        if self._set:
            raise StoppedError("nobody waits for the answer any more")

    @contextmanager
    def interrupting(self, interrupt: Callable[[], None]) -> Iterator[None]:
        """While this is open, ``interrupt`` ends the work that goes on in it. Raises StoppedError where it is set already, and in
        place of whatever the work raises once it is set."""
        over = threading.Event()
        with self._lock:
            self.check()
            self._working[interrupt] = over
        try:
            yield
        except Exception:
            self.check()
            raise
        finally:
            with self._lock:
                del self._working[interrupt]
            over.set()


def _repeat(interrupt: Callable[[], None], over: threading.Event) -> None:
    while not over.wait(_AGAIN_S):
        interrupt()
