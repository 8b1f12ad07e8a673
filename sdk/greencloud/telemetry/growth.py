"""A series of number points to amounts over intervals, one point at a time: what counts, in plain arithmetic.

A **cumulative** sum grows from ``start_ns``; what counts is the growth between neighbours in time. Values become exact integers
first (a double times the unit's scale, as a ratio, rounded half to even once), so that growths telescope: their sum is last
minus first, whatever was sent between. The same point again adds nothing. A counter begins again where its start is later
than the last point, or where its value falls; then the value itself is the growth since. Growth over a silence longer than the
horizon is not counted, nor is a value below zero.

Streams of one series that overlap in time under different starts are one counter whose start jitters when their values never
fall in order of time, and several counters (processes that share an identity) when they do. Of what there can be only one of
(``single``: a host's meter, a process with its id), several are reports of the same thing, and at each time one of them counts.

The **opening** growth, from start to first point, counts where the start is known (and is likely: ``series.Line``). Without a
start, the first point is only where counting begins.

A **delta** sum is amounts already. A **level** is held until the next point, but not over silences longer than an hour: what was
not seen is not known.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain, pairwise
from typing import Final, NamedTuple

from greencloud.telemetry.admission import HORIZON_NS
from greencloud.telemetry.split import Interval
from greencloud.units import round_half_even

__all__ = [
    "ABOVE",
    "CONTRADICTION",
    "HOLD_NS",
    "NEGATIVE",
    "SILENCE",
    "UNSEEN",
    "Delta",
    "Growth",
    "Number",
    "growth_of_cumulative",
    "growth_of_delta",
    "growth_of_level",
    "overlaps",
]

HOLD_NS: Final = 3600 * 10**9

CONTRADICTION: Final = "points of one series and time contradict each other: the smaller is kept"
NEGATIVE: Final = {"cumulative": "a counter is negative", "delta": "a delta is negative", "level": "a level is negative"}
SILENCE: Final = f"an interval between points is longer than {HORIZON_NS // (86_400 * 10**9)} days"
UNSEEN: Final = "a level was not reported for more than an hour"
ABOVE: Final = "a level above the most that there can be: cut to it"
_SINGLE: Final = "counters of one thing that overlap in time: one counts at a time"


class Number(NamedTuple):
    """A point of a series, in order of time. ``start_ns`` is 0 where it is not known."""

    time_ns: int
    start_ns: int
    value: int | float


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


def overlaps(interval: Interval, disjoint: Sequence[Interval]) -> bool:
    """Whether an interval shares time with any of those that are disjoint and in order."""
    start, end = interval
    at = bisect_right(disjoint, start, key=lambda other: other[0])
    return (at > 0 and disjoint[at - 1][1] > start) or (at < len(disjoint) and disjoint[at][0] < end)


class _At(NamedTuple):
    time_ns: int
    start_ns: int
    value: int


def growth_of_cumulative(points: Iterable[Number], scale: Fraction, *, single: bool = False) -> Growth:
    """Growth of a cumulative sum. Openings are of any size here; ``Line.grow`` judges them."""
    faults: set[str] = set()
    exact = _exact(points, scale)
    sound = {at for at in exact if at.value >= 0}
    if sound != exact:
        faults.add(NEGATIVE["cumulative"])
    counters = _counters(_distinct(sound, faults))
    grown = [_between(counter, faults) for counter in counters]
    deltas = _one_of(grown, faults) if single and len(grown) > 1 else list(chain.from_iterable(grown))
    return Growth(tuple(sorted(deltas)), frozenset(faults))


def growth_of_delta(points: Iterable[Number], scale: Fraction, *, single: bool = False) -> Growth:
    """Amounts of a delta sum; a repeated interval counts once, and one without a start begins at the point before it."""
    faults: set[str] = set()
    deltas: list[Delta] = []
    last_ns = 0
    for at in _distinct(_exact(points, scale), faults):
        start = at.start_ns or last_ns or at.time_ns
        last_ns = at.time_ns
        if at.value < 0:
            faults.add(NEGATIVE["delta"])
        elif at.time_ns - start > HORIZON_NS:
            faults.add(SILENCE)
        else:
            deltas.append(Delta(start, at.time_ns, at.value))
    if single:
        deltas = _one_of([deltas], faults)
    return Growth(tuple(sorted(deltas)), frozenset(faults))


def growth_of_level(points: Iterable[Number], scale: Fraction, most: int = 0, *, largest: bool = False) -> Growth:
    """Level times time. ``scale`` takes a level held for a nanosecond to the column's unit."""
    faults: set[str] = set()
    levels: dict[int, Fraction] = {}
    for point in points:
        value = Fraction(point.value)
        known = levels.setdefault(point.time_ns, value)
        if known != value:
            levels[point.time_ns] = max(known, value) if largest else min(known, value)
            if not largest:
                faults.add(CONTRADICTION)
    deltas: list[Delta] = []
    total = Fraction(0)
    for start, end in pairwise(sorted(levels)):
        level = levels[start]
        if level < 0:
            faults.add(NEGATIVE["level"])
        elif end - start > HOLD_NS:
            faults.add(UNSEEN)
        else:
            if most and level > most:
                faults.add(ABOVE)
                level = Fraction(most)
            # Rounding the running total, not each part, keeps the parts' sum within one half of the exact one.
            before = round_half_even(total)
            total += level * (end - start) * scale
            deltas.append(Delta(start, end, round_half_even(total) - before))
    return Growth(tuple(deltas), frozenset(faults))


def _exact(points: Iterable[Number], scale: Fraction) -> set[_At]:
    return {
        _At(time_ns, start_ns if 0 < start_ns <= time_ns else 0, round_half_even(Fraction(value) * scale))
        for time_ns, start_ns, value in points
    }


def _distinct(points: set[_At], faults: set[str]) -> list[_At]:
    """One point for each time and start, in order."""
    kept: list[_At] = []
    for at in sorted(points):
        if kept and kept[-1][:2] == at[:2]:
            faults.add(CONTRADICTION)
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
        if not (counters and start < counters[-1][-1].time_ns and _joined(counters[-1], stream)):
            counters.append(stream)
    return counters


def _joined(counter: list[_At], stream: list[_At]) -> bool:
    """Put a stream's points between those of a counter, if the values then never fall."""
    if any(before.value > after.value for before, after in pairwise(counter)):
        return False
    for done, at in enumerate(stream):
        place = bisect_left(counter, at)
        fits = (place == 0 or counter[place - 1].value <= at.value) and (place == len(counter) or at.value <= counter[place].value)
        if not fits:
            for put in stream[:done]:
                del counter[bisect_left(counter, put)]
            return False
        counter.insert(place, at)
    return True


def _between(counter: list[_At], faults: set[str]) -> list[Delta]:
    """The opening of a counter, if its start is known, and the growth between its points."""
    first = counter[0]
    deltas = [Delta(first.start_ns, first.time_ns, first.value, opening=True)] if 0 < first.start_ns < first.time_ns else []
    for before, after in pairwise(counter):
        if after.time_ns - before.time_ns > HORIZON_NS:
            faults.add(SILENCE)
        else:
            grown = after.value - before.value if after.value >= before.value else after.value
            deltas.append(Delta(before.time_ns, after.time_ns, grown))
    return deltas


def _one_of(counters: list[list[Delta]], faults: set[str]) -> list[Delta]:
    """What the first of the counters tells, and of each later one what those before it do not overlap; openings last."""
    kept: list[Delta] = []
    taken: list[Interval] = []  # disjoint and in order
    for opening in (False, True):
        for counter in counters:
            for delta in counter:
                if delta.opening is opening:
                    interval = (delta.start_ns, delta.end_ns)
                    if overlaps(interval, taken):
                        faults.add(_SINGLE)
                    else:
                        insort(taken, interval)
                        kept.append(delta)
    return kept
