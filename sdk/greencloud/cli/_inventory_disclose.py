"""``greencloud inventory disclose``: a disclosure of a reporting year, to a file or to standard output."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import click

from greencloud.cli._books import provider_books
from greencloud.cli._output import Output, output_options
from greencloud.cli._source import Source, source_options
from greencloud.results.disclosures import DisclosureFile, DisclosureFormat, DisclosureStandard

if TYPE_CHECKING:
    from greencloud.client import Client
    from greencloud.goal import ProviderBooks

__all__ = ["COMMANDS"]


@click.command()
@source_options
@click.argument("year")
@click.option(
    "--standard",
    type=click.Choice([each.value for each in DisclosureStandard]),
    default=DisclosureStandard.GHG_PROTOCOL.value,
    show_default=True,
    help="The standard that it follows.",
)
@output_options(*(each.value for each in DisclosureFormat))
def disclose(source: Source, year: str, standard: str, output: Output) -> None:
    """Make a disclosure of YEAR (2025, or FY2025): each figure with the field that it fills and the evidence that it rests on.

    Formats: json (of pact in the data model of PACT), csv (a row a figure), xlsx (a sheet a section), html (a document to print).
    What is not known is left open, never zero; printed parts add up to printed totals.

    \b
    Example:
      greencloud inventory disclose --data ./data 2025 --standard esrs_e1 --out esrs.html
    """
    file = _made(source, year, DisclosureStandard(standard), DisclosureFormat(output.format))
    output.write(file.content)


def _made(source: Source, year: str, standard: DisclosureStandard, form: DisclosureFormat) -> DisclosureFile:
    with provider_books(source) as opened:
        if source.data is None:
            return cast("Client", opened).generate_disclosure(year, standard, format=form)
        from greencloud.report.disclosures import write_disclosure

        books = cast("ProviderBooks", opened)
        return write_disclosure(standard, books.disclosure_inputs(year, standard), form)


COMMANDS = (disclose,)
