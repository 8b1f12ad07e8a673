"""The arithmetic of a goal's path.

A path leads from the base through the milestones to the target, in straight lines over time, which is measured between the **ends**
of reporting years (a year's emissions are known at its end), exactly, in months:

    path(y) = a + (b - a) * (y - y_a) / (y_b - y_a)       a, b: the points before and after y

It never compounds (a rate of the year before would leave more in the target year than the goal allows). It is an exact rational;
each figure that is taken from it is rounded once, half to even, so it starts at the base and ends at the target exactly. After the
target year the target stays in force; before the base year there is no path.

What may remain in the target year is given as a share of the base, as an amount, or by a yearly rate of the **base**: absolute
contraction takes 4.2 % a year unless the goal says otherwise (SBTi, Foundations of Science-based Target Setting, 2019, for 1.5
degrees). A goal of neutrality has a path too, for the order is reduce, remove, offset: what its path leaves in the target year is
the residual, which removals and credits must balance and which they never reduce.

Of an intensity goal the path is in micrograms per unit of its business metric; what it allows in a year is that times the metric of
the year. For a year whose metric is not known that of the latest year before stands in, and whoever shows it says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Final

from greencloud.errors import GoalError
from greencloud.goal.actual import Booked, actual_of, booked_years, lacking_in, years_of
from greencloud.results.goals import BusinessMetric, Goal, GoalKind, GoalPath
from greencloud.results.reporting_year import ReportingYear
from greencloud.units import Emissions, round_half_even

__all__ = ["CONTRACTION_RATE", "PathYear", "allowed", "base_of", "history_of", "path_of", "path_years", "points"]

CONTRACTION_RATE: Final = Fraction(42, 1000)
"""Of the base, a year: the least that the SBTi's absolute contraction asks for 1.5 degrees."""


@dataclass(frozen=True, slots=True)
class PathYear:
    """A year of a path: ``exact`` micrograms. ``metric``: of an intensity goal; None where that year's is not known."""

    year: ReportingYear
    exact: Fraction
    metric: Fraction | None = None

    def part(self, share: Fraction = Fraction(1)) -> Emissions:
        """What is allowed in a part of the year, rounded once."""
        return Emissions(round_half_even(self.exact * share))


def points(goal: Goal, base: Fraction, fiscal_month: int) -> list[tuple[Fraction, Fraction]]:
    """(Years after the base year, what may remain) of base, milestones and target; amounts in the unit of ``base``."""
    year = goal.base_year

    def after(later: ReportingYear) -> Fraction:
        return year.years_until(later, fiscal_month)

    way = [
        (after(stone.year), Fraction(stone.emissions.micrograms) if stone.emissions is not None else base * (stone.share or 0))
        for stone in goal.milestones
    ]
    span = after(goal.target_year)
    return [(Fraction(0), base), *way, (span, _target(goal, base, span))]


def allowed(goal: Goal, base: Fraction, year: ReportingYear, fiscal_month: int) -> Fraction | None:
    """What the path allows in a year, exactly, in the unit of ``base``; None where the year ends before the base year does."""
    passed = goal.base_year.years_until(year, fiscal_month)
    if passed < 0:
        return None
    way = points(goal, base, fiscal_month)
    for (start, before), (end, after) in pairwise(way):
        if passed <= end:
            return before + (after - before) * (passed - start) / (end - start)
    return way[-1][1]


def _target(goal: Goal, base: Fraction, span: Fraction) -> Fraction:
    if goal.target is not None:
        return Fraction(goal.target.micrograms)
    if goal.target_share is not None:
        return base * goal.target_share
    rate = goal.rate_per_year
    if rate is None and goal.path is GoalPath.ABSOLUTE_CONTRACTION:
        rate = CONTRACTION_RATE
    return Fraction(0) if rate is None else base * (1 - rate * span)


def base_of(goal: Goal, booked: Booked, metrics: Mapping[str, BusinessMetric]) -> Fraction:
    """The base: micrograms of the base year, for an intensity goal a unit of its metric.

    Raises:
        GoalError: the inventory does not book the base year for all that the goal covers, or the metric has no value of it.
    """
    emissions = actual_of(goal, booked, goal.base_year)
    if emissions is None:
        lacking = ", ".join(lacking_in(goal, booked, goal.base_year))
        raise GoalError(
            f"the inventory books nothing for {lacking} in the base year {goal.base_year}",
            key="base_year",
            advice=f"book {lacking} of {goal.base_year}: greencloud inventory import",
        )
    if goal.kind is not GoalKind.INTENSITY:
        return Fraction(emissions.micrograms)
    return emissions.micrograms / metric_of_base(goal, metrics)


def metric_of_base(goal: Goal, metrics: Mapping[str, BusinessMetric]) -> Fraction:
    """The business metric of the base year. Raises GoalError."""
    metric = metrics.get(goal.metric)
    if metric is None:
        raise GoalError(
            f"there is no business metric {goal.metric!r}", key="metric", advice="create it first: greencloud goal metric set"
        )
    value = dict(metric.values).get(goal.base_year)
    if not value:
        raise GoalError(
            f"{metric.name} has no value of the base year {goal.base_year}, so the base has no intensity",
            key="metric",
            advice=f"add its value of {goal.base_year}: greencloud goal metric set",
        )
    return value


def path_years(goal: Goal, booked: Booked, metrics: Mapping[str, BusinessMetric], years: list[ReportingYear]) -> list[PathYear]:
    """What the path allows in each of these years; those before the base year are left out. Raises GoalError."""
    base = base_of(goal, booked, metrics)
    month = booked.policy.fiscal_year_start_month
    found = []
    for year in years:
        left = allowed(goal, base, year, month)
        if left is None:
            continue
        metric = None
        if goal.kind is GoalKind.INTENSITY:
            metric, standing_in = _metric_of(metrics[goal.metric], year, month)
            left *= metric if metric is not None else standing_in
        found.append(PathYear(year, left, metric))
    return found


def _metric_of(metric: BusinessMetric, year: ReportingYear, month: int) -> tuple[Fraction | None, Fraction]:
    """The value of a year, and that of the latest year which ends by then (there is one: the base year's)."""
    until = [(known.end(month), value) for known, value in metric.values if known.end(month) <= year.end(month)]
    return dict(metric.values).get(year), max(until)[1]


def path_of(goal: Goal, booked: Booked, metrics: Mapping[str, BusinessMetric]) -> list[tuple[ReportingYear, Emissions]]:
    """The path year by year, from the base year to the target year. Raises GoalError."""
    return [(each.year, each.part()) for each in path_years(goal, booked, metrics, years_of(goal, booked))]


def history_of(goal: Goal, booked: Booked) -> list[tuple[ReportingYear, Emissions]]:
    """What the inventory books for the goal, by year in the order in which they end; years that are not known are left out."""
    found = ((year, actual_of(goal, booked, year)) for year in booked_years(goal, booked))
    return [(year, emissions) for year, emissions in found if emissions is not None]
