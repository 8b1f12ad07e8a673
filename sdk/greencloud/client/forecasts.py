"""Calls of GoalService: forecasts, measures and abatement plans, sync and async."""

from __future__ import annotations

from greencloud.client.provider_calls import AsyncProviderCalls, ProviderCalls

__all__ = ["AsyncForecastCalls", "ForecastCalls"]


class ForecastCalls(ProviderCalls):
    """Forecasts, measures and abatement plans."""


class AsyncForecastCalls(AsyncProviderCalls):
    """Forecasts, measures and abatement plans."""
