"""``greencloud credits neutrality, chart, scope3plus``: what a claim rests on, and avoided emissions beside their target."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from greencloud.cli._books import provider_books
from greencloud.cli._chart import CHART, draw_chart
from greencloud.cli._credits import BIG_AMOUNT, goal_named
from greencloud.cli._inventory import show
from greencloud.cli._output import Output, output_options
from greencloud.cli._source import Source, source_options

if TYPE_CHECKING:
    from greencloud.units import Emissions

__all__ = ["COMMANDS"]

_GOAL: Final = click.option("--goal", default="", metavar="NAME", help="The claim of this goal.  [the organization]")
_SCOPES: Final = click.option(
    "--scope",
    "scopes",
    multiple=True,
    metavar="SCOPE",
    help="Without a goal: of these scopes (repeatable).  [scope1, scope2_market_based, scope3]",
)


@click.command()
@source_options
@click.argument("year")
@_GOAL
@_SCOPES
@click.option("--check", is_flag=True, help="End with exit code 3 unless it is neutral.")
@output_options("table", "json")
def neutrality(*, source: Source, year: str, goal: str, scopes: tuple[str, ...], check: bool, output: Output) -> None:
    """Show what neutrality of YEAR rests on: reduction, removals by durability, offset credits; and what it lacks.

    \b
    Examples:
      greencloud credits neutrality 2024 --data ./data
      greencloud credits neutrality FY2030 --data ./data --goal goals/operations-2030 --check
    """
    from greencloud.report.neutrality import neutrality_document, neutrality_table

    with provider_books(source) as books:
        claim = books.get_neutrality(year, goal=goal_named(goal), scopes=scopes)
    show(output, lambda: neutrality_table(claim), lambda: neutrality_document(claim))
    if check and not claim.neutral:
        raise SystemExit(3)


@click.command()
@source_options
@click.argument("year")
@_GOAL
@_SCOPES
@click.option("--title", default="", metavar="TEXT", help="Above the chart.")
@click.option(
    "-o",
    "--out",
    "--output",
    "output",
    type=CHART,
    required=True,
    help="The file to write: .svg, .png, .pdf, .html or .json (Vega-Lite).",
)
def chart(*, source: Source, year: str, goal: str, scopes: tuple[str, ...], title: str, output: Path) -> None:
    """Draw what neutrality of YEAR rests on.

    \b
    Example:
      greencloud credits chart 2024 --data ./data -o neutrality.svg
    """
    from greencloud.report.neutrality_chart import neutrality_chart

    with provider_books(source) as books:
        claim = books.get_neutrality(year, goal=goal_named(goal), scopes=scopes)
    draw_chart(neutrality_chart(claim, title=title), output)


@click.command()
@source_options
@click.option("--target", type=BIG_AMOUNT, help="What is to be reached in all: 1.5Gt.")
@click.option("--target-year", default="", metavar="Y", help="By the end of this reporting year.")
@output_options("table", "json")
def scope3plus(*, source: Source, target: Emissions | None, target_year: str, output: Output) -> None:
    """Show the emissions that initiatives avoided for others, beside their target. They are never netted with the inventory.

    \b
    Example:
      greencloud credits scope3plus --data ./data --target 1.5Gt --target-year 2035
    """
    from greencloud.report.instruments import scope_three_plus_document, scope_three_plus_table

    with provider_books(source) as books:
        found = books.get_scope_three_plus(target=target, target_year=target_year)
    show(output, lambda: scope_three_plus_table(found), lambda: scope_three_plus_document(found))


COMMANDS: Final = (neutrality, chart, scope3plus)
