"""What an entry must be, by itself and beside the others of the inventory.

A **slot** is what an amount is of: scope, site, business unit, biogenic or not. No day of a scope may count twice, so years that
overlap, as 2020 and FY2021, are refused, whatever their sites and units: a year of some of them would stand beside one of all. In
one slot Scope 3 is booked whole or by category. Several entries of one slot, category and year are several sources, which add up.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import Final

from greencloud.errors import GoalError
from greencloud.facility.entry import did_you_mean
from greencloud.inventory.activity import emissions_of_activity
from greencloud.results.inventory import INVENTORY_SCOPES, InventoryEntry
from greencloud.results.reporting_year import ReportingYear
from greencloud.units import Emissions, round_half_even

__all__ = [
    "ENTRY_ID",
    "FIRST_YEAR",
    "MOST_MICROGRAMS",
    "Slots",
    "calculated",
    "check_amount",
    "check_category",
    "check_evidence",
    "check_scope",
    "check_text",
    "entry_problems",
]

ENTRY_ID: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,61}[a-z0-9]")  # AIP-122
MOST_MICROGRAMS: Final = 10**24
"""A teratonne: some twenty times what the world emits in a year. What is above it is in another unit."""
FIRST_YEAR: Final = 1990  # the base year of the Kyoto Protocol; no inventory is older
_MOST_DOCUMENTS: Final = 100
_MOST_UNCERTAINTY: Final = 2
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_GROSS: Final = "book gross emissions only: removals and credits never reduce an inventory"
_Slot = tuple[str, str, str, bool]


def check_scope(scope: str) -> str:
    if scope not in INVENTORY_SCOPES:
        advice = did_you_mean(scope, INVENTORY_SCOPES, "") if scope != "scope2" else ""
        listed = f"use one of {', '.join(INVENTORY_SCOPES)}"
        raise GoalError(f"unknown scope {scope[:64]!r}", key="scope", advice=f"{advice} {listed}".strip())
    return scope


def check_category(category: int | None, scope: str) -> None:
    if category is None:
        return
    if scope != "scope3":
        raise GoalError(f"{scope[:64]} has no categories, but it says {category}", key="category", advice="leave it empty")
    if not 1 <= category <= 15:
        message = f"Scope 3 has no category {str(category)[:32]!r}"
        raise GoalError(message, key="category", advice="use 1 to 15, or leave it empty for the whole")


def check_amount(emissions: Emissions, *, key: str = "emissions") -> None:
    if emissions.micrograms < 0:
        raise GoalError("the amount is negative", key=key, advice=f"{_GROSS}: record them as instruments")
    if emissions.micrograms > MOST_MICROGRAMS:
        raise GoalError("the amount is more than the world emits", key=key, advice="check the unit: it is a mass of CO2e")


def check_text(text: str, *, key: str, most: int = 200) -> None:
    if len(text) > most:
        raise GoalError(f"{key} is longer than {most} characters", key=key, advice="shorten it")
    if not text.isprintable() or text != text.strip():
        raise GoalError(f"{key} has control characters, or blanks around it", key=key, advice="write it without them")


def check_evidence(evidence: Iterable[str], kept: Callable[[str], bool]) -> None:
    digests = tuple(evidence)
    if len(digests) > _MOST_DOCUMENTS:
        raise GoalError(f"more than {_MOST_DOCUMENTS} documents", key="evidence", advice="put them in one archive")
    for digest in digests:
        if not _DIGEST.fullmatch(digest):
            raise GoalError(
                f"evidence {digest[:80]!r} is not a SHA-256", key="evidence", advice="write its 64 digits, a-f in lower case"
            )
        if not kept(digest):
            advice = "upload it first: greencloud inventory evidence put FILE"
            raise GoalError(f"there is no evidence {digest}", key="evidence", advice=advice)


def calculated(entry: InventoryEntry, *, stated: Emissions | None = None, step: int = 1) -> InventoryEntry:
    """The entry with the amount that its activity data give; one that is stated beside them must be the same.

    ``stated`` was rounded to ``step`` micrograms. Without it the entry's own amount is taken as stated, unless it is zero.

    Raises:
        GoalError: it is not the same, or the activity cannot be computed; its key is ``activity.`` and the field then.
    """
    if entry.activity is None:
        return entry
    try:
        emissions = emissions_of_activity(entry.activity)
    except GoalError as error:
        raise GoalError(error.message, key=f"activity.{error.key}", advice=error.advice) from error
    if stated is None and entry.emissions.micrograms:
        stated = entry.emissions
    if stated is not None and abs(stated.micrograms - emissions.micrograms) > step // 2:
        message = f"the amount says {stated}, but activity data x factor is {emissions}"
        raise GoalError(message, key="emissions", advice="leave the amount out: it follows from the activity data")
    return replace(entry, emissions=emissions)


def entry_problems(entry: InventoryEntry, *, now: datetime, fiscal_month: int, kept: Callable[[str], bool]) -> Iterator[GoalError]:
    """Everything that is wrong with an entry by itself, each with its key."""
    for check in (
        lambda: _check_id(entry.id),
        lambda: _check_year(entry.year, now, fiscal_month),
        lambda: check_scope(entry.scope),
        lambda: check_category(entry.category, entry.scope),
        lambda: check_amount(entry.emissions),
        lambda: _check_source(entry.source),
        lambda: check_text(entry.source, key="source", most=1000),
        lambda: check_text(entry.site, key="site"),
        lambda: check_text(entry.business, key="business"),
        lambda: _check_uncertainty(entry),
        lambda: check_evidence(entry.evidence, kept),
    ):
        try:
            check()
        except GoalError as error:
            yield error


class Slots:
    """What is booked in each slot, to hold an entry against. ``fiscal_month``: the month that fiscal years begin with."""

    def __init__(self, entries: Iterable[InventoryEntry], fiscal_month: int) -> None:
        self._fiscal_month = fiscal_month
        self._booked: dict[_Slot, dict[tuple[ReportingYear, int | None], str]] = {}
        self._years: dict[tuple[str, bool], dict[ReportingYear, str]] = {}
        for entry in entries:
            self.add(entry)

    def add(self, entry: InventoryEntry) -> None:
        self._booked.setdefault(_slot(entry), {}).setdefault((entry.year, entry.category), entry.id)
        self._years.setdefault((entry.scope, entry.biogenic), {}).setdefault(entry.year, entry.id)

    def check(self, entry: InventoryEntry) -> None:
        """Raises GoalError: it would count twice what is booked already."""
        for year, other in self._years.get((entry.scope, entry.biogenic), {}).items():
            if year != entry.year and year.overlaps(entry.year, self._fiscal_month):
                message = f"{entry.year} overlaps {year}, which {other} books for the same scope"
                raise GoalError(message, key="year", advice="keep to calendar years or to fiscal years; withdraw one of the two")
        for (year, category), other in self._booked.get(_slot(entry), {}).items():
            if year == entry.year and (category is None) != (entry.category is None):
                message = f"Scope 3 is booked whole and by category for {year}: see {other}"
                raise GoalError(message, key="category", advice="keep the whole or the categories, not both")


def _slot(entry: InventoryEntry) -> _Slot:
    return (entry.scope, entry.site, entry.business, entry.biogenic)


def _check_id(text: str) -> None:
    if not ENTRY_ID.fullmatch(text):
        raise GoalError(f"the id {text[:80]!r} cannot be a resource name", key="id", advice="use 2 to 63 of a-z, 0-9 and - within")


def _check_year(year: ReportingYear, now: datetime, fiscal_month: int) -> None:
    if not FIRST_YEAR <= year.year <= 2199:
        raise GoalError(f"{year} is no year of an inventory", key="year", advice=f"it is from {FIRST_YEAR} on")
    if year.start(fiscal_month) > now:
        raise GoalError(f"{year} has not begun", key="year", advice="book what was emitted; what is expected is a forecast")


def _check_source(source: str) -> None:
    if not source.strip():
        raise GoalError("the amount has no source", key="source", advice="name the report, model or invoice that it comes from")


def _check_uncertainty(entry: InventoryEntry) -> None:
    if entry.uncertainty is not None and not 0 <= entry.uncertainty <= _MOST_UNCERTAINTY:
        advice = "it is the half-width of the 95 % interval relative to the amount: 0.05 is ±5 %; at most 200 %"
        raise GoalError(
            f"the uncertainty {round_half_even(entry.uncertainty * 100)} % is not one", key="uncertainty", advice=advice
        )
