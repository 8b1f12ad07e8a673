"""Forecasts, measures and abatement plans.

Rates, shares and money travel as exact decimals or ratios; probabilities and errors as the shortest decimal of their float;
reporting years as ``2020`` or ``FY2022``.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Final

from greencloud.errors import QuantityError
from greencloud.results.forecasts import (
    AbatementPlan,
    AbatementStep,
    Backtest,
    Forecast,
    ForecastYear,
    Measure,
    Overlap,
    Scenario,
)
from greencloud.results.reporting_year import ReportingYear
from greencloud.units import Emissions, parse_rational
from greencloud.v1 import forecast_pb2, quantity_pb2
from greencloud.wire.quantities import (
    emissions_from_message,
    emissions_to_message,
    instant_from_message,
    instant_to_message,
)

__all__ = [
    "forecast_from_message",
    "forecast_to_message",
    "fraction_from_text",
    "measure_from_message",
    "measure_to_message",
    "plan_from_message",
    "plan_to_message",
    "scenario_from_message",
    "scenario_to_message",
]

_RATIO: Final = re.compile(r"-?\d{1,80}(/\d{1,80})?")
_HISTORY: Final = Scenario()


def fraction_from_text(field: str, text: str) -> Fraction:
    """Exactly; nothing written is 0. Raises QuantityError that names the field."""
    if not text:
        return Fraction(0)
    if _RATIO.fullmatch(text) and not re.search(r"/0+$", text):
        return Fraction(text)
    return parse_rational(text, what=field)


def scenario_to_message(scenario: Scenario) -> forecast_pb2.Scenario:
    growth = scenario.growth_per_year
    return forecast_pb2.Scenario(
        scenario_id=scenario.id,
        display_name=scenario.display_name,
        growth_per_year="" if growth is None else str(growth),
        grid_decarbonisation_per_year=_text(scenario.grid_decarbonisation_per_year),
        efficiency_per_year=_text(scenario.efficiency_per_year),
    )


def scenario_from_message(message: forecast_pb2.Scenario) -> Scenario:
    """Without an id or a name it has those of ``Scenario()``. Raises QuantityError that names the field."""
    growth = message.growth_per_year
    return Scenario(
        id=message.scenario_id or _HISTORY.id,
        display_name=message.display_name or _HISTORY.display_name,
        growth_per_year=fraction_from_text("growth_per_year", growth) if growth else None,
        grid_decarbonisation_per_year=fraction_from_text("grid_decarbonisation_per_year", message.grid_decarbonisation_per_year),
        efficiency_per_year=fraction_from_text("efficiency_per_year", message.efficiency_per_year),
    )


def measure_to_message(measure: Measure) -> forecast_pb2.Measure:
    return forecast_pb2.Measure(
        name=measure.name,
        display_name=measure.display_name,
        scopes=measure.scopes,
        start_year=str(measure.start),
        reduction=emissions_to_message(measure.reduction),
        ramp_year_count=measure.ramp_years,
        lifetime_year_count=measure.lifetime_years,
        capital_cost=_text(measure.capital_cost),
        annual_cost=_text(measure.annual_cost),
        currency=measure.currency,
        overlaps=[forecast_pb2.MeasureOverlap(measure=each.measure, share=str(each.share)) for each in measure.overlaps],
        committed=measure.committed,
        source=measure.source,
        etag=measure.etag,
        created_by=measure.created_by,
    )


def measure_from_message(message: forecast_pb2.Measure) -> Measure:
    """A measure; its id is what its name ends with. Raises QuantityError that names the field."""
    return Measure(
        id=message.name.removeprefix("measures/"),
        display_name=message.display_name,
        scopes=tuple(message.scopes),
        start=ReportingYear.parse(message.start_year),
        reduction=emissions_from_message(message.reduction),
        ramp_years=message.ramp_year_count,
        lifetime_years=message.lifetime_year_count,
        capital_cost=fraction_from_text("capital_cost", message.capital_cost),
        annual_cost=fraction_from_text("annual_cost", message.annual_cost),
        currency=message.currency,
        overlaps=tuple(Overlap(each.measure, fraction_from_text("share", each.share)) for each in message.overlaps),
        committed=message.committed,
        source=message.source,
        revision=int(message.etag) if re.fullmatch(r"[1-9]\d{0,8}", message.etag) else 1,
        created_by=message.created_by,
    )


def forecast_to_message(forecast: Forecast) -> forecast_pb2.Forecast:
    back = forecast.backtest
    return forecast_pb2.Forecast(
        goal=forecast.goal,
        scenario=scenario_to_message(forecast.scenario),
        model=forecast.model,
        known_years=[
            forecast_pb2.KnownYear(year=str(year), emissions=emissions_to_message(amount)) for year, amount in forecast.history
        ],
        years=map(_year_to_message, forecast.years),
        target=emissions_to_message(forecast.target),
        gap=emissions_to_message(forecast.gap),
        probability=_decimal(forecast.probability),
        backtest=forecast_pb2.Backtest(
            origin_count=back.origins,
            mean_absolute_percentage_error=_decimal(back.mean_absolute_percentage_error),
            naive_percentage_error=_decimal(back.naive_percentage_error),
            interval_coverage=_decimal(back.interval_coverage),
        ),
        as_of_time=instant_to_message(forecast.as_of),
        notes=forecast.notes,
    )


def forecast_from_message(message: forecast_pb2.Forecast) -> Forecast:
    back = message.backtest
    return Forecast(
        goal=message.goal,
        scenario=scenario_from_message(message.scenario),
        model=message.model,
        history=tuple((ReportingYear.parse(each.year), emissions_from_message(each.emissions)) for each in message.known_years),
        years=tuple(map(_year_from_message, message.years)),
        target=emissions_from_message(message.target),
        gap=emissions_from_message(message.gap),
        probability=_float(message.probability),
        backtest=Backtest(
            origins=back.origin_count,
            mean_absolute_percentage_error=_float(back.mean_absolute_percentage_error),
            naive_percentage_error=_float(back.naive_percentage_error),
            interval_coverage=_float(back.interval_coverage),
        ),
        as_of=instant_from_message(message.as_of_time),
        notes=tuple(message.notes),
    )


def _year_to_message(year: ForecastYear) -> forecast_pb2.ForecastYear:
    return forecast_pb2.ForecastYear(
        year=str(year.year),
        expected=emissions_to_message(year.expected),
        low=_optional(year.low),
        high=_optional(year.high),
        path=emissions_to_message(year.path),
        required=emissions_to_message(year.required),
    )


def _year_from_message(message: forecast_pb2.ForecastYear) -> ForecastYear:
    return ForecastYear(
        year=ReportingYear.parse(message.year),
        expected=emissions_from_message(message.expected),
        low=emissions_from_message(message.low) if message.HasField("low") else None,
        high=emissions_from_message(message.high) if message.HasField("high") else None,
        path=emissions_from_message(message.path),
        required=emissions_from_message(message.required),
    )


def plan_to_message(plan: AbatementPlan) -> forecast_pb2.AbatementPlan:
    return forecast_pb2.AbatementPlan(
        goal=plan.goal,
        scenario_id=plan.scenario,
        target_year=str(plan.target_year),
        gap=emissions_to_message(plan.gap),
        steps=[
            forecast_pb2.AbatementStep(
                measure=step.measure,
                display_name=step.display_name,
                reduction=emissions_to_message(step.reduction),
                marginal=emissions_to_message(step.marginal),
                cost_per_tonne="" if step.cost_per_tonne is None else str(step.cost_per_tonne),
                annual_cost=str(step.annual_cost),
                chosen=step.chosen,
            )
            for step in plan.steps
        ],
        closed=emissions_to_message(plan.closed),
        remaining=emissions_to_message(plan.remaining),
        annual_cost=str(plan.annual_cost),
        currency=plan.currency,
        discount_rate=str(plan.discount_rate),
        optimal=plan.optimal,
        notes=plan.notes,
    )


def plan_from_message(message: forecast_pb2.AbatementPlan) -> AbatementPlan:
    return AbatementPlan(
        goal=message.goal,
        scenario=message.scenario_id,
        target_year=ReportingYear.parse(message.target_year),
        gap=emissions_from_message(message.gap),
        steps=tuple(
            AbatementStep(
                measure=step.measure,
                display_name=step.display_name,
                reduction=emissions_from_message(step.reduction),
                marginal=emissions_from_message(step.marginal),
                cost_per_tonne=fraction_from_text("cost_per_tonne", step.cost_per_tonne) if step.cost_per_tonne else None,
                annual_cost=fraction_from_text("annual_cost", step.annual_cost),
                chosen=step.chosen,
            )
            for step in message.steps
        ),
        closed=emissions_from_message(message.closed),
        remaining=emissions_from_message(message.remaining),
        annual_cost=fraction_from_text("annual_cost", message.annual_cost),
        currency=message.currency,
        discount_rate=fraction_from_text("discount_rate", message.discount_rate),
        optimal=message.optimal,
        notes=tuple(message.notes),
    )


def _optional(amount: Emissions | None) -> quantity_pb2.Emissions | None:
    return None if amount is None else emissions_to_message(amount)


def _text(number: Fraction) -> str:
    return str(number) if number else ""


def _decimal(number: float | None) -> str:
    return "" if number is None else repr(number)


def _float(text: str) -> float | None:
    try:
        return float(text) if text else None
    except ValueError as error:
        raise QuantityError(f"{text[:32]!r} is not a number") from error
