"""What the page of an account shows, from the rows of a footprint: sums by dimension, the series, the week, operations, what-ifs.

Every amount is a sum of rows of the ledger, exact. Three things are ratios of them: grams per kWh (Scope 2 location-based over
energy, so that it is the grid's factor as it was used), milligrams per operation (both methods of the total over the operations
counted), and what-ifs (``what_ifs``).

The questions are values, so that whoever has a connection may ask them at once. Those of hours are the dear ones: a ledger keeps
sums of days and months, and adds up hours from its postings. So a page of a long time is made without them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Final

from greencloud.report.page.what_ifs import Hour, WhatIf, best_what_ifs, use_of
from greencloud.report.totals import total_of
from greencloud.results import FootprintQuery, FootprintRow, Granularity

__all__ = [
    "DIMENSIONS",
    "AccountFigures",
    "HourOfWeek",
    "account_figures",
    "account_questions",
    "figures_of",
    "hours_of",
    "hours_question",
    "step_of",
    "week_of",
]

DIMENSIONS: Final = ("service", "region", "sku", "component")
Ask = Callable[[FootprintQuery], Sequence[FootprintRow]]
_HOUR: Final = timedelta(hours=1)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DAYS_OF_HOURS: Final = 14  # up to here the series is of hours
_DAYS_OF_DAYS: Final = 190  # up to here of days, of a width that can be seen


@dataclass(frozen=True, slots=True)
class HourOfWeek:
    """All hours of the period that are this one of the week (UTC, Monday is 0)."""

    weekday: int
    hour: int
    energy_mj: int
    micrograms: int  # of the total, location-based
    electricity_ug: int  # Scope 2 location-based

    @property
    def grams_per_kwh(self) -> Fraction | None:
        return Fraction(self.electricity_ug * 3_600, self.energy_mj) if self.energy_mj else None


@dataclass(frozen=True, slots=True)
class AccountFigures:
    """``by`` has the rows of each dimension asked for, the largest first; ``operations`` those that were counted, the dirtiest of a
    single one first; ``what_ifs`` the best of each kind. ``total`` is None where nothing is posted; ``week`` and ``what_ifs`` are
    empty where hours were not asked for."""

    account: str
    start: datetime
    end: datetime
    total: FootprintRow | None
    before: FootprintRow | None
    by: Mapping[str, Sequence[FootprintRow]]
    operations: Sequence[FootprintRow]
    series: Sequence[FootprintRow]
    series_granularity: Granularity
    week: Sequence[HourOfWeek]
    what_ifs: Sequence[WhatIf]


def account_figures(ask: Ask, query: FootprintQuery, before: FootprintQuery | None, *, account: str) -> AccountFigures:
    """Everything, in some nine questions one after the other; ``query`` is without dimensions, over the whole period, as is
    ``before``."""
    answers = {name: ask(question) for name, question in account_questions(query, before).items()}
    return figures_of(answers, query, hours_of(ask(hours_question(query))), account=account)


def hours_question(query: FootprintQuery) -> FootprintQuery:
    """What ``week`` and ``what_ifs`` rest on."""
    return replace(query, group_by=("region",), granularity=Granularity.HOUR)


def account_questions(
    query: FootprintQuery, before: FootprintQuery | None, *, by: Sequence[str] = DIMENSIONS
) -> dict[str, FootprintQuery]:
    """What to ask but for hours, by name; the dimensions ``by`` are under their own names."""
    whole = replace(query, group_by=(), granularity=Granularity.ALL)
    questions = {"total": whole, "series": replace(whole, granularity=step_of(query.start, query.end))}
    if before is not None:
        questions["before"] = replace(before, group_by=(), granularity=Granularity.ALL)
    questions |= {name: replace(whole, group_by=(name,)) for name in by}
    questions["operations"] = replace(whole, group_by=("service", "operation"))
    return questions


def figures_of(
    answers: Mapping[str, Sequence[FootprintRow]],
    query: FootprintQuery,
    hours: Sequence[Hour] = (),
    *,
    account: str,
    by: Sequence[str] = DIMENSIONS,
) -> AccountFigures:
    """The figures from the answers to ``account_questions``, by the same names, and from hours where they were asked for."""
    earlier = answers.get("before")
    operations = [row for row in answers["operations"] if row.operation_count]
    return AccountFigures(
        account=account,
        start=query.start,
        end=query.end,
        total=total_of(answers["total"]) if answers["total"] else None,
        before=total_of(earlier) if earlier else None,
        by={name: _largest(answers[name]) for name in by},
        operations=sorted(operations, key=lambda row: -Fraction(row.total_location_based.micrograms, row.operation_count)),
        series=answers["series"],
        series_granularity=step_of(query.start, query.end),
        week=week_of(hours),
        what_ifs=best_what_ifs(use_of(hours)),
    )


def step_of(start: datetime, end: datetime) -> Granularity:
    """What a series over so long a time is of."""
    days = (end - start) / timedelta(days=1)
    return Granularity.HOUR if days <= _DAYS_OF_HOURS else Granularity.DAY if days <= _DAYS_OF_DAYS else Granularity.MONTH


def hours_of(rows: Sequence[FootprintRow]) -> list[Hour]:
    """Of rows by region and hour."""
    return [
        Hour(
            (row.start - _EPOCH) // _HOUR,
            row.dimensions["region"],
            row.energy.millijoules,
            row.total_location_based.micrograms,
            row.scope2_location_based.micrograms,
        )
        for row in rows
    ]


def week_of(hours: Sequence[Hour]) -> list[HourOfWeek]:
    """The hours of the week that there are, in order."""
    sums: dict[tuple[int, int], list[int]] = defaultdict(lambda: [0, 0, 0])
    for each in hours:
        day, hour = divmod(each.number, 24)
        cell = sums[(day + 3) % 7, hour]  # 1970 began on a Thursday
        cell[0] += each.energy_mj
        cell[1] += each.micrograms
        cell[2] += each.electricity_ug
    return [HourOfWeek(*key, *cell) for key, cell in sorted(sums.items())]


def _largest(rows: Sequence[FootprintRow]) -> list[FootprintRow]:
    return sorted(rows, key=lambda row: (-row.total_location_based.micrograms, sorted(row.dimensions.items())))
