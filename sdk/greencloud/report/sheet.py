"""A sheet: headings, rows and a total as text cells, before any format draws lines around them.

The footprint sheet has a column for every dimension, for energy, for every emission line with **both** Scope 2 methods (and both
variants of Scope 3 category 3), for both totals, and for what a reader must know of the row: the half-widths of the totals'
intervals (where any is known), quality flags, and whether it may still change. The total is the sum of the exact figures, not of
the rounded cells.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from greencloud.report.amounts import EMISSION_UNITS, ENERGY_UNITS, Scale, scale_for
from greencloud.report.certainty import EVIDENCE
from greencloud.results import FootprintRow
from greencloud.units import Emissions, Energy, format_instant

__all__ = [
    "EMISSION_FIELDS",
    "PROVISIONAL",
    "TOTAL_FIELDS",
    "WIDTH_FIELDS",
    "Column",
    "Sheet",
    "footprint_sheet",
    "printable",
    "remarks_of",
    "scales_of",
    "total_of",
]

EMISSION_FIELDS: Final = (
    "scope1",
    "scope2_location_based",
    "scope2_market_based",
    "scope3_upstream_location_based",
    "scope3_upstream_market_based",
    "scope3_embodied",
)
TOTAL_FIELDS: Final = ("total_location_based", "total_market_based")
WIDTH_FIELDS: Final = ("location_half_width", "market_half_width")
"""Of ``TOTAL_FIELDS``."""

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


Amount = TypeVar("Amount", Energy, Emissions)


@dataclass(frozen=True, slots=True)
class Column:
    """A heading in up to four lines: what, its category, which variant, the unit."""

    heading: tuple[str, ...]
    numeric: bool = False


@dataclass(frozen=True, slots=True)
class Sheet:
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    total: tuple[str, ...] | None = None


def total_of(rows: Iterable[FootprintRow]) -> FootprintRow:
    """All rows as one: sums of the exact figures, the whole period, every flag, the newest posting.

    Half-widths add up, as if all rows erred together; where one is not known, that of the total is not.

    Raises:
        ValueError: there are no rows, so there is no period.
    """
    rows = list(rows)
    if not rows:
        raise ValueError("a total needs at least one row")
    lines: dict[str, Any] = {name: sum((getattr(row, name) for row in rows), Emissions()) for name in EMISSION_FIELDS}
    names = [f"{kind}_energy" for kind in EVIDENCE]
    evidence: dict[str, Any] = {name: sum((getattr(row, name) for row in rows), Energy()) for name in names}
    return FootprintRow(
        start=min(row.start for row in rows),
        end=max(row.end for row in rows),
        dimensions={},
        energy=sum((row.energy for row in rows), Energy()),
        **lines,
        operation_count=sum(row.operation_count for row in rows),
        quality_flags=tuple(sorted({flag for row in rows for flag in row.quality_flags})),
        provisional=any(row.provisional for row in rows),
        methodology_versions=tuple(sorted({version for row in rows for version in row.methodology_versions})),
        **evidence,
        energy_half_width=_added([row.energy_half_width for row in rows], Energy()),
        location_half_width=_added([row.location_half_width for row in rows], Emissions()),
        market_half_width=_added([row.market_half_width for row in rows], Emissions()),
        updated=max((row.updated for row in rows if row.updated is not None), default=None),
    )


def _added(widths: Sequence[Amount | None], nothing: Amount) -> Amount | None:
    known = [width for width in widths if width is not None]
    return sum(known, nothing) if len(known) == len(widths) else None


def scales_of(total: FootprintRow) -> tuple[Scale, Scale]:
    """The units of a sheet's energy and of its emissions."""
    emissions = [getattr(total, name).micrograms for name in (*EMISSION_FIELDS, *TOTAL_FIELDS)]
    return scale_for([total.energy.millijoules], ENERGY_UNITS), scale_for(emissions, EMISSION_UNITS)


def remarks_of(row: FootprintRow) -> str:
    """Quality flags, and whether the row may still change."""
    return ", ".join([*row.quality_flags, *(["provisional"] if row.provisional else [])])


def footprint_sheet(rows: Sequence[FootprintRow], group_by: Sequence[str]) -> Sheet:
    """Rows in the order given, with a column for the period and a total where there is more than one."""
    if not rows:
        return Sheet((), ())
    total = total_of(rows)
    periods = len({(row.start, row.end) for row in rows}) > 1
    energy, mass = scales_of(total)
    widths = [name for name in WIDTH_FIELDS if any(getattr(row, name) is not None for row in rows)]

    def cells(row: FootprintRow) -> tuple[str, ...]:
        return (
            energy.show(row.energy.millijoules),
            *(mass.show(getattr(row, name).micrograms) for name in (*EMISSION_FIELDS, *TOTAL_FIELDS)),
            f"{row.operation_count:,}",
            *("not known" if (width := getattr(row, name)) is None else mass.show(width.micrograms) for name in widths),
            remarks_of(row),
        )

    columns = (
        *([Column(("from",))] if periods else []),
        *(Column((name,)) for name in group_by),
        Column(("energy", "", "", energy.unit), numeric=True),
        *(Column((*_HEADINGS[name], mass.unit), numeric=True) for name in (*EMISSION_FIELDS, *TOTAL_FIELDS)),
        Column(("operations",), numeric=True),
        *(Column((*_HEADINGS[name], mass.unit), numeric=True) for name in widths),
        Column(("remarks",)),
    )
    body = tuple(
        (
            *([format_instant(row.start)] if periods else []),
            *(printable(row.dimensions.get(name, "")) or "(none)" for name in group_by),
            *cells(row),
        )
        for row in rows
    )
    lead = len(group_by) + periods
    leading = ("total", *[""] * (lead - 1)) if lead else ()
    return Sheet(columns, body, (*leading, *cells(total)) if len(rows) > 1 else None)


def printable(text: str) -> str:
    """Names come from telemetry: none of them may speak to the reader's terminal."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
