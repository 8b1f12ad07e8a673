"""GoalService: inventory entries, years, policy, evidence and the journal. For the provider."""

from __future__ import annotations

from greencloud.server.inventory_entries import EntryMethods
from greencloud.server.inventory_records import RecordMethods
from greencloud.server.inventory_years import YearMethods

__all__ = ["InventoryMethods"]


class InventoryMethods(EntryMethods, YearMethods, RecordMethods):
    """Inventory entries, years, policy, evidence and the journal."""
