"""Records decoded into columns: the pool that usage is computed from, whatever the order in which they come.

Each record's items are judged by what the record says of its receipt, as admission judged them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from greencloud._otlp import Metrics, Traces
from greencloud.errors import DecodeError
from greencloud.telemetry.admission import decoded, record_bounds
from greencloud.telemetry.deadletter import DeadLetters
from greencloud.telemetry.place import Owner
from greencloud.telemetry.record import Record

__all__ = ["EVER", "Pool"]

EVER: Final = (0, (1 << 64) - 1)


class Pool:
    """Spans and number points of ``[first_ns, until_ns)``, with their owners."""

    def __init__(self, dead: DeadLetters, first_ns: int = 0, until_ns: int = EVER[1]) -> None:
        self.traces = Traces(first_ns=first_ns, until_ns=until_ns)
        self.metrics = Metrics(first_ns=first_ns, until_ns=until_ns)
        self._dead = dead
        self._numbers: dict[Owner, int] = {}

    @property
    def owners(self) -> list[Owner]:
        """By the number in the columns."""
        return list(self._numbers)

    def add(self, records: Iterable[Record]) -> None:
        for record in records:
            owner = self._numbers.setdefault(Owner(record.role, record.account), len(self._numbers))
            columns = self.traces if record.signal == "traces" else self.metrics
            try:
                decoded(columns, record.signal, record.payload, record_bounds(record), owner)
            except DecodeError:
                self._dead.add("a record that is not OTLP", f"{record.signal} of {record.account or 'the provider'}")
