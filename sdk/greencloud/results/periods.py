"""Periods as people name them: ``last-month``, ``2026-Q1``, ``FY2026``; pure, with the present passed in.

A period is half-open, in UTC, and whole: it begins and ends at midnight. Names are read in UTC whatever zone times are shown in,
because the ledger's days and months are those of UTC.

===============================================  =================================================================
``today yesterday``                              UTC days
``last-7d``                                      the whole days before today, here seven
``this-week last-week 2026-W12``                 ISO 8601 weeks, from Monday
``this-month last-month 2026-03``                calendar months
``this-quarter last-quarter this-year last-year``  of the year that begins with the fiscal month (January by default)
``2026-Q1 2026``                                 of the calendar year, always
``FY2026 FY2026-Q2``                             of the fiscal year, named for the calendar year in which it **ends**
``2026-03-05``                                   a day
===============================================  =================================================================

The period before another adjoins it: the month before a month, the quarter before a quarter, and for what has no name of its own
the same length of time. So a change from ``2026-02`` to ``2026-03`` is one of 28 days to 31: what is compared is what is reported.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

from greencloud.errors import QuantityError
from greencloud.results.footprint import Granularity

__all__ = ["WORDS", "Period", "bucket_of", "period_named"]

WORDS: Final = (
    "today",
    "yesterday",
    "this-week",
    "last-week",
    "this-month",
    "last-month",
    "this-quarter",
    "last-quarter",
    "this-year",
    "last-year",
)
"""Names that are relative to the present; besides them ``last-Nd``."""

_ADVICE: Final = f"write one of {', '.join(WORDS)}, last-7d, 2026, 2026-Q1, 2026-03, 2026-W12, 2026-03-05, FY2026, FY2026-Q2"
_MONTHS: Final = {"month": 1, "quarter": 3, "year": 12}
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Period:
    """``[start, end)``; ``months`` is its length in calendar months, 0 where it is a length of time."""

    start: datetime
    end: datetime
    months: int = 0

    def previous(self) -> Period:
        """The one that adjoins it before.

        Raises:
            QuantityError: it would begin before the year 1.
        """
        if self.months:
            return Period(_shifted(self.start, -self.months), self.start, self.months)
        try:
            return Period(self.start - (self.end - self.start), self.start)
        except OverflowError:
            raise _outside(self.start.isoformat()) from None


def period_named(text: str, now: datetime, fiscal_year_start_month: int = 1) -> Period:
    """The period of a name at ``now`` (aware); ``fiscal_year_start_month`` is 1 to 12.

    Raises:
        QuantityError: there is no such name, or its time is outside the years 1 to 9999.
    """
    name = text.strip()
    today = _midnight(now.astimezone(UTC).date())
    try:
        found = _relative(name, today, fiscal_year_start_month) or _absolute(name, fiscal_year_start_month)
    except (ValueError, OverflowError) as error:
        if isinstance(error, QuantityError):
            raise
        raise _outside(name) from None
    if found is None:
        raise QuantityError(f"{name!r} is not a period", advice=_ADVICE)
    return found


def bucket_of(instant: datetime, granularity: Granularity, fiscal_year_start_month: int = 1) -> Period:
    """The hour, day, month, quarter or year that holds ``instant``.

    Raises:
        ValueError: the granularity has no periods of its own (all, window).
    """
    instant = instant.astimezone(UTC)
    match granularity:
        case Granularity.HOUR:
            start = instant.replace(minute=0, second=0, microsecond=0)
            return Period(start, start + timedelta(hours=1))
        case Granularity.DAY:
            return _days(_midnight(instant.date()), 1)
        case Granularity.MONTH | Granularity.QUARTER | Granularity.YEAR:
            return _around(instant, _MONTHS[granularity], fiscal_year_start_month)
    raise ValueError(f"{granularity} is no length of the calendar")


def _relative(name: str, today: datetime, first_month: int) -> Period | None:
    if found := re.fullmatch(r"last-([1-9]\d{0,3})d", name):
        return Period(today - int(found[1]) * _DAY, today)
    if name in ("today", "yesterday"):
        return _days(today if name == "today" else today - _DAY, 1)
    which, _, length = name.partition("-")
    if which not in ("this", "last"):
        return None
    if length == "week":
        this = _days(today - today.weekday() * _DAY, 7)
    elif length in _MONTHS:
        this = _around(today, _MONTHS[length], first_month)
    else:
        return None
    return this if which == "this" else this.previous()


def _absolute(name: str, first_month: int) -> Period | None:
    if found := re.fullmatch(r"FY(\d{4})(?:-Q([1-4]))?", name):
        year, quarter = int(found[1]), int(found[2] or 0)
        # A year that begins in January ends in the year that it begins in; any other ends in the next one.
        start = datetime(year - (first_month > 1), first_month, 1, tzinfo=UTC)
        return _months(_shifted(start, 3 * (quarter - 1)), 3) if quarter else _months(start, 12)
    if found := re.fullmatch(r"(\d{4})(?:-Q([1-4]))?", name):
        year, quarter = int(found[1]), int(found[2] or 0)
        return _months(datetime(year, 3 * quarter - 2 if quarter else 1, 1, tzinfo=UTC), 3 if quarter else 12)
    if found := re.fullmatch(r"(\d{4})-W(\d{2})", name):
        return _days(_midnight(date.fromisocalendar(int(found[1]), int(found[2]), 1)), 7)
    if found := re.fullmatch(r"(\d{4})-(\d{2})", name):
        return _months(datetime(int(found[1]), int(found[2]), 1, tzinfo=UTC), 1)
    if found := re.fullmatch(r"(\d{4})-(\d{2})-(\d{2})", name):
        return _days(datetime(*map(int, found.groups()), tzinfo=UTC), 1)  # type: ignore[arg-type, misc]  # three of them
    return None


def _around(instant: datetime, months: int, first_month: int) -> Period:
    """The month, quarter or year that holds it, counted from the fiscal month."""
    behind = (instant.month - first_month) % months
    first = datetime(instant.year, instant.month, 1, tzinfo=UTC)
    return _months(_shifted(first, -behind), months)


def _months(start: datetime, months: int) -> Period:
    return Period(start, _shifted(start, months), months)


def _days(start: datetime, days: int) -> Period:
    return Period(start, start + days * _DAY)


def _shifted(first_of_month: datetime, months: int) -> datetime:
    years, month = divmod(first_of_month.month - 1 + months, 12)
    try:
        return first_of_month.replace(year=first_of_month.year + years, month=month + 1)
    except ValueError:
        raise _outside(first_of_month.isoformat()) from None


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _outside(what: str) -> QuantityError:
    return QuantityError(f"{what} is no date, or reaches outside the years 1 to 9999", advice=_ADVICE)
