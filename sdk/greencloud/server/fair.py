"""Whose work comes next: start-time fair queuing over flows, as a pure structure with the time passed in.

Each flow (an account) queues first in, first out. A request that costs ``c`` (bytes) is stamped with a start on a common virtual
time, ``max(now, end of the flow's last one)``, and an end, ``start + c / weight``; the smallest start goes first (Goyal, Vin and
Cheng, 1996). While two flows have work they are therefore served in proportion to their weights whatever the sizes of their
requests, a flow that comes back from idleness is next, and nobody waits behind another's backlog.

A flow also has a ``share``: so many of its requests may run at once, and it is passed over while they do. Some flow that may go is
always found when there is one.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

__all__ = ["FairQueue"]

T = TypeVar("T")


@dataclass(slots=True)
class _Waiting(Generic[T]):
    start: int
    queued: float
    item: T


@dataclass(eq=False, slots=True)
class _Flow(Generic[T]):
    key: Hashable
    share: int
    running: int = 0
    end: int = 0
    waiting: deque[_Waiting[T]] = field(default_factory=deque)

    @property
    def may_go(self) -> bool:
        return bool(self.waiting) and self.running < self.share


class FairQueue(Generic[T]):
    """``push`` work, ``pop`` what goes next (``go`` is both), and say ``done`` when it is. Not for several threads at once."""

    def __init__(self) -> None:
        self._flows: dict[Hashable, _Flow[T]] = {}
        self._heads: list[tuple[int, int, _Flow[T]]] = []  # of flows that may go; one that went since is left out when met
        self._time = 0
        self._count = 0
        self._running = 0
        self._sequence = 0

    def __len__(self) -> int:
        """How much waits."""
        return self._count

    def go(self, key: Hashable, cost: int, *, share: int = 1 << 30, weight: int = 1) -> bool:
        """Run an item of the flow at once, as if it were pushed and popped; False, and nothing is done, unless nobody waits."""
        if self._count:
            return False
        flow = self._flows.get(key)
        if flow is None:
            flow = self._flows[key] = _Flow(key, share)
        elif flow.running >= flow.share:
            return False
        start = self._time = max(self._time, flow.end)
        flow.end = start + max(1, cost // weight)
        flow.running += 1
        self._running += 1
        return True

    def push(self, key: Hashable, cost: int, item: T, *, now: float, share: int = 1 << 30, weight: int = 1) -> None:
        """Queue an item."""
        flow = self._flows.get(key)
        if flow is None:
            flow = self._flows[key] = _Flow(key, share)
        start = max(self._time, flow.end)
        flow.end = start + max(1, cost // weight)
        flow.waiting.append(_Waiting(start, now, item))
        self._count += 1
        if len(flow.waiting) == 1 and flow.running < flow.share:
            self._line_up(flow)

    def pop(self) -> tuple[Hashable, T] | None:
        """The next item and its flow, which runs it until ``done``; None while nobody may go."""
        while self._heads:
            start, _, flow = heapq.heappop(self._heads)
            if not flow.may_go or flow.waiting[0].start != start:
                continue
            item = flow.waiting.popleft().item
            self._count -= 1
            self._time = max(self._time, start)
            flow.running += 1
            self._running += 1
            if flow.may_go:
                self._line_up(flow)
            return flow.key, item
        return None

    def done(self, key: Hashable) -> None:
        """An item of the flow has run."""
        flow = self._flows[key]
        was_held = flow.running >= flow.share
        flow.running -= 1
        self._running -= 1
        if was_held and flow.may_go:
            self._line_up(flow)
        self._forget(flow)

    def expire(self, before: float) -> list[T]:
        """Take out whatever was queued before that time."""
        found = list(self._expired(before))
        if found:
            self._count -= len(found)
            self._heads = []
            for flow in list(self._flows.values()):
                if flow.may_go:
                    self._line_up(flow)
                self._forget(flow)
        return found

    def _expired(self, before: float) -> Iterator[T]:
        for flow in self._flows.values():
            while flow.waiting and flow.waiting[0].queued < before:
                yield flow.waiting.popleft().item

    def _line_up(self, flow: _Flow[T]) -> None:
        self._sequence += 1
        heapq.heappush(self._heads, (flow.waiting[0].start, self._sequence, flow))

    def _forget(self, flow: _Flow[T]) -> None:
        """What a flow was given counts until the others have caught up."""
        if not flow.waiting and not flow.running and flow.end <= self._time:
            self._flows.pop(flow.key, None)
        if not self._count and not self._running:
            self._flows.clear()
            self._heads.clear()
