"""GoalService: inventory entries, years, policy, evidence and the journal. For the provider."""

from __future__ import annotations

from greencloud.server.provider_methods import ProviderMethods

__all__ = ["InventoryMethods"]


class InventoryMethods(ProviderMethods):
    """Inventory entries, years, policy, evidence and the journal."""
