"""Who owns each thread's CPU clock, and what each owner has been charged.

On every thread the CPU clock runs on, and at each moment at most one tally owns it: the tally of the span that is
current there, or nobody's. ``switch`` hands the clock over and charges what passed since the last hand-over to the owner
until then. So no nanosecond is charged twice, and the sum of all tallies can never exceed what the process used.

Reading the clock is a system call and nearly all of the cost: it is read only when the owner really changes.

Charging is one ``+=`` on a slot with no call between its load and its store, which the interpreter's lock makes
indivisible: several threads may charge one tally.

This module and ``_spans`` are what a compiled core replaces; the hooks above them stay.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from _thread import _local as local
else:
    # gevent's thread-locals belong to greenlets. Two greenlets that both believe to own their thread's clock would be
    # charged the same nanoseconds, so take the real ones even when gevent came first.
    _monkey = sys.modules.get("gevent.monkey")
    if _monkey is None:
        from _thread import _local as local
    else:
        local = _monkey.get_original("_thread", "_local")

__all__ = ["CLOSED", "Process", "Tally", "close", "owner_here", "process", "restart", "restart_in_child", "switch"]

_clock: Final = time.thread_time_ns


class Era:
    """A stretch of measuring in one process. Switching off, switching on and forking each end an era, and with it the
    validity of every tally made in it, without having to find them.
    """

    __slots__ = ()


CLOSED: Final = Era()
"""The era of a tally whose span has ended: what still arrives for it is nobody's."""


class Process:
    """What holds for the whole process: the era (``None``: switched off) and the CPU charged in it so far."""

    __slots__ = ("began_ns", "charged", "era", "forks")

    def __init__(self) -> None:
        self.era: Era | None = None
        self.charged = 0
        self.forks = 0  # between the process that was started and this one
        self.began_ns = 0  # wall clock, to be compared with the start of spans


class Tally:
    """What one span has been charged in one process."""

    __slots__ = ("era", "ns", "quality")

    def __init__(self, era: Era, quality: str) -> None:
        self.era = era
        self.ns = 0
        self.quality = quality


class Thread:
    """The owner of one thread's clock, and what that clock said when it was handed over."""

    __slots__ = ("owner", "since")

    def __init__(self) -> None:
        self.owner: Tally | None = None
        self.since = 0


class _Here(local):
    def __init__(self) -> None:
        super().__init__()
        self.thread = Thread()


process: Final = Process()
_here: Final = _Here()


def owner_here() -> Tally | None:
    return _here.thread.owner


def switch(new: Tally | None) -> None:
    """Hands this thread's clock over to ``new``; ``None`` is nobody."""
    thread = _here.thread
    owner = thread.owner
    if owner is new:
        return
    if owner is not None and owner.era is process.era:
        now = _clock()
        spent = now - thread.since
        owner.ns += spent
        process.charged += spent
    elif new is not None:
        now = _clock()
    else:
        now = 0  # nobody to nobody
    thread.owner = new
    thread.since = now


def close(tally: Tally) -> int:
    """Ends the charging of ``tally`` and returns what it came to. What it still uses on other threads is nobody's: their
    clocks cannot be read from here.
    """
    thread = _here.thread
    if thread.owner is tally:
        if tally.era is process.era:
            spent = _clock() - thread.since
            tally.ns += spent
            process.charged += spent
        thread.owner = None
    tally.era = CLOSED
    return tally.ns


def restart(*, on: bool) -> None:
    """Begins a new era, or none."""
    process.era = Era() if on else None
    _here.thread = Thread()


def restart_in_child() -> None:
    """Begins the era of a forked child, whose clocks begin at zero again."""
    process.charged = 0
    process.forks += 1
    restart(on=process.era is not None)
