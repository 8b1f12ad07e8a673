"""A sheet: headings, rows and a total as text cells, before any format draws lines around them.

The footprint sheet has a column for every dimension, for energy, for every emission line with **both** Scope 2 methods (and both
variants of Scope 3 category 3), for both totals, and for what a reader must know of the row: the half-widths of the totals'
intervals (where any is known), quality flags, and whether it may still change. The total is the sum of the exact figures, not of
the rounded cells.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, tzinfo
from typing import Final

from greencloud.errors import QuantityError
from greencloud.report.amounts import EMISSION_UNITS, ENERGY_UNITS, Scale, scale_for, scale_in
from greencloud.report.changes import Pair, amount_of
from greencloud.report.totals import EMISSION_FIELDS, TOTAL_FIELDS, WIDTH_FIELDS, total_of
from greencloud.results import FootprintRow
from greencloud.units import format_instant

__all__ = [
    "EMISSION_FIELDS",
    "PROVISIONAL",
    "TOTAL_FIELDS",
    "WIDTH_FIELDS",
    "Changes",
    "Column",
    "Layout",
    "Sheet",
    "change_cells",
    "change_columns",
    "footprint_sheet",
    "printable",
    "remarks_of",
    "scales_of",
    "selected",
    "total_of",
]

PROVISIONAL: Final = "Provisional: the inputs of some windows are not complete, and their figures may still change."

_HEADINGS: Final = {
    "scope1": ("scope 1", "", ""),
    "scope2_location_based": ("scope 2", "", "location"),
    "scope2_market_based": ("scope 2", "", "market"),
    "scope3_upstream_location_based": ("scope 3", "cat. 3", "location"),
    "scope3_upstream_market_based": ("scope 3", "cat. 3", "market"),
    "scope3_embodied": ("scope 3", "cat. 2", "embodied"),
    "total_location_based": ("total", "", "location"),
    "total_market_based": ("total", "", "market"),
    "location_half_width": ("±", "95 %", "location"),
    "market_half_width": ("±", "95 %", "market"),
}


@dataclass(frozen=True, slots=True)
class Column:
    """A heading in up to four lines: what, its category, which variant, the unit. ``key``: what it is asked for by."""

    heading: tuple[str, ...]
    numeric: bool = False
    key: str = ""


@dataclass(frozen=True, slots=True)
class Sheet:
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    total: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Layout:
    """How a reader wants a sheet: which columns (none: all), which units (none: by the largest figure), and times in which zone."""

    columns: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    zone: tzinfo = UTC

    def time(self, instant: datetime) -> str:
        """ISO 8601 in the zone."""
        return format_instant(instant) if self.zone is UTC else instant.astimezone(self.zone).isoformat()

    def scales(self, total: FootprintRow) -> tuple[Scale, Scale]:
        """The units of energy and of emissions."""
        energy, mass = scales_of(total)
        for unit in self.units:
            if unit in dict(ENERGY_UNITS):
                energy = scale_in(unit, ENERGY_UNITS)
            else:
                mass = scale_in(unit, EMISSION_UNITS)
        return energy, mass

    @property
    def note(self) -> str:
        """What must be said of times that are not shown in UTC."""
        return "" if self.zone is UTC else f"Times are shown in {self.zone}; hours, days and months are those of UTC."


@dataclass(frozen=True, slots=True)
class Changes:
    """A pair for each row of a sheet, that of its total, and the measure of their difference."""

    pairs: Sequence[Pair]
    total: Pair
    measure: str


def scales_of(total: FootprintRow) -> tuple[Scale, Scale]:
    """The units of a sheet's energy and of its emissions, by its largest figures."""
    emissions = [getattr(total, name).micrograms for name in (*EMISSION_FIELDS, *TOTAL_FIELDS)]
    return scale_for([total.energy.millijoules], ENERGY_UNITS), scale_for(emissions, EMISSION_UNITS)


def remarks_of(row: FootprintRow) -> str:
    """Quality flags, and whether the row may still change."""
    return ", ".join([*row.quality_flags, *(["provisional"] if row.provisional else [])])


def footprint_sheet(
    rows: Sequence[FootprintRow], group_by: Sequence[str], layout: Layout | None = None, changes: Changes | None = None
) -> Sheet:
    """Rows in the order given, with a column for the period and a total where there is more than one.

    Raises:
        QuantityError: the layout asks for a column that there is not.
    """
    if not rows:
        return Sheet((), ())
    layout = layout or Layout()
    total = total_of(rows)
    periods = len({(row.start, row.end) for row in rows}) > 1
    energy, mass = layout.scales(total)
    widths = [name for name in WIDTH_FIELDS if any(getattr(row, name) is not None for row in rows)]
    scale = energy if changes and changes.measure == "energy" else mass

    def cells(row: FootprintRow, pair: Pair | None) -> tuple[str, ...]:
        return (
            energy.show(row.energy.millijoules),
            *(mass.show(getattr(row, name).micrograms) for name in (*EMISSION_FIELDS, *TOTAL_FIELDS)),
            *(change_cells(pair, changes.measure, scale) if pair and changes else ()),
            f"{row.operation_count:,}",
            *("not known" if (width := getattr(row, name)) is None else mass.show(width.micrograms) for name in widths),
            remarks_of(row),
        )

    columns = (
        *([Column(("from",), key="start")] if periods else []),
        *(Column((name,), key=name) for name in group_by),
        Column(("energy", "", "", energy.unit), numeric=True, key="energy"),
        *(Column((*_HEADINGS[name], mass.unit), numeric=True, key=name) for name in (*EMISSION_FIELDS, *TOTAL_FIELDS)),
        *(change_columns(scale, changes.measure) if changes else ()),
        Column(("operations",), numeric=True, key="operations"),
        *(Column((*_HEADINGS[name], mass.unit), numeric=True, key=name) for name in widths),
        Column(("remarks",), key="remarks"),
    )
    body = tuple(
        (
            *([layout.time(row.start)] if periods else []),
            *(printable(row.dimensions.get(name, "")) or "(none)" for name in group_by),
            *cells(row, pair),
        )
        for row, pair in zip(rows, changes.pairs if changes else [None] * len(rows), strict=True)
    )
    lead = len(group_by) + periods
    leading = ("total", *[""] * (lead - 1)) if lead else ()
    last = (*leading, *cells(total, changes.total if changes else None)) if len(rows) > 1 else None
    return selected(Sheet(columns, body, last), layout.columns)


def change_columns(scale: Scale, measure: str) -> tuple[Column, ...]:
    """What it was before, the change, and the change in percent."""
    of = measure.removeprefix("total_").removesuffix("_based")
    return (
        Column(("previous", "", of, scale.unit), numeric=True, key="previous"),
        Column(("change", "", of, scale.unit), numeric=True, key="change"),
        Column(("change", "", of, "%"), numeric=True, key="change_percent"),
    )


def change_cells(pair: Pair, measure: str, scale: Scale) -> tuple[str, str, str]:
    """``n/a`` for what was not posted, and for a percentage of nothing."""
    difference, percent = pair.difference(measure), pair.percent(measure, 1)
    return (
        "n/a" if pair.old is None else scale.show(amount_of(pair.old, measure)),
        "n/a" if difference is None else ("+" if difference > 0 else "") + scale.show(difference),
        percent or "n/a",
    )


def selected(sheet: Sheet, keys: Sequence[str]) -> Sheet:
    """These columns in this order; all where none is named. A total stays named as one.

    Raises:
        QuantityError: there is no such column.
    """
    if not keys:
        return sheet
    known = {column.key: index for index, column in enumerate(sheet.columns)}
    for key in keys:
        if key not in known:
            raise QuantityError(f"there is no column {key!r}", advice=f"columns: {', '.join(known)}")
    places = [known[key] for key in keys]

    def pick(row: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(row[place] for place in places)

    columns = tuple(sheet.columns[place] for place in places)
    total = pick(sheet.total) if sheet.total else None
    if total and not columns[0].numeric:
        total = ("total", *total[1:])
    return replace(sheet, columns=columns, rows=tuple(map(pick, sheet.rows)), total=total)


def printable(text: str) -> str:
    """Names come from telemetry: none of them may speak to the reader's terminal."""
    if text.isprintable():  # nearly every one is, and this asks in C
        return text
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
