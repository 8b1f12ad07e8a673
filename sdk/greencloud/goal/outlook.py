"""What a forecast and a plan of a goal are made of, from what the books hold: the goal, the inventory, metrics and measures. Pure.

History is every year that the inventory books for the goal; where a calendar and a fiscal year share days, the earlier of them is
left out. The path of an intensity goal rests on its business metric: where a future year has no value, the scenario's growth
carries the latest one on, and without a growth it stays as it is.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction

from greencloud.errors import GoalError
from greencloud.goal.abatement import PlanBasis
from greencloud.goal.actual import Booked, entries_of
from greencloud.goal.forecast import ForecastBasis, years_ahead
from greencloud.goal.measures import MeasureState, effect_of, of_scopes
from greencloud.goal.path import history_of, path_years
from greencloud.results.forecasts import Forecast, Measure, Scenario
from greencloud.results.goals import BusinessMetric, Goal, GoalKind
from greencloud.results.reporting_year import ReportingYear
from greencloud.units import Emissions

__all__ = ["forecast_basis", "plan_basis"]

_GRID_CATEGORY = 3
"""Of Scope 3: fuel- and energy-related activities."""


def forecast_basis(
    goal: Goal, booked: Booked, metrics: Mapping[str, BusinessMetric], state: MeasureState, scenario: Scenario
) -> ForecastBasis:
    """Raises GoalError: no year is known, the base year is not, or the target year is already."""
    month = booked.policy.fiscal_year_start_month
    history, left_out = _history(goal, booked, month)
    last = history[-1][0]
    ahead = years_ahead(last, goal.target_year, month)
    if not ahead:
        raise GoalError(
            f"the target year {goal.target_year} is booked, so nothing is left to forecast",
            key="target_year",
            advice="see how it ended: greencloud goal status",
        )
    notes = [f"{year} shares days with a later year that is booked, and is left out." for year in left_out]
    if goal.kind is GoalKind.INTENSITY:
        metric, lacking = _carried_on(metrics[goal.metric], ahead, scenario.growth_per_year, month)
        metrics = {**metrics, goal.metric: metric}
        if lacking:
            how = "stays as it is" if scenario.growth_per_year is None else "grows by the scenario's rate"
            notes.append(f"{metric.name} has no value of {', '.join(map(str, lacking))}: the latest one {how}.")
    path = [(each.year, each.part()) for each in path_years(goal, booked, metrics, ahead)]
    committed, partly = of_scopes([each for each in state.measures.values() if each.committed], goal.scopes)
    notes += _scope_notes(goal, committed, partly)
    return ForecastBasis(
        goal=goal.name,
        history=history,
        path=path,
        target=path[-1][1],
        fiscal_year_start_month=month,
        electricity=_electricity(goal, booked, last),
        committed=_committed(committed, state, last, ahead, month),
        notes=tuple(notes),
    )


def plan_basis(goal: Goal, booked: Booked, state: MeasureState, forecast: Forecast, names: Collection[str]) -> PlanBasis:
    """``names`` of the measures to choose from; none: all that lie within the goal's scopes.

    Raises:
        NotFoundError: there is no such measure.
        GoalError: one that is named is committed, or reaches beyond the goal's scopes.
    """
    month = booked.policy.fiscal_year_start_month
    within, partly = of_scopes(state.measures.values(), goal.scopes)
    committed = [measure for measure in within if measure.committed]
    candidates = [measure for measure in within if not measure.committed]
    if names:
        candidates = [_named(state.get(name), candidates, goal) for name in dict.fromkeys(names)]
        partly = []
    first, target = forecast.years[0].year, forecast.years[-1].year
    effects = {each.name: effect_of(each, target, month).micrograms for each in committed}
    effects |= {each.name: effect_of(each, target, month, not_before=first).micrograms for each in candidates}
    late = [each.name for each in candidates if each.start.end(month) < first.end(month)]
    notes = _scope_notes(goal, candidates, partly)
    if late:
        notes.append(f"Should have begun by now and is not committed, so it is taken to begin in {first}: {', '.join(late)}.")
    return PlanBasis(goal.name, forecast.scenario.id, target, forecast.gap, candidates, committed, effects, state, tuple(notes))


def _named(measure: Measure, candidates: Collection[Measure], goal: Goal) -> Measure:
    if measure in candidates:
        return measure
    if measure.committed:
        raise GoalError(f"{measure.name} is committed, so it is in the forecast already", key="measures", advice="leave it out")
    raise GoalError(
        f"{measure.name} reduces {', '.join(measure.scopes)}, and {goal.name} covers {', '.join(goal.scopes)}",
        key="measures",
        advice="name measures whose scopes the goal covers",
    )


def _history(goal: Goal, booked: Booked, month: int) -> tuple[list[tuple[ReportingYear, Emissions]], list[ReportingYear]]:
    """Known years that share no day, in order of time, and those left out."""
    kept: list[tuple[ReportingYear, Emissions]] = []
    left_out: list[ReportingYear] = []
    for year, amount in reversed(history_of(goal, booked)):
        if any(year.overlaps(other, month) for other, _ in kept):
            left_out.append(year)
        else:
            kept.append((year, amount))
    if not kept:
        raise GoalError(
            f"the inventory books no year of {', '.join(goal.scopes)}",
            key="history",
            advice="book a year for all that the goal covers: greencloud inventory import",
        )
    return kept[::-1], left_out[::-1]


def _carried_on(
    metric: BusinessMetric, ahead: Sequence[ReportingYear], growth: Fraction | None, month: int
) -> tuple[BusinessMetric, list[ReportingYear]]:
    """The metric with a value of each year ahead, and the years that had none."""
    known = dict(metric.values)
    lacking = [year for year in ahead if year not in known]
    if growth is None or not known:
        return metric, lacking
    by_end = sorted(known.items(), key=lambda each: each[0].end(month))
    more = []
    for year in lacking:
        before = [each for each in by_end if each[0].end(month) <= year.end(month)]
        if before:
            since, value = before[-1]
            more.append((year, value * Fraction(float(1 + growth) ** float(since.years_until(year, month)))))
    return replace(metric, values=(*metric.values, *more)), lacking


def _electricity(goal: Goal, booked: Booked, year: ReportingYear) -> Emissions:
    """Of a year's amount, what follows the grid's factor."""
    of_grid = (
        entry.emissions
        for entry in entries_of(goal, booked, year)
        if entry.scope.startswith("scope2") or (entry.scope == "scope3" and entry.category == _GRID_CATEGORY)
    )
    return sum(of_grid, Emissions())


def _committed(
    measures: Sequence[Measure], state: MeasureState, last: ReportingYear, ahead: Sequence[ReportingYear], month: int
) -> dict[ReportingYear, Emissions]:
    """By year ahead, what they take off beyond what they did in the last known year."""

    def total(year: ReportingYear) -> int:
        return state.total({measure.name: effect_of(measure, year, month).micrograms for measure in measures})

    before = total(last)
    return {year: Emissions(total(year) - before) for year in ahead}


def _scope_notes(goal: Goal, measures: Sequence[Measure], partly: Sequence[Measure]) -> list[str]:
    notes = []
    if partly:
        names = ", ".join(measure.name for measure in partly)
        notes.append(f"Reaches beyond the goal's scopes, by how much is not known, so it does not count: {names}.")
    if measures and (goal.categories or goal.sites or goal.businesses):
        notes.append("The goal covers a part of its scopes; the measures are taken to work within that part.")
    return notes
