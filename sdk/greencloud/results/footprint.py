"""A question about the ledger, and its rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from greencloud.units import Emissions, Energy

__all__ = ["GROUPABLE", "FootprintQuery", "FootprintRow", "Granularity"]

GROUPABLE = ("account", "service", "region", "site", "sku", "operation", "component", "methodology_version", "scope")
"""Dimensions of ``group_by``; besides these ``label:<key>``."""


class Granularity(StrEnum):
    ALL = "all"  # the whole time asked for, as one period
    WINDOW = "window"
    HOUR = "hour"
    DAY = "day"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"


@dataclass(frozen=True, slots=True)
class FootprintQuery:
    """Which postings count, and how they are added up. Values within a filter are alternatives; filters narrow each other."""

    start: datetime
    end: datetime
    accounts: tuple[str, ...] | None = None  # None: every account and pool
    services: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    sites: tuple[str, ...] = ()
    skus: tuple[str, ...] = ()
    operations: tuple[str, ...] = ()
    components: tuple[str, ...] = ()
    methodology_versions: tuple[str, ...] = ()
    group_by: tuple[str, ...] = ()
    granularity: Granularity = Granularity.ALL
    fiscal_year_start_month: int = 1  # what quarters and years begin with


@dataclass(frozen=True, slots=True)
class FootprintRow:
    """One period and one combination of dimension values."""

    start: datetime
    end: datetime
    dimensions: dict[str, str]
    energy: Energy = Energy()
    scope1: Emissions = Emissions()
    scope2_location_based: Emissions = Emissions()
    scope2_market_based: Emissions = Emissions()
    scope3_upstream_location_based: Emissions = Emissions()
    scope3_upstream_market_based: Emissions = Emissions()
    scope3_embodied: Emissions = Emissions()
    operation_count: int = 0
    quality_flags: tuple[str, ...] = ()
    provisional: bool = False
    methodology_versions: tuple[str, ...] = ()
    # Of ``energy``, by the weakest kind of evidence that each posting rests on; the four add up to it.
    measured_energy: Energy = Energy()
    modelled_energy: Energy = Energy()
    estimated_energy: Energy = Energy()
    self_reported_energy: Energy = Energy()
    # Half-widths of 95 % intervals, added up over postings as if all erred together: never too narrow for whole accounts and
    # components, whose ratios their postings share. None: not known.
    energy_half_width: Energy | None = None
    location_half_width: Emissions | None = None  # of total_location_based
    market_half_width: Emissions | None = None  # of total_market_based
    updated: datetime | None = None  # when the newest batch behind the row was posted

    @property
    def total_location_based(self) -> Emissions:
        return self.scope1 + self.scope2_location_based + self.scope3_upstream_location_based + self.scope3_embodied

    @property
    def total_market_based(self) -> Emissions:
        return self.scope1 + self.scope2_market_based + self.scope3_upstream_market_based + self.scope3_embodied
