"""The growing sums of rows and readings, and the canonical tables that they become.

Addition of integers commutes, so the tables do not depend on the order in which telemetry came. A sum that would not fit the
columns is no use of a machine but a faulty or hostile sender: its row is left out as a dead letter, so that one tenant
cannot stop everybody's allocation.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import Final, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from greencloud.telemetry.deadletter import DeadLetters
from greencloud.telemetry.place import Place
from greencloud.units import INT64_MAX
from greencloud.usage import KEY, MEASURES, READINGS, ROWS, Usage

__all__ = ["MEASURE_LIMIT", "Reading", "RowKey", "Tally", "credible"]

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
    _tables: list[pa.Table] = field(default_factory=list)

    @property
    def window_ns(self) -> int:
        return self.window_seconds * 10**9

    def add(self, key: RowKey, measure: str, amount: int) -> None:
        sums = self.rows.get(key)
        if sums is None:
            sums = self.rows[key] = [0] * len(MEASURES)
        sums[MEASURES.index(measure)] += amount

    def add_columns(self, window: pa.Array, columns: Mapping[str, pa.Array]) -> None:
        """Rows in canonical order and without repeats, as columns; what is not among them is zero, "tenant" or the window's length.

        No sum is beyond ``MEASURE_LIMIT + 1``, which stands for all that is; of a part of the rows there may be larger ones.
        """
        start = pc.multiply(window, self.window_seconds * 1_000_000).cast(ROWS.field("window_start").type)
        whole = {
            "window_start": start,
            "window_s": self.window_seconds,
            "source": "tenant",
            **dict.fromkeys(MEASURES, 0),
            **columns,
        }
        self._tables.append(
            pa.table(
                [
                    value if isinstance(value, pa.Array | pa.ChunkedArray) else pa.repeat(pa.scalar(value, field.type), len(window))
                    for field, value in ((field, whole[field.name]) for field in ROWS)
                ],
                schema=ROWS,
            )
        )

    def reading(self, window: int, site: str, host: str) -> Reading:
        return self.readings.setdefault((window, site, host), Reading())

    def usage(self, dead: DeadLetters) -> Usage:
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
        return Usage(self._rows(dead), _table(readings, READINGS))

    def partial(self) -> pa.Table:
        """The rows as a part of what tells of their windows: in no order, keys may repeat, and no sum is too large to be told.

        Amounts beyond 64 bits are the largest that there is; ``greencloud.telemetry.whole`` makes rows of parts.
        """
        limited = [
            (*self._window(key.window), *key[1:], *(min(amount, INT64_MAX) for amount in sums)) for key, sums in self.rows.items()
        ]
        return pa.concat_tables([*self._tables, _table(limited, ROWS)])

    def _rows(self, dead: DeadLetters) -> pa.Table:
        limited = (
            (*self._window(key.window), *key[1:], *(min(amount, MEASURE_LIMIT + 1) for amount in self.rows[key]))
            for key in sorted(self.rows)
        )
        tables = [*self._tables, _table(list(limited), ROWS)]
        tables = [table for table in tables if table.num_rows] or tables[:1]
        return credible(tables[0] if len(tables) == 1 else _merged(tables), dead)

    def _window(self, number: int) -> tuple[int, int]:
        return number * self.window_seconds * 1_000_000, self.window_seconds


def credible(table: pa.Table, dead: DeadLetters) -> pa.Table:
    """The rows that hold anything, without those of which a sum is beyond ``MEASURE_LIMIT``."""
    large = _any(pc.greater(table[measure], MEASURE_LIMIT) for measure in MEASURES)
    if pc.any(large).as_py():
        for row in table.select(["account", "service"]).filter(large).to_pylist():
            dead.add("a sum too large to be use of a machine", f"account {row['account']}, service {row['service']}")
    some = _any(pc.not_equal(table[measure], 0) for measure in MEASURES)
    return table.filter(pc.and_not(some, large)).combine_chunks()


def _table(rows: Sequence[tuple[object, ...]], schema: pa.Schema) -> pa.Table:
    columns = zip(*rows, strict=True) if rows else ([] for _ in schema)
    return pa.table([pa.array(column, kind) for column, kind in zip(columns, schema.types, strict=True)], schema=schema)


def _merged(tables: list[pa.Table]) -> pa.Table:
    """Rows of several tables in canonical order, those of one key added up: each amount is small enough for that."""
    sums = pa.concat_tables(tables).group_by(list(KEY), use_threads=False).aggregate([(measure, "sum") for measure in MEASURES])
    table = sums.select([*KEY, *(f"{measure}_sum" for measure in MEASURES)]).rename_columns(ROWS.names).cast(ROWS)
    return table.sort_by([(name, "ascending") for name in KEY])


def _any(columns: Iterable[pa.ChunkedArray]) -> pa.ChunkedArray:
    return reduce(pc.or_, columns)
