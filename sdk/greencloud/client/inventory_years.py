"""Calls of GoalService: reporting years, the policy and the base year, sync and async."""

from __future__ import annotations

from typing import TYPE_CHECKING

from greencloud.client import answers
from greencloud.client.pages import AsyncPager, Pager
from greencloud.client.provider_calls import AsyncProviderCalls, ProviderCalls
from greencloud.v1 import inventory_pb2 as messages

if TYPE_CHECKING:
    from greencloud.results.inventory import (
        BaseYearAssessment,
        InventoryPolicy,
        InventoryRestatement,
        InventoryTotals,
        InventoryYear,
        StructuralChange,
    )

__all__ = ["AsyncYearCalls", "YearCalls"]


class YearCalls(ProviderCalls):
    """Reporting years, the policy of the inventory, structural changes and the base year."""

    def get_inventory(self, year: str, *, as_of: int = 0, timeout: float | None = None) -> InventoryTotals:
        """The inventory of a year by scope and category; ``as_of`` a record of the journal, 0 for now."""
        from greencloud.wire import inventory_years as wire

        request = messages.GetInventoryRequest(
            year=year,
            as_of_index=as_of,
        )
        answer = self._call(self.raw.goal.GetInventory, request, timeout)
        return wire.totals_from_message(answer)

    def list_inventory_years(self, *, page_size: int = 0, timeout: float | None = None) -> Pager[InventoryYear]:
        """Reporting years with anything booked, and where they stand."""
        from greencloud.wire.inventory_years import year_from_message

        request = messages.ListInventoryYearsRequest(page_size=page_size)
        reader = answers.items_of("inventory_years", year_from_message)
        return Pager(self._asker(self.raw.goal.ListInventoryYears, timeout), request, reader)

    def submit_inventory_year(self, year: str, *, reason: str = "", timeout: float | None = None) -> InventoryYear:
        """Say that a year is complete."""
        from greencloud.wire import inventory_years as wire

        request = messages.SubmitInventoryYearRequest(
            year=year,
            reason=reason,
        )
        answer = self._call(self.raw.goal.SubmitInventoryYear, request, timeout)
        return wire.year_from_message(answer.inventory_year)

    def close_inventory_year(self, year: str, *, reason: str = "", timeout: float | None = None) -> InventoryYear:
        """Close a year that another has submitted: its entries change by restatement alone from then on."""
        from greencloud.wire import inventory_years as wire

        request = messages.CloseInventoryYearRequest(
            year=year,
            reason=reason,
        )
        answer = self._call(self.raw.goal.CloseInventoryYear, request, timeout)
        return wire.year_from_message(answer.inventory_year)

    def get_inventory_policy(self, *, timeout: float | None = None) -> InventoryPolicy:
        """How the provider draws up its inventory."""
        from greencloud.wire import inventory_years as wire

        request = messages.GetInventoryPolicyRequest()
        answer = self._call(self.raw.goal.GetInventoryPolicy, request, timeout)
        return wire.policy_from_message(answer)

    def update_inventory_policy(
        self, policy: InventoryPolicy, *, etag: str = "", reason: str = "", timeout: float | None = None
    ) -> InventoryPolicy:
        """Set the policy as a whole. With ``etag`` it is a ConflictError if it has another one by now."""
        from greencloud.wire import inventory_years as wire

        request = messages.UpdateInventoryPolicyRequest(
            inventory_policy=wire.policy_to_message(policy),
            etag=etag,
            reason=reason,
        )
        answer = self._call(self.raw.goal.UpdateInventoryPolicy, request, timeout)
        return wire.policy_from_message(answer.inventory_policy)

    def create_structural_change(self, change: StructuralChange, *, timeout: float | None = None) -> StructuralChange:
        """Tell of an acquisition, a divestment, or another change of what the inventory is of."""
        from greencloud.wire import inventory_years as wire

        request = messages.CreateStructuralChangeRequest(
            structural_change=wire.structural_change_to_message(change),
        )
        answer = self._call(self.raw.goal.CreateStructuralChange, request, timeout)
        return wire.structural_change_from_message(answer.structural_change)

    def list_structural_changes(self, *, page_size: int = 0, timeout: float | None = None) -> Pager[StructuralChange]:
        """Structural changes, and whether the base year was recalculated for them."""
        from greencloud.wire.inventory_years import structural_change_from_message

        request = messages.ListStructuralChangesRequest(page_size=page_size)
        reader = answers.items_of("structural_changes", structural_change_from_message)
        return Pager(self._asker(self.raw.goal.ListStructuralChanges, timeout), request, reader)

    def assess_base_year(self, *, timeout: float | None = None) -> BaseYearAssessment:
        """Whether structural changes reach the threshold from which the base year must be recalculated."""
        from greencloud.wire import inventory_years as wire

        request = messages.AssessBaseYearRequest()
        answer = self._call(self.raw.goal.AssessBaseYear, request, timeout)
        return wire.assessment_from_message(answer.assessment)

    def recalculate_base_year(self, *, reason: str, timeout: float | None = None) -> list[InventoryRestatement]:
        """Recalculate the base year for structural changes; what was restated."""
        from greencloud.wire.inventory import restatement_from_message

        request = messages.RecalculateBaseYearRequest(
            reason=reason,
        )
        answer = self._call(self.raw.goal.RecalculateBaseYear, request, timeout)
        return list(map(restatement_from_message, answer.restatements))


class AsyncYearCalls(AsyncProviderCalls):
    """Reporting years, the policy of the inventory, structural changes and the base year."""

    async def get_inventory(self, year: str, *, as_of: int = 0, timeout: float | None = None) -> InventoryTotals:
        """The inventory of a year by scope and category; ``as_of`` a record of the journal, 0 for now."""
        from greencloud.wire import inventory_years as wire

        request = messages.GetInventoryRequest(
            year=year,
            as_of_index=as_of,
        )
        answer = await self._call(self.raw.goal.GetInventory, request, timeout)
        return wire.totals_from_message(answer)

    def list_inventory_years(self, *, page_size: int = 0, timeout: float | None = None) -> AsyncPager[InventoryYear]:
        """Reporting years with anything booked, and where they stand."""
        from greencloud.wire.inventory_years import year_from_message

        request = messages.ListInventoryYearsRequest(page_size=page_size)
        reader = answers.items_of("inventory_years", year_from_message)
        return AsyncPager(self._asker(self.raw.goal.ListInventoryYears, timeout), request, reader)

    async def submit_inventory_year(self, year: str, *, reason: str = "", timeout: float | None = None) -> InventoryYear:
        """Say that a year is complete."""
        from greencloud.wire import inventory_years as wire

        request = messages.SubmitInventoryYearRequest(
            year=year,
            reason=reason,
        )
        answer = await self._call(self.raw.goal.SubmitInventoryYear, request, timeout)
        return wire.year_from_message(answer.inventory_year)

    async def close_inventory_year(self, year: str, *, reason: str = "", timeout: float | None = None) -> InventoryYear:
        """Close a year that another has submitted: its entries change by restatement alone from then on."""
        from greencloud.wire import inventory_years as wire

        request = messages.CloseInventoryYearRequest(
            year=year,
            reason=reason,
        )
        answer = await self._call(self.raw.goal.CloseInventoryYear, request, timeout)
        return wire.year_from_message(answer.inventory_year)

    async def get_inventory_policy(self, *, timeout: float | None = None) -> InventoryPolicy:
        """How the provider draws up its inventory."""
        from greencloud.wire import inventory_years as wire

        request = messages.GetInventoryPolicyRequest()
        answer = await self._call(self.raw.goal.GetInventoryPolicy, request, timeout)
        return wire.policy_from_message(answer)

    async def update_inventory_policy(
        self, policy: InventoryPolicy, *, etag: str = "", reason: str = "", timeout: float | None = None
    ) -> InventoryPolicy:
        """Set the policy as a whole. With ``etag`` it is a ConflictError if it has another one by now."""
        from greencloud.wire import inventory_years as wire

        request = messages.UpdateInventoryPolicyRequest(
            inventory_policy=wire.policy_to_message(policy),
            etag=etag,
            reason=reason,
        )
        answer = await self._call(self.raw.goal.UpdateInventoryPolicy, request, timeout)
        return wire.policy_from_message(answer.inventory_policy)

    async def create_structural_change(self, change: StructuralChange, *, timeout: float | None = None) -> StructuralChange:
        """Tell of an acquisition, a divestment, or another change of what the inventory is of."""
        from greencloud.wire import inventory_years as wire

        request = messages.CreateStructuralChangeRequest(
            structural_change=wire.structural_change_to_message(change),
        )
        answer = await self._call(self.raw.goal.CreateStructuralChange, request, timeout)
        return wire.structural_change_from_message(answer.structural_change)

    def list_structural_changes(self, *, page_size: int = 0, timeout: float | None = None) -> AsyncPager[StructuralChange]:
        """Structural changes, and whether the base year was recalculated for them."""
        from greencloud.wire.inventory_years import structural_change_from_message

        request = messages.ListStructuralChangesRequest(page_size=page_size)
        reader = answers.items_of("structural_changes", structural_change_from_message)
        return AsyncPager(self._asker(self.raw.goal.ListStructuralChanges, timeout), request, reader)

    async def assess_base_year(self, *, timeout: float | None = None) -> BaseYearAssessment:
        """Whether structural changes reach the threshold from which the base year must be recalculated."""
        from greencloud.wire import inventory_years as wire

        request = messages.AssessBaseYearRequest()
        answer = await self._call(self.raw.goal.AssessBaseYear, request, timeout)
        return wire.assessment_from_message(answer.assessment)

    async def recalculate_base_year(self, *, reason: str, timeout: float | None = None) -> list[InventoryRestatement]:
        """Recalculate the base year for structural changes; what was restated."""
        from greencloud.wire.inventory import restatement_from_message

        request = messages.RecalculateBaseYearRequest(
            reason=reason,
        )
        answer = await self._call(self.raw.goal.RecalculateBaseYear, request, timeout)
        return list(map(restatement_from_message, answer.restatements))
