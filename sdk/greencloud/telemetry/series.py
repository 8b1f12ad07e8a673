"""Series of the sorted points: what each grew by, cut at windows, and how its values are to be read.

``growth`` says what counts. ``Line.grow`` asks the kernel first, which knows the common case (one counter at a time, values that
are exact in 128 bits); what it leaves is computed there. Both give the same.

An **opening**, the growth from a counter's start to its first point, is not more than ``ceiling`` (amount per nanosecond) allows:
some SDKs give the time of their own start to a counter that runs since boot, and its whole past would land in the first seconds.
Beyond the ceiling the first point is only where counting begins.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import chain
from typing import TYPE_CHECKING, Final

from greencloud._series import Series
from greencloud.telemetry.admission import HORIZON_NS
from greencloud.telemetry.growth import (
    ABOVE,
    CONTRADICTION,
    HOLD_NS,
    NEGATIVE,
    SILENCE,
    UNSEEN,
    Delta,
    Growth,
    Number,
    growth_of_cumulative,
    growth_of_delta,
    growth_of_level,
    overlaps,
)
from greencloud.telemetry.split import Interval, split, union

if TYPE_CHECKING:
    from greencloud._series import Grown as KernelGrown

__all__ = ["Grown", "Line", "summary"]

_OPENING: Final = "a counter's first value is more than its time since start allows: counted from there on"
_INT64: Final = 1 << 63


@dataclass(slots=True)
class Grown:
    """Growth cut at windows.

    ``windows``: number and amount of what accrued between points, over the disjoint ``runs`` of time. ``apart``: openings, and
    amounts of no known time. ``dropped``: how many intervals were left out because something else counts then. ``refused``: starts
    that an opening showed to be wrong.
    """

    windows: list[tuple[int, int]]
    runs: list[Interval]
    apart: list[Delta]
    faults: set[str] = field(default_factory=set)
    dropped: int = 0
    refused: set[int] = field(default_factory=set)


@dataclass(slots=True, eq=False)
class Line:
    """One series of the sorted points (or several that are told as one), and how its values are to be read.

    ``scale`` takes a value to the column's unit, or a level held for a nanosecond. ``most``: the largest level, 0 where there is
    none. ``largest``: of levels at one time the largest is kept.
    """

    series: Series
    numbers: tuple[int, ...]
    shape: str  # cumulative, delta or level
    scale: Fraction
    window_ns: int
    ceiling: Fraction | None = None
    most: int = 0
    single: bool = False
    largest: bool = False

    def grow(self, besides: Sequence[Interval] = ()) -> Grown:
        """Its growth, without intervals between points that overlap those in ``besides`` (disjoint and in order)."""
        grown = self.quickly(besides)
        if grown is None and len(self.numbers) > 1 and besides:
            start, end = self.bounds()
            if any(other[0] <= start and end <= other[1] for other in besides):
                return Grown([], [], [], dropped=1)
        if grown is None:
            grown = summary(self.exactly(), self.window_ns, besides)
        apart = []
        for delta in grown.apart:
            length = delta.end_ns - delta.start_ns
            if length > HORIZON_NS:
                grown.faults.add(SILENCE)
            elif delta.opening and self.ceiling is not None and delta.amount > self.ceiling * length:
                grown.faults.add(_OPENING)
                grown.refused.add(delta.start_ns)
            else:
                apart.append(delta)
        grown.apart = apart
        return grown

    def bounds(self) -> Interval:
        """The time that its points can tell of."""
        found = [self.series.bounds(number) for number in self.numbers]
        first = 1 if self.shape == "level" else 0
        return min(bounds[first] for bounds in found), max(bounds[2] for bounds in found)

    def exactly(self) -> Growth:
        """Its growth by the plain functions, whatever the points are like."""
        points = [Number(*point) for number in self.numbers for point in self.series.points(number)]
        if self.shape == "level":
            return growth_of_level(points, self.scale, self.most, largest=self.largest)
        grow = growth_of_delta if self.shape == "delta" else growth_of_cumulative
        return grow(points, self.scale, single=self.single)

    def quickly(self, besides: Sequence[Interval] = ()) -> Grown | None:
        """The same from the kernel; None where it is not the common case. Openings are of any size here."""
        if len(self.numbers) != 1 or max(self.scale.numerator, self.scale.denominator) >= _INT64:
            return None
        (number,) = self.numbers
        apart_from = array("q", chain.from_iterable(besides))
        numerator, denominator = self.scale.numerator, self.scale.denominator
        found: KernelGrown | None = None
        if self.shape == "level":
            found = self.series.level(number, numerator, denominator, self.window_ns, HOLD_NS, self.most, apart_from)
        elif denominator == 1 and self.shape == "delta":
            found = self.series.delta(number, numerator, self.window_ns, HORIZON_NS, apart_from)
        elif denominator == 1:
            found = self.series.cumulative(number, numerator, self.window_ns, HORIZON_NS, apart_from)
        if found is None:
            return None
        windows, runs, apart, faults, dropped = found
        texts = (CONTRADICTION, NEGATIVE[self.shape], UNSEEN if self.shape == "level" else SILENCE, ABOVE)
        told = {text for bit, text in enumerate(texts) if faults >> bit & 1}
        return Grown(windows, runs, [Delta(*delta) for delta in apart], told, dropped)


def summary(growth: Growth, window_ns: int, besides: Sequence[Interval] = ()) -> Grown:
    """Growth cut at windows, without what overlaps ``besides``."""
    windows: dict[int, int] = {}
    kept: list[Interval] = []
    apart: list[Delta] = []
    dropped = 0
    for delta in growth.deltas:
        interval = (delta.start_ns, delta.end_ns)
        if delta.opening or delta.end_ns <= delta.start_ns:
            apart.append(delta)
        elif overlaps(interval, besides):
            dropped += 1
        else:
            kept.append(interval)
            for number, part in split(delta.amount, delta.start_ns, delta.end_ns, window_ns):
                windows[number] = windows.get(number, 0) + part
    return Grown(sorted(windows.items()), union(kept), apart, set(growth.faults), dropped)
