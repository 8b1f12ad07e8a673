"""Reading the inventory that a goal file names: CSV with a header, one booked amount a line.

::

    year,scope,category,t_co2e,source
    2020,scope1,,510000,"Annual report 2020, table 3"
    2020,scope3,11,12.5,"Use of sold products, model 4"

An empty amount is refused: what is not known is left out of the file. The provider's books import the same file, and more columns
(``greencloud.inventory.rows``).
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Final

from greencloud.errors import GoalError
from greencloud.inventory.book import Entry, Inventory
from greencloud.inventory.cells import AMOUNT_UNITS, parse_amount, parse_category, parse_scope, parse_source

__all__ = ["read_inventory"]

_REQUIRED: Final = ("year", "scope", "category", "source")
_YEAR: Final = re.compile(r"(19|20|21)\d\d")


def read_inventory(path: str | Path) -> Inventory:
    """Read and check an inventory file.

    Raises:
        GoalError: with the file, the line and what to do.
    """
    path = Path(path)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            entries = sorted(_entries(file, path), key=lambda entry: entry.key)
    except OSError as error:
        raise GoalError(f"the inventory cannot be read: {error.strerror}", path=str(path), key="inventory") from error
    except UnicodeDecodeError as error:
        raise GoalError("the inventory is not UTF-8 text", path=str(path), advice="save it as CSV in UTF-8") from error
    except csv.Error as error:
        raise GoalError(f"the inventory is not CSV: {error}", path=str(path)) from error
    _check_once(entries, path)
    return Inventory(tuple(entries), str(path))


def _entries(file: Iterator[str], path: Path) -> Iterator[Entry]:
    reader = csv.DictReader(file, strict=True)
    unit = _unit(reader.fieldnames or (), path)
    for row in reader:
        line = reader.line_num
        if None in row or None in row.values():
            raise _wrong(path, line, "", "the line has another number of fields than the header", "quote texts that contain commas")
        yield _entry({key: value.strip() for key, value in row.items()}, unit, path, line)


def _unit(header: Sequence[str], path: Path) -> str:
    names = list(header)
    units = [name for name in names if name in AMOUNT_UNITS]
    if len(units) != 1:
        what = "two amount columns" if units else "no amount column with a unit"
        raise _wrong(path, 1, "t_co2e", f"the header has {what}", "name exactly one column kg_co2e or t_co2e")
    for name in _REQUIRED:
        if name not in names:
            columns = ", ".join((*_REQUIRED, units[0]))
            raise _wrong(path, 1, name, f"the header lacks the column {name!r}", f"the columns are {columns}")
    for name in names:
        if name not in (*_REQUIRED, units[0]) or names.count(name) > 1:
            raise _wrong(path, 1, name, f"the header has an unknown or repeated column {name!r}", "remove it")
    return units[0]


def _entry(row: dict[str, str], unit: str, path: Path, line: int) -> Entry:
    if not _YEAR.fullmatch(row["year"]):
        raise _wrong(path, line, "year", f"{row['year']!r} is not a year", "write four digits, as 2020")
    try:
        return Entry(
            year=int(row["year"]),
            scope=parse_scope(row["scope"]),
            category=parse_category(row["category"], row["scope"]),
            emissions=parse_amount(row[unit], unit),
            source=parse_source(row["source"]),
            line=line,
        )
    except GoalError as error:
        raise _wrong(path, line, error.key, error.message, error.advice) from error


def _check_once(entries: list[Entry], path: Path) -> None:
    """Nothing twice: neither one category in two lines, nor Scope 3 both whole and by category in one year."""
    for before, entry in pairwise(entries):
        if before.key == entry.key:
            what = f"{entry.scope} of {entry.year}" + (f", category {entry.category}" if entry.category else "")
            raise _wrong(path, entry.line, "scope", f"{what} is booked on line {before.line} already", "add the two lines up")
        if before.key[:2] == entry.key[:2] and before.category is None:
            message = f"Scope 3 of {entry.year} is booked whole on line {before.line} and by category here"
            raise _wrong(path, entry.line, "category", message, "keep the whole or the categories, not both")


def _wrong(path: Path, line: int, key: str, message: str, advice: str) -> GoalError:
    return GoalError(message, path=f"{path}:{line}", key=key, advice=advice)
