"""The bridge: from the sum of customers' statements to the corporate inventory, line by line.

For each scope (Scope 3: each category) the steps that are known from their own sources lead from what customers were told to what
the inventory books. What they do not explain is the **difference**, and a bridge **closes** where it is zero everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from greencloud.results.reporting_year import ReportingYear
from greencloud.units import Emissions

__all__ = ["BookedLines", "Bridge", "BridgeLine", "BridgeSection", "ClosedStatements"]


@dataclass(frozen=True, slots=True)
class ClosedStatements:
    """What the statements of a closed period say: account, and by measure (as fields of FootprintRow) micrograms."""

    period: str
    start: datetime
    end: datetime
    totals: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BridgeLine:
    """One step. ``kind``: statements, restated_since (the ledger now less what the statements say), not_stated (periods that are
    not closed), internal_use, unsold, unattributed: these are the ledger. amortised, purchased, booked_before (the inventory holds
    an earlier version of the ledger), outside_ledger: these lead to the inventory. location_based, market_instruments: from one
    method of Scope 2 to the other."""

    kind: str
    label: str
    emissions: Emissions
    evidence: tuple[str, ...] = ()  # names of entries, batches, books


@dataclass(frozen=True, slots=True)
class BridgeSection:
    """A scope, or a category of Scope 3; or the way from one method of Scope 2 to the other (``scope2_methods``)."""

    scope: str
    category: int | None
    lines: tuple[BridgeLine, ...]
    ledger: Emissions  # the sum of the lines that are the ledger
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


@dataclass(frozen=True, slots=True)
class BookedLines:
    """The ledger's lines of a year in the inventory: names of the entries that are new, restated, or as they were."""

    added: tuple[str, ...] = ()
    restated: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()
