"""All of the provider's books: inventory, bridge, goals, forecasts, instruments, and what disclosures need of them."""

from __future__ import annotations

from greencloud.goal.disclosure_books import DisclosureBooks
from greencloud.goal.forecast_books import ForecastBooks
from greencloud.goal.goal_books import GoalBooks
from greencloud.goal.instrument_books import InstrumentBooks
from greencloud.inventory import BridgeBooks

__all__ = ["ProviderBooks"]


class ProviderBooks(DisclosureBooks, ForecastBooks, InstrumentBooks, GoalBooks, BridgeBooks):
    """Every room of the books, in one journal."""
