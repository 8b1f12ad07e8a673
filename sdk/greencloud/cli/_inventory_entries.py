"""``greencloud inventory add, list, show, restate, withdraw``: entries one by one."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from greencloud.cli._books import provider_books
from greencloud.cli._inventory import (
    AMOUNT,
    CAUSE,
    MEASURED,
    PERCENT,
    QUALITIES,
    SCOPES,
    cause_named,
    entry_name,
    evidence_digests,
    show_entries,
    show_entry,
    writing,
)
from greencloud.cli._output import Output, output_options
from greencloud.cli._source import Source, source_options

if TYPE_CHECKING:
    from greencloud.results.inventory import InventoryEntry

__all__ = ["COMMANDS"]

F = TypeVar("F", bound=Callable[..., Any])


def _entry_options(function: F) -> F:
    """What an entry says; handed over as ``said``, without what was not typed."""

    @functools.wraps(function)
    def command(**more: Any) -> Any:
        names = (*_FIELDS, "amount", "activity", "factor", "factor_source", "gas", "gwp_set")
        said = {name: more.pop("said_source" if name == "source" else name) for name in names}  # source is where to ask
        return function(said={name: value for name, value in said.items() if value not in (None, ())}, **more)

    options = (
        click.option("--year", metavar="Y", help="Reporting year: 2020, or FY2022 for the fiscal year that ends in 2022."),
        click.option("--scope", type=click.Choice(SCOPES), help="The scope; of Scope 2, by which method."),
        click.option("--category", type=click.IntRange(1, 15), help="Category of Scope 3; none: Scope 3 as a whole."),
        click.option("--amount", type=AMOUNT, help="Gross emissions, exact: 510000t, 12.5kg. Not beside --activity."),
        click.option("--activity", type=MEASURED, help="Activity data, which the amount follows from: '1200 kWh'."),
        click.option("--factor", type=MEASURED, help="Its factor: '0.4 kgCO2e/kWh'."),
        click.option("--factor-source", metavar="TEXT", help="Where the factor is from."),
        click.option("--gas", metavar="GAS", help="The gas that the factor gives the mass of.  [CO2e]"),
        click.option("--gwp-set", type=click.Choice(("AR4", "AR5", "AR6")), help="The potentials that apply to the gas."),
        click.option("--source", "said_source", metavar="TEXT", help="The report, model or invoice that the figure is from."),
        click.option("--site", metavar="ID", help="The site, where it is of one."),
        click.option("--business", metavar="NAME", help="The business unit, where it is of one."),
        click.option(
            "--evidence", multiple=True, metavar="FILE|SHA256", help="A document to keep, or one that is kept (repeatable)."
        ),
        click.option("--uncertainty", type=PERCENT, help="Half-width of the 95 % interval: 5%."),
        click.option("--data-quality", type=click.Choice(QUALITIES), help="Quality of the data."),
        click.option("--biogenic/--not-biogenic", default=None, help="Biogenic CO2: beside the scopes, in no total."),
    )
    found: Any = command
    for option in reversed(options):
        found = option(found)
    return found  # type: ignore[no-any-return]


_FIELDS: Final = ("year", "scope", "category", "source", "site", "business", "evidence", "uncertainty", "data_quality", "biogenic")


@click.command()
@source_options
@_entry_options
@click.option("--id", "entry_id", default="", metavar="ID", help="Its id; derived from what it says by default.")
@click.option("--reason", default="", metavar="TEXT", help="Why; needed where the year is closed.")
@output_options("table", "json")
def add(*, source: Source, said: dict[str, Any], entry_id: str, reason: str, output: Output) -> None:
    """Book one entry.

    \b
    Examples:
      greencloud inventory add --data ./data --year 2020 --scope scope1 --amount 510000t --source "Annual report 2020, table 3"
      greencloud inventory add --data ./data --year FY2022 --scope scope2_location_based --activity "1200 MWh" \\
        --factor "0.4 kgCO2e/kWh" --factor-source "IEA 2021" --source "Invoices 2021" --evidence invoices.pdf --uncertainty 5%
    """
    from greencloud.results.inventory import InventoryEntry
    from greencloud.results.reporting_year import ReportingYear
    from greencloud.units import Emissions

    for name in ("year", "scope", "source"):
        if name not in said:
            raise click.UsageError(f"Missing option '--{name}'.")
    if "amount" not in said and "activity" not in said:
        raise click.UsageError("Give --amount, or --activity with --factor: what is not known is not booked.")
    bare = InventoryEntry(entry_id, ReportingYear.parse(said["year"]), said["scope"], None, Emissions(), said["source"])
    with writing(source, "add", f"year={said['year']}; scope={said['scope']}") as books:
        entry = books.create_inventory_entry(_said(bare, said, books), reason=reason)
    show_entry(output, entry)


def _said(entry: InventoryEntry, said: dict[str, Any], books: Any) -> InventoryEntry:
    """The entry with what was typed. An amount takes the place of activity data, and activity data that of an amount."""
    from greencloud.results.inventory import ActivityData, DataQuality
    from greencloud.results.reporting_year import ReportingYear
    from greencloud.units import Emissions

    calculated = {name: said[name] for name in ("activity", "factor", "factor_source", "gas", "gwp_set") if name in said}
    if "amount" in said and calculated:
        raise click.UsageError("Give either --amount or --activity with --factor: a calculated amount is not typed.")
    fields: dict[str, Any] = {name: said[name] for name in _FIELDS if name in said}
    if "year" in fields:
        fields["year"] = ReportingYear.parse(fields["year"])
    if "data_quality" in fields:
        fields["data_quality"] = DataQuality(fields["data_quality"])
    if "amount" in said:
        fields |= {"emissions": said["amount"], "activity": None}
    if calculated:
        was = entry.activity
        if was is None and not calculated.keys() >= {"activity", "factor", "factor_source"}:
            raise click.UsageError("Activity data need --activity, --factor and --factor-source.")
        activity = was or ActivityData(said["activity"].number, "", said["factor"].number, "", "")
        fields |= {
            "emissions": Emissions(),  # it follows
            "activity": replace(
                activity,
                **({"amount": said["activity"].number, "unit": said["activity"].unit} if "activity" in said else {}),
                **({"factor": said["factor"].number, "factor_unit": said["factor"].unit} if "factor" in said else {}),
                **{name: said[name] for name in ("factor_source", "gas", "gwp_set") if name in said},
            ),
        }
    if "evidence" in fields:
        fields["evidence"] = evidence_digests(books, fields["evidence"])
    return replace(entry, **fields)


@click.command(name="list")
@source_options
@click.option("--year", default="", metavar="Y", help="Of this reporting year.")
@click.option("--scope", default="", type=click.Choice(("", *SCOPES)), show_default=False, help="Of this scope.")
@click.option("--category", default=0, type=click.IntRange(0, 15), show_default=False, help="Of this category of Scope 3.")
@click.option("--site", default="", metavar="ID", help="Of this site.")
@click.option("--business", default="", metavar="NAME", help="Of this business unit.")
@click.option("--withdrawn", is_flag=True, help="Show what was withdrawn as well.")
@output_options("table", "json", "csv")
def list_(*, source: Source, withdrawn: bool, output: Output, **filters: Any) -> None:
    """List entries in their latest revisions. The CSV has the columns that an import reads.

    \b
    Examples:
      greencloud inventory list --data ./data --year 2020
      greencloud inventory list --data ./data --scope scope3 -o csv
    """
    with provider_books(source) as books:
        entries = list(books.list_inventory_entries(show_withdrawn=withdrawn, **filters))
    show_entries(output, entries)


@click.command(name="show")
@source_options
@click.argument("name")
@output_options("table", "json")
def show_(*, source: Source, name: str, output: Output) -> None:
    """Show the entry NAME (its id will do) with its evidence and every revision.

    \b
    Example:
      greencloud inventory show --data ./data inventoryEntries/2020-scope1
    """
    with provider_books(source) as books:
        entry = books.get_inventory_entry(entry_name(name))
        revisions = list(books.list_inventory_entry_revisions(entry.name))
    show_entry(output, entry, revisions)


@click.command()
@source_options
@click.argument("name")
@_entry_options
@click.option("--cause", type=CAUSE, required=True, help="Why the figure is another now.")
@click.option("--reason", required=True, metavar="TEXT", help="The same in your words.")
@click.option("--etag", default="", metavar="ETAG", help="Only if the entry has this etag; by default the one that is read first.")
@click.option("--structural-change", default="", metavar="NAME", help="structuralChanges/ID, where it is for one.")
@output_options("table", "json")
def restate(
    *, source: Source, name: str, said: dict[str, Any], cause: str, reason: str, etag: str, structural_change: str, output: Output
) -> None:
    """Replace the entry NAME by another revision: what is typed is changed, and the rest stays. Both figures stay on record.

    \b
    Example:
      greencloud inventory restate --data ./data 2020-scope1 --amount 511000t --cause error --reason "Two meters were left out"
    """
    if not said:
        raise click.UsageError("Say what is another now: --amount, --source, --evidence, ...")
    with writing(source, "restate", f"entry={name}; cause={cause}") as books:
        before = books.get_inventory_entry(entry_name(name))
        entry = books.restate_inventory_entry(
            before.name,
            _said(before, said, books),
            cause=cause_named(cause),
            reason=reason,
            etag=etag or before.etag,
            structural_change=structural_change,
        )
        revisions = list(books.list_inventory_entry_revisions(entry.name))
    show_entry(output, entry, revisions)


@click.command()
@source_options
@click.argument("name")
@click.option("--cause", type=CAUSE, required=True, help="Why it counts no more.")
@click.option("--reason", required=True, metavar="TEXT", help="The same in your words.")
@click.option("--etag", default="", metavar="ETAG", help="Only if the entry has this etag.")
@output_options("table", "json")
def withdraw(*, source: Source, name: str, cause: str, reason: str, etag: str, output: Output) -> None:
    """Take the entry NAME out of every total. It stays on record.

    \b
    Example:
      greencloud inventory withdraw --data ./data 2020-scope1 --cause error --reason "Booked for another company"
    """
    with writing(source, "withdraw", f"entry={name}; cause={cause}") as books:
        entry = books.withdraw_inventory_entry(entry_name(name), cause=cause_named(cause), reason=reason, etag=etag)
        revisions = list(books.list_inventory_entry_revisions(entry.name))
    show_entry(output, entry, revisions)


COMMANDS: Final = (add, list_, show_, restate, withdraw)
