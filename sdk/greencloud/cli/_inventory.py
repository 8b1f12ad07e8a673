"""What the verbs of ``greencloud inventory`` share: books that are written to, names, amounts and evidence as they are typed."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from greencloud.cli._books import changed_books
from greencloud.cli._output import Output
from greencloud.cli._source import Source

if TYPE_CHECKING:
    from greencloud.client import Client
    from greencloud.goal import ProviderBooks
    from greencloud.report import Dataset
    from greencloud.results.inventory import InventoryEntry
    from greencloud.units import Emissions

__all__ = [
    "AMOUNT",
    "CAUSE",
    "MEASURED",
    "PERCENT",
    "QUALITIES",
    "SCOPES",
    "Measured",
    "cause_named",
    "entry_name",
    "evidence_digests",
    "show",
    "show_entries",
    "show_entry",
    "writing",
]

_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_NUMBER: Final = r"\d{1,18}(?:\.\d{1,12})?|\d{1,18}/[1-9]\d{0,17}"

# As greencloud.results.inventory has them, which is not loaded for the help alone; a test compares them. The cause ``ledger`` is of
# entries that are booked from the ledger.
SCOPES: Final = ("scope1", "scope2_location_based", "scope2_market_based", "scope3")
QUALITIES: Final = ("very_good", "good", "fair", "poor")
CAUSE: Final = click.Choice(("error", "methodology", "factor", "late_data", "structural_change"))


@contextmanager
def writing(source: Source, action: str, summary: str = "") -> Iterator[ProviderBooks | Client]:
    """The books, to change something in the inventory: as ``changed_books``."""
    with changed_books(source, f"inventory {action}", summary) as books:
        yield books


def entry_name(text: str) -> str:
    """The resource name of an entry, of which the id alone may be typed."""
    return text if "/" in text else f"inventoryEntries/{text}"


def cause_named(text: str) -> Any:
    """The cause of a restatement."""
    from greencloud.results.inventory import RestatementCause

    return RestatementCause(text)


def evidence_digests(books: Any, given: Iterable[str]) -> tuple[str, ...]:
    """The SHA-256 of each document: as it is typed, or of a file, which is kept first.

    Raises:
        click.UsageError: it is neither.
    """
    digests = []
    for text in given:
        if _DIGEST.fullmatch(text):
            digests.append(text)
        elif Path(text).is_file():
            digest = books.upload_evidence(Path(text).read_bytes())
            click.echo(f"kept {text} as evidence {digest}", err=True)
            digests.append(digest)
        else:
            raise click.UsageError(f"{text!r} is neither a file nor the SHA-256 of a document that is kept.")
    return tuple(dict.fromkeys(digests))


def show(
    output: Output, table: Callable[[], str], document: Callable[[], dict[str, Any]], data: Callable[[], Dataset] | None = None
) -> None:
    """Write the answer in the format that was asked for."""
    if output.format == "json":
        output.write(json.dumps(document(), indent=2, ensure_ascii=False) + "\n")
    elif output.format == "csv" and data is not None:
        from greencloud.report.delimited import csv_text

        output.write(csv_text(data()))
    else:
        output.write(table())


def show_entry(output: Output, entry: InventoryEntry, revisions: list[InventoryEntry] | None = None) -> None:
    """An entry with its revisions; with itself alone where they are not given."""
    from greencloud.report.inventory_documents import entry_document
    from greencloud.report.inventory_tables import entry_table

    shown = [entry] if revisions is None else revisions
    show(output, lambda: entry_table(entry, shown), lambda: entry_document(entry, shown))


def show_entries(output: Output, entries: list[InventoryEntry]) -> None:
    """Entries in a list; the CSV has the columns that an import reads."""
    from greencloud.report.inventory_documents import entries_data, entries_document
    from greencloud.report.inventory_tables import entries_table

    show(output, lambda: entries_table(entries), lambda: entries_document(entries), lambda: entries_data(entries))


class AmountOption(click.ParamType["Emissions"]):
    """A mass of CO2e, exact: 510000t, 12.5kg."""

    name = "mass"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Emissions:
        from greencloud.report.amounts import EMISSION_UNITS
        from greencloud.units import Emissions

        if isinstance(value, Emissions):
            return value
        units = dict(EMISSION_UNITS)
        found = re.fullmatch(rf"({_NUMBER})\s?({'|'.join(units)})", value)
        if not found:
            self.fail(f"{value!r} is not a mass of CO2e: write 510000t, 12.5kg or 500g", param, ctx)
        micrograms = Fraction(found[1]) * units[found[2]]
        if micrograms.denominator != 1:
            self.fail(f"{value!r} is finer than a microgram", param, ctx)
        return Emissions(micrograms.numerator)


@dataclass(frozen=True, slots=True)
class Measured:
    """A number and its unit."""

    number: Fraction
    unit: str


class MeasuredOption(click.ParamType[Measured]):
    """A number and a unit: "1200 kWh", "0.4 kgCO2e/kWh"."""

    name = "measured"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Measured:
        if isinstance(value, Measured):
            return value
        found = re.fullmatch(rf"({_NUMBER})\s?([^\d\s].{{0,40}})", value)
        if not found:
            self.fail(f"{value!r} is not a number with its unit: write '1200 kWh' or '0.4 kgCO2e/kWh'", param, ctx)
        return Measured(Fraction(found[1]), found[2])


class PercentOption(click.ParamType[Fraction]):
    """A percentage: 5%, 2.5%."""

    name = "percent"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Fraction:
        if isinstance(value, Fraction):
            return value
        found = re.fullmatch(rf"({_NUMBER})\s?%", value)
        if not found:
            self.fail(f"{value!r} is not a percentage: write 5% or 2.5%", param, ctx)
        return Fraction(found[1]) / 100


AMOUNT: Final = AmountOption()
MEASURED: Final = MeasuredOption()
PERCENT: Final = PercentOption()
