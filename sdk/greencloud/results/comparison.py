"""Who would bear what under each of several rules."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from greencloud.results.footprint import FootprintRow
from greencloud.units import Emissions, Energy

__all__ = ["RuleComparison", "RuleRow"]


@dataclass(frozen=True, slots=True)
class RuleRow:
    """What one combination of dimension values bears under ``rule``, and its difference from that under the first rule."""

    rule: str
    row: FootprintRow
    energy_difference: Energy
    total_location_based_difference: Emissions
    total_market_based_difference: Emissions


@dataclass(frozen=True, slots=True)
class RuleComparison:
    """``rows`` are in the order of the dimensions, then of ``rules``. ``start`` and ``end`` of the windows that were compared; None
    where there were none. ``notes``: what the provider should know of them. ``refused_window_count`` were left out."""

    rows: tuple[RuleRow, ...]
    rules: tuple[str, ...]
    start: datetime | None = None
    end: datetime | None = None
    notes: tuple[str, ...] = ()
    refused_window_count: int = 0
