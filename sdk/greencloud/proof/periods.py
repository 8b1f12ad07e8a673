"""The periods that can be closed: a calendar year, quarter, month or day in UTC, and the one name that each has.

The name and the span of time say the same thing twice, so that nobody has to believe that they agree: ``period_named`` gives the
span of a name, and each span has one name only. Two look-alike names of one period, or one name with two spans, cannot both be
closed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from greencloud.errors import QuantityError

__all__ = ["Period", "period_named"]

# Not \d, which takes digits of every script.
_NAME: Final = re.compile("(?P<year>[0-9]{4})(?:-Q(?P<quarter>[1-4])|-(?P<month>[0-9]{2})(?:-(?P<day>[0-9]{2}))?)?")


@dataclass(frozen=True, slots=True)
class Period:
    """What is closed: a name ("2026-11") and the half-open span of time that it stands for, in whole seconds."""

    name: str
    start: datetime
    end: datetime


def period_named(name: str) -> Period:
    """``2026``, ``2026-Q4``, ``2026-11`` or ``2026-11-27``: a calendar year, quarter, month or day in UTC.

    Raises:
        QuantityError: none of these.
    """
    found = _NAME.fullmatch(name)
    try:
        if found:
            return _period(**{part: int(digits) for part, digits in found.groupdict().items() if digits is not None})
    except (ValueError, OverflowError):  # a 13th month, the last year that has an end
        pass
    advice = "name a year (2026), quarter (2026-Q4), month (2026-11) or day (2026-11-27)"
    raise QuantityError(f"{name!r} is no period", advice=advice)


def _period(year: int, quarter: int | None = None, month: int | None = None, day: int | None = None) -> Period:
    """Named from its numbers anew, so that no other spelling of them is a name."""
    if month is not None and day is not None:
        first = date(year, month, day)
        return _between(first.isoformat(), first, first + timedelta(days=1))
    if month is not None:
        return _months(f"{year:04}-{month:02}", date(year, month, 1), 1)
    if quarter is not None:
        return _months(f"{year:04}-Q{quarter}", date(year, quarter * 3 - 2, 1), 3)
    return _months(f"{year:04}", date(year, 1, 1), 12)


def _months(name: str, first: date, months: int) -> Period:
    after = first.month - 1 + months
    return _between(name, first, date(first.year + after // 12, after % 12 + 1, 1))


def _between(name: str, first: date, end: date) -> Period:
    return Period(name, *(datetime.combine(day, time(), UTC) for day in (first, end)))
