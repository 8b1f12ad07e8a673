"""The inventory in the provider's books."""

from __future__ import annotations

from greencloud.inventory.books import Books
from greencloud.inventory.state import EMPTY, InventoryState, step

__all__ = ["InventoryBooks"]


class InventoryBooks(Books):
    """Entries, years, policy, structural changes and evidence."""

    def inventory_state(self) -> InventoryState:
        """What the records leave of the inventory. Raises StoreError."""
        return self.fold(EMPTY, step).latest()
