"""GoalService: entries of the inventory, one by one or from a file, and their restatements."""

from __future__ import annotations

import threading
from typing import Any, Final

from greencloud.server.book_pages import BookPages
from greencloud.server.errors import BusyError
from greencloud.server.inventory_checks import InventoryChecks
from greencloud.server.roles import Permission
from greencloud.v1 import inventory_pb2 as messages
from greencloud.wire.inventory import ENTRIES, entry_to_message, import_to_message, restatement_to_message
from greencloud.wire.inventory_years import CHANGES

__all__ = ["EntryMethods"]

_MOST_BYTES: Final = 16 << 20

_reading: Final = threading.Lock()


class EntryMethods(BookPages):
    def ImportInventoryEntries(  # noqa: N802
        self, request: messages.ImportInventoryEntriesRequest, context: Any
    ) -> messages.ImportInventoryEntriesResponse:
        books = self._books(Permission.GOALS_WRITE)
        checks = InventoryChecks()
        if not request.content:
            checks.fault("content", "is required")
        elif len(request.content) > _MOST_BYTES:
            checks.fault("content", f"has more than {_MOST_BYTES >> 20} MiB; send a file for each year or scope")
        name = checks.text(request, "file_name", required=True)
        if name and not name.lower().endswith((".csv", ".xlsx")):
            checks.fault("file_name", "must end in .csv or .xlsx")
        reason = checks.text(request, "reason")
        cause = checks.cause(request, "restatement_cause") if request.restatement_cause else None
        checks.done()
        if not _reading.acquire(blocking=False):  # a file takes seconds of one core
            raise BusyError("another file of entries is being read", cause="inventory files")
        try:
            done = books.import_inventory_entries(
                request.content, file_name=name, reason=reason, restate=cause, validate_only=request.validate_only
            )
        finally:
            _reading.release()
        return import_to_message(done)

    def CreateInventoryEntry(  # noqa: N802
        self, request: messages.CreateInventoryEntryRequest, context: Any
    ) -> messages.CreateInventoryEntryResponse:
        books = self._books(Permission.GOALS_WRITE)
        checks = InventoryChecks()
        entry = checks.entry(request)
        reason = checks.text(request, "reason")
        checks.done()
        assert entry
        booked = books.create_inventory_entry(entry, reason=reason)
        return messages.CreateInventoryEntryResponse(inventory_entry=entry_to_message(booked))

    def RestateInventoryEntry(  # noqa: N802
        self, request: messages.RestateInventoryEntryRequest, context: Any
    ) -> messages.RestateInventoryEntryResponse:
        books = self._books(Permission.GOALS_WRITE)
        checks = InventoryChecks()
        name = checks.resource(request, "name", ENTRIES)
        entry = checks.entry(request)
        if entry and entry.id and entry.name != name:
            checks.fault("inventory_entry.name", "is of another entry; leave it out")
        cause = checks.cause(request, "cause")
        reason = checks.text(request, "reason", required=True)
        change = checks.resource(request, "structural_change", CHANGES, required=False)
        checks.done()
        assert entry
        booked = books.restate_inventory_entry(name, entry, cause=cause, reason=reason, etag=request.etag, structural_change=change)
        return messages.RestateInventoryEntryResponse(inventory_entry=entry_to_message(booked))

    def WithdrawInventoryEntry(  # noqa: N802
        self, request: messages.WithdrawInventoryEntryRequest, context: Any
    ) -> messages.WithdrawInventoryEntryResponse:
        books = self._books(Permission.GOALS_WRITE)
        checks = InventoryChecks()
        name = checks.resource(request, "name", ENTRIES)
        cause = checks.cause(request, "cause")
        reason = checks.text(request, "reason", required=True)
        checks.done()
        withdrawn = books.withdraw_inventory_entry(name, cause=cause, reason=reason, etag=request.etag)
        return messages.WithdrawInventoryEntryResponse(inventory_entry=entry_to_message(withdrawn))

    def ApproveInventoryEntries(  # noqa: N802
        self, request: messages.ApproveInventoryEntriesRequest, context: Any
    ) -> messages.ApproveInventoryEntriesResponse:
        books = self._books(Permission.GOALS_APPROVE)
        checks = InventoryChecks()
        names, year = checks.names(request), checks.year(request)
        if bool(names) == bool(request.year):
            checks.fault("names", "give either names or a year")
        checks.done()
        approved = books.approve_inventory_entries(names, year=year)
        return messages.ApproveInventoryEntriesResponse(inventory_entries=map(entry_to_message, approved))

    def VerifyInventoryEntries(  # noqa: N802
        self, request: messages.VerifyInventoryEntriesRequest, context: Any
    ) -> messages.VerifyInventoryEntriesResponse:
        books = self._books(Permission.GOALS_APPROVE)
        checks = InventoryChecks()
        names, year = checks.names(request), checks.year(request)
        verified_by = checks.text(request, "verified_by", required=True)
        assurance = checks.text(request, "assurance", required=True)
        evidence = checks.values("evidence", request.evidence)
        checks.done()
        if bool(names) == bool(year):
            checks.fault("names", "give either names or a year")
        checks.done()
        verified = books.verify_inventory_entries(names, year=year, verified_by=verified_by, assurance=assurance, evidence=evidence)
        return messages.VerifyInventoryEntriesResponse(inventory_entries=map(entry_to_message, verified))

    def ListInventoryEntries(  # noqa: N802
        self, request: messages.ListInventoryEntriesRequest, context: Any
    ) -> messages.ListInventoryEntriesResponse:
        books = self._books(Permission.GOALS_READ)
        checks = InventoryChecks()
        year = checks.year(request)
        words = {field: checks.text(request, field) for field in ("scope", "site", "business")}
        if not 0 <= request.category <= 15:
            checks.fault("category", "must be 1 to 15, or 0 for all")
        return self._page(
            request,
            messages.ListInventoryEntriesResponse(),
            checks,
            books=books,
            values=lambda then: then.list_inventory_entries(
                year=year, category=request.category, show_withdrawn=request.show_withdrawn, **words
            ),
            to_message=entry_to_message,
        )

    def GetInventoryEntry(self, request: messages.GetInventoryEntryRequest, context: Any) -> messages.InventoryEntry:  # noqa: N802
        books = self._books(Permission.GOALS_READ)
        checks = InventoryChecks()
        name = checks.resource(request, "name", ENTRIES)
        checks.done()
        return entry_to_message(books.get_inventory_entry(name))

    def ListInventoryEntryRevisions(  # noqa: N802
        self, request: messages.ListInventoryEntryRevisionsRequest, context: Any
    ) -> messages.ListInventoryEntryRevisionsResponse:
        books = self._books(Permission.GOALS_READ)
        checks = InventoryChecks()
        name = checks.resource(request, "name", ENTRIES)
        return self._page(
            request,
            messages.ListInventoryEntryRevisionsResponse(),
            checks,
            books=books,
            values=lambda then: then.list_inventory_entry_revisions(name),
            to_message=entry_to_message,
        )

    def ListInventoryRestatements(  # noqa: N802
        self, request: messages.ListInventoryRestatementsRequest, context: Any
    ) -> messages.ListInventoryRestatementsResponse:
        books = self._books(Permission.GOALS_READ)
        checks = InventoryChecks()
        year = checks.year(request)
        return self._page(
            request,
            messages.ListInventoryRestatementsResponse(),
            checks,
            books=books,
            values=lambda then: then.list_inventory_restatements(year=year),
            to_message=restatement_to_message,
        )
