"""Calls of GoalService: disclosures and product footprints, sync and async."""

from __future__ import annotations

from greencloud.client.provider_calls import AsyncProviderCalls, ProviderCalls

__all__ = ["AsyncDisclosureCalls", "DisclosureCalls"]


class DisclosureCalls(ProviderCalls):
    """Disclosures and product footprints."""


class AsyncDisclosureCalls(AsyncProviderCalls):
    """Disclosures and product footprints."""
