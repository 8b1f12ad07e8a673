"""How far a measurement made here and now can be trusted.

The owner of a thread's CPU clock is only known where every switch between contexts is seen. Plain threads and the event
loops of the standard library are seen. Other schedulers change the running context unseen, so that a span can be
charged for its neighbour's work on the same thread: such a span says so instead of sending a wrong number as a right one.
"""

from __future__ import annotations

import sys
from asyncio import BaseEventLoop, _get_running_loop
from typing import Final

__all__ = ["EXACT", "NONE", "THREAD", "here", "watch_loops", "worst"]

EXACT: Final = "exact"
"""Every switch was seen."""

THREAD: Final = "thread"
"""Right for the thread, perhaps not for the span: something unseen shares the thread between spans."""

NONE: Final = "none"
"""Not measured, or not from the start."""

_RANK: Final = {EXACT: 0, THREAD: 1, NONE: 2}

# Without the interpreter's lock two threads can lose each other's additions to one span.
_FREE_THREADED: Final = not getattr(sys, "_is_gil_enabled", lambda: True)()

_loops_watched = False


def watch_loops(watched: bool) -> None:
    """Says whether the callbacks of stdlib event loops are being seen."""
    global _loops_watched  # noqa: PLW0603  one fact of the process, written by install and uninstall only
    _loops_watched = watched


def here() -> str:
    """The quality of a span that runs on this thread now."""
    loop = _get_running_loop()
    if loop is not None and not (_loops_watched and isinstance(loop, BaseEventLoop)):
        return THREAD
    modules = sys.modules
    if "gevent" in modules or "eventlet" in modules or "twisted.internet.reactor" in modules:
        # Loaded means that they may switch greenlets or callbacks on any thread; asking whether they do is not cheap.
        return THREAD
    if "trio" in modules and _in_trio():
        return THREAD
    return THREAD if _FREE_THREADED else EXACT


def worst(first: str, second: str) -> str:
    return first if _RANK[first] >= _RANK[second] else second


def _in_trio() -> bool:
    in_trio_run = getattr(sys.modules.get("trio.lowlevel"), "in_trio_run", None)
    # An old trio cannot be asked: then its presence has to be enough.
    return in_trio_run is None or bool(in_trio_run())
