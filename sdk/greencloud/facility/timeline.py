"""Dated things in order, found by bisection: an hourly series over several zones is asked once a window for every line.

A ``Timeline`` holds things with ``start`` and ``end`` (half-open, UTC). ``covering`` answers for things that never overlap, as
the factors of a book do; ``touching`` answers for any.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, Protocol, TypeVar

__all__ = ["Dated", "Timeline", "timelines"]


class Dated(Protocol):
    @property
    def start(self) -> datetime: ...

    @property
    def end(self) -> datetime: ...


D = TypeVar("D", bound=Dated)
K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Timeline(Generic[D]):
    things: tuple[D, ...] = ()  # by start
    starts: tuple[datetime, ...] = ()
    longest: timedelta = timedelta(0)

    def covering(self, start: datetime, end: datetime) -> D | None:
        """The thing that covers the whole of ``[start, end)``; things do not overlap, so that only the last to start can."""
        found = bisect_right(self.starts, start) - 1
        if found >= 0 and end <= self.things[found].end:
            return self.things[found]
        return None

    def touching(self, start: datetime, end: datetime) -> list[D]:
        """Everything that shares time with ``[start, end)``, by start."""
        last = bisect_left(self.starts, end)
        # Nothing that started earlier than the longest thing ago can still last.
        first = (
            0
            if start - datetime.min.replace(tzinfo=start.tzinfo) < self.longest
            else bisect_left(self.starts, start - self.longest)
        )
        return [thing for thing in self.things[first:last] if start < thing.end]


def timelines(things: Iterable[D], key: Callable[[D], K]) -> dict[K, Timeline[D]]:
    """One timeline for each key; things that start together keep their order."""
    groups: dict[K, list[D]] = {}
    for thing in things:
        groups.setdefault(key(thing), []).append(thing)
    made = {}
    for name, members in groups.items():
        members.sort(key=lambda thing: thing.start)
        longest = max(thing.end - thing.start for thing in members)
        made[name] = Timeline(tuple(members), tuple(thing.start for thing in members), longest)
    return made
