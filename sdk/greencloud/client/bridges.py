"""Calls of GoalService: the bridge from customers' statements to the inventory, sync and async."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from greencloud.client.provider_calls import AsyncProviderCalls, ProviderCalls
from greencloud.v1 import bridge_pb2

if TYPE_CHECKING:
    from greencloud.results.bridges import BookedLines, Bridge

__all__ = ["AsyncBridgeCalls", "BridgeCalls"]

_NAME: Final = "inventoryYears/"


class BridgeCalls(ProviderCalls):
    """The bridge, and the lines of the ledger that the inventory books by reference."""

    def get_bridge(self, year: str, *, timeout: float | None = None) -> Bridge:
        """From the sum of customers' statements to the inventory of a reporting year, as 2026 or FY2026."""
        from greencloud.wire.bridges import bridge_from_message

        request = bridge_pb2.GetBridgeRequest(name=_NAME + year)
        return bridge_from_message(self._call(self.raw.goal.GetBridge, request, timeout))

    def book_ledger_entries(
        self, year: str, *, business: str = "", reason: str = "", validate_only: bool = False, timeout: float | None = None
    ) -> BookedLines:
        """Book a year's lines of the ledger in the inventory, by reference. A reason is needed where one changed."""
        from greencloud.wire.bridges import booked_lines_from_message

        request = bridge_pb2.BookLedgerEntriesRequest(
            name=_NAME + year, business=business, reason=reason, validate_only=validate_only
        )
        return booked_lines_from_message(self._call(self.raw.goal.BookLedgerEntries, request, timeout))


class AsyncBridgeCalls(AsyncProviderCalls):
    """The bridge, and the lines of the ledger that the inventory books by reference."""

    async def get_bridge(self, year: str, *, timeout: float | None = None) -> Bridge:
        """From the sum of customers' statements to the inventory of a reporting year, as 2026 or FY2026."""
        from greencloud.wire.bridges import bridge_from_message

        request = bridge_pb2.GetBridgeRequest(name=_NAME + year)
        return bridge_from_message(await self._call(self.raw.goal.GetBridge, request, timeout))

    async def book_ledger_entries(
        self, year: str, *, business: str = "", reason: str = "", validate_only: bool = False, timeout: float | None = None
    ) -> BookedLines:
        """Book a year's lines of the ledger in the inventory, by reference. A reason is needed where one changed."""
        from greencloud.wire.bridges import booked_lines_from_message

        request = bridge_pb2.BookLedgerEntriesRequest(
            name=_NAME + year, business=business, reason=reason, validate_only=validate_only
        )
        return booked_lines_from_message(await self._call(self.raw.goal.BookLedgerEntries, request, timeout))
