"""The provider's inventory: what it books for a reporting year, who approved it, and what was restated.

An **entry** is one amount of CO2e, gross, in one scope (Scope 3: one of its 15 categories) of one reporting year, with the evidence
for it. It is one of three: **stated** (a figure with its source), **calculated** (activity data times a factor, which the amount
follows from exactly), or **referred** (a line of the ledger, read when it is booked, never typed in). Entries are never changed in
place: a new revision restates the one before, with its cause, and both stay.

Sources: GHG Protocol Corporate Standard, ch. 5 and 9, Scope 3 Standard, ch. 5, 7, 9 and 11; ISO 14064-1:2018, 5.2.4 and annex B.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from fractions import Fraction
from typing import Final

from greencloud.results.reporting_year import ReportingYear
from greencloud.units import Emissions, Energy

__all__ = [
    "INVENTORY_SCOPES",
    "ISO_CATEGORIES",
    "SCOPE3_CATEGORIES",
    "ActivityData",
    "BaseYearAssessment",
    "BaseYearLine",
    "BookRecord",
    "DataQuality",
    "EntryImport",
    "EntryState",
    "InventoryEntry",
    "InventoryLine",
    "InventoryPolicy",
    "InventoryRestatement",
    "InventoryTotals",
    "InventoryYear",
    "LedgerReference",
    "RestatementCause",
    "RowError",
    "StructuralChange",
    "StructuralEffect",
    "YearState",
    "iso_category_of",
]

INVENTORY_SCOPES: Final = ("scope1", "scope2_location_based", "scope2_market_based", "scope3")

SCOPE3_CATEGORIES: Final = {
    1: "Purchased goods and services",
    2: "Capital goods",
    3: "Fuel- and energy-related activities",
    4: "Upstream transportation and distribution",
    5: "Waste generated in operations",
    6: "Business travel",
    7: "Employee commuting",
    8: "Upstream leased assets",
    9: "Downstream transportation and distribution",
    10: "Processing of sold products",
    11: "Use of sold products",
    12: "End-of-life treatment of sold products",
    13: "Downstream leased assets",
    14: "Franchises",
    15: "Investments",
}
"""GHG Protocol Scope 3 Standard, table 5.3."""

ISO_CATEGORIES: Final = {
    1: "Direct GHG emissions and removals",
    2: "Indirect GHG emissions from imported energy",
    3: "Indirect GHG emissions from transportation",
    4: "Indirect GHG emissions from products used by the organization",
    5: "Indirect GHG emissions associated with the use of products from the organization",
    6: "Indirect GHG emissions from other sources",
}
"""ISO 14064-1:2018, 5.2.4."""

_ISO_OF_SCOPE3: Final = {1: 4, 2: 4, 3: 4, 4: 3, 5: 4, 6: 3, 7: 3, 8: 4, 9: 3, 10: 5, 11: 5, 12: 5, 13: 5, 14: 5, 15: 5}


def iso_category_of(scope: str, scope3_category: int | None) -> int:
    """The ISO 14064-1 category (1 to 6) of a scope; Scope 3 booked whole, without a category, is 6 (other sources).

    Annex B of ISO 14064-1:2018 lists what belongs where; upstream emissions of fuels and energy are products used (4).
    """
    if scope == "scope1":
        return 1
    if scope in {"scope2_location_based", "scope2_market_based"}:
        return 2
    return _ISO_OF_SCOPE3.get(scope3_category or 0, 6)


class EntryState(StrEnum):
    DRAFT = "draft"  # counts, and is told as a draft
    APPROVED = "approved"
    VERIFIED = "verified"  # by a third party; it was approved before
    WITHDRAWN = "withdrawn"  # counts no more; it stays on record


class DataQuality(StrEnum):
    """Quality of data, by the qualitative scale of the GHG Protocol Scope 3 Standard, table 7.6."""

    VERY_GOOD = "very_good"
    GOOD = "good"
    FAIR = "fair"
    POOR = "poor"


class RestatementCause(StrEnum):
    """Why a figure that was booked is another now (GHG Protocol Corporate Standard, ch. 5; Scope 3 Standard, ch. 9.3)."""

    ERROR = "error"
    METHODOLOGY = "methodology"
    FACTOR = "factor"
    LATE_DATA = "late_data"
    STRUCTURAL_CHANGE = "structural_change"
    LEDGER = "ledger"  # the ledger was restated, and the entry follows it


@dataclass(frozen=True, slots=True)
class ActivityData:
    """Activity data and its factor: ``amount`` x ``factor``, in any units of energy, mass, volume, length, money... that agree.

    ``factor_unit`` is as ``kgCO2e/kWh``, or as ``kg/L`` for the mass of a ``gas`` whose GWP of ``gwp_set`` applies.
    """

    amount: Fraction
    unit: str
    factor: Fraction
    factor_unit: str
    factor_source: str
    gas: str = "CO2e"
    gwp_set: str = ""  # AR4, AR5, AR6: needed unless the gas is CO2e


@dataclass(frozen=True, slots=True)
class LedgerReference:
    """A line of the ledger: one measure over ``[start, end)`` in one version of the ledger.

    ``measure``: scope1, scope2_location_based, scope2_market_based, scope3_upstream_location_based, scope3_upstream_market_based,
    scope3_embodied (amortised, for information) or hardware_purchased (category 2 in the year of purchase, from the facility book).
    ``covered_seconds``: of the period, how many the ledger holds with every site.
    """

    measure: str
    start: datetime
    end: datetime
    ledger_version: int
    covered_seconds: int
    energy: Energy = Energy()
    facility_revision: str = ""  # of hardware_purchased


@dataclass(frozen=True, slots=True)
class InventoryEntry:
    """One revision of an entry. ``revision`` counts from 1; ``uncertainty`` is the relative half-width of the 95 % interval."""

    id: str
    year: ReportingYear
    scope: str  # one of INVENTORY_SCOPES
    category: int | None  # 1 to 15 of Scope 3; None for other scopes, and where Scope 3 is booked whole
    emissions: Emissions
    source: str
    site: str = ""
    business: str = ""  # business unit
    activity: ActivityData | None = None
    reference: LedgerReference | None = None
    evidence: tuple[str, ...] = ()  # SHA-256 of documents, hexadecimal
    uncertainty: Fraction | None = None
    data_quality: DataQuality | None = None
    biogenic: bool = False  # reported beside the scopes, never in their totals (Corporate Standard, ch. 9)
    state: EntryState = EntryState.DRAFT
    revision: int = 1
    created_by: str = ""
    created: datetime | None = None
    approved_by: str = ""
    verified_by: str = ""  # the third party
    assurance: str = ""  # limited | reasonable

    @property
    def name(self) -> str:
        """Resource name (AIP-122)."""
        return f"inventoryEntries/{self.id}"

    @property
    def iso_category(self) -> int:
        return iso_category_of(self.scope, self.category)

    @property
    def etag(self) -> str:
        """Changes with every revision and every change of state (AIP-154)."""
        return f"{self.revision}-{self.state}"


@dataclass(frozen=True, slots=True)
class RowError:
    """What is wrong with a row of an import; ``row`` counts from 1 with the header as row 1, as a spreadsheet shows it."""

    row: int
    column: str
    message: str
    advice: str = ""


@dataclass(frozen=True, slots=True)
class EntryImport:
    """What an import did, or would do (``validate_only``). With any error nothing is booked."""

    added: tuple[InventoryEntry, ...] = ()
    restated: tuple[InventoryRestatement, ...] = ()
    unchanged: int = 0
    errors: tuple[RowError, ...] = ()
    evidence: str = ""  # SHA-256 of the file, kept as evidence
    validate_only: bool = False


@dataclass(frozen=True, slots=True)
class InventoryRestatement:
    """A step from one revision of an entry to the next: both figures, and why. ``before`` is None where the entry is new in a year
    that was closed before."""

    entry: str  # resource name
    year: ReportingYear
    scope: str
    category: int | None
    before: Emissions | None
    after: Emissions | None  # None: withdrawn
    cause: RestatementCause
    reason: str
    restated_by: str
    restated: datetime
    revision: int  # of the entry, after
    structural_change: str = ""  # resource name

    @property
    def difference(self) -> Emissions:
        return (self.after or Emissions()) - (self.before or Emissions())


@dataclass(frozen=True, slots=True)
class InventoryPolicy:
    """How the provider draws up its inventory. ``significance_threshold``: the share of base-year emissions from which the base
    year must be recalculated (GHG Protocol Corporate Standard, ch. 5)."""

    base_year: ReportingYear | None = None
    fiscal_year_start_month: int = 1
    consolidation_approach: str = "operational_control"  # | financial_control | equity_share
    significance_threshold: Fraction = Fraction(5, 100)
    gwp_set: str = "AR6"
    organization: str = ""
    revision: int = 0  # 0: never set; these are the defaults
    updated_by: str = ""

    @property
    def etag(self) -> str:
        return str(self.revision)


@dataclass(frozen=True, slots=True)
class StructuralEffect:
    """What a change of structure does to the base year, signed."""

    scope: str
    category: int | None
    emissions: Emissions


@dataclass(frozen=True, slots=True)
class StructuralChange:
    """An acquisition, a divestment, or another change of what the inventory is of."""

    id: str
    kind: str  # acquisition | divestment | merger | outsourcing | insourcing | boundary
    effective: datetime
    description: str
    effects: tuple[StructuralEffect, ...]
    evidence: tuple[str, ...] = ()
    applied: bool = False  # the base year was recalculated for it
    created_by: str = ""

    @property
    def name(self) -> str:
        return f"structuralChanges/{self.id}"


@dataclass(frozen=True, slots=True)
class BaseYearLine:
    """One scope of the base year as booked, and what the changes that were not applied yet would add."""

    scope: str
    booked: Emissions
    effect: Emissions


@dataclass(frozen=True, slots=True)
class BaseYearAssessment:
    """Whether the base year must be recalculated: whether the changes, in absolute amounts together, reach the threshold in any
    scope or in the total."""

    base_year: ReportingYear
    threshold: Fraction
    lines: tuple[BaseYearLine, ...]
    changes: tuple[str, ...]  # names of structural changes that are not applied
    share: Fraction | None  # the greatest share of any scope, or of the total; None where the base year books nothing
    recalculation_required: bool = False


class YearState(StrEnum):
    OPEN = "open"
    SUBMITTED = "submitted"  # one person says that it is complete
    CLOSED = "closed"  # another has approved it: entries change by restatement alone


@dataclass(frozen=True, slots=True)
class InventoryYear:
    """A reporting year and where it stands."""

    year: ReportingYear
    state: YearState
    submitted_by: str = ""
    closed_by: str = ""
    closed: datetime | None = None
    entry_count: int = 0
    draft_count: int = 0
    restatement_count: int = 0  # since it was closed
    digest: str = ""  # SHA-256 over the entries as they were closed

    @property
    def name(self) -> str:
        return f"inventoryYears/{self.year}"


@dataclass(frozen=True, slots=True)
class InventoryLine:
    """A scope and category of a year. ``half_width``: of the 95 % interval of the sum, entries taken as independent (root of the
    sum of squares; IPCC 2006 Guidelines, vol. 1, eq. 3.2); None where an entry has no uncertainty."""

    scope: str
    category: int | None
    emissions: Emissions
    entry_count: int
    draft_count: int
    half_width: Emissions | None
    entries: tuple[str, ...]  # resource names: the evidence of the figure


@dataclass(frozen=True, slots=True)
class InventoryTotals:
    """The inventory of a reporting year: its lines, and the totals by each Scope 2 method. A total is None where one of its scopes
    is not booked: not known is not zero."""

    year: ReportingYear
    start: datetime
    end: datetime
    state: YearState
    lines: tuple[InventoryLine, ...]
    biogenic: Emissions
    total_location_based: Emissions | None
    total_market_based: Emissions | None
    as_of: int  # number of the last record of the journal that counts

    def scope(self, scope: str) -> Emissions | None:
        """The sum of a scope; None where nothing is booked."""
        found = [line.emissions for line in self.lines if line.scope == scope]
        return sum(found, Emissions()) if found else None


@dataclass(frozen=True, slots=True)
class BookRecord:
    """A record of the journal of the provider's books, for an auditor."""

    number: int
    time: datetime
    actor: str
    kind: str
    reason: str
    digest: str  # SHA-256 of the record, which binds the one before
    body: str  # JSON
