"""The days and months of one version: at each site, which segments hold which UTC day, and which days make a calendar month.

Times are integer microseconds since 1970 UTC. A segment lies on one day. Days and months are compared by identity: what did not
change from a version to the next is the same object in both, so that whatever was worked out for it may be kept.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from greencloud.ledger.segments import content_in, content_of, count_in
from greencloud.results import Granularity
from greencloud.units import microseconds_of

__all__ = [
    "DAY_US",
    "MONTHS",
    "Calendar",
    "Day",
    "Month",
    "calendar_of",
    "content_of_day",
    "content_of_month",
    "months_after",
    "months_around",
]

DAY_US: Final = 86_400_000_000
MONTHS: Final = {Granularity.MONTH: 1, Granularity.QUARTER: 3, Granularity.YEAR: 12}
"""The periods that are made of calendar months, and of how many."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Day:
    """One UTC day of a site. ``first_us`` and ``last_us``: the starts of its first and last windows."""

    site: str
    start_us: int
    first_us: int
    last_us: int
    paths: tuple[str, ...]

    @property
    def end_us(self) -> int:
        return self.start_us + DAY_US

    @property
    def kind(self) -> str:
        return "day"

    @property
    def name(self) -> str:
        """2026-01-31."""
        return (_EPOCH + timedelta(microseconds=self.start_us)).date().isoformat()


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Month:
    """One calendar month of a site; ``days`` that have windows, in order."""

    site: str
    start_us: int
    end_us: int
    days: tuple[Day, ...]

    @property
    def first_us(self) -> int:
        return self.days[0].first_us

    @property
    def last_us(self) -> int:
        return self.days[-1].last_us

    @property
    def paths(self) -> tuple[str, ...]:
        return tuple(path for day in self.days for path in day.paths)

    @property
    def kind(self) -> str:
        return "month"

    @property
    def name(self) -> str:
        """2026-01."""
        return self.days[0].name[:7]


@dataclass(frozen=True, slots=True)
class Calendar:
    """``months``: by site, in order; ``days``: by site and start."""

    months: dict[str, tuple[Month, ...]]
    days: dict[tuple[str, int], Day]

    def months_at(self, sites: Sequence[str]) -> list[Month]:
        """Of these sites, or of all where none is named."""
        return [month for site in dict.fromkeys(sites or self.months) for month in self.months.get(site, ())]


def calendar_of(listing: pa.Table, before: Calendar | None = None) -> Calendar:
    """The calendar of a version's ``listing``; what is as in ``before``, the calendar of another version, is shared with it."""
    found: dict[tuple[str, int], list[tuple[str, int, int]]] = {}
    columns = (pc.cast(listing[name], pa.int64()).to_pylist() for name in ("first", "last"))
    for path, site, first, last in zip(listing["path"].to_pylist(), listing["site"].to_pylist(), *columns, strict=True):
        found.setdefault((site, first - first % DAY_US), []).append((path, first, last))
    days: dict[tuple[str, int], Day] = {}
    by_month: dict[tuple[str, int, int], list[Day]] = {}
    month_of: dict[int, tuple[int, int]] = {}
    for key in sorted(found):
        site, start = key
        segments = sorted(found[key])
        paths = tuple(path for path, _, _ in segments)
        old = before.days.get(key) if before else None
        if old is None or old.paths != paths:
            old = Day(site, start, min(first for _, first, _ in segments), max(last for _, _, last in segments), paths)
        days[key] = old
        if start not in month_of:
            month_of[start] = _month_around(start)
        by_month.setdefault((site, *month_of[start]), []).append(old)
    months: dict[str, list[Month]] = {}
    old_months = {(month.site, month.start_us): month for each in before.months.values() for month in each} if before else {}
    for (site, start, end), members in by_month.items():
        month = old_months.get((site, start))
        if month is None or month.days != tuple(members):
            month = Month(site, start, end, tuple(members))
        months.setdefault(site, []).append(month)
    return Calendar({site: tuple(each) for site, each in months.items()}, days)


def content_of_day(day: Day, batch_ids: Callable[[str], Sequence[str]]) -> str:
    """What stands for the batches of a day; ``batch_ids`` reads those of a segment that holds several."""
    if len(day.paths) == 1:
        return content_in(day.paths[0])
    return content_of([each for path in day.paths for each in ((content_in(path),) if count_in(path) == 1 else batch_ids(path))])


def content_of_month(contents: Sequence[str]) -> str:
    """What stands for the batches of a month: the digest of its days' contents, in order."""
    return sha256("\n".join(contents).encode()).hexdigest()


def months_around(instant_us: int, months: int, first_month: int) -> int:
    """The start of the period that an instant lies in, in microseconds since 1970.

    Periods are ``months`` long (1, 3 or 12), the first of a year beginning with the month ``first_month`` (1 to 12).
    """
    instant = _EPOCH + timedelta(microseconds=instant_us)
    number = instant.year * 12 + instant.month - 1  # months since the year 0
    number -= (number - (first_month - 1)) % months
    return microseconds_of(datetime(number // 12, number % 12 + 1, 1, tzinfo=UTC))


def months_after(start: datetime, months: int) -> datetime:
    """The first of a month, so many months later."""
    number = start.year * 12 + start.month - 1 + months
    return start.replace(year=number // 12, month=number % 12 + 1)


def _month_around(instant_us: int) -> tuple[int, int]:
    start = months_around(instant_us, 1, 1)
    return start, microseconds_of(months_after(_EPOCH + timedelta(microseconds=start), 1))
