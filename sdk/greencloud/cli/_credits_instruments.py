"""``greencloud credits add, list, show, retire, delete, policy``: instruments as the registries have them."""

from __future__ import annotations

from datetime import date
from fractions import Fraction
from typing import Any, Final

import click

from greencloud.cli._books import provider_books
from greencloud.cli._credits import DAY, KIND, SERIALS, show_instrument, writing
from greencloud.cli._inventory import evidence_digests, show
from greencloud.cli._output import Output, output_options
from greencloud.cli._source import Source, source_options
from greencloud.errors import QuantityError

__all__ = ["COMMANDS"]

_EVIDENCE: Final = click.option(
    "--evidence", multiple=True, metavar="FILE|SHA256", help="A document to keep, or one that is kept (repeatable)."
)


@click.command()
@source_options
@click.option("--kind", type=KIND, required=True, help="What it is.")
@click.option("--registry", required=True, metavar="NAME", help="The registry.")
@click.option("--project", required=True, metavar="NAME", help="The project or plant.")
@click.option("--serials", type=SERIALS, required=True, metavar="FIRST-LAST", help="The block: 1-500.")
@click.option("--prefix", default="", metavar="TEXT", help="What all serials begin with; it ends in no digit.")
@click.option("--vintage", nargs=2, type=DAY, required=True, metavar="FIRST LAST", help="First and last day of the vintage.")
@click.option("--geography", required=True, metavar="CODE", help="ISO 3166, as IS or US-TX; of a certificate the grid zone.")
@click.option("--method", default="", metavar="TEXT", help="The technology, or the registry's methodology.")
@click.option(
    "--durability", type=click.IntRange(1, 1_000_000), metavar="YEARS", help="Of a removal: how long the carbon is stored."
)
@click.option("--cost", default="", metavar="AMOUNT", help="Price of a unit: 12.50.")
@click.option("--currency", default="", metavar="CODE", help="Of the price, by ISO 4217: EUR.")
@click.option("--id", "instrument_id", default="", metavar="ID", help="Its id; derived from registry and serials by default.")
@output_options("table", "json")
def add(*, source: Source, output: Output, **said: Any) -> None:
    """Record a block of serials. What is there with the same content is shown.

    \b
    Example:
      greencloud credits add --data ./data --kind removal --registry Puro.earth --project "Mineral storage" \\
        --prefix PURO-IS- --serials 1-500 --vintage 2024-01-01 2024-12-31 --geography IS --durability 1000
    """
    from greencloud.results.instruments import Instrument, InstrumentKind

    instrument = Instrument(
        id=said["instrument_id"],
        kind=InstrumentKind(said["kind"]),
        registry=said["registry"],
        project=said["project"],
        serial_prefix=said["prefix"],
        serial_first=said["serials"][0],
        serial_last=said["serials"][1],
        vintage_start=said["vintage"][0],
        vintage_end=said["vintage"][1],
        geography=said["geography"],
        method=said["method"],
        durability_years=said["durability"],
        cost=_price(said["cost"]),
        currency=said["currency"],
    )
    with writing(
        source, "add", f"registry={instrument.registry}; serials={instrument.serial_first}-{instrument.serial_last}"
    ) as books:
        made = books.create_instrument(instrument)
    show_instrument(output, made)


def _price(text: str) -> Fraction | None:
    from greencloud.units import parse_rational

    try:
        return parse_rational(text, what="cost") if text else None
    except QuantityError as error:
        raise click.UsageError(f"{error.message}; {error.advice}") from error


@click.command(name="list")
@source_options
@click.option("--kind", type=KIND, help="Of this kind.")
@click.option("--year", default="", metavar="Y", help="With a use for this reporting year.")
@output_options("table", "json", "csv")
def list_(*, source: Source, kind: str | None, year: str, output: Output) -> None:
    """List instruments. As CSV they have the columns that an import reads.

    \b
    Example:
      greencloud credits list --data ./data --kind removal
    """
    from greencloud.report.instruments import instruments_data, instruments_document, instruments_table

    with provider_books(source) as books:
        found = list(books.list_instruments(kind=kind or "", year=year))
    show(output, lambda: instruments_table(found), lambda: instruments_document(found), lambda: instruments_data(found))


@click.command(name="show")
@source_options
@click.argument("name")
@output_options("table", "json")
def show_(*, source: Source, name: str, output: Output) -> None:
    """Show an instrument with its uses, those that were undone too.

    \b
    Example:
      greencloud credits show puro-earth-0f3a --data ./data
    """
    with provider_books(source) as books:
        found = books.get_instrument(name)
    show_instrument(output, found)


@click.command()
@source_options
@click.argument("name")
@click.option("--date", "day", type=DAY, required=True, help="The day on which the registry retired it.")
@click.option("--beneficiary", required=True, metavar="NAME", help="For whom.")
@click.option("--reference", required=True, metavar="TEXT", help="The registry's reference.")
@_EVIDENCE
@click.option("--etag", default="", metavar="ETAG", help="Refuse if it was changed since it was read.")
@output_options("table", "json")
def retire(
    *, source: Source, name: str, day: date, beneficiary: str, reference: str, evidence: tuple[str, ...], etag: str, output: Output
) -> None:
    """Record that the registry retired an instrument: only then can it be used.

    \b
    Example:
      greencloud credits retire puro-earth-0f3a --data ./data --date 2025-02-01 \\
        --beneficiary "Example Cloud" --reference RET-1 --evidence retirement.pdf
    """
    from greencloud.results.instruments import Retirement

    with writing(source, "retire", f"name={name}") as books:
        retirement = Retirement(day, beneficiary, reference, evidence_digests(books, evidence))
        retired = books.retire_instrument(name, retirement, etag=etag)
    show_instrument(output, retired)


@click.command()
@source_options
@click.argument("name")
@click.option("--reason", required=True, metavar="TEXT", help="Why, for an auditor.")
def delete(*, source: Source, name: str, reason: str) -> None:
    """Take out an instrument that was recorded by mistake and has no use; the record of it stays.

    \b
    Example:
      greencloud credits delete puro-earth-0f3a --data ./data --reason "wrong serials"
    """
    with writing(source, "delete", f"name={name}") as books:
        books.delete_instrument(name, reason=reason)
    click.echo(f"{name} is deleted", err=True)


@click.command()
@source_options
@click.option("--most-vintage-years", type=click.IntRange(0, 100), metavar="N", help="Change it: how old a vintage may be.")
@click.option("--reason", default="", metavar="TEXT", help="Why; needed for a change.")
@output_options("table", "json")
def policy(*, source: Source, most_vintage_years: int | None, reason: str, output: Output) -> None:
    """Show what the provider accepts of instruments, or change it.

    \b
    Examples:
      greencloud credits policy --data ./data
      greencloud credits policy --data ./data --most-vintage-years 3 --reason "board decision of 12 May"
    """
    from greencloud.report.instruments import instrument_policy_document, instrument_policy_table
    from greencloud.results.instruments import InstrumentPolicy

    if most_vintage_years is None:
        with provider_books(source) as books:
            held = books.get_instrument_policy()
    else:
        with writing(source, "policy", f"most_vintage_years={most_vintage_years}") as books:
            held = books.update_instrument_policy(InstrumentPolicy(most_vintage_years), reason=reason)
    show(output, lambda: instrument_policy_table(held), lambda: instrument_policy_document(held))


COMMANDS: Final = (add, list_, show_, retire, delete, policy)
