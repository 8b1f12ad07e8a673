"""The ledger's lines in the inventory, and the bridge between the two.

The lines of the ledger are booked **by reference**: a measure over the whole reporting year in one version of the ledger, read when
it is booked. Nobody types such an amount, and booking again restates it where the ledger says something else by then.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from greencloud.errors import GoalError, GreencloudError, QuantityError
from greencloud.inventory.books import HardwarePurchases, LedgerSnapshot
from greencloud.inventory.bridge import LEDGER_MEASURES, PURCHASED, BridgeInputs, bridge_of, measure_of
from greencloud.inventory.rows import derived_id
from greencloud.inventory.state import InventoryState
from greencloud.inventory.store import InventoryBooks
from greencloud.ledger.coverage import covered_by_all, seconds_in
from greencloud.results import FootprintQuery, FootprintRow
from greencloud.results.bridges import BookedLines, Bridge
from greencloud.results.inventory import EntryState, InventoryEntry, LedgerReference
from greencloud.results.reporting_year import ReportingYear
from greencloud.units import Emissions, Energy

__all__ = ["BridgeBooks"]

_EVER: Final = datetime(1, 1, 1, tzinfo=UTC)
_ASSETS: Final = "hardware records of the facility book"


@dataclass(frozen=True, slots=True)
class _Year:
    """A reporting year, and what the ledger and the facility book are for it."""

    year: ReportingYear
    start: datetime
    end: datetime
    ledger: LedgerSnapshot
    hardware: HardwarePurchases | None

    def rows(self, start: datetime | None = None, end: datetime | None = None) -> list[FootprintRow]:
        return self.ledger.footprint(FootprintQuery(start or self.start, end or self.end, group_by=("account",)))

    def covered_seconds(self) -> int:
        sites = {batch.site for batch in self.ledger.batches() if not batch.withdrawn}
        spans = covered_by_all(self.ledger.batches(self.start, self.end), sites)
        return seconds_in((max(start, self.start), min(end, self.end)) for start, end in spans)


class BridgeBooks(InventoryBooks):
    """The bridge from customers' statements to the inventory, and the lines that the inventory takes from the ledger."""

    def book_ledger_entries(self, year: str, *, business: str = "", reason: str = "", validate_only: bool = False) -> BookedLines:
        """Book the ledger's lines of a reporting year: Scope 1, both methods of Scope 2, category 3 of Scope 3, and category 2 as
        what was bought in the year (GHG Protocol Scope 3 Standard, box 5.4), from the hardware records. ``business``: the business
        unit that they are booked for.

        Raises:
            GoalError: the year has not begun, the ledger holds nothing of it, something is to be restated without a reason, or a
                line of the same time is booked for another business unit.
        """
        found = self._year(year)
        lines = self._lines(found, business)
        state = self.inventory_state()
        _refuse_twice(state, lines)
        fresh, again, unchanged = _compared(state, lines)
        if not validate_only and (fresh or again):
            self.book_references([*fresh, *again], reason=reason)
        return BookedLines(*(tuple(entry.name for entry in each) for each in (fresh, again, unchanged)))

    def get_bridge(self, year: str) -> Bridge:
        """From the sum of customers' statements to the inventory of a reporting year.

        Raises:
            GoalError: it is no reporting year.
        """
        found = self._year(year)
        state = self.inventory_state()
        entries = [entry for entry in state.booked(found.year) if not entry.biogenic]
        rows = found.rows() if found.ledger.batches(found.start, found.end) else []
        return bridge_of(
            BridgeInputs(
                year=found.year,
                start=found.start,
                end=found.end,
                ledger_version=found.ledger.version,
                covered_seconds=found.covered_seconds(),
                rows=rows,
                stated=[(each, found.rows(each.start, each.end)) for each in self.statements(found.start, found.end)],
                internal=set(found.hardware.internal_accounts()) if found.hardware else set(),
                purchases=found.hardware.embodied(found.start, found.end) if found.hardware else None,
                entries=entries,
                referred={entry.id: self._referred(found, entry, entry.reference) for entry in entries if entry.reference},
                sites=set(found.hardware.sites()) if found.hardware else set(),
            )
        )

    def _year(self, text: str) -> _Year:
        if self.ledger is None:
            raise GoalError("there is no ledger beside these books", key="year", advice="name the data directory that holds one")
        try:
            year = ReportingYear.parse(text)
        except QuantityError as error:
            raise GoalError(error.message, key="year", advice=error.advice) from error
        month = self.inventory_state().policy.fiscal_year_start_month
        return _Year(year, year.start(month), year.end(month), self.ledger(None), self.hardware(""))

    def _lines(self, found: _Year, business: str) -> list[InventoryEntry]:
        """What the inventory should hold of the ledger, as drafts."""
        if not found.ledger.batches(found.start, found.end):
            raise GoalError(
                f"the ledger holds nothing of {found.year}",
                key="year",
                advice="see what it holds: greencloud availability --data DIR",
            )
        rows, covered, version = found.rows(), found.covered_seconds(), found.ledger.version
        energy = Energy(sum(row.energy.millijoules for row in rows))
        lines = []
        for (scope, category), measure in LEDGER_MEASURES.items():
            if (scope, category) == ("scope3", 2):
                if found.hardware is None or not found.hardware.embodied(_EVER, found.end):
                    continue  # a book that has recorded no hardware does not say that none was bought
                amount = _sum_of(found.hardware.embodied(found.start, found.end))
                reference = LedgerReference(
                    PURCHASED, found.start, found.end, version, covered, facility_revision=found.hardware.revision
                )
                source = f"{_ASSETS} {found.hardware.revision[:12]}: in service in {found.year}"
            else:
                amount = sum((measure_of(row, measure) for row in rows), Emissions())
                reference = LedgerReference(measure, found.start, found.end, version, covered, energy)
                source = f"ledger, version {version}"
            line = InventoryEntry("", found.year, scope, category, amount, source, business=business, reference=reference)
            lines.append(replace(line, id=f"ledger-{derived_id(line)}"))
        return lines

    def _referred(self, found: _Year, entry: InventoryEntry, reference: LedgerReference) -> tuple[Emissions, Emissions | None]:
        """What an entry's line says now, and what it said in the version that it was booked from (None: not kept)."""
        assert self.ledger is not None, "it was asked for the year"
        if reference.measure == PURCHASED:
            assert found.hardware is not None, "a book is always in force"
            now = _sum_of(found.hardware.embodied(reference.start, reference.end))
            kept = self.hardware(reference.facility_revision)
            return now, _sum_of(kept.embodied(reference.start, reference.end)) if kept else None
        now = _read(found.ledger, reference)
        if reference.ledger_version == found.ledger.version:
            return now, now
        try:
            return now, _read(self.ledger(reference.ledger_version), reference)
        except GreencloudError:  # vacuumed, or of a ledger that was made anew
            return now, None


def _refuse_twice(state: InventoryState, lines: Sequence[InventoryEntry]) -> None:
    """A line is the whole ledger's, whatever unit it is booked for: in two units it would count twice."""
    booked = [(entry, entry.reference) for entry in state.booked() if entry.reference]
    for line in lines:
        assert line.reference is not None, "it is of the ledger"
        for entry, reference in booked:
            same = reference.measure == line.reference.measure and entry.id != line.id
            if same and reference.start < line.reference.end and line.reference.start < reference.end:
                unit = f"for {entry.business!r}" if entry.business else "for no business unit"
                raise GoalError(
                    f"the ledger's line of {line.scope} is booked already, {unit}, in {entry.year}: {entry.name}",
                    key="business",
                    advice="book it for the same unit, or withdraw those entries first",
                )


def _compared(
    state: InventoryState, lines: Sequence[InventoryEntry]
) -> tuple[list[InventoryEntry], list[InventoryEntry], list[InventoryEntry]]:
    """Lines that are new, that say something else than what is booked (as its next revisions), and those that are booked."""
    fresh, again, unchanged = [], [], []
    entries: Mapping[str, InventoryEntry] = state.entries
    for line in lines:
        before = entries.get(line.id)
        if before is None:
            fresh.append(line)
        elif before.state is EntryState.WITHDRAWN or before.emissions != line.emissions:
            again.append(line)
        else:
            unchanged.append(before)
    return fresh, again, unchanged


def _read(ledger: LedgerSnapshot, reference: LedgerReference) -> Emissions:
    rows = ledger.footprint(FootprintQuery(reference.start, reference.end))
    return sum((measure_of(row, reference.measure) for row in rows), Emissions())


def _sum_of(purchases: Sequence[tuple[str, Emissions]]) -> Emissions:
    return sum((mass for _, mass in purchases), Emissions())
