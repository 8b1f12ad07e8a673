"""``greencloud inventory totals, years, submit, close``: what a reporting year adds up to, and where it stands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from greencloud.cli._books import provider_books
from greencloud.cli._inventory import show, writing
from greencloud.cli._output import Output, output_options
from greencloud.cli._source import Source, source_options

if TYPE_CHECKING:
    from greencloud.results.inventory import InventoryYear

__all__ = ["COMMANDS"]


@click.command()
@source_options
@click.argument("year")
@click.option("--iso", is_flag=True, help="By the categories of ISO 14064-1 instead of scopes.")
@click.option("--as-of", type=click.IntRange(0), default=0, show_default=False, metavar="N", help="After record N of the journal.")
@output_options("table", "json", "csv")
def totals(*, source: Source, year: str, iso: bool, as_of: int, output: Output) -> None:
    """Add up YEAR by scope and category, with both methods of Scope 2. Figures are exact.

    \b
    Examples:
      greencloud inventory totals --data ./data 2020
      greencloud inventory totals --data ./data FY2022 --iso
      greencloud inventory totals --data ./data 2020 --as-of 12 -o json
    """
    from greencloud.report.inventory_documents import totals_data, totals_document
    from greencloud.report.inventory_year_tables import totals_table

    with provider_books(source) as books:
        found = books.get_inventory(year, as_of=as_of)
    show(output, lambda: totals_table(found, iso=iso), lambda: totals_document(found), lambda: totals_data(found))


@click.command()
@source_options
@output_options("table", "json", "csv")
def years(*, source: Source, output: Output) -> None:
    """List reporting years: open, submitted or closed, and what was restated since.

    \b
    Example:
      greencloud inventory years --data ./data
    """
    with provider_books(source) as books:
        found = list(books.list_inventory_years())
    _show_years(output, found)


def _show_years(output: Output, found: list[InventoryYear]) -> None:
    from greencloud.report.inventory_documents import years_data, years_document
    from greencloud.report.inventory_year_tables import years_table

    show(output, lambda: years_table(found), lambda: years_document(found), lambda: years_data(found))


@click.command()
@source_options
@click.argument("year")
@click.option("--reason", default="", metavar="TEXT", help="In your words.")
@output_options("table", "json", "csv")
def submit(*, source: Source, year: str, reason: str, output: Output) -> None:
    """Say that YEAR is complete. Another person closes it.

    \b
    Example:
      greencloud inventory submit --data ./data 2020
    """
    with writing(source, "submit", f"year={year}") as books:
        found = books.submit_inventory_year(year, reason=reason)
    _show_years(output, [found])


@click.command()
@source_options
@click.argument("year")
@click.option("--reason", default="", metavar="TEXT", help="In your words.")
@output_options("table", "json", "csv")
def close(*, source: Source, year: str, reason: str, output: Output) -> None:
    """Close YEAR, which another person has submitted: its entries change by restatement alone from then on.

    \b
    Example:
      greencloud inventory close --server localhost:4317 --token-file admin.jwt 2020
    """
    with writing(source, "close", f"year={year}") as books:
        found = books.close_inventory_year(year, reason=reason)
    _show_years(output, [found])


COMMANDS: Final = (totals, years, submit, close)
