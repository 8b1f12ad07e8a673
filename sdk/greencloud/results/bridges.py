"""The bridge: from the sum of customers' statements to the corporate inventory, line by line.

For each scope (Scope 3: each category) the steps that are known from their own sources lead from what customers were told to what
the inventory books. What they do not explain is the **difference**, and a bridge **closes** where it is zero everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass

from greencloud.results.reporting_year import ReportingYear
from greencloud.units import Emissions

__all__ = ["Bridge", "BridgeLine", "BridgeSection"]


@dataclass(frozen=True, slots=True)
class BridgeLine:
    """One step. ``kind``: customers, internal_use, unsold, unattributed (these are the ledger), amortised, purchased,
    uncovered_time, outside_ledger, ledger_restated (steps to the inventory)."""

    kind: str
    label: str
    emissions: Emissions
    evidence: tuple[str, ...] = ()  # names of entries, batches, books


@dataclass(frozen=True, slots=True)
class BridgeSection:
    """A scope, or a category of Scope 3."""

    scope: str
    category: int | None
    lines: tuple[BridgeLine, ...]
    ledger: Emissions
    inventory: Emissions | None  # None: nothing is booked
    difference: Emissions  # inventory less all lines
    finding: str = ""  # where it is not zero: what to look at


@dataclass(frozen=True, slots=True)
class Bridge:
    """All sections of a reporting year."""

    year: ReportingYear
    ledger_version: int
    covered_seconds: int
    year_seconds: int
    sections: tuple[BridgeSection, ...]
    notes: tuple[str, ...] = ()

    @property
    def closes(self) -> bool:
        return not any(section.difference.micrograms for section in self.sections)
