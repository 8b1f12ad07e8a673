"""A goal, its path, and how far the provider is."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from greencloud.units import Emissions

__all__ = ["GoalProgress", "GoalStatus", "GoalYear"]


class GoalStatus(StrEnum):
    UNKNOWN = "unknown"
    ON_TRACK = "on_track"
    OFF_TRACK = "off_track"


@dataclass(frozen=True, slots=True)
class GoalYear:
    year: int
    path: Emissions
    actual: Emissions | None = None  # None: not known, which is not zero


@dataclass(frozen=True, slots=True)
class GoalProgress:
    """A goal, its path, and how far the provider is. Fields are those of ``greencloud.v1.GoalProgress``."""

    name: str
    display_name: str
    kind: str  # absolute | neutrality
    scopes: tuple[str, ...]
    base_year: int
    base_emissions: Emissions
    target_year: int
    target_emissions: Emissions
    years: tuple[GoalYear, ...]
    ledger_year: int
    ledger_covered_seconds: int
    ledger_emissions: Emissions
    path_emissions: Emissions
    status: GoalStatus
    as_of: datetime
    notes: tuple[str, ...] = field(default=())

    @property
    def gap(self) -> Emissions:
        """Ledger less path; negative is better than the path."""
        return self.ledger_emissions - self.path_emissions
