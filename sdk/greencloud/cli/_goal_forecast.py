"""``greencloud goal forecast|measure|plan``: where a goal is heading, what would reduce emissions, and the cheapest way there."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeVar

import click

from greencloud.cli._chart import CHART, draw_chart
from greencloud.cli._goal_options import AMOUNT, SHARE, YEAR, reason_option
from greencloud.cli._options import NAMES
from greencloud.cli._output import Output, output_options
from greencloud.cli._source import Source, source_options
from greencloud.errors import QuantityError
from greencloud.results.forecasts import Measure, Overlap, Scenario
from greencloud.results.reporting_year import ReportingYear
from greencloud.units import Emissions, parse_rational

__all__ = ["forecast", "measure", "plan"]

F = TypeVar("F", bound=Callable[..., Any])


class Money(click.ParamType[Fraction]):
    """An amount of money, exactly: 1500000, -20000.50."""

    name = "amount"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Fraction:
        if isinstance(value, Fraction):
            return value
        try:
            return parse_rational(value.replace("_", ""), what="amount")
        except QuantityError as error:
            self.fail(error.message, param, ctx)


class OverlapOption(click.ParamType[Overlap]):
    """Another measure and the share of the smaller effect that is lost: wind=0.5."""

    name = "measure=share"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Overlap:
        if isinstance(value, Overlap):
            return value
        other, equals, share = value.partition("=")
        if not equals or not other:
            self.fail(f"{value!r} is no measure with a share: write wind=0.5", param, ctx)
        return Overlap(_named("measures/", other), SHARE.convert(share, param, ctx))


def _named(prefix: str, text: str) -> str:
    """A resource name, of the name or of the id."""
    return text if text.startswith(prefix) else f"{prefix}{text}"


def scenario_options(function: F) -> F:
    """What is assumed of the years ahead; taken together by ``_scenario``."""
    options = (
        click.option("--growth", type=SHARE, help="Growth of the activity a year, as 5%.  [as in history]"),
        click.option("--grid", type=SHARE, help="Change of the grid's factor a year, as -4%.  [0]"),
        click.option("--efficiency", type=SHARE, help="Fall of emissions per unit of activity a year, as 2%.  [0]"),
        click.option("--scenario", "scenario_name", metavar="TEXT", help="Name of what is assumed, for reports."),
    )
    for option in reversed(options):
        function = option(function)
    return function


def _scenario(typed: dict[str, Any]) -> Scenario:
    growth, grid, efficiency, name = (typed[key] for key in ("growth", "grid", "efficiency", "scenario_name"))
    if growth is None and not grid and not efficiency and not name:
        return Scenario()
    return Scenario(name or "assumed", name or "As typed", growth, -(grid or Fraction(0)), efficiency or Fraction(0))


@click.command()
@source_options
@click.argument("name", metavar="[GOAL]", default="goals/-")
@scenario_options
@click.option("--chart", "chart_file", type=CHART, help="Draw it, too: .svg, .png, .pdf, .html or .json (Vega-Lite).")
@output_options("table", "json", "csv")
def forecast(source: Source, name: str, chart_file: Path | None, output: Output, **typed: Any) -> None:
    """Forecast GOAL to its target year, with a 95 % interval and what must be true each year. Without GOAL: the only one.

    \b
    Examples:
      greencloud goal forecast --data ./data
      greencloud goal forecast cloud-2030 --data ./data --growth 5% --grid -4% -o json
      greencloud goal forecast --server localhost:4317 --chart forecast.svg
    """
    from greencloud.cli._books import provider_books
    from greencloud.report.forecasts import forecast_csv, forecast_document, forecast_table

    with provider_books(source) as books:
        found = books.forecast_goal(_named("goals/", name), scenario=_scenario(typed))
        progress = books.get_goal_progress(found.goal) if chart_file else None
    if chart_file and progress:
        from greencloud.report.trajectory_chart import trajectory_chart

        draw_chart(trajectory_chart(progress, found), chart_file)
    output.write(_render(output.format, found, (forecast_table, forecast_document, forecast_csv)))


@click.command()
@source_options
@click.argument("name", metavar="[GOAL]", default="goals/-")
@scenario_options
@click.option("--discount-rate", type=SHARE, default="5%", help="Interest by which capital is spread over the lifetime.")
@click.option("--measures", type=NAMES, default=(), help="Choose from these, with commas.  [all]", show_default=False)
@click.option("--chart", "chart_file", type=CHART, help="Draw the curve, too: .svg, .png, .pdf, .html or .json (Vega-Lite).")
@click.option("--check", is_flag=True, help="End with exit code 3 unless the measures close the gap.")
@output_options("table", "json", "csv")
def plan(
    *,
    source: Source,
    name: str,
    discount_rate: Fraction,
    measures: tuple[str, ...],
    chart_file: Path | None,
    check: bool,
    output: Output,
    **typed: Any,
) -> None:
    """Choose the measures that close the gap of GOAL at least annual cost. Without GOAL: of the only one.

    \b
    Examples:
      greencloud goal plan --data ./data --chart curve.svg
      greencloud goal plan cloud-2030 --data ./data --growth 5% --measures solar,wind -o csv
    """
    from greencloud.cli._books import provider_books
    from greencloud.report.forecasts import plan_csv, plan_document, plan_table

    names = [_named("measures/", each) for each in measures]
    with provider_books(source) as books:
        found = books.plan_goal(_named("goals/", name), scenario=_scenario(typed), discount_rate=discount_rate, measures=names)
    if chart_file:
        from greencloud.report.abatement_chart import abatement_chart

        draw_chart(abatement_chart(found), chart_file)
    output.write(_render(output.format, found, (plan_table, plan_document, plan_csv)))
    if check and found.remaining.micrograms:
        raise SystemExit(3)


@click.group()
def measure() -> None:
    """Measures: what would reduce emissions, from when on, and what it costs."""


def _fields(*, required: bool) -> Callable[[F], F]:
    """The options that say what a measure is; None where they are not typed."""
    options = (
        click.option("--display-name", metavar="TEXT", required=required, help="Name for people."),
        click.option("--scopes", type=NAMES, required=required, help="Scopes that it reduces, with commas."),
        click.option("--start", type=YEAR, required=required, help="The year that it starts in: 2027 or FY2027."),
        click.option("--reduction", type=AMOUNT, required=required, help="What it takes off a year once it works wholly: 120t."),
        click.option("--ramp-years", type=click.IntRange(0, 99), help="Years until it works wholly.  [0]"),
        click.option("--lifetime-years", type=click.IntRange(1, 100), help="Years that it works.  [10]"),
        click.option("--capital-cost", type=Money(), help="Cost at the start.  [0]"),
        click.option("--annual-cost", type=Money(), help="Cost a year, negative where it saves.  [0]"),
        click.option("--currency", metavar="CODE", help="Currency of the costs (ISO 4217), as CNY."),
        click.option("--overlap", "overlaps", type=OverlapOption(), multiple=True, help="wind=0.5; repeatable."),
        click.option("--committed/--not-committed", default=None, help="It will be done in any case: then it is in the forecast."),
        click.option("--source", "source_text", metavar="TEXT", help="Where the figures come from."),
    )

    def add(function: F) -> F:
        for option in reversed(options):
            function = option(function)
        return function

    return add


def _said(typed: dict[str, Any]) -> dict[str, Any]:
    """What was typed, by field."""
    typed = {**typed, "source": typed["source_text"], "overlaps": typed["overlaps"] or None}
    del typed["source_text"]
    return {key: value for key, value in typed.items() if value is not None}


@measure.command()
@source_options
@click.argument("measure_id", metavar="ID")
@_fields(required=True)
@reason_option
def add(source: Source, measure_id: str, reason: str, **typed: Any) -> None:
    """Book a measure by its ID. Booking it again changes nothing.

    \b
    Example:
      greencloud goal measure add solar --data ./data --display-name "Solar on roofs" \\
        --scopes scope2_market_based --start 2027 --reduction 120t --ramp-years 2 \\
        --lifetime-years 25 --capital-cost 9000000 --annual-cost -350000 --currency CNY
    """
    from greencloud.cli._books import provider_books

    blank = Measure(measure_id, "", (), ReportingYear(2000), Emissions())  # every field of it is required
    with provider_books(source) as books:
        booked = books.create_measure(replace(blank, **_said(typed)), reason=reason)
    click.echo(f"{booked.name} is booked, revision {booked.revision}", err=True)


@measure.command(name="list")
@source_options
@output_options("table", "json", "csv")
def list_measures(source: Source, output: Output) -> None:
    """List all measures.

    \b
    Example:
      greencloud goal measure list --data ./data -o json
    """
    from greencloud.cli._books import provider_books
    from greencloud.report.measures import measures_csv, measures_document, measures_table

    with provider_books(source) as books:
        found = list(books.list_measures())
    output.write(_render(output.format, found, (measures_table, measures_document, measures_csv)))


@measure.command()
@source_options
@click.argument("name", metavar="MEASURE")
@_fields(required=False)
@click.option("--etag", metavar="ETAG", default="", help="What the measure must have; else it is refused.", show_default=False)
@reason_option
def update(source: Source, name: str, etag: str, reason: str, **typed: Any) -> None:
    """Change what is typed of MEASURE, and leave the rest; overlaps that are typed take the place of all.

    \b
    Example:
      greencloud goal measure update solar --data ./data --committed --reason "Board of May"
    """
    from greencloud.cli._books import provider_books

    with provider_books(source) as books:
        known = books.get_measure(_named("measures/", name))
        booked = books.update_measure(replace(known, **_said(typed)), etag=etag or known.etag, reason=reason)
    same = booked.revision == known.revision
    click.echo(f"{booked.name} is {'as it was' if same else 'changed'}, revision {booked.revision}", err=True)


@measure.command()
@source_options
@click.argument("name", metavar="MEASURE")
@click.option("--etag", metavar="ETAG", default="", help="What the measure must have; else it is refused.", show_default=False)
@reason_option
def delete(source: Source, name: str, etag: str, reason: str) -> None:
    """Take MEASURE out of force; what it was stays on record.

    \b
    Example:
      greencloud goal measure delete solar --data ./data --reason "The roofs cannot bear it"
    """
    from greencloud.cli._books import provider_books

    with provider_books(source) as books:
        books.delete_measure(_named("measures/", name), etag=etag, reason=reason)
    click.echo(f"{_named('measures/', name)} is in force no more", err=True)


def _render(form: str, found: Any, renderers: tuple[Callable[..., str], Callable[..., Any], Callable[..., str]]) -> str:
    table, document, csv = renderers
    if form == "json":
        return json.dumps(document(found), indent=2, ensure_ascii=False) + "\n"
    return csv(found) if form == "csv" else table(found)
