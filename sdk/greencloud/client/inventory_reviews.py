"""Calls of GoalService: who stands for inventory entries, and what became of them, sync and async."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from greencloud.client import answers
from greencloud.client.names import several
from greencloud.client.pages import AsyncPager, Pager
from greencloud.client.provider_calls import AsyncProviderCalls, ProviderCalls
from greencloud.v1 import inventory_pb2 as messages

if TYPE_CHECKING:
    from greencloud.results.inventory import InventoryEntry, InventoryRestatement

__all__ = ["AsyncReviewCalls", "ReviewCalls"]


class ReviewCalls(ProviderCalls):
    """Approval and verification of inventory entries, and their restatements."""

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

    def list_inventory_restatements(
        self, *, year: str = "", page_size: int = 0, timeout: float | None = None
    ) -> Pager[InventoryRestatement]:
        """What was restated, in the order in which it was."""
        from greencloud.wire.inventory import restatement_from_message

        request = messages.ListInventoryRestatementsRequest(year=year, page_size=page_size)
        reader = answers.items_of("restatements", restatement_from_message)
        return Pager(self._asker(self.raw.goal.ListInventoryRestatements, timeout), request, reader)


class AsyncReviewCalls(AsyncProviderCalls):
    """Approval and verification of inventory entries, and their restatements."""

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

    def list_inventory_restatements(
        self, *, year: str = "", page_size: int = 0, timeout: float | None = None
    ) -> AsyncPager[InventoryRestatement]:
        """What was restated, in the order in which it was."""
        from greencloud.wire.inventory import restatement_from_message

        request = messages.ListInventoryRestatementsRequest(year=year, page_size=page_size)
        reader = answers.items_of("restatements", restatement_from_message)
        return AsyncPager(self._asker(self.raw.goal.ListInventoryRestatements, timeout), request, reader)
