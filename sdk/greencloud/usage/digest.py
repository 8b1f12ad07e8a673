"""The digest of usage: SHA-256 over what it says, whatever its chunks, encodings and offsets in memory.

For every column of the schema in order: its name, its count, then the values; of texts the lengths and then the bytes, of nullable
numbers the nulls and then the values with zero in their place. Numbers are little-endian int64.
"""

from __future__ import annotations

import sys
from hashlib import sha256
from struct import unpack_from

import pyarrow as pa
import pyarrow.compute as pc

from greencloud.usage.columns import READINGS, ROWS, Usage

__all__ = ["digest"]


def digest(usage: Usage) -> str:
    """Hexadecimal digest of canonical usage (as ``merge`` makes it)."""
    total = sha256(b"greencloud usage 1\n")
    for schema, table in ((ROWS, usage.rows), (READINGS, usage.readings)):
        table = table.select(schema.names).cast(schema)  # noqa: PLW2901 - the same table, in the schema's types
        for field in schema:
            total.update(f"{field.name} {table.num_rows}\n".encode())
            total.update(_of_texts(table[field.name]) if field.type == pa.string() else _of_numbers(table[field.name]))
    return total.hexdigest()


def _of_numbers(column: pa.ChunkedArray) -> bytes:
    nulls, values = sha256(), sha256()
    for chunk in column.chunks:
        nulls.update(_bytes(pc.cast(pc.is_null(chunk), pa.int8()), 1))
        values.update(_bytes(pc.fill_null(pc.cast(chunk, pa.int64()), 0), 8))
    return nulls.digest() + values.digest()


def _of_texts(column: pa.ChunkedArray) -> bytes:
    lengths, values = sha256(), sha256()
    for chunk in column.chunks:
        lengths.update(_bytes(pc.cast(pc.binary_length(chunk), pa.int64()), 8))
        if len(chunk):
            _, offsets, data = chunk.buffers()
            first, last = (unpack_from("=i", offsets, 4 * (chunk.offset + at))[0] for at in (0, len(chunk)))
            values.update(memoryview(data)[first:last] if data is not None else b"")
    return lengths.digest() + values.digest()


def _bytes(array: pa.Array, width: int) -> memoryview | bytes:
    assert sys.byteorder == "little", "digests are defined on little-endian numbers"
    if not len(array):
        return b""
    return memoryview(array.buffers()[1])[array.offset * width : (array.offset + len(array)) * width]
