"""Rows of a serving copy, made from segments: as lines of PostgreSQL's COPY, or added up to what they must come to.

DuckDB writes the lines, so that a posting is never a Python object: columns of ``COLUMNS`` with tabs between them, backslash,
tab, newline and carriage return escaped (PostgreSQL manual, COPY, "Text Format").

The digest of a row is the number in the first 15 hexadecimal digits of the MD5 of its columns, as text with U+001F between them,
times in microseconds since 1970. Digests add up in any order, and PostgreSQL works out the same (``digest_sql``).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Final

from greencloud.ledger.database import literal, stream, stream_arrow
from greencloud.ledger.periods import DAY_US
from greencloud.ledger.rollup_table import TEXTS
from greencloud.ledger.stop import Stop
from greencloud.ledger.sums import FLAGS_SQL, POSTED_SQL, ROW_FLAGS_SQL, ROW_SUMS_SQL, SUMS, SUMS_SQL
from greencloud.objects.objects import Objects
from greencloud.serving.schema import COLUMNS

__all__ = ["Source", "Tally", "digest_sql", "lines", "tallies"]

_LINES: Final = 16_384  # of some 250 bytes


@dataclass(frozen=True, slots=True)
class Source:
    """Segments, and which of their batches are meant; ``ids`` None: all of them. Of a day that is to be
    added up, every segment."""

    root: Path
    paths: tuple[str, ...]
    ids: tuple[str, ...] | None = None

    @property
    def files(self) -> list[Path]:
        return [self.root / path for path in self.paths]


@dataclass(frozen=True, slots=True)
class Tally:
    """What the rows of one account on a day come to: their number, their digests, and the amounts of ``SUMS``."""

    rows: int
    digest: int
    amounts: tuple[int, ...]


def lines(table: str, source: Source, objects: Objects) -> Iterator[memoryview[int]]:
    """The rows of a source for COPY into ``table`` (posting or day_sum), in blocks of some megabytes.

    Raises:
        StoreError: a segment is missing or torn.
        StoreUnavailableError: the object store does not answer.
    """
    inner, parameters = _rows(table, source)
    texts = [_escaped(name) for name in TEXTS]
    columns = [*_times(table), *texts, "flags::VARCHAR", _instant("posted_us"), *(f"{name}::VARCHAR" for name in SUMS)]
    sql = f"SELECT concat({', chr(9), '.join(columns)}, chr(10)) FROM ({inner})"  # noqa: S608 - names of ours

    def begun() -> Iterator[Any]:
        batches = stream_arrow(sql, parameters, root=source.root, rows=_LINES, stop=Stop())
        if objects.remote and len(source.paths) > 1:
            return iter(list(batches))  # files that are not open yet may leave the cache while lines are sent
        first = next(batches, None)
        return iter(()) if first is None else chain((first,), batches)

    for batch in objects.read(source.files, begun):
        column = batch.column(0)
        _, offsets, data = column.buffers()
        places = memoryview(offsets).cast("i")
        yield memoryview(data)[places[column.offset] : places[column.offset + len(column)]]


def tallies(table: str, source: Source, objects: Objects) -> dict[str, Tally]:
    """By account, what the rows of a source come to. Raises as ``lines``."""
    inner, parameters = _rows(table, source)
    sums = ", ".join(f"sum({name})" for name in SUMS)
    times = [_DAY] if table == "day_sum" else ["window_us::VARCHAR", "window_s::VARCHAR"]
    told = [*times, *TEXTS, "flags::VARCHAR", "posted_us::VARCHAR", *(f"{name}::VARCHAR" for name in SUMS)]
    digest = f"sum(('0x' || left(md5({' || chr(31) || '.join(told)}), 15))::BIGINT)"
    sql = f"SELECT account, count(*), {digest}, {sums} FROM ({inner}) GROUP BY account"  # noqa: S608 - names of ours
    found = objects.read(source.files, lambda: list(stream(sql, parameters, root=source.root)))
    return {account: Tally(rows, int(digest), tuple(map(int, amounts))) for account, rows, digest, *amounts in found}


def digest_sql(table: str) -> str:
    """The sum of the digests of rows, in PostgreSQL's SQL. Texts are as the copy has them, not ``decoded``."""
    told = [_POSTGRES.get(name, f"{name}::text") for name in COLUMNS[table]]
    return f"sum(('x' || left(md5({' || chr(31) || '.join(told)}), 15))::bit(60)::int8)"


_POSTGRES: Final = {
    name: f"((extract(epoch FROM {name}) * 1000000)::int8)::text" for name in ("window_start", "posted")
} | {"day": "to_char(day, 'YYYY-MM-DD')"}  # fmt: skip


def _rows(table: str, source: Source) -> tuple[str, list[Any]]:
    """SQL for the rows: texts as in the copy, ``posted_us``, ``flags`` and ``SUMS``; with them ``window_us`` and ``window_s``, or
    ``days`` since 1970."""
    parameters: list[Any] = [[literal(str(file)) for file in source.files]]
    where = ""
    if source.ids is not None:
        where = f"WHERE batch_id IN ({', '.join('?' * len(source.ids))})"
        parameters += source.ids
    key = ", ".join(TEXTS)
    times, flags, posted, sums, grouped = "epoch_us(window_start) AS window_us, window_s", ROW_FLAGS_SQL, _POSTED, ROW_SUMS_SQL, ""
    if table == "day_sum":
        times, flags, posted, sums = f"epoch_us(window_start) // {DAY_US} AS days", FLAGS_SQL, POSTED_SQL, SUMS_SQL
        grouped = f"GROUP BY days, {key}"
    amounts = ", ".join(f"{amount} AS {name}" for amount, name in zip(sums, SUMS, strict=True))
    inner = (
        f"SELECT {times}, {key}, {flags} AS flags, {posted} AS posted_us, {amounts} "  # noqa: S608 - names of ours
        f"FROM read_parquet(?, hive_partitioning = false) {where} {grouped}"
    )
    marked = ", ".join(f"{_marked(name)} AS {name}" for name in TEXTS)
    return f"SELECT * REPLACE ({marked}) FROM ({inner})", parameters  # noqa: S608 - as above


_POSTED: Final = "epoch_us(posted)"


def _marked(name: str) -> str:
    """A text as ``schema.encoded`` writes it."""
    return f"replace(replace({name}, chr(57344), chr(57344) || '1'), chr(0), chr(57344) || '0')"


def _escaped(name: str) -> str:
    found = f"replace({name}, '\\', '\\\\')"
    for code, letter in ((9, "t"), (10, "n"), (13, "r")):
        found = f"replace({found}, chr({code}), '\\{letter}')"
    return found


_DAY: Final = "(DATE '1970-01-01' + days::INTEGER)::VARCHAR"


def _times(table: str) -> list[str]:
    return [_DAY] if table == "day_sum" else [_instant("window_us"), "window_s::VARCHAR"]


def _instant(name: str) -> str:
    return f"make_timestamp({name})::VARCHAR || '+00'"
