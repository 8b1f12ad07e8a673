"""A series of number points to amounts over intervals.

A **cumulative** sum grows from ``start_ns``; what counts is the growth between neighbours in time. Values become exact integers
first (a double times the unit's scale, as a ratio, rounded half to even once), so that growths telescope: their sum is last
minus first, whatever was sent between. The same point again adds nothing. A counter begins again where its start is later
than the last point, or where its value falls; then the value itself is the growth since.

Streams of one series that overlap in time under different starts are one counter whose start jitters when their values never
fall in order of time, and several counters (processes that share an identity) when they do.

The **opening** growth, from start to first point, counts where the start is known, and is not more than ``ceiling`` (amount per
nanosecond) allows: some SDKs give the time of their own start to a counter that runs since boot, and its whole past would
land in the first seconds. Beyond the ceiling, or without a start, the first point is only where counting begins.

A **delta** sum is amounts already. A **gauge** is a level, held until the next point, but not over silences longer than an hour:
what was not seen is not known.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Final, NamedTuple

from greencloud.telemetry.otlp import Point
from greencloud.units import round_half_even

__all__ = ["HOLD_NS", "LONGEST_NS", "Delta", "Growth", "growth_of_cumulative", "growth_of_delta", "growth_of_gauge"]

HOLD_NS: Final = 3600 * 10**9
LONGEST_NS: Final = 31 * 86_400 * 10**9
"""The longest interval that an amount is spread over; longer ones would make a row for every hour of them."""


@dataclass(frozen=True, slots=True, order=True)
class Delta:
    """An amount that accrued over ``[start_ns, end_ns)``. ``opening``: from a counter's start, not from a point before."""

    start_ns: int
    end_ns: int
    amount: int
    opening: bool = False


@dataclass(frozen=True, slots=True)
class Growth:
    """Deltas in canonical order, and why points of the series were left out ("" is never among the reasons)."""

    deltas: tuple[Delta, ...]
    faults: frozenset[str] = frozenset()


class _At(NamedTuple):
    time_ns: int
    start_ns: int
    value: int


def growth_of_cumulative(points: Iterable[Point], scale: Fraction, ceiling: Fraction | None = None) -> Growth:
    """Growth of a cumulative sum. ``scale`` takes a value to the column's unit."""
    faults: set[str] = set()
    deltas: list[Delta] = []
    for counter in _counters(_distinct(_exact(points, scale), faults)):
        previous: _At | None = None
        for at in counter:
            if previous is None or at.value < previous.value:
                since = at.start_ns if previous is None else previous.time_ns
                delta = Delta(since, at.time_ns, at.value, opening=previous is None)
            else:
                delta = Delta(previous.time_ns, at.time_ns, at.value - previous.value)
            previous = at
            if delta.opening and not 0 < delta.start_ns < delta.end_ns:
                continue
            if delta.opening and ceiling is not None and delta.amount > ceiling * (delta.end_ns - delta.start_ns):
                faults.add("a counter's first value is more than its time since start allows: counted from there on")
            elif delta.end_ns - delta.start_ns > LONGEST_NS:
                faults.add("an interval between points is longer than 31 days")
            else:
                deltas.append(delta)
    return Growth(tuple(sorted(deltas)), frozenset(faults))


def growth_of_delta(points: Iterable[Point], scale: Fraction) -> Growth:
    """Amounts of a delta sum; a repeated interval counts once, and one without a start begins at the point before it."""
    faults: set[str] = set()
    deltas: list[Delta] = []
    last_ns = 0
    for at in _distinct(_exact(points, scale), faults):
        start = at.start_ns or last_ns or at.time_ns
        last_ns = at.time_ns
        if at.value < 0:
            faults.add("a delta is negative")
        elif at.time_ns - start > LONGEST_NS:
            faults.add("an interval between points is longer than 31 days")
        else:
            deltas.append(Delta(start, at.time_ns, at.value))
    return Growth(tuple(sorted(deltas)), frozenset(faults))


def growth_of_gauge(points: Iterable[Point], scale: Fraction) -> Growth:
    """Level times time. ``scale`` takes a level held for a nanosecond to the column's unit."""
    faults: set[str] = set()
    levels: dict[int, Fraction] = {}
    for point in points:
        value = _ratio(point)
        known = levels.setdefault(point.time_ns, value)
        if known != value:
            faults.add("points of one series and time contradict each other: the smaller is kept")
            levels[point.time_ns] = min(known, value)
    deltas: list[Delta] = []
    total = Fraction(0)
    times = sorted(levels)
    for start, end in pairwise(times):
        if levels[start] < 0:
            faults.add("a level is negative")
        elif end - start > HOLD_NS:
            faults.add("a level was not reported for more than an hour")
        else:
            # Rounding the running total, not each part, keeps the parts' sum within one half of the exact one.
            before = round_half_even(total)
            total += levels[start] * (end - start) * scale
            deltas.append(Delta(start, end, round_half_even(total) - before))
    return Growth(tuple(deltas), frozenset(faults))


def _ratio(point: Point) -> Fraction:
    assert point.value is not None, "points without a value do not pass point_fault"
    return Fraction(point.value)


def _exact(points: Iterable[Point], scale: Fraction) -> set[_At]:
    found = set()
    for point in points:
        start = point.start_ns if 0 < point.start_ns <= point.time_ns else 0
        found.add(_At(point.time_ns, start, round_half_even(_ratio(point) * scale)))
    return found


def _distinct(points: set[_At], faults: set[str]) -> list[_At]:
    """One point for each time and start, in order."""
    kept: list[_At] = []
    for at in sorted(points):
        if kept and kept[-1][:2] == at[:2]:
            faults.add("points of one series and time contradict each other: the smaller is kept")
        else:
            kept.append(at)
    return kept


def _counters(points: list[_At]) -> list[list[_At]]:
    """Points by counter: one for each start, except that streams which overlap without ever falling are joined."""
    streams: dict[int, list[_At]] = {}
    for at in points:
        streams.setdefault(at.start_ns, []).append(at)
    counters: list[list[_At]] = []
    for start in sorted(streams):
        stream = streams[start]
        if counters and start < counters[-1][-1].time_ns:
            joined = sorted([*counters[-1], *stream])
            if all(before.value <= after.value for before, after in pairwise(joined)):
                counters[-1] = joined
                continue
        counters.append(stream)
    return counters
