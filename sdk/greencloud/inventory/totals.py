"""The inventory of a year: a line for each scope and category, and the totals by each Scope 2 method.

The half-width of a line is the root of the sum of the squares of its entries' half-widths (IPCC 2006 Guidelines, vol. 1, ch. 3,
eq. 3.2, which gives it relative to the sum), taken exactly and rounded once to the microgram; entries count as independent.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import isqrt

from greencloud.inventory.state import InventoryState
from greencloud.results.inventory import INVENTORY_SCOPES, EntryState, InventoryEntry, InventoryLine, InventoryTotals
from greencloud.results.reporting_year import ReportingYear
from greencloud.units import Emissions

__all__ = ["totals_of"]


def totals_of(state: InventoryState, year: ReportingYear) -> InventoryTotals:
    """Lines in order of scope and category; Scope 3 booked whole comes first."""
    booked = state.booked(year)
    places: dict[tuple[int, int], list[InventoryEntry]] = {}
    for entry in booked:
        if not entry.biogenic:
            places.setdefault((INVENTORY_SCOPES.index(entry.scope), entry.category or 0), []).append(entry)
    month = state.policy.fiscal_year_start_month
    return InventoryTotals(
        year=year,
        start=year.start(month),
        end=year.end(month),
        state=state.year(year).state,
        lines=tuple(_line(places[place]) for place in sorted(places)),
        biogenic=_sum([entry for entry in booked if entry.biogenic]),
        total_location_based=_total(state, year, "scope2_location_based"),
        total_market_based=_total(state, year, "scope2_market_based"),
        as_of=state.number,
    )


def _line(entries: Sequence[InventoryEntry]) -> InventoryLine:
    return InventoryLine(
        scope=entries[0].scope,
        category=entries[0].category,
        emissions=_sum(entries),
        entry_count=len(entries),
        draft_count=sum(entry.state is EntryState.DRAFT for entry in entries),
        half_width=_half_width(entries),
        entries=tuple(sorted(entry.name for entry in entries)),
    )


def _half_width(entries: Sequence[InventoryEntry]) -> Emissions | None:
    squares = Fraction(0)
    for entry in entries:
        if entry.uncertainty is None:
            return None
        squares += (entry.uncertainty * entry.emissions.micrograms) ** 2
    return Emissions((isqrt(int(4 * squares)) + 1) // 2)  # the root of a whole number is never a half: this is the nearest


def _total(state: InventoryState, year: ReportingYear, scope2: str) -> Emissions | None:
    return state.totals(year, scopes=("scope1", scope2, "scope3"))


def _sum(entries: Sequence[InventoryEntry]) -> Emissions:
    return Emissions(sum(entry.emissions.micrograms for entry in entries))
