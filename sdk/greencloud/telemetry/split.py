"""Time cut at window boundaries, exactly: amounts by cumulative floors, so that the parts add up to the whole.

Windows are numbered from 1970-01-01 UTC in units of their own length. All times are integer nanoseconds; intervals are
half-open. What happens in no time at all happens in the window that holds the instant.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

__all__ = ["Interval", "covered", "split", "union"]

Interval = tuple[int, int]


def split(amount: int, start_ns: int, end_ns: int, window_ns: int) -> Iterator[tuple[int, int]]:
    """``(window number, part)`` for every window that ``[start_ns, end_ns)`` touches, in order; ``amount`` accrues evenly."""
    first = start_ns // window_ns
    if end_ns <= start_ns:
        yield first, amount
        return
    last = (end_ns - 1) // window_ns
    before = 0
    for number in range(first, last):
        until = amount * ((number + 1) * window_ns - start_ns) // (end_ns - start_ns)
        yield number, until - before
        before = until
    yield last, amount - before


def union(intervals: Iterable[Interval]) -> list[Interval]:
    """The same time as disjoint intervals that do not touch, in order."""
    found: list[Interval] = []
    for start, end in sorted(intervals):
        if end <= start:
            continue
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((start, end))
    return found


def covered(intervals: Iterable[Interval], window_ns: int) -> dict[int, int]:
    """Nanoseconds of each window that the intervals cover, counting no instant twice."""
    found: dict[int, int] = {}
    for start, end in union(intervals):
        for number, part in split(end - start, start, end, window_ns):
            found[number] = found.get(number, 0) + part
    return found
