"""Reading an inventory file: CSV with a header, one booked amount a line.

::

    year,scope,category,t_co2e,source
    2020,scope1,,510000,"Annual report 2020, table 3"
    2020,scope3,11,12.5,"Use of sold products, model 4"

The amount's unit is the name of its column, ``kg_co2e`` or ``t_co2e``, so that no amount is ever without one. Amounts are exact
decimals, down to the microgram. An empty amount is refused: what is not known is left out of the file.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Final

from greencloud.errors import GoalError, QuantityError
from greencloud.inventory.book import SCOPES, Entry, Inventory
from greencloud.units import Emissions, parse_rational

__all__ = ["read_inventory"]

_MICROGRAMS_PER_UNIT: Final = {"kg_co2e": 10**9, "t_co2e": 10**12}
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
    units = [name for name in names if name in _MICROGRAMS_PER_UNIT]
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
    if row["scope"] not in SCOPES:
        raise _wrong(path, line, "scope", f"unknown scope {row['scope']!r}", f"use one of {', '.join(SCOPES)}")
    return Entry(
        year=int(row["year"]),
        scope=row["scope"],
        category=_category(row, path, line),
        emissions=_amount(row[unit], unit, path, line),
        source=_source(row["source"], path, line),
        line=line,
    )


def _category(row: dict[str, str], path: Path, line: int) -> int | None:
    text = row["category"]
    if not text:
        return None
    if row["scope"] != "scope3":
        raise _wrong(path, line, "category", f"{row['scope']} has no categories, but the line says {text!r}", "leave it empty")
    if not re.fullmatch(r"[1-9]|1[0-5]", text):
        raise _wrong(path, line, "category", f"Scope 3 has no category {text!r}", "use 1 to 15, or leave it empty for the whole")
    return int(text)


def _amount(text: str, unit: str, path: Path, line: int) -> Emissions:
    if not text:
        raise _wrong(path, line, unit, "the amount is empty", "leave out the line of what is not known; write 0 if it is nothing")
    try:
        micrograms = parse_rational(text, what="amount") * _MICROGRAMS_PER_UNIT[unit]
    except QuantityError as error:
        raise _wrong(path, line, unit, error.message, error.advice) from error
    if micrograms < 0:
        advice = "book gross emissions only: removals and credits never reduce an inventory"
        raise _wrong(path, line, unit, f"the amount {text} is negative", advice)
    if micrograms.denominator != 1:
        raise _wrong(path, line, unit, f"the amount {text} is finer than a microgram", "round it to whole micrograms")
    return Emissions(micrograms.numerator)


def _source(text: str, path: Path, line: int) -> str:
    if not text:
        raise _wrong(path, line, "source", "the amount has no source", "name the report, model or invoice that it comes from")
    return text


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
