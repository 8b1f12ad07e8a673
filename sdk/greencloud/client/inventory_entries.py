"""Calls of GoalService: inventory entries and their restatements, sync and async."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from greencloud.client import answers
from greencloud.client.calls import LONG_TIMEOUT_S
from greencloud.client.inventory_records import bounded
from greencloud.client.names import several
from greencloud.client.pages import AsyncPager, Pager
from greencloud.client.provider_calls import AsyncProviderCalls, ProviderCalls
from greencloud.v1 import inventory_pb2 as messages

if TYPE_CHECKING:
    from greencloud.results.inventory import EntryImport, InventoryEntry, InventoryRestatement, RestatementCause

__all__ = ["AsyncEntryCalls", "EntryCalls"]


class EntryCalls(ProviderCalls):
    """Inventory entries, one by one or from a file, and their restatements."""

    def import_inventory_entries(
        self,
        content: bytes,
        *,
        file_name: str,
        reason: str = "",
        restate: RestatementCause | None = None,
        validate_only: bool = False,
        timeout: float = LONG_TIMEOUT_S,
    ) -> EntryImport:
        """Book the entries of a CSV file or workbook of at most 16 MiB, or say what is wrong with it: then nothing is booked.

        Amounts that are others than those booked need ``restate``, a cause, and a reason. ``validate_only`` books nothing.
        """
        from greencloud.wire import inventory as wire

        request = messages.ImportInventoryEntriesRequest(
            content=bounded(content, 16),
            file_name=file_name,
            reason=reason,
            restatement_cause=restate and wire.number_of(restate, wire.CAUSES, "cause"),
            validate_only=validate_only,
        )
        answer = self._call(self.raw.goal.ImportInventoryEntries, request, timeout)
        return wire.import_from_message(answer)

    def create_inventory_entry(self, entry: InventoryEntry, *, reason: str = "", timeout: float | None = None) -> InventoryEntry:
        """Book an entry; without an id it gets one. One that is there with the same content is given back."""
        from greencloud.wire import inventory as wire

        request = messages.CreateInventoryEntryRequest(
            inventory_entry=wire.entry_to_message(entry),
            reason=reason,
        )
        answer = self._call(self.raw.goal.CreateInventoryEntry, request, timeout)
        return wire.entry_from_message(answer.inventory_entry)

    def restate_inventory_entry(
        self,
        name: str,
        entry: InventoryEntry,
        *,
        cause: RestatementCause,
        reason: str,
        etag: str = "",
        structural_change: str = "",
        timeout: float | None = None,
    ) -> InventoryEntry:
        """Replace an entry by another revision. With ``etag`` it is a ConflictError if the entry has another one by now."""
        from greencloud.wire import inventory as wire

        request = messages.RestateInventoryEntryRequest(
            name=name,
            inventory_entry=wire.entry_to_message(entry),
            cause=wire.number_of(cause, wire.CAUSES, "cause"),
            reason=reason,
            etag=etag,
            structural_change=structural_change,
        )
        answer = self._call(self.raw.goal.RestateInventoryEntry, request, timeout)
        return wire.entry_from_message(answer.inventory_entry)

    def withdraw_inventory_entry(
        self, name: str, *, cause: RestatementCause, reason: str, etag: str = "", timeout: float | None = None
    ) -> InventoryEntry:
        """Take an entry out of every total; it stays on record."""
        from greencloud.wire import inventory as wire

        request = messages.WithdrawInventoryEntryRequest(
            name=name,
            cause=wire.number_of(cause, wire.CAUSES, "cause"),
            reason=reason,
            etag=etag,
        )
        answer = self._call(self.raw.goal.WithdrawInventoryEntry, request, timeout)
        return wire.entry_from_message(answer.inventory_entry)

    def approve_inventory_entries(
        self, names: Iterable[str] = (), *, year: str = "", timeout: float | None = None
    ) -> list[InventoryEntry]:
        """Approve entries, by name or all drafts of a year; those that were approved."""
        from greencloud.wire import inventory as wire

        request = messages.ApproveInventoryEntriesRequest(
            names=several("names", names),
            year=year,
        )
        answer = self._call(self.raw.goal.ApproveInventoryEntries, request, timeout)
        return list(map(wire.entry_from_message, answer.inventory_entries))

    def verify_inventory_entries(
        self,
        names: Iterable[str] = (),
        *,
        year: str = "",
        verified_by: str,
        assurance: str,
        evidence: Iterable[str] = (),
        timeout: float | None = None,
    ) -> list[InventoryEntry]:
        """Note that a third party has verified entries, with ``limited`` or ``reasonable`` assurance; those that were."""
        from greencloud.wire import inventory as wire

        request = messages.VerifyInventoryEntriesRequest(
            names=several("names", names),
            year=year,
            verified_by=verified_by,
            assurance=assurance,
            evidence=several("evidence", evidence),
        )
        answer = self._call(self.raw.goal.VerifyInventoryEntries, request, timeout)
        return list(map(wire.entry_from_message, answer.inventory_entries))

    def list_inventory_entries(
        self,
        *,
        year: str = "",
        scope: str = "",
        category: int = 0,
        site: str = "",
        business: str = "",
        show_withdrawn: bool = False,
        page_size: int = 0,
        timeout: float | None = None,
    ) -> Pager[InventoryEntry]:
        """Entries in their latest revisions; what is not given is not filtered by."""
        from greencloud.wire.inventory import entry_from_message

        request = messages.ListInventoryEntriesRequest(
            year=year,
            scope=scope,
            category=category,
            site=site,
            business=business,
            show_withdrawn=show_withdrawn,
            page_size=page_size,
        )
        reader = answers.items_of("inventory_entries", entry_from_message)
        return Pager(self._asker(self.raw.goal.ListInventoryEntries, timeout), request, reader)

    def get_inventory_entry(self, name: str, *, timeout: float | None = None) -> InventoryEntry:
        """An entry in its latest revision."""
        from greencloud.wire import inventory as wire

        request = messages.GetInventoryEntryRequest(
            name=name,
        )
        answer = self._call(self.raw.goal.GetInventoryEntry, request, timeout)
        return wire.entry_from_message(answer)

    def list_inventory_entry_revisions(
        self, name: str, *, page_size: int = 0, timeout: float | None = None
    ) -> Pager[InventoryEntry]:
        """Every revision of an entry, the first one first."""
        from greencloud.wire.inventory import entry_from_message

        request = messages.ListInventoryEntryRevisionsRequest(name=name, page_size=page_size)
        reader = answers.items_of("inventory_entries", entry_from_message)
        return Pager(self._asker(self.raw.goal.ListInventoryEntryRevisions, timeout), request, reader)

    def list_inventory_restatements(
        self, *, year: str = "", page_size: int = 0, timeout: float | None = None
    ) -> Pager[InventoryRestatement]:
        """What was restated, in the order in which it was."""
        from greencloud.wire.inventory import restatement_from_message

        request = messages.ListInventoryRestatementsRequest(year=year, page_size=page_size)
        reader = answers.items_of("restatements", restatement_from_message)
        return Pager(self._asker(self.raw.goal.ListInventoryRestatements, timeout), request, reader)


class AsyncEntryCalls(AsyncProviderCalls):
    """Inventory entries, one by one or from a file, and their restatements."""

    async def import_inventory_entries(
        self,
        content: bytes,
        *,
        file_name: str,
        reason: str = "",
        restate: RestatementCause | None = None,
        validate_only: bool = False,
        timeout: float = LONG_TIMEOUT_S,
    ) -> EntryImport:
        """Book the entries of a CSV file or workbook of at most 16 MiB, or say what is wrong with it: then nothing is booked.

        Amounts that are others than those booked need ``restate``, a cause, and a reason. ``validate_only`` books nothing.
        """
        from greencloud.wire import inventory as wire

        request = messages.ImportInventoryEntriesRequest(
            content=bounded(content, 16),
            file_name=file_name,
            reason=reason,
            restatement_cause=restate and wire.number_of(restate, wire.CAUSES, "cause"),
            validate_only=validate_only,
        )
        answer = await self._call(self.raw.goal.ImportInventoryEntries, request, timeout)
        return wire.import_from_message(answer)

    async def create_inventory_entry(
        self, entry: InventoryEntry, *, reason: str = "", timeout: float | None = None
    ) -> InventoryEntry:
        """Book an entry; without an id it gets one. One that is there with the same content is given back."""
        from greencloud.wire import inventory as wire

        request = messages.CreateInventoryEntryRequest(
            inventory_entry=wire.entry_to_message(entry),
            reason=reason,
        )
        answer = await self._call(self.raw.goal.CreateInventoryEntry, request, timeout)
        return wire.entry_from_message(answer.inventory_entry)

    async def restate_inventory_entry(
        self,
        name: str,
        entry: InventoryEntry,
        *,
        cause: RestatementCause,
        reason: str,
        etag: str = "",
        structural_change: str = "",
        timeout: float | None = None,
    ) -> InventoryEntry:
        """Replace an entry by another revision. With ``etag`` it is a ConflictError if the entry has another one by now."""
        from greencloud.wire import inventory as wire

        request = messages.RestateInventoryEntryRequest(
            name=name,
            inventory_entry=wire.entry_to_message(entry),
            cause=wire.number_of(cause, wire.CAUSES, "cause"),
            reason=reason,
            etag=etag,
            structural_change=structural_change,
        )
        answer = await self._call(self.raw.goal.RestateInventoryEntry, request, timeout)
        return wire.entry_from_message(answer.inventory_entry)

    async def withdraw_inventory_entry(
        self, name: str, *, cause: RestatementCause, reason: str, etag: str = "", timeout: float | None = None
    ) -> InventoryEntry:
        """Take an entry out of every total; it stays on record."""
        from greencloud.wire import inventory as wire

        request = messages.WithdrawInventoryEntryRequest(
            name=name,
            cause=wire.number_of(cause, wire.CAUSES, "cause"),
            reason=reason,
            etag=etag,
        )
        answer = await self._call(self.raw.goal.WithdrawInventoryEntry, request, timeout)
        return wire.entry_from_message(answer.inventory_entry)

    async def approve_inventory_entries(
        self, names: Iterable[str] = (), *, year: str = "", timeout: float | None = None
    ) -> list[InventoryEntry]:
        """Approve entries, by name or all drafts of a year; those that were approved."""
        from greencloud.wire import inventory as wire

        request = messages.ApproveInventoryEntriesRequest(
            names=several("names", names),
            year=year,
        )
        answer = await self._call(self.raw.goal.ApproveInventoryEntries, request, timeout)
        return list(map(wire.entry_from_message, answer.inventory_entries))

    async def verify_inventory_entries(
        self,
        names: Iterable[str] = (),
        *,
        year: str = "",
        verified_by: str,
        assurance: str,
        evidence: Iterable[str] = (),
        timeout: float | None = None,
    ) -> list[InventoryEntry]:
        """Note that a third party has verified entries, with ``limited`` or ``reasonable`` assurance; those that were."""
        from greencloud.wire import inventory as wire

        request = messages.VerifyInventoryEntriesRequest(
            names=several("names", names),
            year=year,
            verified_by=verified_by,
            assurance=assurance,
            evidence=several("evidence", evidence),
        )
        answer = await self._call(self.raw.goal.VerifyInventoryEntries, request, timeout)
        return list(map(wire.entry_from_message, answer.inventory_entries))

    def list_inventory_entries(
        self,
        *,
        year: str = "",
        scope: str = "",
        category: int = 0,
        site: str = "",
        business: str = "",
        show_withdrawn: bool = False,
        page_size: int = 0,
        timeout: float | None = None,
    ) -> AsyncPager[InventoryEntry]:
        """Entries in their latest revisions; what is not given is not filtered by."""
        from greencloud.wire.inventory import entry_from_message

        request = messages.ListInventoryEntriesRequest(
            year=year,
            scope=scope,
            category=category,
            site=site,
            business=business,
            show_withdrawn=show_withdrawn,
            page_size=page_size,
        )
        reader = answers.items_of("inventory_entries", entry_from_message)
        return AsyncPager(self._asker(self.raw.goal.ListInventoryEntries, timeout), request, reader)

    async def get_inventory_entry(self, name: str, *, timeout: float | None = None) -> InventoryEntry:
        """An entry in its latest revision."""
        from greencloud.wire import inventory as wire

        request = messages.GetInventoryEntryRequest(
            name=name,
        )
        answer = await self._call(self.raw.goal.GetInventoryEntry, request, timeout)
        return wire.entry_from_message(answer)

    def list_inventory_entry_revisions(
        self, name: str, *, page_size: int = 0, timeout: float | None = None
    ) -> AsyncPager[InventoryEntry]:
        """Every revision of an entry, the first one first."""
        from greencloud.wire.inventory import entry_from_message

        request = messages.ListInventoryEntryRevisionsRequest(name=name, page_size=page_size)
        reader = answers.items_of("inventory_entries", entry_from_message)
        return AsyncPager(self._asker(self.raw.goal.ListInventoryEntryRevisions, timeout), request, reader)

    def list_inventory_restatements(
        self, *, year: str = "", page_size: int = 0, timeout: float | None = None
    ) -> AsyncPager[InventoryRestatement]:
        """What was restated, in the order in which it was."""
        from greencloud.wire.inventory import restatement_from_message

        request = messages.ListInventoryRestatementsRequest(year=year, page_size=page_size)
        reader = answers.items_of("restatements", restatement_from_message)
        return AsyncPager(self._asker(self.raw.goal.ListInventoryRestatements, timeout), request, reader)
