"""The digest of usage: SHA-256 over what it says, whatever its chunks, encodings and offsets in memory.

For every column of the schema in order: its name, its count, then the values; of texts the lengths and then the bytes, of nullable
numbers the nulls and then the values with zero in their place. Numbers are little-endian int64.
"""

from __future__ import annotations

import hashlib
import sys
from hashlib import sha256
from struct import unpack_from
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from greencloud.errors import UsageDataError
from greencloud.usage.columns import KEY, READING_KEY, READINGS, ROWS, Usage

__all__ = ["Digest", "digest"]


def digest(usage: Usage) -> str:
    """Hexadecimal digest of canonical usage (as ``merge`` makes it)."""
    total = Digest()
    total.rows(usage.rows)
    total.readings(usage.readings)
    return total.hexdigest()


class Digest:
    """The digest of usage that comes piece by piece, in canonical order."""

    def __init__(self) -> None:
        self._rows = _Table(ROWS, KEY)
        self._readings = _Table(READINGS, READING_KEY)

    def rows(self, table: pa.Table) -> None:
        """Take the rows that come next. Raises UsageDataError where they do not come after those before."""
        self._rows.add(table)

    def readings(self, table: pa.Table) -> None:
        """Take the readings that come next. Raises as ``rows``."""
        self._readings.add(table)

    def hexdigest(self) -> str:
        """Of all that was taken."""
        total = sha256(b"greencloud usage 1\n")
        for table in (self._rows, self._readings):
            table.add_to(total)
        return total.hexdigest()


class _Table:
    def __init__(self, schema: pa.Schema, key: tuple[str, ...]) -> None:
        self._schema = schema
        self._key = key
        self._count = 0
        self._last: tuple[Any, ...] = ()
        self._columns = [(sha256(), sha256()) for _ in schema]

    def add(self, table: pa.Table) -> None:
        if not table.num_rows:
            return
        table = table.select(self._schema.names).cast(self._schema)
        first, last = (tuple(table[name][at].as_py() for name in self._key) for at in (0, table.num_rows - 1))
        if self._count and first <= self._last:
            raise UsageDataError(
                "usage comes out of order", advice="read it window by window, site by site, then by host, each once"
            )
        self._last = last
        self._count += table.num_rows
        for field, pair in zip(self._schema, self._columns, strict=True):
            (_add_texts if field.type == pa.string() else _add_numbers)(table[field.name], *pair)

    def add_to(self, total: hashlib._Hash) -> None:
        for field, (first, second) in zip(self._schema, self._columns, strict=True):
            total.update(f"{field.name} {self._count}\n".encode())
            total.update(first.digest() + second.digest())


def _add_numbers(column: pa.ChunkedArray, nulls: hashlib._Hash, values: hashlib._Hash) -> None:
    for chunk in column.chunks:
        nulls.update(_bytes(pc.cast(pc.is_null(chunk), pa.int8()), 1))
        values.update(_bytes(pc.fill_null(pc.cast(chunk, pa.int64()), 0), 8))


def _add_texts(column: pa.ChunkedArray, lengths: hashlib._Hash, values: hashlib._Hash) -> None:
    for chunk in column.chunks:
        lengths.update(_bytes(pc.cast(pc.binary_length(chunk), pa.int64()), 8))
        if len(chunk):
            _, offsets, data = chunk.buffers()
            first, last = (unpack_from("=i", offsets, 4 * (chunk.offset + at))[0] for at in (0, len(chunk)))
            values.update(memoryview(data)[first:last] if data is not None else b"")


def _bytes(array: pa.Array, width: int) -> memoryview | bytes:
    assert sys.byteorder == "little", "digests are defined on little-endian numbers"
    if not len(array):
        return b""
    return memoryview(array.buffers()[1])[array.offset * width : (array.offset + len(array)) * width]
