"""GoalService: reporting years, what they add up to, the policy, and the base year."""

from __future__ import annotations

from typing import Any

from greencloud.server.book_pages import BookPages
from greencloud.server.inventory_checks import InventoryChecks
from greencloud.server.roles import Permission
from greencloud.v1 import inventory_pb2 as messages
from greencloud.wire.inventory import restatement_to_message
from greencloud.wire.inventory_years import (
    assessment_to_message,
    policy_to_message,
    structural_change_to_message,
    totals_to_message,
    year_to_message,
)

__all__ = ["YearMethods"]


class YearMethods(BookPages):
    def GetInventory(self, request: messages.GetInventoryRequest, context: Any) -> messages.Inventory:  # noqa: N802
        books = self._books(Permission.GOALS_READ)
        checks = InventoryChecks()
        year = checks.year(request, required=True)
        if request.as_of_index < 0:
            checks.fault("as_of_index", "must not be negative")
        checks.done()
        return totals_to_message(books.get_inventory(year, as_of=request.as_of_index))

    def ListInventoryYears(  # noqa: N802
        self, request: messages.ListInventoryYearsRequest, context: Any
    ) -> messages.ListInventoryYearsResponse:
        books = self._books(Permission.GOALS_READ)
        response = messages.ListInventoryYearsResponse()
        return self._page(
            request,
            response,
            InventoryChecks(),
            books=books,
            values=lambda then: then.list_inventory_years(),
            to_message=year_to_message,
        )

    def SubmitInventoryYear(  # noqa: N802
        self, request: messages.SubmitInventoryYearRequest, context: Any
    ) -> messages.SubmitInventoryYearResponse:
        books = self._books(Permission.GOALS_WRITE)
        year, reason = _year_and_reason(request)
        submitted = books.submit_inventory_year(year, reason=reason)
        return messages.SubmitInventoryYearResponse(inventory_year=year_to_message(submitted))

    def CloseInventoryYear(  # noqa: N802
        self, request: messages.CloseInventoryYearRequest, context: Any
    ) -> messages.CloseInventoryYearResponse:
        books = self._books(Permission.GOALS_APPROVE)
        year, reason = _year_and_reason(request)
        closed = books.close_inventory_year(year, reason=reason)
        return messages.CloseInventoryYearResponse(inventory_year=year_to_message(closed))

    def GetInventoryPolicy(self, request: messages.GetInventoryPolicyRequest, context: Any) -> messages.InventoryPolicy:  # noqa: N802
        return policy_to_message(self._books(Permission.GOALS_READ).get_inventory_policy())

    def UpdateInventoryPolicy(  # noqa: N802
        self, request: messages.UpdateInventoryPolicyRequest, context: Any
    ) -> messages.UpdateInventoryPolicyResponse:
        books = self._books(Permission.GOALS_WRITE)
        checks = InventoryChecks()
        policy = checks.policy(request)
        reason = checks.text(request, "reason")
        checks.done()
        updated = books.update_inventory_policy(policy, etag=request.etag, reason=reason)
        return messages.UpdateInventoryPolicyResponse(inventory_policy=policy_to_message(updated))

    def CreateStructuralChange(  # noqa: N802
        self, request: messages.CreateStructuralChangeRequest, context: Any
    ) -> messages.CreateStructuralChangeResponse:
        books = self._books(Permission.GOALS_WRITE)
        checks = InventoryChecks()
        change = checks.structural_change(request)
        checks.done()
        assert change
        created = books.create_structural_change(change)
        return messages.CreateStructuralChangeResponse(structural_change=structural_change_to_message(created))

    def ListStructuralChanges(  # noqa: N802
        self, request: messages.ListStructuralChangesRequest, context: Any
    ) -> messages.ListStructuralChangesResponse:
        books = self._books(Permission.GOALS_READ)
        response = messages.ListStructuralChangesResponse()
        return self._page(
            request,
            response,
            InventoryChecks(),
            books=books,
            values=lambda then: then.list_structural_changes(),
            to_message=structural_change_to_message,
        )

    def AssessBaseYear(  # noqa: N802
        self, request: messages.AssessBaseYearRequest, context: Any
    ) -> messages.AssessBaseYearResponse:
        assessment = self._books(Permission.GOALS_READ).assess_base_year()
        return messages.AssessBaseYearResponse(assessment=assessment_to_message(assessment))

    def RecalculateBaseYear(  # noqa: N802
        self, request: messages.RecalculateBaseYearRequest, context: Any
    ) -> messages.RecalculateBaseYearResponse:
        books = self._books(Permission.GOALS_WRITE)
        checks = InventoryChecks()
        reason = checks.text(request, "reason", required=True)
        checks.done()
        restated = books.recalculate_base_year(reason=reason)
        return messages.RecalculateBaseYearResponse(restatements=map(restatement_to_message, restated))


def _year_and_reason(request: Any) -> tuple[str, str]:
    checks = InventoryChecks()
    year, reason = checks.year(request, required=True), checks.text(request, "reason")
    checks.done()
    return year, reason
