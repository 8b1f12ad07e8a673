"""Calls of GoalService: the bridge from customers' statements to the inventory, sync and async."""

from __future__ import annotations

from greencloud.client.provider_calls import AsyncProviderCalls, ProviderCalls

__all__ = ["AsyncBridgeCalls", "BridgeCalls"]


class BridgeCalls(ProviderCalls):
    """The bridge from customers' statements to the inventory."""


class AsyncBridgeCalls(AsyncProviderCalls):
    """The bridge from customers' statements to the inventory."""
