"""Where a goal is heading: from what is known to the target year, with an interval, under a scenario.

**Expected.** Without a growth of its own a scenario goes on as history does (``greencloud.goal.drift``); with one, the activity
grows from the last known year by that rate. Either is multiplied by what becomes of a tonne h years on,

    (1 - efficiency)^h * (electricity * (1 - decarbonisation)^h + 1 - electricity),

where *electricity* is the share of the last known year that comes from the grid: Scope 2 and category 3 of Scope 3.

**Interval.** The model's, 95 %, in proportion: as wide against the expected amount as the model's is against the last known year
(where history goes on, exactly the model's). It never narrows with the years, though a shrinking amount would let it: far years are
not known better than near ones. A scenario is a supposition; the interval says how far years stray from what is supposed.

**Committed measures** take off what they do beyond what they did in the last known year; that part is in it already.

**Required** is a straight line from the last known year to the target: what must be true each year from now.

Amounts are estimates; they become whole micrograms at the end, and none is below zero.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from typing import Final

from greencloud.errors import GoalError
from greencloud.goal.backtest import backtest
from greencloud.goal.drift import Drift
from greencloud.results.forecasts import Forecast, ForecastYear, Scenario
from greencloud.results.reporting_year import ReportingYear
from greencloud.units import Emissions, round_half_even

__all__ = ["ForecastBasis", "check_scenario", "expected_gap", "forecast", "years_ahead"]

_RATES: Final = {"growth_per_year": Fraction(10), "grid_decarbonisation_per_year": Fraction(1), "efficiency_per_year": Fraction(1)}
_MOST: Final = 10**24  # micrograms: a thousand Gt


@dataclass(frozen=True, slots=True)
class ForecastBasis:
    """What a forecast is made of. ``path``: of every year ahead, the target year last. ``committed``: by year ahead, what measures
    take off beyond what they did in the last known year; negative where one ends."""

    goal: str  # resource name
    history: Sequence[tuple[ReportingYear, Emissions]]  # in order of time
    path: Sequence[tuple[ReportingYear, Emissions]]
    target: Emissions
    fiscal_year_start_month: int
    electricity: Emissions = Emissions()  # of the last known year
    committed: Mapping[ReportingYear, Emissions] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def years_ahead(last: ReportingYear, target: ReportingYear, month: int) -> list[ReportingYear]:
    """Years of the target's kind that end after the last known one, up to the target; none where it is past."""
    found = [ReportingYear(year, target.fiscal) for year in range(last.year - 1, target.year + 1)]
    return [year for year in found if year.end(month) > last.end(month)]


def check_scenario(scenario: Scenario) -> None:
    """Raises GoalError naming the rate that makes no sense."""
    for key, most in _RATES.items():
        rate = getattr(scenario, key)
        if rate is not None and (not -1 < rate < most or rate.denominator > 10**9):
            raise GoalError(
                f"{key} of {float(rate):.6g} a year is not between -1 and {most}",
                key=key,
                advice="rates are relative: 0.05 is 5 % a year",
            )


def expected_gap(basis: ForecastBasis) -> Emissions:
    """Of the last year of the path, where history goes on: as the forecast's, without loading the statistical library."""
    month = basis.fiscal_year_start_month
    points = [(basis.history[0][0].years_until(year, month), amount.micrograms) for year, amount in basis.history]
    year = basis.path[-1][0]
    level = Drift.of_ends(points).expected(basis.history[-1][0].years_until(year, month))
    off = basis.committed.get(year, Emissions())
    return _amount(max(level, 0) - off.micrograms) - basis.target


def forecast(basis: ForecastBasis, scenario: Scenario, now: datetime) -> Forecast:
    """The forecast to the last year of the path.

    Raises:
        GoalError: no year is known, the target year is already, or a rate makes no sense.
        MissingExtraError: greencloud[goal] is not installed.
    """
    check_scenario(scenario)
    month = basis.fiscal_year_start_month
    if not basis.history:
        raise GoalError("no year is known", key="history", advice="book a year of the inventory for every scope of the goal")
    if not basis.path:
        raise GoalError(
            "no year is left until the target", key="target_year", advice="ask for its progress: greencloud goal status"
        )
    first, (last, known) = basis.history[0][0], basis.history[-1]
    points = [(first.years_until(year, month), amount.micrograms) for year, amount in basis.history]
    drift = Drift.fit(points)
    ahead = [last.years_until(year, month) for year, _ in basis.path]
    electricity = Fraction(min(basis.electricity, known).micrograms, known.micrograms or 1)
    years: list[ForecastYear] = []
    scale, probability = 0.0, None
    for (year, path), passed in zip(basis.path, ahead, strict=True):
        level = _level(drift, scenario, electricity, passed)
        off = basis.committed.get(year, Emissions()).micrograms
        expected = level - off
        half = None
        if (model := drift.scale(passed)) is not None:
            scale = max(scale, model * _proportion(drift, scenario, electricity, passed, level))
            half = math.ceil(scale * drift.quantile)
            probability = round(drift.probability_below((basis.target.micrograms - expected) / scale), 6)
        if expected + (half or 0) > _MOST:
            raise GoalError(f"{year} comes to more than the whole world emits", key="growth_per_year", advice="suppose less growth")
        line = known.micrograms + (basis.target.micrograms - known.micrograms) * passed / ahead[-1]
        years.append(
            ForecastYear(
                year,
                expected=_amount(expected),
                low=None if half is None else _amount(expected - half),
                high=None if half is None else _amount(expected + half),
                path=path,
                required=Emissions(round_half_even(line)),
            )
        )
    return Forecast(
        goal=basis.goal,
        scenario=scenario,
        model=_model(drift, scenario),
        history=tuple(basis.history),
        years=tuple(years),
        target=basis.target,
        gap=years[-1].expected - basis.target,
        probability=probability,
        backtest=backtest(points),
        as_of=now,
        notes=(*_notes(drift, len(points), scenario, basis), *basis.notes),
    )


def _level(drift: Drift, scenario: Scenario, electricity: Fraction, years: Fraction) -> int:
    """Expected micrograms before measures."""
    if scenario.growth_per_year is None:
        base = max(drift.expected(years), 0)
    else:
        base = round_half_even(drift.last * _power(1 + scenario.growth_per_year, years))
    return round_half_even(base * _of_a_tonne(scenario, electricity, years))


def _proportion(drift: Drift, scenario: Scenario, electricity: Fraction, years: Fraction, level: int) -> float:
    """By which the model's interval is stretched."""
    if scenario.growth_per_year is None:
        return float(_of_a_tonne(scenario, electricity, years))
    return level / drift.last if drift.last else 1.0


def _of_a_tonne(scenario: Scenario, electricity: Fraction, years: Fraction) -> Fraction:
    grid = _power(1 - scenario.grid_decarbonisation_per_year, years)
    return _power(1 - scenario.efficiency_per_year, years) * (electricity * grid + 1 - electricity)


def _power(base: Fraction, years: Fraction) -> Fraction:
    """As a float, but exactly 1 for a rate of nothing."""
    return Fraction(float(base) ** float(years))


def _amount(micrograms: int) -> Emissions:
    return Emissions(max(micrograms, 0))


def _model(drift: Drift, scenario: Scenario) -> str:
    if scenario.growth_per_year is None:
        return drift.describe()
    return f"the last known year by the scenario's rates; interval of {drift.describe()}"


def _notes(drift: Drift, count: int, scenario: Scenario, basis: ForecastBasis) -> list[str]:
    notes = []
    if drift.sigma is None:
        why = (
            f"{count} known year{'s' if count > 1 else ''} cannot tell how far the next may be off; it takes three"
            if count <= 2
            else "the known years lie on a line exactly, as measured years do not"
        )
        notes.append(f"The interval and the probability are not known: {why}.")
    elif count < 6:
        notes.append(f"The interval is wide because only {count} years are known.")
    passed = basis.history[-1][0].years_until(basis.path[-1][0], basis.fiscal_year_start_month)
    if scenario.growth_per_year is None and drift.expected(passed) < 0:
        notes.append("The drift of history leads below zero before the target year; it is taken as zero.")
    if scenario.grid_decarbonisation_per_year and not basis.electricity.micrograms:
        notes.append(
            "No electricity is booked in the last known year for the goal (Scope 2, category 3): the grid changes nothing."
        )
    if any(amount.micrograms for amount in basis.committed.values()):
        notes.append("Committed measures are taken off, beyond what they did in the last known year.")
    return notes
