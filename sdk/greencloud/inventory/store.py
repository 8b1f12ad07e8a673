"""The inventory in the provider's books: entries, and beside them years, policy, structural changes, evidence and the records."""

from __future__ import annotations

from greencloud.errors import GoalError
from greencloud.inventory import base_year, years
from greencloud.inventory.document import canonical
from greencloud.inventory.entry_books import EntryBooks
from greencloud.inventory.journal import Change, Draft
from greencloud.inventory.policy import put_policy, put_structural_change
from greencloud.inventory.state import EMPTY, step
from greencloud.inventory.totals import totals_of
from greencloud.results.inventory import (
    BaseYearAssessment,
    BookRecord,
    InventoryPolicy,
    InventoryRestatement,
    InventoryTotals,
    InventoryYear,
    StructuralChange,
)
from greencloud.results.reporting_year import ReportingYear

__all__ = ["InventoryBooks"]


class InventoryBooks(EntryBooks):
    """Entries, years, policy, structural changes and evidence. Raises beside what is named what ``EntryBooks`` does."""

    def get_inventory(self, year: str, *, as_of: int = 0) -> InventoryTotals:
        """The inventory of a year, as the record ``as_of`` left it; 0 is the latest.

        Raises:
            QuantityError: there is no such year.
            GoalError: there is no such record.
        """
        wanted, changes = ReportingYear.parse(year), self.journal.changes()
        if not 0 <= as_of <= len(changes):
            advice = f"the books have {len(changes)} records; leave it out for the latest"
            raise GoalError(f"there is no record {as_of}", key="as_of", advice=advice)
        return totals_of(self._state_after(changes[: as_of or len(changes)]), wanted)

    def list_inventory_years(self) -> list[InventoryYear]:
        """Every year with anything booked, in order."""
        return years.years_of(self.inventory_state())

    def submit_inventory_year(self, year: str, *, reason: str = "") -> InventoryYear:
        """Say that a year is complete. Raises GoalError: nothing is booked, or it is closed."""
        wanted = ReportingYear.parse(year)
        self.transact(lambda changes: years.submit(self._state_after(changes), wanted, actor=self.actor, reason=reason))
        return years.year_of(self.inventory_state(), wanted)

    def close_inventory_year(self, year: str, *, reason: str = "") -> InventoryYear:
        """Close a year that another person submitted; it changes by restatement alone from then on.

        Raises:
            GoalError: it was not submitted as it is, has drafts, or was submitted by the same person.
        """
        wanted = ReportingYear.parse(year)
        self.transact(lambda changes: years.close(self._state_after(changes), wanted, actor=self.actor, reason=reason))
        return years.year_of(self.inventory_state(), wanted)

    def get_inventory_policy(self) -> InventoryPolicy:
        """The policy in force; of revision 0 where none was ever set."""
        return self.inventory_state().policy

    def update_inventory_policy(self, policy: InventoryPolicy, *, etag: str = "", reason: str = "") -> InventoryPolicy:
        """Put a policy in force, whole.

        Raises:
            GoalError: it contradicts itself, or what is booked.
            ConflictError: the etag is another.
        """
        self.transact(lambda changes: put_policy(self._state_after(changes), policy, etag=etag, reason=reason))
        return self.inventory_state().policy

    def create_structural_change(self, change: StructuralChange) -> StructuralChange:
        """Record an acquisition, a divestment, or another change of what the inventory is of. The same again changes nothing.

        Raises:
            GoalError: it is wrong.
            ConflictError: another change has its id.
        """
        found = change

        def decide(changes: list[Change]) -> Draft | None:
            nonlocal found
            found, draft = put_structural_change(self._state_after(changes), change, self.journal.has_evidence)
            return draft

        self.transact(decide)
        return self.inventory_state().structural_changes[found.id]

    def list_structural_changes(self) -> list[StructuralChange]:
        """By the time at which they took effect."""
        return sorted(self.inventory_state().structural_changes.values(), key=lambda change: (change.effective, change.id))

    def assess_base_year(self) -> BaseYearAssessment:
        """Whether the base year must be recalculated. Raises GoalError: no base year is set."""
        return base_year.assess(self.inventory_state(), self.clock())

    def recalculate_base_year(self, *, reason: str) -> list[InventoryRestatement]:
        """Make the base year follow every structural change in effect; nothing where it does.

        Raises:
            GoalError: no base year is set, no reason is given, or an effect has no place in the base year.
        """
        now, before = self.clock(), EMPTY

        def decide(changes: list[Change]) -> Draft | None:
            nonlocal before
            before = self._state_after(changes)
            return base_year.recalculate(before, now, reason=reason)

        change = self.transact(decide)
        return [] if change is None else list(step(before, change).restatements[len(before.restatements) :])

    def upload_evidence(self, content: bytes) -> str:
        """Keep a document; the SHA-256 that it is named by. Raises QuantityError: it is empty, or larger than 32 MiB."""
        return self.journal.put_evidence(content)

    def get_evidence(self, digest: str) -> bytes:
        """A document, checked against its name. Raises NotFoundError; StoreError: it was changed."""
        return self.journal.evidence(digest)

    def list_book_records(self, *, after: int = 0) -> list[BookRecord]:
        """The records of the books, in order, from the one after ``after``."""
        return [
            BookRecord(one.number, one.time, one.actor, one.kind, one.reason, one.digest, canonical(one.body).decode())
            for one in self.journal.changes()[max(after, 0) :]
        ]
