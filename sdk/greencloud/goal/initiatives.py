"""Avoided emissions ("Scope 3+"): what an initiative lets others not emit, by year, less what would have happened anyway.

    avoided(year) = baseline(year) - actual(year),      attributed(year) = avoided(year) x attribution

The baseline is what would have happened without the initiative, and the counterfactual says why that is so (GHG Protocol,
Estimating and Reporting Comparative Emissions Impacts, 2019; GHG Protocol for Project Accounting, ch. 8). An initiative that made
things worse counts against the sum. The sum is compared with its own target alone: nothing here touches inventory or neutrality.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations

from greencloud.errors import GoalError
from greencloud.goal.instrument_rules import check_id, check_text
from greencloud.results.instruments import AvoidedYear, Initiative, ScopeThreePlus
from greencloud.results.reporting_year import ReportingYear
from greencloud.units import Emissions, round_half_even

__all__ = ["attributed", "check_initiative", "scope_three_plus"]


def attributed(initiative: Initiative, year: AvoidedYear) -> Emissions:
    """The share that the provider claims, rounded once, half to even."""
    return Emissions(round_half_even(year.avoided.micrograms * initiative.attribution))


def scope_three_plus(
    initiatives: Iterable[Initiative],
    *,
    target: Emissions | None = None,
    target_year: ReportingYear | None = None,
    fiscal_year_start_month: int = 1,
) -> ScopeThreePlus:
    """The book: attributed amounts by year and in all. With a target year, ``cumulative`` is of the years that end by its end."""
    kept = tuple(sorted(initiatives, key=lambda each: each.id))
    sums: dict[ReportingYear, int] = {}
    for initiative in kept:
        for year in initiative.years:
            sums[year.year] = sums.get(year.year, 0) + attributed(initiative, year).micrograms
    month = fiscal_year_start_month
    by_year = sorted(sums.items(), key=lambda item: (item[0].end(month), item[0].fiscal))
    last = target_year.end(month) if target_year else None
    counted = [micrograms for year, micrograms in by_year if last is None or year.end(month) <= last]
    return ScopeThreePlus(
        initiatives=kept,
        by_year=tuple((year, Emissions(micrograms)) for year, micrograms in by_year),
        cumulative=Emissions(sum(counted)),
        target=target,
        target_year=target_year,
    )


def check_initiative(initiative: Initiative, fiscal_year_start_month: int) -> None:
    """Raises GoalError by the name of the field."""
    check_id(initiative.id, "initiative")
    for key in ("display_name", "partner", "baseline", "counterfactual", "methodology"):
        check_text(getattr(initiative, key), key)
    if not 0 < initiative.attribution <= 1:
        raise _wrong("attribution", "is no share", "write the part that is the provider's, above 0 and at most 1, as 1/3")
    for year in initiative.years:
        if year.baseline.micrograms < 0 or year.actual.micrograms < 0:
            raise _wrong("years", f"{year.year} has a negative amount", "write what is emitted with the initiative and without it")
    for one, other in combinations(initiative.years, 2):
        if one.year.overlaps(other.year, fiscal_year_start_month):
            raise _wrong("years", f"{one.year} and {other.year} overlap", "say each day of what was avoided once")


def _wrong(key: str, message: str, advice: str) -> GoalError:
    return GoalError(f"{key}: {message}", key=key, advice=advice)
