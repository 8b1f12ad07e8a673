"""Calls of GoalService: instruments, neutrality and avoided emissions, sync and async."""

from __future__ import annotations

from greencloud.client.provider_calls import AsyncProviderCalls, ProviderCalls

__all__ = ["AsyncInstrumentCalls", "InstrumentCalls"]


class InstrumentCalls(ProviderCalls):
    """Instruments, neutrality and avoided emissions."""


class AsyncInstrumentCalls(AsyncProviderCalls):
    """Instruments, neutrality and avoided emissions."""
