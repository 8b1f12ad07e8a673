"""Calls of GoalService: inventory entries, years, policy, evidence and the journal, sync and async."""

from __future__ import annotations

from greencloud.client.provider_calls import AsyncProviderCalls, ProviderCalls

__all__ = ["AsyncInventoryCalls", "InventoryCalls"]


class InventoryCalls(ProviderCalls):
    """Inventory entries, years, policy, evidence and the journal."""


class AsyncInventoryCalls(AsyncProviderCalls):
    """Inventory entries, years, policy, evidence and the journal."""
