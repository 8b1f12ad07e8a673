"""The inventory in the provider's books."""

from __future__ import annotations

from greencloud.inventory.books import Books

__all__ = ["InventoryBooks"]


class InventoryBooks(Books):
    """Entries, years, policy, structural changes and evidence."""
