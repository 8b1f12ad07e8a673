"""Points sorted into series, and their growth cut at windows (see ``ext/greencloud/_series.pyx``).

Columns are one-dimensional and contiguous, of the types that ``_otlp.Metrics`` gives. No other thread may write to them during a
call.
"""

from array import array

Column = memoryview | array[int]

Grown = tuple[list[tuple[int, int]], list[tuple[int, int]], list[tuple[int, int, int, bool]], int, int]
"""Windows (number, amount); runs of time (start, end); what is apart (start, end, amount, opening); faults; intervals dropped.

Faults are bits: 1 points of one time contradict each other, 2 a negative value, 4 a silence, 8 a level above the most.
"""

class Series:
    """The points without fault whose combination belongs to a series, by series and in order of time and start.

    A start of 0 or after the time is taken as not known.
    """

    count: int

    def __init__(
        self,
        count: int,
        of_place: Column,
        places: Column,
        fault: Column,
        start_ns: Column,
        time_ns: Column,
        kind: Column,
        bits: Column,
    ) -> None:
        """``of_place``: the series of each combination, below ``count``, or -1. ``places``: the combination of each point.

        Raises:
            ValueError: an index out of range, a point without a time or a finite value, columns of different lengths.
        """

    def size(self, series: int) -> int:
        """How many points a series has."""

    def bounds(self, series: int) -> tuple[int, int, int]:
        """The earliest start or time, the first time and the last time of the points of a series; zeros where it has none."""

    def points(self, series: int) -> list[tuple[int, int, int | float]]:
        """Time, start and value of the points of a series."""

    def cumulative(self, series: int, scale: int, window_ns: int, longest_ns: int, besides: Column) -> Grown | None:
        """What a counter grew by. ``besides``: starts and ends (int64) of disjoint intervals, in order, in which it does not count.

        None: not the common case, ask ``telemetry.series``.
        """

    def delta(self, series: int, scale: int, window_ns: int, longest_ns: int, besides: Column) -> Grown | None:
        """The amounts of a delta sum, in the same way."""

    def level(
        self, series: int, numerator: int, denominator: int, window_ns: int, longest_ns: int, most: int, besides: Column
    ) -> Grown | None:
        """A level, at the most ``most`` (0 is no limit), times the time that it is held."""
