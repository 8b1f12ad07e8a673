"""Reading the fields of a request: every fault is collected, so that one answer names them all."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from greencloud.errors import QuantityError
from greencloud.server.errors import RequestError
from greencloud.wire import instant_from_message

__all__ = ["Checks"]


class Checks:
    """Collects (field, what is wrong) pairs; ``done`` raises them together."""

    MOST_VALUES = 1_000
    LONGEST_VALUE = 256

    def __init__(self) -> None:
        self._violations: list[tuple[str, str]] = []

    def fault(self, field: str, text: str) -> None:
        self._violations.append((field, text))

    def done(self) -> None:
        """Raises RequestError if there was any fault."""
        if self._violations:
            raise RequestError(self._violations)

    def instant(self, request: Any, field: str, *, required: bool) -> datetime | None:
        """A timestamp field in UTC; None where it is not set."""
        if not request.HasField(field):
            if required:
                self.fault(field, "is required")
            return None
        try:
            return instant_from_message(getattr(request, field))
        except QuantityError as error:
            self.fault(field, error.message)
            return None

    def period(self, request: Any, *, required: bool) -> tuple[datetime | None, datetime | None]:
        """``start_time`` and ``end_time``, in order."""
        start = self.instant(request, "start_time", required=required)
        end = self.instant(request, "end_time", required=required)
        if start and end and start >= end:
            self.fault("end_time", "must be after start_time")
        return start, end

    def values(self, field: str, values: Sequence[str]) -> tuple[str, ...]:
        """The values of a filter, bounded in number and length, without repeats."""
        if len(values) > self.MOST_VALUES:
            self.fault(field, f"has more than {self.MOST_VALUES} values")
        elif any(len(value) > self.LONGEST_VALUE for value in values):
            self.fault(field, f"has a value of more than {self.LONGEST_VALUE} characters")
        return tuple(dict.fromkeys(values))

    def known(self, field: str, values: Sequence[str], known: Sequence[str]) -> tuple[str, ...]:
        """As ``values``, each one of those that are known."""
        found = self.values(field, values)
        for unknown in sorted(set(found) - set(known)):
            self.fault(
                field, f"there is no {field.rpartition('.')[2].removesuffix('s')} {unknown[:64]!r}; there are {', '.join(known)}"
            )
        return found

    def page_size(self, requested: int, *, default: int, most: int) -> int:
        """AIP-158: zero means the default, too many are cut to the most."""
        if requested < 0:
            self.fault("page_size", "must not be negative")
        return min(requested, most) if requested > 0 else default
