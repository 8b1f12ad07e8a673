"""GoalService: forecasts, measures and abatement plans. For the provider."""

from __future__ import annotations

from greencloud.server.provider_methods import ProviderMethods

__all__ = ["ForecastMethods"]


class ForecastMethods(ProviderMethods):
    """Forecasts, measures and abatement plans."""
