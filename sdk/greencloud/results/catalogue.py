"""What there are figures of: from when to when, how final and fresh, and by which values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from greencloud.units import Emissions, Energy

__all__ = ["DataAvailability", "DimensionValue", "SiteDataAvailability"]


@dataclass(frozen=True, slots=True)
class SiteDataAvailability:
    """Figures of one site are for windows in ``[start, end)``. Every window before ``final_until`` is final."""

    site: str
    region: str
    start: datetime
    end: datetime
    final_until: datetime
    updated: datetime  # when the newest figure was posted


@dataclass(frozen=True, slots=True)
class DataAvailability:
    """The same over all sites; the times are None where there is no figure."""

    start: datetime | None = None
    end: datetime | None = None
    final_until: datetime | None = None
    updated: datetime | None = None
    methodology_versions: tuple[str, ...] = ()
    sites: tuple[SiteDataAvailability, ...] = ()
    ledger_version: int = -1


@dataclass(frozen=True, slots=True)
class DimensionValue:
    """A value of a dimension, and what the postings with it come to. ``value`` is "" for those that have none."""

    value: str
    energy: Energy
    total_location_based: Emissions
    total_market_based: Emissions
