"""``greencloud inventory approve, verify, restatements``: who stands for entries, and what became of them."""

from __future__ import annotations

from typing import Final

import click

from greencloud.cli._books import provider_books
from greencloud.cli._inventory import entry_name, evidence_digests, show, show_entries, writing
from greencloud.cli._output import Output, output_options
from greencloud.cli._source import Source, source_options

__all__ = ["COMMANDS"]


def _names_or_year(names: tuple[str, ...], year: str) -> list[str]:
    if bool(names) == bool(year):
        raise click.UsageError("Give either names of entries or --year.")
    return [entry_name(name) for name in names]


@click.command()
@source_options
@click.argument("names", nargs=-1)
@click.option("--year", default="", metavar="Y", help="All drafts of this reporting year.")
@output_options("table", "json", "csv")
def approve(*, source: Source, names: tuple[str, ...], year: str, output: Output) -> None:
    """Approve the entries NAMES, or all drafts of a year.

    \b
    Examples:
      greencloud inventory approve --data ./data 2020-scope1 2020-scope3-11
      greencloud inventory approve --data ./data --year 2020
    """
    wanted = _names_or_year(names, year)
    with writing(source, "approve", f"names={', '.join(names)}; year={year}") as books:
        entries = books.approve_inventory_entries(wanted, year=year)
    show_entries(output, entries)


@click.command()
@source_options
@click.argument("names", nargs=-1)
@click.option("--year", default="", metavar="Y", help="All approved entries of this reporting year.")
@click.option("--by", "verified_by", required=True, metavar="NAME", help="The third party.")
@click.option("--assurance", type=click.Choice(("limited", "reasonable")), required=True, help="The level of assurance.")
@click.option("--evidence", multiple=True, metavar="FILE|SHA256", help="Its statement (repeatable).")
@output_options("table", "json", "csv")
def verify(
    *,
    source: Source,
    names: tuple[str, ...],
    year: str,
    verified_by: str,
    assurance: str,
    evidence: tuple[str, ...],
    output: Output,
) -> None:
    """Note that a third party has verified the entries NAMES, or all approved ones of a year.

    \b
    Example:
      greencloud inventory verify --data ./data --year 2020 --by "Assurance Ltd" --assurance limited --evidence statement.pdf
    """
    wanted = _names_or_year(names, year)
    with writing(source, "verify", f"names={', '.join(names)}; year={year}; by={verified_by}; assurance={assurance}") as books:
        digests = evidence_digests(books, evidence)
        entries = books.verify_inventory_entries(wanted, year=year, verified_by=verified_by, assurance=assurance, evidence=digests)
    show_entries(output, entries)


@click.command()
@source_options
@click.option("--year", default="", metavar="Y", help="Of entries of this reporting year.")
@output_options("table", "json", "csv")
def restatements(*, source: Source, year: str, output: Output) -> None:
    """List what was restated: before, after, the cause, who did it, and when.

    \b
    Example:
      greencloud inventory restatements --data ./data --year 2020
    """
    from greencloud.report.inventory_documents import restatements_data, restatements_document
    from greencloud.report.inventory_tables import restatements_table

    with provider_books(source) as books:
        found = list(books.list_inventory_restatements(year=year))
    show(output, lambda: restatements_table(found), lambda: restatements_document(found), lambda: restatements_data(found))


COMMANDS: Final = (approve, verify, restatements)
