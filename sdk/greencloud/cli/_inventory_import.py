"""``greencloud inventory import``: a file of entries, with the documents that it names."""

from __future__ import annotations

import csv
import io
import sys
from pathlib import Path
from typing import Any, Final

import click

from greencloud.cli._books import provider_books
from greencloud.cli._inventory import CAUSE, cause_named, evidence_digests, show, writing
from greencloud.cli._output import Output, output_options
from greencloud.cli._source import Source, source_options
from greencloud.errors import QuantityError

__all__ = ["COMMANDS"]

_COLUMN: Final = "evidence"


@click.command(name="import")
@source_options
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--check", is_flag=True, help="Book nothing: say what is wrong with the file, or what it would change.")
@click.option("--restate", type=CAUSE, help="Take amounts that differ from those booked, with this cause.")
@click.option("--reason", default="", metavar="TEXT", help="The same in your words.")
@click.option(
    "--evidence",
    multiple=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="A document to keep first (repeatable): of the rows that name it in the column evidence, or of all where a CSV has none.",
)
@output_options("table", "json")
def import_(
    *, source: Source, file: Path, check: bool, restate: str | None, reason: str, evidence: tuple[Path, ...], output: Output
) -> None:
    """Book the entries of FILE, a CSV in UTF-8 or a workbook (.xlsx): all of them, or none where a row is wrong. Such rows are
    listed, and the exit code is 1. The same file again changes nothing.

    Columns: year, scope, category, source, and kg_co2e or t_co2e, or activity data: activity_amount, activity_unit, factor,
    factor_unit, factor_source, gas, gwp_set. Further: id, site, business, uncertainty_percent, data_quality, evidence, biogenic.

    \b
    Examples:
      greencloud inventory import --data ./data inventory.csv --check
      greencloud inventory import --data ./data inventory.xlsx
      greencloud inventory import --data ./data inventory.csv --restate late_data --reason "Invoices of December" \\
        --evidence invoices.pdf
    """
    from greencloud.report.inventory_documents import import_document
    from greencloud.report.inventory_tables import import_table

    cause = cause_named(restate) if restate else None
    content = file.read_bytes()
    opened = provider_books(source) if check else writing(source, "import", f"file={file.name}; restate={restate or ''}")
    with opened as books:
        if evidence:
            content = _with_evidence(content, file, evidence, {} if check else _kept(books, evidence))
        done = books.import_inventory_entries(content, file_name=file.name, reason=reason, restate=cause, validate_only=check)
    show(output, lambda: import_table(done), lambda: import_document(done))
    if done.errors:
        count = len(done.errors)
        click.echo(f"{count} mistake{'s' if count != 1 else ''}: nothing is booked", err=True)
        sys.exit(1)


def _kept(books: Any, files: tuple[Path, ...]) -> dict[str, str]:
    """Names of files, and the SHA-256 under which each is kept from now on."""
    return {file.name: evidence_digests(books, [str(file)])[0] for file in files}


def _with_evidence(content: bytes, file: Path, evidence: tuple[Path, ...], digests: dict[str, str]) -> bytes:
    """The CSV with the digests of documents in place of their names. Without digests, which are known once the documents are
    kept, with no word of them: their rows are checked for everything else.

    Raises:
        click.UsageError: it is a workbook, which is sent as it is.
        QuantityError: the file is not what its name says.
    """
    if file.suffix.lower() != ".csv":
        raise click.UsageError("Documents are matched with rows of a CSV: keep them by greencloud inventory evidence put first.")
    try:
        rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise QuantityError(f"{file} is not CSV in UTF-8", advice="save it so, then try again") from error
    if not rows:
        return content
    names = [each.name for each in evidence]
    head = [cell.strip() for cell in rows[0]]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    if _COLUMN not in head:
        told = " ".join(digests.values())
        writer.writerows([[*rows[0], _COLUMN], *([*row, told] if any(row) else row for row in rows[1:])])
        return text.getvalue().encode()
    place = head.index(_COLUMN)
    for number, row in enumerate(rows):
        if number and place < len(row):
            row[place] = " ".join(digests.get(word, "" if word in names else word) for word in _words(row[place], names))
        writer.writerow(row)
    return text.getvalue().encode()


def _words(cell: str, names: list[str]) -> list[str]:
    """What a cell of evidence names: a file, whose name may have blanks, or several words."""
    return [cell.strip()] if cell.strip() in names else cell.replace(";", " ").replace(",", " ").split()


COMMANDS: Final = (import_,)
