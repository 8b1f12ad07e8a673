"""A disclosure: the figures that a standard asks for, each with the field that it fills and the evidence that it rests on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from greencloud.results.reporting_year import ReportingYear

__all__ = ["Disclosure", "DisclosureSection", "DisclosureStandard", "Figure"]


class DisclosureStandard(StrEnum):
    GHG_PROTOCOL = "ghg_protocol"
    ISO_14064_1 = "iso_14064_1"
    ESRS_E1 = "esrs_e1"
    IFRS_S2 = "ifrs_s2"
    PACT = "pact"


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
