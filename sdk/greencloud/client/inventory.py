"""Calls of GoalService: inventory entries, years, policy, evidence and the journal, sync and async."""

from __future__ import annotations

from greencloud.client.inventory_entries import AsyncEntryCalls, EntryCalls
from greencloud.client.inventory_records import AsyncRecordCalls, RecordCalls
from greencloud.client.inventory_years import AsyncYearCalls, YearCalls

__all__ = ["AsyncInventoryCalls", "InventoryCalls"]


class InventoryCalls(EntryCalls, YearCalls, RecordCalls):
    """Inventory entries, years, policy, evidence and the journal."""


class AsyncInventoryCalls(AsyncEntryCalls, AsyncYearCalls, AsyncRecordCalls):
    """Inventory entries, years, policy, evidence and the journal."""
