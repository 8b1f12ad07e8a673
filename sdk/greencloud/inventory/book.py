"""The inventory as values: one entry for each year, scope and Scope 3 category that the provider has booked.

An entry is an amount with the evidence for it. What has no entry is not known, and a sum over something that is not known is
not known either: ``Inventory.total`` answers None, never zero. Scope 2 is booked by both methods, each as a scope of its own
(GHG Protocol Scope 2 Guidance, ch. 7), and no sum may take both. Amounts are gross: removals and credits are other books.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from greencloud.units import Emissions

__all__ = ["SCOPES", "Entry", "Inventory"]

SCOPES: Final = ("scope1", "scope2_location_based", "scope2_market_based", "scope3")


@dataclass(frozen=True, slots=True)
class Entry:
    """One booked amount. ``category`` is 1 to 15 within Scope 3, None where Scope 3 is booked whole and for other scopes."""

    year: int
    scope: str
    category: int | None
    emissions: Emissions
    source: str
    line: int = 0

    @property
    def key(self) -> tuple[int, str, int]:
        return (self.year, self.scope, self.category or 0)


@dataclass(frozen=True, slots=True)
class Inventory:
    """Entries in order of year, scope and category; at most one for each."""

    entries: tuple[Entry, ...]
    path: str = ""

    def years(self) -> list[int]:
        """Years with any entry, ascending."""
        return sorted({entry.year for entry in self.entries})

    def entries_of(self, year: int, scopes: Iterable[str]) -> list[Entry]:
        wanted = set(scopes)
        return [entry for entry in self.entries if entry.year == year and entry.scope in wanted]

    def total(self, year: int, scopes: Iterable[str]) -> Emissions | None:
        """The year's sum over the scopes; None where nothing is booked for one of them."""
        wanted = set(scopes)
        found = self.entries_of(year, wanted)
        if {entry.scope for entry in found} != wanted:
            return None
        return sum((entry.emissions for entry in found), Emissions())
