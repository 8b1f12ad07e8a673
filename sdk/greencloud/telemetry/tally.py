"""The growing sums of rows and readings, and the canonical tables that they become.

Addition of integers commutes, so the tables do not depend on the order in which telemetry came. A sum that would not fit the
columns is no use of a machine but a faulty or hostile sender: its row is left out as a dead letter, so that one tenant
cannot stop everybody's allocation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import pyarrow as pa

from greencloud.telemetry.deadletter import DeadLetters
from greencloud.telemetry.place import Place
from greencloud.usage import MEASURES, READINGS, ROWS, Usage

__all__ = ["MEASURE_LIMIT", "Reading", "RowKey", "Tally"]

MEASURE_LIMIT: Final = 1 << 60


class RowKey(NamedTuple):
    """The key of a row, in the order of ``usage.KEY`` after the window, whose number stands for start and length."""

    window: int
    site: str
    host: str
    account: str
    service: str
    sku: str
    operation: str
    labels: str
    caller_account: str
    source: str
    quality: str

    @classmethod
    def of(
        cls, window: int, place: Place, account: str, *, source: str, quality: str, operation: str = "", caller: str = ""
    ) -> RowKey:
        return cls(
            window,
            place.site,
            place.host,
            account,
            place.service,
            place.sku,
            operation,
            place.labels,
            caller,
            source,
            quality,
        )


@dataclass(slots=True)
class Reading:
    """What is known of one host in one window; None is not known."""

    energy_mj: int | None = None
    busy_cpu_ns: int | None = None
    memory_byte_s: int | None = None
    covered_us: int = 0
    modelled: bool = False


@dataclass(slots=True)
class Tally:
    window_seconds: int
    rows: dict[RowKey, list[int]] = field(default_factory=dict)
    readings: dict[tuple[int, str, str], Reading] = field(default_factory=dict)

    @property
    def window_ns(self) -> int:
        return self.window_seconds * 10**9

    def add(self, key: RowKey, measure: str, amount: int) -> None:
        sums = self.rows.get(key)
        if sums is None:
            sums = self.rows[key] = [0] * len(MEASURES)
        sums[MEASURES.index(measure)] += amount

    def reading(self, window: int, site: str, host: str) -> Reading:
        return self.readings.setdefault((window, site, host), Reading())

    def usage(self, dead: DeadLetters) -> Usage:
        rows = []
        for key in sorted(self.rows):
            sums = self.rows[key]
            if max(sums) > MEASURE_LIMIT:
                dead.add("a sum too large to be use of a machine", f"account {key.account}, service {key.service}")
            elif any(sums):
                rows.append((*self._window(key.window), *key[1:], *sums))
        readings = []
        for (window, site, host), reading in sorted(self.readings.items()):
            known = (reading.energy_mj, reading.busy_cpu_ns, reading.memory_byte_s)
            if max(value or 0 for value in known) > MEASURE_LIMIT:
                dead.add("a sum too large to be use of a machine", f"host {host}")
                continue
            quality = "modelled" if reading.modelled else "measured"
            readings.append(
                (
                    *self._window(window),
                    site,
                    host,
                    reading.energy_mj,
                    reading.covered_us,
                    reading.busy_cpu_ns,
                    reading.memory_byte_s,
                    quality,
                )
            )
        return Usage(_table(rows, ROWS), _table(readings, READINGS))

    def _window(self, number: int) -> tuple[int, int]:
        return number * self.window_seconds * 1_000_000, self.window_seconds


def _table(rows: Sequence[tuple[object, ...]], schema: pa.Schema) -> pa.Table:
    columns = zip(*rows, strict=True) if rows else ([] for _ in schema)
    return pa.table([pa.array(column, kind) for column, kind in zip(columns, schema.types, strict=True)], schema=schema)
