"""Reading what requests say of the inventory: names, years, causes, entries. Faults are told by the field."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final, TypeVar

from greencloud.errors import QuantityError
from greencloud.results.inventory import (
    InventoryEntry,
    InventoryPolicy,
    RestatementCause,
    StructuralChange,
)
from greencloud.results.reporting_year import ReportingYear
from greencloud.server.checks import Checks
from greencloud.wire.inventory import CAUSES, ENTRIES, entry_from_message, word_of
from greencloud.wire.inventory_years import CHANGES, EVIDENCE, policy_from_message, structural_change_from_message

__all__ = ["InventoryChecks"]

T = TypeVar("T")

_EVIDENCE: Final = re.compile(f"{EVIDENCE}([0-9a-f]{{64}})")
_LONGEST_TEXT: Final = 4_000


class InventoryChecks(Checks):
    """``Checks`` with the words of the inventory. What a method gives counts only after ``done``."""

    def text(self, request: Any, field: str, *, required: bool = False) -> str:
        """Words of the caller, bounded."""
        text: str = getattr(request, field)
        if required and not text.strip():
            self.fault(field, "is required")
        elif len(text) > _LONGEST_TEXT:
            self.fault(field, f"has more than {_LONGEST_TEXT} characters")
        return text

    def resource(self, request: Any, field: str, prefix: str, *, required: bool = True) -> str:
        """A resource name that begins with ``prefix``."""
        name: str = getattr(request, field)
        if not name and not required:
            return name
        if not name.startswith(prefix) or not prefix < name or len(name) > self.LONGEST_VALUE:
            self.fault(field, f"must be {prefix}..., at most {self.LONGEST_VALUE} characters" if name else "is required")
        return name

    def names(self, request: Any) -> tuple[str, ...]:
        """Names of entries."""
        found = self.values("names", request.names)
        if any(not name.startswith(ENTRIES) or name == ENTRIES for name in found):
            self.fault("names", f"must each be {ENTRIES}...")
        return found

    def year(self, request: Any, *, required: bool = False) -> str:
        """A reporting year as its text."""
        text: str = request.year
        if not text:
            if required:
                self.fault("year", "is required")
            return ""
        try:
            return str(ReportingYear.parse(text))
        except QuantityError as error:
            self.fault("year", f"{error.message}; {error.advice}")
            return ""

    def cause(self, request: Any, field: str) -> RestatementCause:
        """A cause; it is required."""
        number: int = getattr(request, field)
        if not number:
            self.fault(field, "is required")
            return RestatementCause.ERROR
        return self._read(field, lambda: word_of(number, CAUSES, field)) or RestatementCause.ERROR

    def evidence(self, request: Any) -> str:
        """The SHA-256 in the name of a document."""
        found = _EVIDENCE.fullmatch(request.name)
        if not found:
            self.fault("name", f"must be {EVIDENCE}SHA-256, in 64 hexadecimal digits" if request.name else "is required")
            return ""
        return found[1]

    def entry(self, request: Any) -> InventoryEntry | None:
        """An entry as it is stated. What the books know better (who made it, its state) they leave aside themselves."""
        field = "inventory_entry"
        if not request.HasField(field):
            self.fault(field, "is required")
            return None
        message = request.inventory_entry
        if message.HasField("reference"):
            self.fault(f"{field}.reference", "is read from the ledger when it is booked, and never given")
        if not message.HasField("emissions") and not message.HasField("activity"):
            self.fault(f"{field}.emissions", "is required where no activity is given: what is not known is not booked")
        return self._read(field, lambda: entry_from_message(message))

    def policy(self, request: Any) -> InventoryPolicy:
        field = "inventory_policy"
        if not request.HasField(field):
            self.fault(field, "is required")
            return InventoryPolicy()
        return self._read(field, lambda: policy_from_message(request.inventory_policy)) or InventoryPolicy()

    def structural_change(self, request: Any) -> StructuralChange | None:
        field = "structural_change"
        if not request.HasField(field):
            self.fault(field, "is required")
            return None
        message = request.structural_change
        if not message.HasField("effective_time"):
            self.fault(f"{field}.effective_time", "is required")
        for place, each in enumerate(message.effects):
            if not each.HasField("emissions"):
                self.fault(f"{field}.effects[{place}].emissions", "is required")
        if message.name and not message.name.startswith(CHANGES):
            self.fault(f"{field}.name", f"must be {CHANGES}...")
        return self._read(field, lambda: structural_change_from_message(message))

    def _read(self, field: str, read: Callable[[], T]) -> T | None:
        try:
            return read()
        except QuantityError as error:
            self.fault(field, "; ".join(filter(None, (error.message, error.advice))))
            return None
