"""How far a measurement made here and now can be trusted.

The owner of a thread's CPU clock is only known where every switch between contexts is seen. Plain threads, the event loops of the
standard library, uvloop, trio and greenlets are seen. Other schedulers change the running context unseen, so that a span can be
charged for its neighbour's work on the same thread: such a span says so instead of sending a wrong number as a right one.
"""

from __future__ import annotations

import sys
from asyncio import _get_running_loop
from typing import TYPE_CHECKING, Final

from greencloud_otel._owner import FREE_THREADED

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["EXACT", "NONE", "THREAD", "Watched", "here", "watched", "worst"]

EXACT: Final = "exact"
"""Every switch was seen."""

THREAD: Final = "thread"
"""Right for the thread, perhaps not for the span: something unseen shares the thread between spans."""

NONE: Final = "none"
"""Not measured, or not from the start."""

_RANK: Final = {EXACT: 0, THREAD: 1, NONE: 2}


class Watched:
    """What the hooks see of the schedulers that share a thread between contexts. Written by the hooks only."""

    __slots__ = ("greenlets", "loops", "trio")

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        self.loops: tuple[type, ...] = ()
        """Classes of event loops whose callbacks are seen."""
        self.greenlets: Callable[[], bool] | None = None
        """Whether switches of greenlets on this thread are seen; from now on, if not before."""
        self.trio: Callable[[], bool] | None = None
        """Whether the run of trio on this thread is seen."""


watched: Final = Watched()


def here() -> str:
    """The quality of a span that runs on this thread now."""
    loop = _get_running_loop()
    if loop is not None and not isinstance(loop, watched.loops):
        return THREAD
    modules = sys.modules
    if "greenlet" in modules and (watched.greenlets is None or not watched.greenlets()):
        return THREAD
    if "twisted.internet.reactor" in modules:
        # Loaded means that it may switch contexts on any thread; asking whether it does is not cheap.
        return THREAD
    if "trio" in modules and _in_trio() and (watched.trio is None or not watched.trio()):
        return THREAD
    return THREAD if FREE_THREADED else EXACT


def worst(first: str, second: str) -> str:
    return first if _RANK[first] >= _RANK[second] else second


def _in_trio() -> bool:
    in_trio_run = getattr(sys.modules.get("trio.lowlevel"), "in_trio_run", None)
    # An old trio cannot be asked: then its presence has to be enough.
    return in_trio_run is None or bool(in_trio_run())
