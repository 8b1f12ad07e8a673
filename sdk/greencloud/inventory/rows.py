"""Entries from the rows of a table, or what is wrong with them, row by row.

Columns: ``year``, ``scope``, ``category``, ``source``, and the amount as ``kg_co2e`` or ``t_co2e``, or activity data in
``activity_amount``, ``activity_unit``, ``factor``, ``factor_unit``, ``factor_source`` with ``gas`` and ``gwp_set`` where the factor
is not of CO2e. Optional: ``id``, ``site``, ``business``, ``uncertainty_percent``, ``data_quality``, ``evidence`` (SHA-256, several
with blanks between), ``biogenic`` (true or false). An amount beside activity data must agree with them to its last digit.

A row without an id is *the* entry of its year, scope, category, site and business, and is named after them, so that the same row is
the same entry in every file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Final, TypeVar

from greencloud.errors import GoalError, QuantityError
from greencloud.facility.entry import did_you_mean
from greencloud.inventory.cells import AMOUNT_UNITS, parse_amount, parse_category, parse_number, parse_scope, parse_source
from greencloud.inventory.checks import calculated
from greencloud.inventory.sheet import Sheet
from greencloud.results.inventory import ActivityData, DataQuality, InventoryEntry, RowError
from greencloud.results.reporting_year import ReportingYear
from greencloud.units import Emissions

__all__ = ["COLUMNS", "MOST_ERRORS", "Row", "column_of", "derived_id", "entries_of"]

MOST_ERRORS: Final = 100
_REQUIRED: Final = ("year", "scope", "category", "source")
_ACTIVITY: Final = ("activity_amount", "activity_unit", "factor", "factor_unit", "factor_source")
_GAS: Final = ("gas", "gwp_set")
_OPTIONAL: Final = ("id", "site", "business", "uncertainty_percent", "data_quality", "evidence", "biogenic")
COLUMNS: Final = (*_REQUIRED, *AMOUNT_UNITS, *_ACTIVITY, *_GAS, *_OPTIONAL)
_COLUMN_OF: Final = {"activity.amount": "activity_amount", "activity.unit": "activity_unit", "uncertainty": "uncertainty_percent"}
_FLAGS: Final = {"": False, "false": False, "no": False, "true": True, "yes": True}

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Row:
    """``named``: the file gives its id."""

    number: int
    entry: InventoryEntry
    named: bool
    amount_column: str


def entries_of(sheet: Sheet) -> tuple[list[Row], list[RowError]]:
    """The rows that can be read, and what is wrong with the others; reading ends at ``MOST_ERRORS``."""
    header = tuple(name.lower() for name in sheet.header)
    errors = [*_header_errors(header), *sheet.problems]
    broken = {error.row for error in sheet.problems}
    rows: list[Row] = []
    if 1 in {error.row for error in errors}:
        return rows, errors[:MOST_ERRORS]
    for number, cells in sheet.rows:
        if len(errors) >= MOST_ERRORS:
            break
        if number in broken:
            continue
        if len(cells) != len(header):
            advice = "quote texts that contain commas"
            errors.append(RowError(number, "", "the row has another number of fields than the header", advice))
            continue
        reader = _RowReader(number, dict(zip(header, cells, strict=True)), sheet.rounded)
        row = reader.row()
        errors += reader.errors
        if row is not None and not reader.errors:
            rows.append(row)
    return rows, errors[:MOST_ERRORS]


def derived_id(entry: InventoryEntry) -> str:
    """The id of the one entry of its year, scope, category, site and business: ``2020-scope3-11``."""
    parts = [str(entry.year).lower(), entry.scope.replace("_", "-")]
    if entry.category is not None:
        parts.append(str(entry.category))
    if entry.biogenic:
        parts.append("biogenic")
    if entry.site or entry.business:  # texts of any form: their digest is an id, and tells "a", "b-c" from "a-b", "c"
        parts.append(hashlib.sha256(f"{entry.site}\0{entry.business}".encode()).hexdigest()[:16])
    return "-".join(parts)


def column_of(error: GoalError, row: Row) -> str:
    """The column that an error of an entry is about."""
    if error.key == "emissions":
        return row.amount_column
    return _COLUMN_OF.get(error.key, error.key.removeprefix("activity."))


def _header_errors(header: tuple[str, ...]) -> Iterator[RowError]:
    units = [name for name in header if name in AMOUNT_UNITS]
    has_activity = any(name in header for name in (*_ACTIVITY, *_GAS))
    if len(units) > 1:
        yield RowError(1, "t_co2e", "the header has two amount columns", "name exactly one column kg_co2e or t_co2e")
    if not units and not has_activity:
        advice = f"name exactly one column kg_co2e or t_co2e; activity data go into {', '.join(_ACTIVITY)}"
        yield RowError(1, "t_co2e", "the header has no amount column with a unit", advice)
    for name in (*_REQUIRED, *(_ACTIVITY if has_activity else ())):
        if name not in header:
            yield RowError(1, name, f"the header lacks the column {name!r}", f"the columns are {', '.join(COLUMNS)}")
    for index, name in enumerate(header):
        if name not in COLUMNS:
            near = did_you_mean(name, COLUMNS, f"remove it; the columns are {', '.join(COLUMNS)}")
            yield RowError(1, name[:64], f"the header has an unknown column {name[:64]!r}", near)
        elif name in header[:index]:
            yield RowError(1, name, f"the header has the column {name!r} twice", "remove one")


class _RowReader:
    def __init__(self, number: int, cells: Mapping[str, str], rounded: bool) -> None:
        self.number, self.cells, self.rounded = number, cells, rounded
        self.errors: list[RowError] = []
        self.unit = next((name for name in cells if name in AMOUNT_UNITS), "activity_amount")
        self.has_activity = any(cells.get(name) for name in (*_ACTIVITY, *_GAS))
        self.states_amount = self.unit in AMOUNT_UNITS and bool(cells[self.unit])

    def row(self) -> Row | None:
        cells = self.cells
        year = self.read("year", lambda: ReportingYear.parse(cells["year"]))
        scope = self.read("scope", lambda: parse_scope(cells["scope"]))
        category = self.read("category", lambda: parse_category(cells["category"], scope)) if scope else None
        source = self.read("source", lambda: parse_source(cells["source"]))
        activity = self.activity()
        stated = self.read(self.unit, self.amount) if not self.has_activity or self.states_amount else None
        uncertainty = self.read("uncertainty_percent", self.uncertainty)
        quality = self.read("data_quality", self.data_quality)
        biogenic = self.read("biogenic", self.biogenic)
        if self.errors or year is None or scope is None or source is None or biogenic is None:
            return None
        entry = InventoryEntry(
            id=cells.get("id", ""),
            year=year,
            scope=scope,
            category=category,
            emissions=stated or Emissions(),
            source=source,
            site=cells.get("site", ""),
            business=cells.get("business", ""),
            activity=activity,
            evidence=tuple(cells.get("evidence", "").split()),
            uncertainty=None if uncertainty is None else uncertainty / 100,
            data_quality=quality,
            biogenic=biogenic,
        )
        row = Row(self.number, entry, bool(entry.id), self.unit)
        try:
            entry = calculated(entry, stated=stated, step=self.step()) if activity else entry
        except GoalError as error:
            self.errors.append(RowError(self.number, column_of(error, row), error.message, error.advice))
            return None
        return Row(self.number, entry, row.named, self.unit)

    def read(self, column: str, parse: Callable[[], T]) -> T | None:
        try:
            return parse()
        except GoalError as error:
            self.errors.append(RowError(self.number, error.key or column, error.message, error.advice))
        except QuantityError as error:
            self.errors.append(RowError(self.number, column, error.message, error.advice))
        return None

    def activity(self) -> ActivityData | None:
        cells = self.cells
        if not self.has_activity:
            return None
        for name in _ACTIVITY:
            if not cells.get(name):
                advice = f"give all of {', '.join(_ACTIVITY)}, or none and the amount"
                self.errors.append(RowError(self.number, name, f"the activity data have no {name}", advice))
        amount = self.read("activity_amount", lambda: parse_number(cells["activity_amount"], "activity_amount"))
        factor = self.read("factor", lambda: parse_number(cells["factor"], "factor"))
        if amount is None or factor is None or self.errors:
            return None
        return ActivityData(
            amount=amount,
            unit=cells["activity_unit"],
            factor=factor,
            factor_unit=cells["factor_unit"],
            factor_source=cells["factor_source"],
            gas=cells.get("gas") or "CO2e",
            gwp_set=cells.get("gwp_set", ""),
        )

    def amount(self) -> Emissions:
        if self.unit in AMOUNT_UNITS:
            return parse_amount(self.cells[self.unit], self.unit, rounded=self.rounded)
        advice = f"give all of {', '.join(_ACTIVITY)}, or a column kg_co2e or t_co2e"
        raise GoalError("the row has neither an amount nor activity data", key="activity_amount", advice=advice)

    def step(self) -> int:
        """Micrograms in the last digit of the stated amount."""
        text = self.cells.get(self.unit, "")
        if not self.states_amount or "/" in text:
            return 1
        exponent = Decimal(text).as_tuple().exponent
        digits = -exponent if isinstance(exponent, int) else 0
        return AMOUNT_UNITS[self.unit] // 10 ** min(max(digits, 0), 12) or 1

    def uncertainty(self) -> Fraction | None:
        text = self.cells.get("uncertainty_percent", "").removesuffix("%").strip()
        return parse_number(text, "uncertainty_percent") if text else None

    def data_quality(self) -> DataQuality | None:
        text = self.cells.get("data_quality", "")
        if text and text not in set(DataQuality):
            advice = did_you_mean(text, [str(one) for one in DataQuality], f"use one of {', '.join(DataQuality)}")
            raise GoalError(f"unknown data quality {text[:32]!r}", key="data_quality", advice=advice)
        return DataQuality(text) if text else None

    def biogenic(self) -> bool:
        text = self.cells.get("biogenic", "").lower()
        if text not in _FLAGS:
            raise GoalError(f"biogenic is {text[:32]!r}", key="biogenic", advice="write true or false")
        return _FLAGS[text]
