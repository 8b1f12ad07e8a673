"""Python's cyclic garbage collector, held off while a window is allocated.

A window makes some hundred thousand small values, none of them in a cycle, and all of them alive to its end. The collector goes
through them again and again in search of cycles: two fifths of the time of a large site, for nothing. Reference counts free
everything as ever.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

__all__ = ["collector_paused"]

_lock = Lock()
_holders = 0
_was_on = False


@contextmanager
def collector_paused() -> Iterator[None]:
    """Hold the collector off; of several at once, in threads or nested, the last to leave lets it go on, if it was on at all."""
    global _holders, _was_on  # noqa: PLW0603 - the collector is one for the process too
    with _lock:
        if not _holders:
            _was_on = gc.isenabled()
            gc.disable()
        _holders += 1
    try:
        yield
    finally:
        with _lock:
            _holders -= 1
            if not _holders and _was_on:
                gc.enable()
