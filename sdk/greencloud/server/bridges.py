"""GoalService: the bridge from customers' statements to the inventory. For the provider."""

from __future__ import annotations

import re
from typing import Any, Final

from greencloud.server.checks import Checks
from greencloud.server.provider_methods import ProviderMethods
from greencloud.server.roles import Permission
from greencloud.v1 import bridge_pb2 as messages
from greencloud.wire.bridges import booked_lines_to_message, bridge_to_message

__all__ = ["BridgeMethods"]

_NAME: Final = re.compile(r"inventoryYears/((?:FY)?(?:19|20|21)\d\d)")
_LONGEST_REASON: Final = 1_000


class BridgeMethods(ProviderMethods):
    """The bridge, and the lines of the ledger that the inventory books by reference."""

    def GetBridge(self, request: messages.GetBridgeRequest, context: Any) -> messages.Bridge:  # noqa: N802
        books = self._books(Permission.GOALS_READ)
        checks = Checks()
        year = _year(request.name, checks)
        checks.done()
        return bridge_to_message(books.get_bridge(year))

    def BookLedgerEntries(  # noqa: N802
        self, request: messages.BookLedgerEntriesRequest, context: Any
    ) -> messages.BookLedgerEntriesResponse:
        books = self._books(Permission.GOALS_WRITE)
        checks = Checks()
        year = _year(request.name, checks)
        if len(request.reason) > _LONGEST_REASON:
            checks.fault("reason", f"has more than {_LONGEST_REASON} characters")
        if len(request.business) > Checks.LONGEST_VALUE:
            checks.fault("business", f"has more than {Checks.LONGEST_VALUE} characters")
        checks.done()
        booked = books.book_ledger_entries(
            year, business=request.business, reason=request.reason, validate_only=request.validate_only
        )
        return booked_lines_to_message(booked)


def _year(name: str, checks: Checks) -> str:
    named = _NAME.fullmatch(name)
    if not named:
        checks.fault(
            "name", "must be inventoryYears/YEAR, as in inventoryYears/2026 or inventoryYears/FY2026" if name else "is required"
        )
        return ""
    return named[1]
