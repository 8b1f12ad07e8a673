"""Forecasts and abatement plans: tables for people, documents and CSV for programs.

Documents: ``greencloud.forecast/1`` (``schema goal scenario model history years target gap probability backtest as_of notes``)
and ``greencloud.abatement/1`` (``schema goal scenario target_year gap steps closed remaining annual_cost currency discount_rate
optimal notes``). What is not known is null. Amounts are as in
``greencloud.report.documents``; rates, shares and money are exact, as ``1/20``.

In the table of a plan the marginal effects add up to what it closes, and costs to its cost, as they are printed.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any, Final

from greencloud.report.amounts import EMISSION_UNITS, Scale, scale_for
from greencloud.report.dataset import Dataset, Field, Kind
from greencloud.report.delimited import csv_text
from greencloud.report.documents import emissions_document
from greencloud.report.goals import number_text
from greencloud.report.measures import kg_cell, money_cell
from greencloud.report.rounding import rounded_parts
from greencloud.report.sheet import Column, Sheet
from greencloud.report.tables import table_text
from greencloud.results.forecasts import AbatementPlan, AbatementStep, Forecast, Scenario
from greencloud.units import Emissions, format_instant, round_half_even

__all__ = [
    "forecast_csv",
    "forecast_document",
    "forecast_table",
    "plan_csv",
    "plan_document",
    "plan_table",
]

_FORECAST: Final = "greencloud.forecast/1"
_PLAN: Final = "greencloud.abatement/1"
_PART: Final = 100  # of a currency unit: the least that a table shows


def forecast_table(forecast: Forecast) -> str:
    """Known and coming years, the gap, how likely it is closed, and how the model did on the past."""
    amounts = [amount for _, amount in forecast.history] + [year.high or year.expected for year in forecast.years]
    scale = scale_for([amount.micrograms for amount in amounts] + [forecast.target.micrograms], EMISSION_UNITS)
    heads = ("known", "expected", "low", "high", "path", "required")
    columns = (Column(("year",)), *(Column((head, scale.unit), numeric=True) for head in heads))

    def cell(amount: Emissions | None) -> str:
        return "not known" if amount is None else scale.show(amount.micrograms)

    rows: list[tuple[str, ...]] = [(str(year), cell(amount), "", "", "", "", "") for year, amount in forecast.history]
    rows += [
        (str(year.year), "", *map(cell, (year.expected, year.low, year.high, year.path, year.required))) for year in forecast.years
    ]
    last = forecast.years[-1].year if forecast.years else ""
    side = "above" if forecast.gap.micrograms > 0 else "below"
    lines = [
        f"Forecast of {forecast.goal}, CO2e; scenario {forecast.scenario.id}: {forecast.scenario.display_name}",
        _rates(forecast.scenario),
        "",
        *table_text(Sheet(columns, tuple(rows))),
        "",
        "low and high: 95 % interval; required: what must be true each year from now, a straight line to the target.",
        f"{last}: {Emissions(abs(forecast.gap.micrograms))} {side} the target of {forecast.target}.",
        f"Probability of meeting the target: {_percent(forecast.probability)}.",
        f"Model: {forecast.model}.",
        _back(forecast),
        *(f"- {note}" for note in forecast.notes),
        f"As of {format_instant(forecast.as_of)}.",
    ]
    return "\n".join(line for line in lines if line is not None) + "\n"


def forecast_csv(forecast: Forecast) -> str:
    """A line for each known and each coming year, in kilograms, exactly."""
    names = ("known", "expected", "low", "high", "path", "required")
    fields = (Field("year"), *(Field(f"{name}_kg_co2e", Kind.MASS) for name in names))
    rows: list[tuple[Any, ...]] = [(str(year), kg_cell(amount), *[None] * 5) for year, amount in forecast.history]
    rows += [
        (str(each.year), None, *map(kg_cell, (each.expected, each.low, each.high, each.path, each.required)))
        for each in forecast.years
    ]
    return csv_text(Dataset(fields, tuple(rows)))


def forecast_document(forecast: Forecast) -> dict[str, Any]:
    back = forecast.backtest
    return {
        "schema": _FORECAST,
        "goal": forecast.goal,
        "scenario": _scenario_document(forecast.scenario),
        "model": forecast.model,
        "history": [{"year": str(year), "emissions": emissions_document(amount)} for year, amount in forecast.history],
        "years": [
            {
                "year": str(year.year),
                "expected": emissions_document(year.expected),
                "low": _optional(year.low),
                "high": _optional(year.high),
                "path": emissions_document(year.path),
                "required": emissions_document(year.required),
            }
            for year in forecast.years
        ],
        "target": emissions_document(forecast.target),
        "gap": emissions_document(forecast.gap),
        "probability": forecast.probability,
        "backtest": {
            "origins": back.origins,
            "mean_absolute_percentage_error": back.mean_absolute_percentage_error,
            "naive_percentage_error": back.naive_percentage_error,
            "interval_coverage": back.interval_coverage,
        },
        "as_of": format_instant(forecast.as_of),
        "notes": list(forecast.notes),
    }


def _steps(sheet: Sheet) -> list[str]:
    if not sheet.rows:
        return ["There are no measures to choose from: none that is booked, or asked for, reduces only what the goal covers."]
    return [*table_text(sheet), "", "*: in the plan. In brackets: what a measure would add to it, and cost."]


def plan_table(plan: AbatementPlan) -> str:
    """The curve with what is chosen, what it closes and costs, and what stays open."""
    amounts = [plan.gap.micrograms, plan.closed.micrograms, *(step.reduction.micrograms for step in plan.steps)]
    scale = scale_for(amounts, EMISSION_UNITS)
    chosen = [step for step in plan.steps if step.chosen]
    marginal = _adding_up(chosen, scale)
    costs = _costs_adding_up(chosen)
    columns = (
        Column(("",)),
        Column(("measure",)),
        Column(("name",)),
        Column(("alone", scale.unit), numeric=True),
        Column(("in the plan", scale.unit), numeric=True),
        Column((f"{plan.currency or 'cost'} per t",), numeric=True),
        Column((f"{plan.currency or 'cost'} a year",), numeric=True),
    )
    rows = tuple(
        (
            "*" if step.chosen else "",
            step.measure,
            step.display_name,
            scale.show(step.reduction.micrograms),
            marginal.get(step.measure, f"({scale.show(step.marginal.micrograms)})"),
            "none" if step.cost_per_tonne is None else number_text(step.cost_per_tonne, 2),
            costs.get(step.measure, f"({number_text(step.annual_cost, 2)})"),
        )
        for step in plan.steps
    )
    total = ("", "plan", "", "", scale.show(plan.closed.micrograms), "", number_text(plan.annual_cost, 2))
    left = f"{plan.remaining} stay open" if plan.remaining.micrograms else "nothing stays open"
    rate = number_text(plan.discount_rate * 100)
    proved = "proved to cost the least" if plan.optimal else "not proved to cost the least"
    lines = [
        f"Plan for {plan.goal} to {plan.target_year}, CO2e a year; scenario {plan.scenario}, capital at {rate} % a year",
        f"The forecast is {plan.gap} above the target."
        if plan.gap.micrograms > 0
        else f"The forecast is {Emissions(-plan.gap.micrograms)} below the target.",
        "",
        *_steps(Sheet(columns, rows, total)),
        f"The plan closes {plan.closed}; {left}; {proved}." if rows else f"{left[0].upper()}{left[1:]}.",
        *(f"- {note}" for note in plan.notes),
    ]
    return "\n".join(lines) + "\n"


def plan_csv(plan: AbatementPlan) -> str:
    """A line a measure, in the order of the curve."""
    fields = (
        Field("measure"),
        Field("display_name"),
        Field("reduction_kg_co2e", Kind.MASS),
        Field("marginal_kg_co2e", Kind.MASS),
        Field("cost_per_tonne", Kind.DOUBLE),
        Field("annual_cost", Kind.DOUBLE),
        Field("currency"),
        Field("chosen", Kind.FLAG),
    )
    rows = tuple(
        (
            step.measure,
            step.display_name,
            kg_cell(step.reduction),
            kg_cell(step.marginal),
            None if step.cost_per_tonne is None else money_cell(step.cost_per_tonne),
            money_cell(step.annual_cost),
            plan.currency,
            step.chosen,
        )
        for step in plan.steps
    )
    return csv_text(Dataset(fields, rows))


def plan_document(plan: AbatementPlan) -> dict[str, Any]:
    return {
        "schema": _PLAN,
        "goal": plan.goal,
        "scenario": plan.scenario,
        "target_year": str(plan.target_year),
        "gap": emissions_document(plan.gap),
        "steps": [
            {
                "measure": step.measure,
                "display_name": step.display_name,
                "reduction": emissions_document(step.reduction),
                "marginal": emissions_document(step.marginal),
                "cost_per_tonne": None if step.cost_per_tonne is None else str(step.cost_per_tonne),
                "annual_cost": str(step.annual_cost),
                "chosen": step.chosen,
            }
            for step in plan.steps
        ],
        "closed": emissions_document(plan.closed),
        "remaining": emissions_document(plan.remaining),
        "annual_cost": str(plan.annual_cost),
        "currency": plan.currency,
        "discount_rate": str(plan.discount_rate),
        "optimal": plan.optimal,
        "notes": list(plan.notes),
    }


def _scenario_document(scenario: Scenario) -> dict[str, Any]:
    growth = scenario.growth_per_year
    return {
        "id": scenario.id,
        "display_name": scenario.display_name,
        "growth_per_year": None if growth is None else str(growth),
        "grid_decarbonisation_per_year": str(scenario.grid_decarbonisation_per_year),
        "efficiency_per_year": str(scenario.efficiency_per_year),
    }


def _rates(scenario: Scenario) -> str:
    growth = scenario.growth_per_year
    return "; ".join(
        (
            "growth as in history" if growth is None else f"growth {number_text(growth * 100)} % a year",
            f"the grid's factor falls by {number_text(scenario.grid_decarbonisation_per_year * 100)} % a year",
            f"efficiency {number_text(scenario.efficiency_per_year * 100)} % a year",
        )
    )


def _back(forecast: Forecast) -> str:
    back = forecast.backtest
    if not back.origins:
        return "Back-test: too few years."
    return (
        f"Back-test from {back.origins} earlier {'year' if back.origins == 1 else 'years'}: mean error "
        f"{_percent(back.mean_absolute_percentage_error)}, as in the last year {_percent(back.naive_percentage_error)}; "
        f"{_percent(back.interval_coverage)} of what came lay in the interval."
    )


def _percent(share: float | None) -> str:
    if share is None:
        return "not known"
    return "less than 0.1 %" if 0 < share < 0.001 else "more than 99.9 %" if 0.999 < share < 1 else f"{share * 100:.1f} %"


def _adding_up(steps: Sequence[AbatementStep], scale: Scale) -> dict[str, str]:
    """By measure: rounded to the last place that the scale shows, so that they add up to their rounded sum."""
    unit = scale.size // 10**scale.places
    parts = rounded_parts([step.marginal.micrograms for step in steps], unit)
    return {step.measure: scale.show(part * unit) for step, part in zip(steps, parts, strict=True)}


def _costs_adding_up(steps: Sequence[AbatementStep]) -> dict[str, str]:
    """By measure: to a hundredth of the currency. Costs are whole millionths of it."""
    whole = [round_half_even(step.annual_cost * 10**6) for step in steps]
    parts = rounded_parts(whole, 10**6 // _PART)
    return {step.measure: number_text(Fraction(part, _PART), 2) for step, part in zip(steps, parts, strict=True)}


def _optional(amount: Emissions | None) -> dict[str, Any] | None:
    return None if amount is None else emissions_document(amount)
