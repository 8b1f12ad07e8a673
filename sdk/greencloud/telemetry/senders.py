"""Several senders of one thing: at each time one of them counts.

Two agents on a host, one agent before and after its resource changed, an exporter and a collector that look at the same process:
each tells of all of it, so their sum would count it twice. Growth between points goes before openings, then the senders in
order of their identity; what overlaps in time with what another sender told is left out.

Within one sender the series of a metric are parts of a whole (modes, CPUs, directions, devices) and add up, except that a series
with fewer of these dimensions is the **total** of those that agree with it and have more: a sender that reports a total and its
parts is counted by the total. A start that an opening of one series shows to be wrong (``series``) is wrong for all.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import chain, combinations
from typing import NamedTuple

from greencloud.telemetry.growth import Delta, overlaps
from greencloud.telemetry.series import Grown, Line
from greencloud.telemetry.split import Interval, union

__all__ = ["Kept", "Reported", "one_at_a_time"]

Parts = frozenset[tuple[str, str]]
_Key = tuple[str, Parts]


class Reported(NamedTuple):
    """A series of one thing. ``parts``: the dimensions that divide it; ``rest``: canonical text of all others."""

    line: Line
    sender: str
    parts: Parts
    rest: str = ""

    @property
    def key(self) -> _Key:
        return self.rest, self.parts


class Kept(NamedTuple):
    """What counts of a series. ``beside``: something was left out because of another sender; ``within``: because of a total."""

    reported: Reported
    grown: Grown
    beside: bool
    within: bool


def one_at_a_time(found: Iterable[Reported]) -> list[Kept]:
    """What counts of the series of one thing, in order of senders."""
    senders: dict[str, list[Reported]] = {}
    for reported in found:
        senders.setdefault(reported.sender, []).append(reported)
    between = _Taken()
    grown = [(name, _between(_in_order(senders[name]), name, between)) for name in sorted(senders)]
    opened = _Taken()
    return list(chain.from_iterable(_openings(kept, name, between, opened) for name, kept in grown))


def _in_order(found: list[Reported]) -> list[Reported]:
    """Totals before their parts."""
    return sorted(found, key=lambda reported: (len(reported.parts), sorted(reported.parts), reported.rest))


def _totals(reported: Reported) -> Iterable[_Key]:
    """The keys of the series that would be totals of this one."""
    parts = sorted(reported.parts)
    return ((reported.rest, frozenset(some)) for size in range(len(parts)) for some in combinations(parts, size))


def _between(found: list[Reported], sender: str, taken: _Taken) -> list[Kept]:
    """Growth between points; takes its time."""
    runs: dict[_Key, list[Interval]] = {}
    kept = []
    for reported in found:
        totals = [some for key in _totals(reported) if (some := runs.get(key))] if runs else []
        others: list[Interval] = []
        if taken.starts or totals:
            start, end = reported.line.bounds()
            others = taken.during(start, end)
            totals = [some for whole in totals if (some := _during(whole, start, end))]
        grown = reported.line.grow(union(chain(others, *totals)) if totals else others)
        _extend(runs, reported.key, grown.runs)
        kept.append(Kept(reported, grown, bool(grown.dropped and others), bool(grown.dropped and totals and not others)))
    taken.add(union(chain.from_iterable(runs.values())), sender)
    return kept


def _openings(found: list[Kept], sender: str, between: _Taken, opened: _Taken) -> list[Kept]:
    """The same with openings, as far as nothing else tells of their time: of a total, not even its parts."""
    if not any(kept.grown.apart for kept in found):
        return found
    runs: dict[_Key, list[Interval]] = {}
    parts: dict[_Key, list[Interval]] = {}
    for reported, grown, _, _ in found:
        _extend(runs, reported.key, grown.runs)
        for key in _totals(reported):
            parts.setdefault(key, []).extend(grown.runs)
    below = {key: union(intervals) for key, intervals in parts.items()}
    refused = set[int]().union(*(kept.grown.refused for kept in found))
    mine: list[Interval] = []
    kept = []
    for reported, grown, *left_out in found:
        beside, within = left_out
        rivals = [*(runs.get(key, []) for key in _totals(reported)), below.get(reported.key, [])]
        apart: list[Delta] = []
        for delta in grown.apart:
            interval = (delta.start_ns, delta.end_ns)
            if delta.end_ns <= delta.start_ns:
                apart.append(delta)
            elif delta.opening and delta.start_ns in refused:
                continue
            elif between.by_other(interval, sender) or opened.by_other(interval, sender):
                beside = True
            elif any(overlaps(interval, rival) for rival in rivals):
                within = True
            else:
                apart.append(delta)
                mine.append(interval)
        _extend(runs, reported.key, [(delta.start_ns, delta.end_ns) for delta in apart])
        grown.apart = apart
        kept.append(Kept(reported, grown, beside, within))
    opened.add(union(mine), sender)
    return kept


def _extend(runs: dict[_Key, list[Interval]], key: _Key, more: list[Interval]) -> None:
    known = runs.get(key)
    runs[key] = union([*known, *more]) if known else union(more)


def _during(intervals: list[Interval], start: int, end: int) -> list[Interval]:
    """Those of disjoint intervals in order that share time with another one."""
    first = bisect_right(intervals, start, key=lambda interval: interval[1])
    return intervals[first : bisect_left(intervals, end, key=lambda interval: interval[0])]


@dataclass(slots=True)
class _Taken:
    """Time that senders have told of, as disjoint intervals in order."""

    starts: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    senders: list[str] = field(default_factory=list)

    def add(self, intervals: list[Interval], sender: str) -> None:
        for start, end in intervals:
            at = bisect_left(self.starts, start)
            self.starts.insert(at, start)
            self.ends.insert(at, end)
            self.senders.insert(at, sender)

    def during(self, start: int, end: int) -> list[Interval]:
        """The intervals that share time with another one."""
        first, last = bisect_right(self.ends, start), bisect_left(self.starts, end)
        return list(zip(self.starts[first:last], self.ends[first:last], strict=True))

    def by_other(self, interval: Interval, sender: str) -> bool:
        first, last = bisect_right(self.ends, interval[0]), bisect_left(self.starts, interval[1])
        return any(self.senders[at] != sender for at in range(first, last))
