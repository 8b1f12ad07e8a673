"""The entries of the inventory in the provider's books.

Every write is decided on the records that it follows (``Books.transact``), so that its rules hold among any number of writers, and
none changes or removes what was written. Reading an earlier state is folding fewer records.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from greencloud.errors import GoalError, NotFoundError
from greencloud.inventory.approvals import approve, chosen, entry_of, verify, withdraw
from greencloud.inventory.books import Books
from greencloud.inventory.checks import calculated, check_scope
from greencloud.inventory.document import canonical
from greencloud.inventory.entry_import import plan_import
from greencloud.inventory.journal import Change, Draft
from greencloud.inventory.plan import Plan
from greencloud.inventory.rows import MOST_ERRORS, derived_id, entries_of
from greencloud.inventory.sheet import read_sheet
from greencloud.inventory.state import EMPTY, InventoryState, step
from greencloud.results.inventory import (
    EntryImport,
    EntryState,
    InventoryEntry,
    InventoryRestatement,
    RestatementCause,
    StructuralChange,
    YearState,
)
from greencloud.results.reporting_year import ReportingYear
from greencloud.units import Emissions

__all__ = ["EntryBooks"]


class EntryBooks(Books):
    """Entries and what became of them.

    Beside what each method names, all raise StoreError where the records were damaged; those that write raise StorageFullError
    where there is no room, and ConflictError where others write all the time. A name is a resource name, ``inventoryEntries/ID``.
    """

    def inventory_state(self) -> InventoryState:
        """What the records leave of the inventory."""
        return self.fold(EMPTY, step).latest()

    def import_inventory_entries(
        self,
        content: bytes,
        *,
        file_name: str,
        reason: str = "",
        restate: RestatementCause | None = None,
        validate_only: bool = False,
    ) -> EntryImport:
        """All rows of a CSV file or Excel workbook, or none of them; ``restate`` is why entries that are booked change.

        Raises:
            GoalError: the file cannot be read, or it restates without a reason. What is wrong with its rows is in the answer.
            QuantityError: it is larger than a record may be.
            MissingExtraError: a workbook or activity data, and the libraries for them are not installed.
        """
        rows, unread = entries_of(read_sheet(content, file_name))
        digest, now = hashlib.sha256(content).hexdigest(), self.clock()
        outcome = EntryImport()
        planned: tuple[Plan, InventoryState] | None = None

        def decide(changes: list[Change]) -> Draft | None:
            nonlocal outcome, planned
            state = self._state_after(changes)
            plan, refused = plan_import(state, rows, cause=restate, document=digest, now=now, kept=self._kept(digest))
            errors = sorted([*unread, *refused], key=lambda error: error.row)
            if errors:
                outcome = EntryImport(errors=tuple(errors[:MOST_ERRORS]), evidence=digest, validate_only=validate_only)
                return None
            draft = plan.draft(reason=reason)
            if draft is not None and not validate_only:
                self.journal.put_evidence(content)
                planned = plan, state
                return draft
            outcome = _outcome(plan, state, self._with(state, draft), digest, validate_only=validate_only)
            return None

        change = self.transact(decide)
        if change is None or planned is None:
            return outcome
        plan, state = planned
        return _outcome(plan, state, step(state, change), digest, validate_only=False)

    def create_inventory_entry(
        self, entry: InventoryEntry, *, reason: str = "", cause: RestatementCause | None = None
    ) -> InventoryEntry:
        """Book an entry; without an id it is named after its year, scope, category, site and business. The same again changes
        nothing. ``cause``: why it is new in a year that is closed.

        Raises:
            GoalError: it is wrong by itself or beside the others, or the year is closed and no cause is given.
            ConflictError: it is booked with other content.
        """
        entry = calculated(entry)

        def decide(state: InventoryState) -> tuple[str, Draft | None]:
            closed = state.year(entry.year).state is YearState.CLOSED
            new = (entry.id or derived_id(entry)) not in state.entries
            plan = self._plan(state, cause if closed and new else None)
            return plan.put(entry).id, plan.draft(reason=reason)

        return self._write_one(decide)

    def restate_inventory_entry(
        self,
        name: str,
        entry: InventoryEntry,
        *,
        cause: RestatementCause,
        reason: str,
        etag: str = "",
        structural_change: str = "",
    ) -> InventoryEntry:
        """The next revision of an entry, a draft; one that was withdrawn counts again. Its year, scope, category, site and business
        unit stay.

        ``structural_change``: the resource name of the change that it follows. In the base year that counts as recalculated then,
        so it must move what the change says, and the change must say nothing else.

        Raises:
            NotFoundError: there is no such entry or change.
            ConflictError: the etag is another.
            GoalError: the entry is wrong, no reason is given, or it is a line of the ledger.
        """
        entry = calculated(entry)

        def decide(state: InventoryState) -> tuple[str, Draft | None]:
            before = entry_of(state, name, etag=etag)
            if entry.id not in {"", before.id}:
                raise GoalError(f"{before.name} cannot become {entry.id[:64]!r}", key="id", advice="leave the id out")
            followed = _change_of(state, structural_change, cause)
            plan = self._plan(state, cause)
            after = plan.put(replace(entry, id=before.id))
            if followed and after.year == state.policy.base_year:
                _check_followed(state.structural_changes[followed], before, after)
            return before.id, plan.draft(reason=reason, structural_changes={before.id: followed} if followed else None)

        return self._write_one(decide)

    def withdraw_inventory_entry(self, name: str, *, cause: RestatementCause, reason: str, etag: str = "") -> InventoryEntry:
        """The entry counts no more; it stays on record.

        Raises:
            NotFoundError: there is no such entry.
            ConflictError: the etag is another.
            GoalError: no reason is given, or the entry follows a structural change.
        """

        def decide(state: InventoryState) -> tuple[str, Draft | None]:
            entry = entry_of(state, name, etag=etag)
            return entry.id, withdraw(state, entry, cause=cause, reason=reason)

        return self._write_one(decide)

    def approve_inventory_entries(self, names: Iterable[str] = (), *, year: str = "") -> list[InventoryEntry]:
        """The entries named, else all of a year, approved.

        Raises:
            GoalError: neither names nor a year, or an entry is withdrawn.
            NotFoundError: there is no such entry.
        """
        wanted = tuple(names)
        return self._write_all(wanted, year, approve)

    def verify_inventory_entries(
        self,
        names: Iterable[str] = (),
        *,
        year: str = "",
        verified_by: str,
        assurance: str,
        evidence: Sequence[str] = (),
    ) -> list[InventoryEntry]:
        """The entries named, else all of a year, verified by a third party; ``assurance`` is limited or reasonable.

        Raises:
            GoalError: as for approving; an entry is a draft; the verifier, assurance or evidence is wrong.
            NotFoundError: there is no such entry.
        """
        wanted, documents = tuple(names), tuple(evidence)
        return self._write_all(
            wanted,
            year,
            lambda entries: verify(
                entries, verified_by=verified_by, assurance=assurance, evidence=documents, kept=self.journal.has_evidence
            ),
        )

    def book_references(self, entries: Iterable[InventoryEntry], *, reason: str = "") -> list[InventoryEntry]:
        """Lines of the ledger as they were just read: booked, or restated with the cause ``ledger`` where it says otherwise now.

        For the bridge alone: nobody types these in.

        Raises:
            GoalError: an entry has no reference, or is booked from elsewhere; or it restates without a reason.
        """
        referred = tuple(entries)
        ids: list[str] = []

        def decide(changes: list[Change]) -> Draft | None:
            state = self._state_after(changes)
            plan = Plan(state, now=self.clock(), kept=self.journal.has_evidence, cause=RestatementCause.LEDGER, referred=True)
            ids[:] = [plan.put(entry).id for entry in referred]
            return plan.draft(reason=reason)

        self.transact(decide)
        state = self.inventory_state()
        return [state.entries[entry_id] for entry_id in ids]

    def list_inventory_entries(
        self,
        *,
        year: str = "",
        scope: str = "",
        category: int = 0,
        site: str = "",
        business: str = "",
        show_withdrawn: bool = False,
    ) -> list[InventoryEntry]:
        """In order of year, scope, category and id; an empty argument restricts nothing.

        Raises:
            QuantityError, GoalError: the year or the scope does not exist.
        """
        wanted = ReportingYear.parse(year) if year else None
        if scope:
            check_scope(scope)
        found = [
            entry
            for entry in self.inventory_state().entries.values()
            if (wanted is None or entry.year == wanted)
            and (not scope or entry.scope == scope)
            and (not category or entry.category == category)
            and (not site or entry.site == site)
            and (not business or entry.business == business)
            and (show_withdrawn or entry.state is not EntryState.WITHDRAWN)
        ]
        return sorted(found, key=lambda entry: (entry.year, entry.scope, entry.category or 0, entry.id))

    def get_inventory_entry(self, name: str) -> InventoryEntry:
        """The latest revision. Raises NotFoundError."""
        return entry_of(self.inventory_state(), name)

    def list_inventory_entry_revisions(self, name: str) -> list[InventoryEntry]:
        """Every revision, oldest first. Raises NotFoundError."""
        state = self.inventory_state()
        entry = entry_of(state, name)
        return [*state.earlier.get(entry.id, ()), entry]

    def list_inventory_restatements(self, *, year: str = "") -> list[InventoryRestatement]:
        """In the order in which they were written. Raises QuantityError: there is no such year."""
        wanted = ReportingYear.parse(year) if year else None
        return [one for one in self.inventory_state().restatements if wanted is None or one.year == wanted]

    def _state_after(self, changes: list[Change]) -> InventoryState:
        return self.fold(EMPTY, step).after(changes)

    def _plan(self, state: InventoryState, cause: RestatementCause | None) -> Plan:
        return Plan(state, now=self.clock(), kept=self.journal.has_evidence, cause=cause)

    def _kept(self, digest: str) -> Callable[[str], bool]:
        return lambda wanted: wanted == digest or self.journal.has_evidence(wanted)

    def _with(self, state: InventoryState, draft: Draft | None) -> InventoryState:
        """The state as it will be once a draft is written, now, by this person."""
        if draft is None:
            return state
        body = json.loads(canonical(draft.body))
        return step(state, Change(state.number + 1, self.clock(), self.actor, draft.kind, draft.reason, body, ""))

    def _write_one(self, decide: Callable[[InventoryState], tuple[str, Draft | None]]) -> InventoryEntry:
        found = ""

        def decided(changes: list[Change]) -> Draft | None:
            nonlocal found
            found, draft = decide(self._state_after(changes))
            return draft

        self.transact(decided)
        return self.inventory_state().entries[found]

    def _write_all(
        self, names: Sequence[str], year: str, decide: Callable[[list[InventoryEntry]], Draft | None]
    ) -> list[InventoryEntry]:
        wanted = ReportingYear.parse(year) if year else None
        found: list[str] = []

        def decided(changes: list[Change]) -> Draft | None:
            state = self._state_after(changes)
            entries = chosen(state, names, wanted)
            found[:] = [entry.id for entry in entries]
            return decide(entries)

        self.transact(decided)
        state = self.inventory_state()
        return [state.entries[entry_id] for entry_id in found]


def _outcome(plan: Plan, before: InventoryState, after: InventoryState, digest: str, *, validate_only: bool) -> EntryImport:
    return EntryImport(
        added=tuple(after.entries[entry.id] for entry in plan.added),
        restated=after.restatements[len(before.restatements) :],
        unchanged=len(plan.unchanged),
        evidence=digest,
        validate_only=validate_only,
    )


def _change_of(state: InventoryState, name: str, cause: RestatementCause) -> str:
    """The id of a structural change; "" where none is named."""
    if not name:
        return ""
    if cause is not RestatementCause.STRUCTURAL_CHANGE:
        message = f"a restatement for {cause} follows no structural change"
        raise GoalError(message, key="cause", advice="give the cause structural_change, or leave the change out")
    change_id = name.removeprefix("structuralChanges/")
    if change_id not in state.structural_changes:
        raise NotFoundError(f"there is no structural change {name[:128]!r}", advice="record it first")
    return change_id


def _check_followed(change: StructuralChange, before: InventoryEntry, after: InventoryEntry) -> None:
    """With this entry the base year counts as recalculated for the change, so it must be the whole of it. Raises GoalError."""
    moved = after.emissions - (Emissions() if before.state is EntryState.WITHDRAWN else before.emissions)
    only = change.effects[0] if len(change.effects) == 1 else None
    same = only is not None and only.scope == after.scope and after.category in {None, only.category}
    if only is None or not same or only.emissions != moved:
        message = f"{change.name} says something else of the base year than {moved} more of {after.name}"
        advice = "recalculate the base year: greencloud inventory base-year recalculate"
        raise GoalError(message, key="structural_change", advice=advice)
