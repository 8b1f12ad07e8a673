"""Which roll-ups answer a query, and which days are left to their postings. Pure.

At each site a month that lies wholly in the time asked for is read from its roll-up, else each of its days from its own, else from
postings. "Wholly" is said of the windows that are there: what nobody posted need not be asked for. No roll-up is coarser than the
periods of the answer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from greencloud.ledger.periods import MONTHS, Calendar, Day, Month
from greencloud.results import FootprintQuery, Granularity
from greencloud.units import microseconds_of

__all__ = ["Plan", "plan_of"]

_MONTHS: Final = frozenset({Granularity.ALL, *MONTHS})
_DAYS: Final = _MONTHS | {Granularity.DAY}


@dataclass(frozen=True, slots=True)
class Plan:
    """``rolled``: periods to read from roll-ups, with the file of each; ``posted``: days to read from postings."""

    rolled: list[tuple[Day | Month, str]]
    posted: list[Day]


def plan_of(query: FootprintQuery, calendar: Calendar, file_of: Callable[[Day | Month], str | None]) -> Plan:
    """The plan for a query. ``file_of`` names the roll-up of a period, or gives None where there is none."""
    start, end = microseconds_of(query.start), microseconds_of(query.end)
    plan = Plan([], [])
    for month in calendar.months_at(query.sites):
        if month.last_us < start or month.first_us >= end:
            continue
        if query.granularity in _MONTHS and start <= month.first_us and month.last_us < end and (file := file_of(month)):
            plan.rolled.append((month, file))
            continue
        for day in month.days:
            if day.last_us < start or day.first_us >= end:
                continue
            if query.granularity in _DAYS and start <= day.first_us and day.last_us < end and (file := file_of(day)):
                plan.rolled.append((day, file))
            else:
                plan.posted.append(day)
    return plan
