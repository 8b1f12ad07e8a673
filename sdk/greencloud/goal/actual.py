"""What the inventory books for a goal: the entries of its scopes, categories, sites and businesses.

A sum over something that is not known is not known: where a scope, category, site or business that the goal names has no entry in a
year, the year has no actual amount, which is not zero. Withdrawn entries and biogenic ones do not count (GHG Protocol Corporate
Standard, ch. 9).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from greencloud.results.goals import Goal
from greencloud.results.inventory import EntryState, InventoryEntry, InventoryPolicy
from greencloud.results.reporting_year import ReportingYear
from greencloud.units import Emissions

__all__ = ["Booked", "actual_of", "booked_years", "entries_of", "lacking_in", "years_of"]


class Booked(Protocol):
    """The part of the inventory's state that goals read."""

    @property
    def entries(self) -> Mapping[str, InventoryEntry]: ...

    @property
    def policy(self) -> InventoryPolicy: ...


def counts(goal: Goal, entry: InventoryEntry) -> bool:
    """Whether an entry is among what the goal is about."""
    return (
        entry.state is not EntryState.WITHDRAWN
        and not entry.biogenic
        and entry.scope in goal.scopes
        and (not goal.categories or entry.scope != "scope3" or entry.category in goal.categories)
        and (not goal.sites or entry.site in goal.sites)
        and (not goal.businesses or entry.business in goal.businesses)
    )


def entries_of(goal: Goal, booked: Booked, year: ReportingYear) -> list[InventoryEntry]:
    return [entry for entry in booked.entries.values() if entry.year == year and counts(goal, entry)]


def lacking_in(goal: Goal, booked: Booked, year: ReportingYear) -> list[str]:
    """What the goal names and the year books nothing for, in words."""
    found = entries_of(goal, booked, year)
    scopes = {entry.scope for entry in found}
    lacking = [scope for scope in goal.scopes if scope not in scopes]
    if "scope3" in scopes:
        categories = {entry.category for entry in found}
        lacking += [f"category {category}" for category in goal.categories if category not in categories]
    sites, businesses = {entry.site for entry in found}, {entry.business for entry in found}
    lacking += [f"site {site}" for site in goal.sites if site not in sites]
    return lacking + [f"business {business}" for business in goal.businesses if business not in businesses]


def actual_of(goal: Goal, booked: Booked, year: ReportingYear) -> Emissions | None:
    """The year's amount; None where it is not known."""
    if lacking_in(goal, booked, year):
        return None
    return sum((entry.emissions for entry in entries_of(goal, booked, year)), Emissions())


def booked_years(goal: Goal, booked: Booked) -> list[ReportingYear]:
    """Years with an actual amount, in the order in which they end."""
    month = booked.policy.fiscal_year_start_month
    years = {entry.year for entry in booked.entries.values() if counts(goal, entry)}
    return sorted(
        (year for year in years if actual_of(goal, booked, year) is not None), key=lambda year: (year.end(month), year.fiscal)
    )


def years_of(goal: Goal, booked: Booked) -> list[ReportingYear]:
    """The years that a path is shown for, in the order in which they end.

    These are base, milestones and target, every year from the base on that is booked, and between them the years of the kind that
    the target is of; such a year is left out where a booked year of the other kind has a day in common with it.
    """
    month = booked.policy.fiscal_year_start_month
    base, target = goal.base_year, goal.target_year
    known = [year for year in booked_years(goal, booked) if base.years_until(year, month) >= 0]
    fixed = {base, target, *known, *(stone.year for stone in goal.milestones)}
    others = [year for year in (base, *known) if year.fiscal != target.fiscal]
    between = (ReportingYear(number, target.fiscal) for number in range(base.year, target.year))
    fixed |= {
        year
        for year in between
        if base.years_until(year, month) > 0
        and year.years_until(target, month) > 0
        and not any(year.overlaps(other, month) for other in others)
    }
    return sorted(fixed, key=lambda year: (year.end(month), year.fiscal))
