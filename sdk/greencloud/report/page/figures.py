"""What the page of an account shows, from the rows of a footprint: sums by dimension, the series, the week, operations, what-ifs.

Every amount is a sum of rows of the ledger, exact. Three things are ratios of them: grams per kWh (Scope 2 location-based over
energy, so that it is the grid's factor as it was used), milligrams per operation (both methods of the total over the operations
counted), and what-ifs.

A **what-if** takes the energy as it was, hour by hour, and prices it at the average location-based factor of another hour or
region, as far as the account's own rows show that factor. It says what would be *allocated*. What the world would emit less is
another question, which marginal factors answer and average ones do not; the ledger has none, and the page says so.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Final

from greencloud.report.totals import total_of
from greencloud.results import FootprintQuery, FootprintRow, Granularity
from greencloud.units import round_half_even

__all__ = ["DIMENSIONS", "AccountFigures", "HourOfWeek", "WhatIf", "account_figures"]

DIMENSIONS: Final = ("service", "region", "sku", "component")
Ask = Callable[[FootprintQuery], Sequence[FootprintRow]]
_HOUR: Final = timedelta(hours=1)
_SHIFTS: Final = tuple(hours for hours in range(-12, 13) if hours)
_DAYS_OF_HOURS: Final = 14  # up to here the series is of hours


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
class WhatIf:
    """The electricity of the hours that can be priced both ways: as it was, and as it would be allocated.

    ``kind``: shift (``hours`` later in every region) or region (all of it in ``region``). ``share``: of the energy, what could be
    priced.
    """

    kind: str
    hours: int
    region: str
    actual_ug: int
    would_be_ug: int
    share: Fraction

    @property
    def difference_ug(self) -> int:
        return self.would_be_ug - self.actual_ug


@dataclass(frozen=True, slots=True)
class AccountFigures:
    """``by`` has the rows of each of ``DIMENSIONS``, the largest first; ``operations`` those that were counted, the dirtiest of a
    single one first; ``what_ifs`` the best of each kind. ``total`` is None where nothing is posted."""

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
    """Everything, in some eight questions; ``query`` is without dimensions, over the whole period, as is ``before``."""
    rows = ask(replace(query, group_by=(), granularity=Granularity.ALL))
    earlier = ask(replace(before, group_by=(), granularity=Granularity.ALL)) if before else []
    by = {name: _largest(ask(replace(query, group_by=(name,), granularity=Granularity.ALL))) for name in DIMENSIONS}
    operations = [row for row in ask(replace(query, group_by=("service", "operation"))) if row.operation_count]
    hours = ask(replace(query, group_by=("region",), granularity=Granularity.HOUR))
    fine = query.end - query.start <= timedelta(days=_DAYS_OF_HOURS)
    granularity = Granularity.HOUR if fine else Granularity.DAY
    return AccountFigures(
        account=account,
        start=query.start,
        end=query.end,
        total=total_of(rows) if rows else None,
        before=total_of(earlier) if earlier else None,
        by=by,
        operations=sorted(operations, key=lambda row: -Fraction(row.total_location_based.micrograms, row.operation_count)),
        series=_by_time(hours, granularity),
        series_granularity=granularity,
        week=_week(hours),
        what_ifs=_what_ifs(hours),
    )


def _largest(rows: Sequence[FootprintRow]) -> list[FootprintRow]:
    return sorted(rows, key=lambda row: (-row.total_location_based.micrograms, sorted(row.dimensions.items())))


def _by_time(hours: Sequence[FootprintRow], granularity: Granularity) -> list[FootprintRow]:
    found: dict[datetime, list[FootprintRow]] = defaultdict(list)
    for row in hours:
        found[row.start if granularity is Granularity.HOUR else row.start.replace(hour=0)].append(row)
    return [total_of(found[start]) for start in sorted(found)]


def _week(hours: Sequence[FootprintRow]) -> list[HourOfWeek]:
    sums: dict[tuple[int, int], list[int]] = defaultdict(lambda: [0, 0, 0])
    for row in hours:
        cell = sums[row.start.weekday(), row.start.hour]
        cell[0] += row.energy.millijoules
        cell[1] += row.total_location_based.micrograms
        cell[2] += row.scope2_location_based.micrograms
    return [HourOfWeek(*key, *cell) for key, cell in sorted(sums.items())]


@dataclass(frozen=True, slots=True)
class _Use:
    energy_mj: int
    electricity_ug: int


def _what_ifs(hours: Sequence[FootprintRow]) -> list[WhatIf]:
    """The shift that saves most, and each other region, where anything could be priced; those that save come first."""
    use: dict[str, dict[datetime, _Use]] = defaultdict(dict)
    for row in hours:
        if row.energy.millijoules > 0:
            use[row.dimensions["region"]][row.start] = _Use(row.energy.millijoules, row.scope2_location_based.micrograms)
    whole = sum(each.energy_mj for region in use.values() for each in region.values())
    shifts = [_shifted(use, shift, whole) for shift in _SHIFTS]
    best = min((each for each in shifts if each.share > 0), key=lambda each: each.difference_ug, default=None)
    regions = [_moved(use, region, whole) for region in sorted(use)] if len(use) > 1 else []
    found = ([best] if best else []) + [each for each in regions if each.share > 0]
    return sorted(found, key=lambda each: each.difference_ug)


def _shifted(use: Mapping[str, Mapping[datetime, _Use]], shift: int, whole: int) -> WhatIf:
    pairs = [(each, region.get(at + shift * _HOUR)) for region in use.values() for at, each in region.items()]
    return _priced("shift", pairs, whole, hours=shift)


def _moved(use: Mapping[str, Mapping[datetime, _Use]], target: str, whole: int) -> WhatIf:
    there = use[target]
    pairs = [(each, there.get(at)) for name, region in use.items() if name != target for at, each in region.items()]
    return _priced("region", pairs, whole, region=target)


def _priced(kind: str, pairs: Sequence[tuple[_Use, _Use | None]], whole: int, *, hours: int = 0, region: str = "") -> WhatIf:
    priced = [(here, there) for here, there in pairs if there is not None]
    would_be = sum((Fraction(here.energy_mj * there.electricity_ug, there.energy_mj) for here, there in priced), Fraction())
    return WhatIf(
        kind=kind,
        hours=hours,
        region=region,
        actual_ug=sum(here.electricity_ug for here, _ in priced),
        would_be_ug=round_half_even(would_be),
        share=Fraction(sum(here.energy_mj for here, _ in priced), whole) if whole else Fraction(0),
    )
