"""Points as columns, and series that grow by the plain functions: what the kernel is compared with."""

from __future__ import annotations

import struct
from array import array
from collections.abc import Sequence
from fractions import Fraction

from greencloud._series import Series
from greencloud.telemetry.growth import Number
from greencloud.telemetry.series import Grown, Line, summary
from greencloud.telemetry.split import Interval

WINDOW_NS = 3600 * 10**9


def bits_of(value: float) -> tuple[int, int]:
    """The kind and bits of a value, as the decoder gives them."""
    if isinstance(value, int):
        return 1, value
    (bits,) = struct.unpack("<q", struct.pack("<d", value))
    return 2, bits


def series_of(*found: Sequence[Number]) -> Series:
    """Each list of points as a series, their points sent in turns, and every other point without a series between them."""
    of_place, places = array("i", [-1, *range(len(found))]), array("i")
    start_ns, time_ns, kind, bits = array("Q"), array("Q"), array("B"), array("q")
    longest = max(map(len, found), default=0)
    for index in range(longest):
        for number, points in enumerate(found):
            if index < len(points):
                time, start, value = points[index]
                for place in (number + 1, 0):
                    places.append(place)
                    time_ns.append(time)
                    start_ns.append(start)
                    known, word = bits_of(value)
                    kind.append(known)
                    bits.append(word)
    return Series(len(found), of_place, places, array("B", bytes(len(places))), start_ns, time_ns, kind, bits)


def line_of(
    points: Sequence[Number], shape: str, scale: Fraction = Fraction(1), *, window_ns: int = WINDOW_NS, most: int = 0
) -> Line:
    return Line(series_of(points), (0,), shape, scale, window_ns, most=most)


def grown_plainly(line: Line, besides: Sequence[Interval] = ()) -> Grown:
    return summary(line.exactly(), line.window_ns, besides)
