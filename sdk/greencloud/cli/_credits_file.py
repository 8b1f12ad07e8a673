"""``greencloud credits import``: instruments from a CSV file, with what is wrong row by row.

::

    kind,registry,project,serial_prefix,serial_first,serial_last,vintage_start,vintage_end,geography,durability_years
    removal,Puro.earth,Mineral storage,PURO-IS-,1,500,2024-01-01,2024-12-31,IS,1000

Optional columns: id, method, unit_cost, currency, and retired, beneficiary, reference for what is retired already. ``credits list
-o csv`` writes them, with the counts of units, which an import leaves aside.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from greencloud.cli._credits import writing
from greencloud.cli._inventory import show
from greencloud.cli._output import Output, output_options
from greencloud.cli._source import Source, source_options
from greencloud.errors import QuantityError

if TYPE_CHECKING:
    from greencloud.results.instruments import Instrument

__all__ = ["COMMANDS", "read_instruments"]

_REQUIRED: Final = (
    *("kind", "registry", "project", "serial_prefix", "serial_first", "serial_last", "vintage_start", "vintage_end", "geography"),
)
_OPTIONAL: Final = ("id", "method", "durability_years", "unit_cost", "currency", "retired", "beneficiary", "reference")
_LEFT_ASIDE: Final = ("used_units", "unused_units")
_MOST_BYTES: Final = 1 << 20
_MOST_ROWS: Final = 1_000
_MOST_TOLD: Final = 100


@click.command(name="import")
@source_options
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@output_options("table", "json", "csv")
def import_(*, source: Source, file: Path, output: Output) -> None:
    """Record the instruments of FILE (CSV, up to 1,000), all of them or none. To import it again changes nothing.

    \b
    Example:
      greencloud credits import instruments.csv --data ./data
    """
    from greencloud.report.instruments import instruments_data, instruments_document, instruments_table

    instruments, wrong = read_instruments(file.read_bytes())
    if wrong:
        for row, text in wrong[:_MOST_TOLD]:
            click.echo(f"{file}:{row}: {text}", err=True)
        click.echo(f"greencloud: error: {file} has {len(wrong):,} mistakes; nothing was recorded", err=True)
        raise SystemExit(1)
    with writing(source, "import", f"file={file.name}; rows={len(instruments)}") as books:
        made = books.batch_create_instruments(instruments)
    show(output, lambda: instruments_table(made), lambda: instruments_document(made), lambda: instruments_data(made))


def read_instruments(content: bytes) -> tuple[list[Instrument], list[tuple[int, str]]]:
    """The instruments of a CSV file, and (row, what is wrong); the header is row 1, as a spreadsheet shows it."""
    if len(content) > _MOST_BYTES:
        return [], [(1, "the file has more than 1 MiB: split it up")]
    try:
        reader = csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True)
        wrong = [(1, text) for text in _wrong_header(list(reader.fieldnames or ()))]
        rows = [] if wrong else list(enumerate(reader, 2))
    except UnicodeDecodeError:
        return [], [(1, "the file is not UTF-8 text: save it as CSV in UTF-8")]
    except csv.Error as error:
        return [], [(1, f"the file is not CSV: {error}")]
    if len(rows) > _MOST_ROWS:
        return [], [(1, f"the file has {len(rows):,} rows; {_MOST_ROWS:,} are taken at once")]
    found = []
    for number, row in rows:
        if None in row or None in row.values():
            wrong.append((number, "the row has another number of fields than the header: quote texts that contain commas"))
            continue
        try:
            found.append(_instrument({name: value.strip() for name, value in row.items()}))
        except (QuantityError, ValueError) as error:
            wrong.append((number, str(error).replace("\n", "; ")))
    if not rows and not wrong:
        wrong = [(1, "the file has no rows")]
    return found, wrong


def _wrong_header(names: list[str]) -> Iterator[str]:
    for name in _REQUIRED:
        if name not in names:
            yield f"the header lacks the column {name!r}"
    for name in dict.fromkeys(names):
        if name not in (*_REQUIRED, *_OPTIONAL, *_LEFT_ASIDE) or names.count(name) > 1:
            yield f"the header has an unknown or repeated column {name!r}"


def _instrument(row: dict[str, str]) -> Instrument:
    from greencloud.results.instruments import Instrument, InstrumentKind, Retirement
    from greencloud.units import parse_rational

    def day(name: str) -> date:
        try:
            return date.fromisoformat(row[name])
        except ValueError:
            raise QuantityError(f"{name} {row[name]!r} is not a day: write 2025-02-01") from None

    def count(name: str) -> int:
        if not row[name].isascii() or not row[name].isdigit() or len(row[name]) > 18:
            raise QuantityError(f"{name} {row[name]!r} is not a whole number")
        return int(row[name])

    if row["kind"] not in set(InstrumentKind):
        raise QuantityError(f"there is no kind {row['kind']!r}: use {', '.join(InstrumentKind)}")
    retired: Any = None
    if any(row.get(name) for name in ("retired", "beneficiary", "reference")):
        lacking = [name for name in ("retired", "beneficiary", "reference") if not row.get(name)]
        if lacking:
            raise QuantityError(f"a retirement needs {', '.join(lacking)} too")
        retired = Retirement(day("retired"), row["beneficiary"], row["reference"])
    return Instrument(
        id=row.get("id", ""),
        kind=InstrumentKind(row["kind"]),
        registry=row["registry"],
        project=row["project"],
        serial_prefix=row["serial_prefix"],
        serial_first=count("serial_first"),
        serial_last=count("serial_last"),
        vintage_start=day("vintage_start"),
        vintage_end=day("vintage_end"),
        geography=row["geography"],
        method=row.get("method", ""),
        durability_years=count("durability_years") if row.get("durability_years") else None,
        cost=parse_rational(row["unit_cost"], what="unit_cost") if row.get("unit_cost") else None,
        currency=row.get("currency", ""),
        retirement=retired,
    )


COMMANDS: Final = (import_,)
