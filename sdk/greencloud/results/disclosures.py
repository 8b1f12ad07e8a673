"""A disclosure: the figures that a standard asks for, each with the field that it fills and the evidence that it rests on.

``DisclosureInputs`` is all that a disclosure is made of, as values; ``greencloud.report.disclosures`` makes it, purely.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from greencloud.results.goals import Goal, GoalProgress
from greencloud.results.instruments import Instrument, Neutrality
from greencloud.results.inventory import (
    InventoryEntry,
    InventoryPolicy,
    InventoryRestatement,
    InventoryTotals,
    StructuralChange,
)
from greencloud.results.product_footprints import ProductFootprint
from greencloud.results.reporting_year import ReportingYear
from greencloud.units import Energy

__all__ = [
    "Disclosure",
    "DisclosureFile",
    "DisclosureFormat",
    "DisclosureInputs",
    "DisclosureSection",
    "DisclosureStandard",
    "Figure",
    "LedgerEnergy",
]


class DisclosureStandard(StrEnum):
    GHG_PROTOCOL = "ghg_protocol"
    ISO_14064_1 = "iso_14064_1"
    ESRS_E1 = "esrs_e1"
    IFRS_S2 = "ifrs_s2"
    PACT = "pact"


class DisclosureFormat(StrEnum):
    JSON = "json"
    CSV = "csv"  # a row a figure
    XLSX = "xlsx"  # a sheet a section
    HTML = "html"  # a document to print


@dataclass(frozen=True, slots=True)
class DisclosureFile:
    """A disclosure as a file."""

    content: bytes
    media_type: str
    file_name: str


@dataclass(frozen=True, slots=True)
class Figure:
    """One field. ``value`` None: not known, with the reason in ``text``. Figures of a section add up to its printed totals."""

    field: str  # the standard's own identifier, as "E1-6_01" or "29(a)(i)(1)"
    label: str
    value: Decimal | None
    unit: str  # tCO2e, MWh, %, year
    text: str = ""
    evidence: tuple[str, ...] = ()  # resource names: entries, instruments, goals, sha256 of documents


@dataclass(frozen=True, slots=True)
class DisclosureSection:
    title: str
    reference: str  # paragraph of the standard
    figures: tuple[Figure, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Disclosure:
    standard: DisclosureStandard
    version: str  # of the standard
    organization: str
    year: ReportingYear
    start: datetime
    end: datetime
    sections: tuple[DisclosureSection, ...]
    as_of: int  # number of the last record of the journal that counts
    created: datetime
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LedgerEnergy:
    """Energy of the provider's sites in the reporting year, as far as the ledger holds it.

    ``covered_seconds``: of the year, how many every site covers that was ever charged in it."""

    energy: Energy
    measured: Energy
    covered_seconds: int
    year_seconds: int
    ledger_version: int


@dataclass(frozen=True, slots=True)
class DisclosureInputs:
    """What a disclosure of a reporting year is made of.

    ``entries`` are those of the year and of the base year, latest revisions, not withdrawn. ``goals``: each with its progress, None
    where it cannot be worked out. ``created``: when the last record of the journal was written. ``ledger_energy`` None: there is no
    ledger, or it holds nothing of the year.
    """

    inventory: InventoryTotals
    created: datetime
    policy: InventoryPolicy = InventoryPolicy()
    base_inventory: InventoryTotals | None = None  # None: no base year, or nothing is booked for it
    entries: tuple[InventoryEntry, ...] = ()
    restatements: tuple[InventoryRestatement, ...] = ()  # of the year and of the base year
    structural_changes: tuple[StructuralChange, ...] = ()
    goals: tuple[tuple[Goal, GoalProgress | None], ...] = ()
    neutrality: tuple[Neutrality, ...] = ()
    instruments: tuple[Instrument, ...] = ()
    ledger_energy: LedgerEnergy | None = None
    products: tuple[ProductFootprint, ...] = ()
