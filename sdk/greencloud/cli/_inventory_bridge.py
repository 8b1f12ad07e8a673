"""``greencloud inventory bridge`` and ``book-ledger``: the ledger's part of the inventory."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

import click

from greencloud.cli._books import provider_books
from greencloud.cli._chart import CHART, draw_chart
from greencloud.cli._inventory import writing
from greencloud.cli._output import Output, output_options
from greencloud.cli._source import Source, source_options

__all__ = ["COMMANDS"]


@click.command(name="bridge")
@source_options
@click.argument("year", metavar="YEAR")
@click.option(
    "--chart",
    type=CHART,
    help="Draw the waterfall, too: .svg, .png, .pdf, .html or .json (Vega-Lite).",
)
@click.option(
    "--method", type=click.Choice(["location", "market"]), default="market", help="The method of Scope 2 that the chart is of."
)
@click.option("--check", is_flag=True, help="End with exit code 1 where it does not close, or has nothing to close.")
@output_options("table", "json", "csv")
def bridge(
    *, source: Source, year: str, chart: Path | None, method: Literal["location", "market"], check: bool, output: Output
) -> None:
    """Lead from the sum of customers' statements to the inventory of YEAR (2026 or FY2026), line by line.

    Where a section does not close, it says which line to look at.

    \b
    Examples:
      greencloud inventory bridge --data ./data 2026
      greencloud inventory bridge --data ./data FY2026 --chart bridge.svg --check
    """
    from greencloud.report.bridge import bridge_csv, bridge_document, bridge_table
    from greencloud.report.bridge_chart import bridge_chart

    with provider_books(source) as books:
        found = books.get_bridge(year)
    match output.format:
        case "json":
            text = json.dumps(bridge_document(found), indent=2, ensure_ascii=False) + "\n"
        case "csv":
            text = bridge_csv(found)
        case _:
            text = bridge_table(found)
    output.write(text)
    if chart is not None:
        draw_chart(bridge_chart(found, method), chart)
    if check and not (found.closes and found.sections):
        raise SystemExit(1)


@click.command(name="book-ledger")
@source_options
@click.argument("year", metavar="YEAR")
@click.option("--business", default="", metavar="NAME", help="The business unit that they are booked for.")
@click.option("--reason", default="", help="Why a line that is booked is restated; it stays on record.")
@click.option("--check", "validate_only", is_flag=True, help="Book nothing; say what would be booked.")
def book_ledger(*, source: Source, year: str, business: str, reason: str, validate_only: bool) -> None:
    """Book the ledger's lines of YEAR in the inventory, by reference: Scope 1, Scope 2 by both methods, Scope 3 categories 2 and 3.

    Nobody types these amounts. Done again after the ledger was restated, it restates them, which needs a reason.

    \b
    Examples:
      greencloud inventory book-ledger --data ./data 2026
      greencloud inventory book-ledger --data ./data 2026 --reason "invoiced meters of December"
    """
    with provider_books(source) if validate_only else writing(source, "book-ledger", year) as books:
        booked = books.book_ledger_entries(year, business=business, reason=reason, validate_only=validate_only)
    for what, names in (("new", booked.added), ("restated", booked.restated), ("unchanged", booked.unchanged)):
        for name in names:
            click.echo(f"{what:<10}{name}")


COMMANDS = (book_ledger, bridge)
