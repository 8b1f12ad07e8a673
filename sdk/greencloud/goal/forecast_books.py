"""Forecasts, measures and abatement plans in the provider's books."""

from __future__ import annotations

from greencloud.inventory import InventoryBooks

__all__ = ["ForecastBooks"]


class ForecastBooks(InventoryBooks):
    """Forecasts, measures and abatement plans."""
