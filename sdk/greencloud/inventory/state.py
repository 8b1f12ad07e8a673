"""The inventory as it stands: what follows from the journal's changes of the kind ``inventory.*``."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from greencloud.inventory.document import from_document
from greencloud.inventory.journal import Change
from greencloud.results.inventory import EntryState, InventoryEntry, InventoryPolicy
from greencloud.results.reporting_year import ReportingYear
from greencloud.units import Emissions

__all__ = ["EMPTY", "InventoryState", "step"]


@dataclass(frozen=True, slots=True)
class InventoryState:
    """The latest revision of every entry, by id, and the policy."""

    entries: Mapping[str, InventoryEntry] = field(default_factory=dict)
    policy: InventoryPolicy = InventoryPolicy()

    def totals(
        self,
        year: ReportingYear,
        *,
        scopes: Collection[str] | None = None,
        categories: Collection[int] = (),
        sites: Collection[str] = (),
        businesses: Collection[str] = (),
    ) -> Emissions | None:
        """The sum of what matches; None where a scope that is asked for has no entry."""
        found = [
            entry
            for entry in self.entries.values()
            if entry.year == year
            and entry.state is not EntryState.WITHDRAWN
            and not entry.biogenic
            and (scopes is None or entry.scope in scopes)
            and (not categories or entry.scope != "scope3" or entry.category in categories)
            and (not sites or entry.site in sites)
            and (not businesses or entry.business in businesses)
        ]
        if not found or (scopes is not None and {entry.scope for entry in found} != set(scopes)):
            return None
        return sum((entry.emissions for entry in found), Emissions())


EMPTY: Final = InventoryState()


def step(state: InventoryState, change: Change) -> InventoryState:
    if change.kind != "inventory.entries":
        return state
    fresh = {entry.id: entry for entry in (from_document(each, InventoryEntry) for each in change.body)}
    return replace(state, entries={**state.entries, **fresh})
