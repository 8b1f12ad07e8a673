"""Where a goal stands and is heading: its trajectory with the forecast and the gap, and the measures that would close it.

The goal is that of ``?goal=``, else the first. A forecast rests on a scenario: rates in per cent a year for growth, the grid and
efficiency, all of the address; without any, what history shows goes on. What a forecast or a plan lacks is said in its place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Final, TypeVar

from greencloud.errors import FailedPreconditionError, QuantityError
from greencloud.page.asked import Asked
from greencloud.page.provider.ledger import form_of
from greencloud.page.shown import Choice, Form, Shown
from greencloud.page.view import Caller
from greencloud.page.words import words_in
from greencloud.report.abatement_chart import abatement_chart
from greencloud.report.amounts import EMISSION_UNITS, kg_decimal, scale_for
from greencloud.report.chart_words import chart_words
from greencloud.report.delimited import inert
from greencloud.report.drawing import Canvas
from greencloud.report.goals import number_text
from greencloud.report.page.sections import Card, Section, Table
from greencloud.report.trajectory_chart import trajectory_chart
from greencloud.results.forecasts import AbatementPlan, Forecast, Scenario
from greencloud.results.goals import Goal, GoalProgress
from greencloud.results.reporting_year import ReportingYear
from greencloud.units import Emissions, parse_rational

__all__ = ["scenario_of", "show"]

_RATES: Final = {
    "growth": "growth_per_year",
    "grid": "grid_decarbonisation_per_year",
    "efficiency": "efficiency_per_year",
}
_DISCOUNT: Final = "5"
T = TypeVar("T")


def show(caller: Caller, asked: Asked) -> Shown:
    texts = words_in(asked.language)
    title = texts["menu_provider_goals"]
    goals = caller.client.list_goals().to_list()
    if not goals:
        return Shown(title, empty=texts["provider_no_goals"])
    named = asked.parameters.get("goal", "")
    goal = chosen(caller, goals, named) if named else goals[0]
    forms = [_form(asked, goals, goal, texts)]
    scenario, discount = scenario_of(asked.parameters, texts), _percent(asked.parameters, "discount", _DISCOUNT)
    progress, why = known(lambda: caller.client.get_goal_progress(goal.name))
    if progress is None:
        return Shown(title, lead=goal.display_name, forms=forms, empty=why)
    forecast, no_forecast = known(lambda: caller.client.forecast_goal(goal.name, scenario=scenario))
    plan, no_plan = known(lambda: caller.client.plan_goal(goal.name, scenario=scenario, discount_rate=discount))
    sections = [_trajectory(progress, forecast, no_forecast, asked, texts)]
    if plan is not None:
        sections.append(_plan(plan, asked, texts))
    sections += _told(progress, texts)
    notes = [texts["provider_no_plan"].format(why=no_plan)] if plan is None and forecast is not None else []
    return Shown(
        title,
        lead=_lead(progress, asked),
        forms=forms,
        cards=_cards(progress, forecast, asked, texts),
        sections=sections,
        notes=notes,
    )


def chosen(caller: Caller, goals: Sequence[Goal], named: str) -> Goal:
    """The goal of that id. Raises NotFoundError, in the server's words, where there is none."""
    return next((goal for goal in goals if goal.id == named), None) or caller.client.get_goal(f"goals/{named}")


def known(ask: Callable[[], T]) -> tuple[T | None, str]:
    """The answer, or why the server has none yet, with what to do about it."""
    try:
        return ask(), ""
    except FailedPreconditionError as error:
        return None, " ".join(part for part in (error.message, error.advice) if part)


def scenario_of(given: Mapping[str, str], texts: Mapping[str, str]) -> Scenario | None:
    """None where no rate is given: what history shows goes on. Raises QuantityError."""
    rates = {field: _percent(given, name) for name, field in _RATES.items() if given.get(name)}
    return Scenario("page", texts["provider_scenario"], **rates) if rates else None


def _percent(given: Mapping[str, str], name: str, otherwise: str = "0") -> Fraction:
    try:
        return parse_rational(given.get(name, otherwise)) / 100
    except QuantityError as error:
        raise QuantityError(f"{name}: {error.message}", advice="write per cent a year, as 5 or -2.5") from error


def _form(asked: Asked, goals: Sequence[Goal], goal: Goal, texts: Mapping[str, str]) -> Form:
    fields = [Choice("goal", texts["provider_goal"], goal.id, [(each.id, each.display_name) for each in goals])]
    fields += [
        Choice(name, texts[f"provider_rate_{name}"], asked.parameters.get(name, ""), hint=texts[f"provider_rate_{name}_hint"])
        for name in (*_RATES, "discount")
    ]
    return form_of(asked, fields, texts["provider_show"])


def _lead(progress: GoalProgress, asked: Asked) -> str:
    words = chart_words(asked.language)
    return f"{progress.display_name} · {', '.join(words.get(scope, scope) for scope in progress.scopes)}"


def _cards(progress: GoalProgress, forecast: Forecast | None, asked: Asked, texts: Mapping[str, str]) -> list[Card]:
    words = chart_words(asked.language)
    base, target = (
        ReportingYear(progress.base_year, progress.base_fiscal),
        ReportingYear(progress.target_year, progress.target_fiscal),
    )
    actual = next((year for year in progress.years if year.reporting_year == progress.latest_year), None)
    cards = [
        Card(texts["provider_status"], words[progress.status], texts["provider_as_of"].format(date=f"{progress.as_of:%Y-%m-%d}")),
        Card(
            words["target_year"].format(year=target),
            str(progress.target_emissions),
            f"{words['base_year']} {base}: {progress.base_emissions}",
        ),
    ]
    if actual is not None and actual.actual is not None:
        path = f"{words['path']}: {actual.path}"
        cards.append(Card(f"{words['inventory']} {actual.reporting_year}", str(actual.actual), path))
    if forecast is not None:
        side = "on_target" if not forecast.gap.micrograms else "above_target" if forecast.gap.micrograms > 0 else "below_target"
        chance = texts["provider_unknown"] if forecast.probability is None else f"{forecast.probability * 100:.1f} %"
        cards.append(
            Card(
                texts["provider_goal_gap"],
                str(Emissions(abs(forecast.gap.micrograms))),
                words[side],
                texts["provider_probability"].format(probability=chance),
            )
        )
    if progress.ledger_covered_seconds:
        days = f"{progress.ledger_covered_seconds / 86_400:.1f}"
        said = texts["provider_ledger_covers"].format(days=days, path=progress.path_emissions)
        cards.append(Card(texts["provider_ledger_year"].format(year=progress.ledger_year), str(progress.ledger_emissions), said))
    return cards


def _trajectory(progress: GoalProgress, forecast: Forecast | None, why: str, asked: Asked, texts: Mapping[str, str]) -> Section:
    ahead = {} if forecast is None else {year.year: year for year in forecast.years}
    amounts = [amount for year in progress.years for amount in (year.path, year.actual) if amount is not None]
    amounts += [amount for year in ahead.values() for amount in (year.expected, year.high) if amount is not None]
    scale = scale_for([amount.micrograms for amount in amounts], EMISSION_UNITS)
    keys = ("path", "actual", "expected", "low", "high", "required")
    heading = [texts["provider_year"], *(f"{texts[f'provider_goal_{key}']}, {scale.unit}" for key in keys), texts["provider_state"]]
    rows, exact = [], [["year", *(f"{key}_kg_co2e" for key in keys), "draft"]]
    for year in progress.years:
        found = ahead.get(year.reporting_year)
        held = (year.path, year.actual, *((found.expected, found.low, found.high, found.required) if found else (None,) * 4))
        draft = texts["provider_draft"] if year.draft else ""
        rows.append([str(year.reporting_year), *("" if each is None else scale.show(each.micrograms) for each in held), draft])
        kilograms = ("" if each is None else kg_decimal(each.micrograms) for each in held)
        exact.append([str(year.reporting_year), *kilograms, "true" if year.draft else "false"])
    notes = [texts["provider_no_forecast"].format(why=why)] if forecast is None else [*forecast.notes]
    model = (
        "" if forecast is None else texts["provider_model"].format(scenario=_rates(forecast.scenario, texts), model=forecast.model)
    )
    return Section(
        "trajectory",
        texts["provider_trajectory"],
        " ".join(part for part in (texts["provider_trajectory_help"], model) if part),
        [lambda width: trajectory_chart(progress, forecast, Canvas.of_page(width, asked.language))],
        Table(heading, rows, exact),
        notes,
    )


def _told(progress: GoalProgress, texts: Mapping[str, str]) -> list[Section]:
    """What somebody should act on, and what a reader should know; in the server's words."""
    sections = []
    if progress.alerts:
        heading = [texts["provider_alert"], texts["provider_advice"]]
        rows = [[alert.message, alert.advice] for alert in progress.alerts]
        exact = [["kind", "year", "message", "advice"]]
        exact += [[alert.kind, str(alert.year), inert(alert.message), inert(alert.advice)] for alert in progress.alerts]
        sections.append(Section("alerts", texts["provider_alerts"], "", [], Table(heading, rows, exact, words=(1,))))
    if progress.notes:
        rows = [[note] for note in progress.notes]
        sections.append(
            Section(
                "notes",
                texts["provider_notes"],
                "",
                [],
                Table([texts["provider_note"]], rows, [["note"], *([inert(note)] for note in progress.notes)]),
            )
        )
    return sections


def _rates(scenario: Scenario, texts: Mapping[str, str]) -> str:
    growth = texts["provider_history"] if scenario.growth_per_year is None else f"{number_text(scenario.growth_per_year * 100)} %"
    return texts["provider_rates"].format(
        growth=growth,
        grid=f"{number_text(scenario.grid_decarbonisation_per_year * 100)} %",
        efficiency=f"{number_text(scenario.efficiency_per_year * 100)} %",
    )


def _plan(plan: AbatementPlan, asked: Asked, texts: Mapping[str, str]) -> Section:
    words = chart_words(asked.language)
    scale = scale_for([plan.gap.micrograms, *(step.reduction.micrograms for step in plan.steps)], EMISSION_UNITS)
    money = plan.currency or words["cost"]
    heading = [
        *("#", texts["provider_measure"], texts["provider_chosen"], f"{texts['provider_alone']}, {scale.unit}"),
        *(f"{texts['provider_in_plan']}, {scale.unit}", f"{money}/t", f"{money} {texts['provider_a_year']}"),
    ]
    rows, exact = (
        [],
        [["number", "measure", "display_name", "chosen", "reduction_kg_co2e", "marginal_kg_co2e", "cost_per_tonne", "annual_cost"]],
    )
    for number, step in enumerate(plan.steps, 1):
        per_tonne = "" if step.cost_per_tonne is None else number_text(step.cost_per_tonne, 2)
        chosen = texts["provider_yes"] if step.chosen else texts["provider_no"]
        rows.append(
            [
                *(str(number), step.display_name, chosen, scale.show(step.reduction.micrograms)),
                *(scale.show(step.marginal.micrograms), per_tonne, number_text(step.annual_cost, 2)),
            ]
        )
        exact.append(
            [
                *(str(number), inert(step.measure), inert(step.display_name), str(step.chosen).lower()),
                *(kg_decimal(step.reduction.micrograms), kg_decimal(step.marginal.micrograms)),
                *("" if step.cost_per_tonne is None else str(step.cost_per_tonne), str(step.annual_cost)),
            ]
        )
    said = texts["provider_plan_help"].format(
        closed=plan.closed,
        cost=f"{number_text(plan.annual_cost, 2)} {plan.currency}".rstrip(),
        open=texts["provider_open"].format(amount=plan.remaining) if plan.remaining.micrograms else texts["provider_none_open"],
        proved=texts["provider_proved" if plan.optimal else "provider_not_proved"],
    )
    if not rows:
        said = texts["provider_no_measures"]
    chart = [lambda width: abatement_chart(plan, Canvas.of_page(width, asked.language))] if rows else []
    title = words["plan_title"].format(year=plan.target_year, closing=_closing(plan, words))
    table = Table(heading, rows or [[texts["provider_no_measures"], *[""] * 6]], exact, words=(1, 2))
    return Section("measures", title, said, chart, table, [*plan.notes])


def _closing(plan: AbatementPlan, words: Mapping[str, str]) -> str:
    if plan.gap.micrograms <= 0:
        return words["gap_none"]
    left = plan.remaining.micrograms
    return words["gap_open"].format(amount=plan.remaining) if left else words["gap_closed"].format(amount=plan.gap)
