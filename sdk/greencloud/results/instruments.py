"""Instruments, and what they are used for: energy certificates, removals and offset credits, each used once.

They are three things and never stand in for each other. None of them changes the inventory: neutrality is a statement beside it, in
the order reduce, remove, offset (ISO 14068-1:2023, ch. 5 to 11; Oxford Principles for Net Zero Aligned Carbon Offsetting, 2024).
Avoided emissions ("Scope 3+") are a book of their own and are never netted (GHG Protocol, Estimating and Reporting Comparative
Emissions Impacts, 2019).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from fractions import Fraction

from greencloud.results.reporting_year import ReportingYear
from greencloud.units import Emissions

__all__ = [
    "AvoidedYear",
    "Initiative",
    "Instrument",
    "InstrumentKind",
    "InstrumentPolicy",
    "InstrumentUse",
    "Neutrality",
    "NeutralityLine",
    "Retirement",
    "ScopeThreePlus",
]


class InstrumentKind(StrEnum):
    ENERGY_CERTIFICATE = "energy_certificate"  # units of 1 MWh
    REMOVAL = "removal"  # units of 1 t CO2e
    OFFSET_CREDIT = "offset_credit"  # units of 1 t CO2e


@dataclass(frozen=True, slots=True)
class Retirement:
    """The cancellation of an instrument in its registry, for a beneficiary."""

    retired: date
    beneficiary: str
    reference: str  # the registry's
    evidence: tuple[str, ...] = ()  # SHA-256 of documents


@dataclass(frozen=True, slots=True)
class InstrumentPolicy:
    """What the provider accepts. ``most_vintage_years``: how many years before the reporting year a removal or an offset may have
    happened at the most. No standard in force names a number; five is this project's, and it is recorded with who changed it."""

    most_vintage_years: int = 5
    revision: int = 0  # 0: never set; these are the defaults
    updated_by: str = ""

    @property
    def etag(self) -> str:
        return str(self.revision)


@dataclass(frozen=True, slots=True)
class InstrumentUse:
    """Serials of an instrument that count for a reporting year. ``serial_first`` and ``serial_last`` are inclusive."""

    instrument: str  # resource name
    year: ReportingYear
    serial_first: int
    serial_last: int
    used_by: str = ""
    used: datetime | None = None
    goal: str = ""  # resource name of the goal that they are claimed for; empty: the claim of the whole organisation
    market: str = ""  # of certificates: where the electricity was consumed
    request_id: str = ""  # AIP-155
    cancelled_by: str = ""  # of a use that was undone; its serials are free again
    cancelled: datetime | None = None
    reason: str = ""  # why it was undone

    @property
    def units(self) -> int:
        return self.serial_last - self.serial_first + 1


@dataclass(frozen=True, slots=True)
class Instrument:
    """A block of consecutive serials of one registry. A unit is 1 MWh or 1 t CO2e."""

    id: str
    kind: InstrumentKind
    registry: str
    project: str
    serial_prefix: str  # what all serials of the block begin with; may be empty
    serial_first: int
    serial_last: int  # inclusive
    vintage_start: date
    vintage_end: date  # inclusive
    geography: str  # ISO 3166-1 or -2; certificates: the grid zone
    method: str = ""  # technology or methodology of the registry
    durability_years: int | None = None  # of removals: how long the carbon is stored at the least
    cost: Fraction | None = None  # of a unit
    currency: str = ""
    retirement: Retirement | None = None
    uses: tuple[InstrumentUse, ...] = ()  # by serial
    revision: int = 1
    created_by: str = ""
    cancelled_uses: tuple[InstrumentUse, ...] = ()  # in the order in which they were undone

    @property
    def name(self) -> str:
        return f"instruments/{self.id}"

    @property
    def units(self) -> int:
        return self.serial_last - self.serial_first + 1

    @property
    def unused_units(self) -> int:
        return self.units - sum(use.units for use in self.uses)

    @property
    def etag(self) -> str:
        return str(self.revision)


@dataclass(frozen=True, slots=True)
class NeutralityLine:
    """One rest that neutrality stands on: reduction, a class of removals, or offset credits."""

    kind: str  # reduced | removal_permanent (>= 1,000 years) | removal_long (>= 100) | removal_short (< 100) | offset
    emissions: Emissions
    share: Fraction | None  # of the base; None where there is no base
    instruments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Neutrality:
    """What a claim of neutrality rests on. ``residual`` is the gross inventory of the scopes, which nothing here changes."""

    year: ReportingYear
    goal: str  # resource name, or empty
    scopes: tuple[str, ...]
    base: Emissions | None
    residual: Emissions
    path: Emissions | None  # what the goal's path allows to remain: what is above it was not reduced
    lines: tuple[NeutralityLine, ...]
    removed: Emissions
    offset: Emissions
    balance: Emissions  # residual - removed - offset; 0 or less is balanced
    neutral: bool
    reduction_first: bool  # the residual is within the path, so the order of means was kept
    findings: tuple[str, ...] = ()  # why not, or what a reader must know
    refused: tuple[str, ...] = ()  # uses that hold no longer, and why; they count for nothing


@dataclass(frozen=True, slots=True)
class AvoidedYear:
    """What an initiative avoids in a year: baseline scenario less what happened."""

    year: ReportingYear
    baseline: Emissions
    actual: Emissions
    evidence: tuple[str, ...] = ()

    @property
    def avoided(self) -> Emissions:
        return self.baseline - self.actual


@dataclass(frozen=True, slots=True)
class Initiative:
    """An initiative that avoids emissions of others. ``attribution``: the share that the provider claims."""

    id: str
    display_name: str
    partner: str
    baseline: str  # what would have happened
    counterfactual: str  # why it would have happened without the initiative
    methodology: str
    attribution: Fraction = Fraction(1)
    years: tuple[AvoidedYear, ...] = ()
    revision: int = 1
    created_by: str = ""

    @property
    def name(self) -> str:
        return f"initiatives/{self.id}"

    @property
    def etag(self) -> str:
        return str(self.revision)


@dataclass(frozen=True, slots=True)
class ScopeThreePlus:
    """The book of avoided emissions. ``cumulative`` is to be compared with ``target`` and with nothing else."""

    initiatives: tuple[Initiative, ...]
    by_year: tuple[tuple[ReportingYear, Emissions], ...]  # attributed
    cumulative: Emissions
    target: Emissions | None
    target_year: ReportingYear | None
